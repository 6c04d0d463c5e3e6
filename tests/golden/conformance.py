"""What a golden file decodes to: exact for integers, within a tolerance for what is computed in floating point.

Hashes cover every decoded integer. Surfaces are held against probes, some of their points: a hash of rounded
coordinates would change with the last bit of a float that lies between two roundings.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from necgs_cli.bitstream.container import Container
from necgs_cli.decoding import DENSE, EXPLICIT, SPARSE, RecordDecoder, decoder_section

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "manifest.json"
PROBES = 40
DIGITS = 7
TOLERANCE = {"explicit": 1e-6, "neural": 2e-4}
"""Of coordinates, unit frame (longest side 2)."""


def describe(path: Path) -> dict[str, Any]:
    """The entry of a file in the manifest."""
    with Container.open(path) as container:
        return {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "sections": [section_hash(section.kind, section.payload) for section in container.sections],
            "models": [_describe_model(container, id) for id in range(len(container))],
        }


def _describe_model(container: Container, id: int) -> dict[str, Any]:
    entry, points = container.entry(id), unit_points(container, id)
    surface = RecordDecoder(container).mesh(id)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "integers_sha256": integers_hash(container, id),
        "vertices": len(surface.vertices),
        "faces": len(surface.faces),
        "bounds": np.round([points.min(0), points.max(0)], DIGITS).tolist(),
        "probes": np.round(points[:: max(1, len(points) // PROBES)], DIGITS).tolist(),
    }


def unit_points(container: Container, id: int) -> np.ndarray:
    """(n, 3) vertices of a decoded model in the unit frame."""
    return container.entry(id).placement.to_unit(RecordDecoder(container).mesh(id).vertices)


def section_hash(kind: int, payload: bytes) -> str:
    """Of a decoder's integers: weights and steps."""
    if kind == DENSE:
        from necgs_cli.model.dense_payload import unpack_decoder

        return _hash(unpack_decoder(payload)[1])
    from necgs_cli.model.payload import DecoderPayload

    decoder = DecoderPayload.from_bytes(payload)
    tables = [array for table in decoder.tables for array in (np.array(table.steps), table.base, table.delta)]
    return _hash([*decoder.weights, np.array(decoder.steps), *tables])


def integers_hash(container: Container, id: int) -> str:
    """Of a record's integers: a feature's lattices, or the whole control mesh: vertices, triangles, creases, grid, and
    where its mirrors are, if not at 0."""
    kind, payload = container.entry(id).kind, container.payload(id)
    if kind in EXPLICIT:
        mesh = RecordDecoder(container).control_mesh(id).whole()
        creases = [] if mesh.creases is None else [mesh.creases]
        places = [np.array(mesh.mirrors.places)] if any(mesh.mirrors.places) else []
        return _hash([mesh.positions, mesh.faces, *creases, np.array(mesh.grid), *places])
    section = decoder_section(container.sections, kind).payload
    if kind == DENSE:
        from necgs_cli.model.dense_payload import unpack_config, unpack_feature

        return _hash([unpack_feature(unpack_config(section), payload)])
    assert kind == SPARSE
    from necgs_cli.model.payload import DecoderPayload, decode_features

    return _hash(decode_features(DecoderPayload.from_bytes(section), payload))


def _hash(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, "<i8").tobytes())
    return digest.hexdigest()
