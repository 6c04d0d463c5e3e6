"""From records to meshes: the one decode path, used by readers and by everything that measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from necgs_cli.bitstream.container import Container, Entry, SetSection
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.field.sparse_field import SparseField
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement

if TYPE_CHECKING:
    from necgs_cli.explicit.coding.kernel import Mode
    from necgs_cli.explicit.control_mesh import ControlMesh

SPARSE, DENSE = 1, 2
"""Kinds of neural records, and of the sections that hold their decoders."""

EXPLICIT, POSED = (3, 4, 5, 6, 7, 8, 9), 6
"""Kinds of explicit records: Loop surface, Loop surface with creases, triangles, a pose of another explicit record, and
the first three mirrored."""

MOST_POSES = 16
"""Records one after the other that a pose may depend on."""

KEPT_REFERENCES = 32
"""Control meshes kept for the poses that depend on them."""


def lattice_scale(resolution: int) -> float:
    """Unit frame to lattice frame: 1.5 lattice steps stay free on every side."""
    return 1 - 3 / resolution


class FieldDecoder(Protocol):
    """Turns the payload of a neural record into a field."""

    def decode(self, feature: bytes) -> SparseField:
        """The field of one record."""


def open_decoder(section: SetSection, device: str = "cpu") -> FieldDecoder:
    """The decoder that a set section holds.

    Args:
        device: torch device for the paper's dense decoder; a sparse one runs in NumPy.

    Raises:
        DamagedFile: the section is none, or damaged.
    """
    if section.kind == SPARSE:
        from necgs_cli.model.numpy_decoder import NumpyDecoder
        from necgs_cli.model.payload import DecoderPayload

        return NumpyDecoder(DecoderPayload.from_bytes(section.payload))
    if section.kind == DENSE:
        return _StoredDenseDecoder(section.payload, device)
    raise DamagedFile(f"section {section.kind} holds no decoder")


class _StoredDenseDecoder:
    """The paper's decoder as it is stored. Runs in torch."""

    def __init__(self, payload: bytes, device: str):
        from necgs_cli.model.dense_decoder import DenseDecoder
        from necgs_cli.model.dense_payload import unpack_decoder

        self.config, integers = unpack_decoder(payload)
        self.network = DenseDecoder.from_integers(self.config, integers).to(device)

    def decode(self, feature: bytes) -> SparseField:
        from necgs_cli.model.dense_payload import unpack_feature

        return self.network.decode(unpack_feature(self.config, feature))


def field_surface(field: SparseField) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a decoded field: vertices (n, 3) float64 in the unit frame and faces (m, 3)."""
    from necgs_cli.field.marching_cubes import extract_surface

    vertices, faces = extract_surface(field)
    return vertices / lattice_scale(field.resolution), faces


def place(surface: tuple[np.ndarray, np.ndarray], placement: Placement) -> Mesh:
    """A surface of the unit frame in its source's place, scale and units.

    Raises:
        DamagedFile: it leaves the range of float64: no encoder makes such integers.
    """
    vertices, faces = surface
    placed = placement.to_source(vertices)
    if not np.isfinite(placed).all():
        raise DamagedFile("the model has coordinates that are not finite")
    return Mesh(placed, faces)


class UnknownKind(Exception):
    """A record of a kind that a later version introduced."""


class RecordDecoder:
    """Decodes the models of one open container, in any thread; decoders are opened once, when first needed."""

    def __init__(self, container: Container):
        self.container = container
        self._decoders: dict[int, FieldDecoder] = {}
        self._references: dict[int, ControlMesh] = {}
        self._lock = Lock()

    def mode_for(self, ids: Sequence[int], say: Callable[[str], None]) -> Mode:
        """How the mesh coder decodes so many models soonest; `say` is told when that has to be compiled first."""
        from necgs_cli.explicit.coding.choice import mode_for

        total = 0
        for id in ids:
            try:
                entry = self.container.entry(id)
            except DamagedFile:  # told when the model is decoded
                continue
            total += entry.bytes_total if entry.kind in EXPLICIT else 0
        return mode_for(total, say)

    def mesh(self, id: int, mode: Mode | None = None) -> Mesh:
        """Model `id`, in the source's frame.

        Args:
            mode: how to run the mesh coder; in Python by default.

        Raises:
            IndexError: no such model. DamagedFile: it cannot be decoded. UnknownKind: a later version made it.
        """
        entry = self.container.entry(id)
        if not entry.known:
            raise UnknownKind(f"model {id} is of kind {entry.kind}, which this version cannot decode")
        with np.errstate(all="ignore"):  # numbers out of range are found in the end
            if entry.kind in EXPLICIT:
                return place(self.control_mesh(id, mode).surface(), entry.placement)
            with self._lock:
                field = self._decoder(entry.kind).decode(self.container.payload(id))
            return place(field_surface(field), entry.placement)

    def control_mesh(self, id: int, mode: Mode | None = None) -> ControlMesh:
        """The control mesh of an explicit record, decoded after those that it depends on.

        Raises:
            IndexError: no such model. DamagedFile: it, or one that it depends on, cannot be decoded.
        """
        from necgs_cli.explicit.coding.kernel import PYTHON
        from necgs_cli.explicit.records import decode_posed, decode_record

        chain = self.chain(id)
        mesh = None
        with self._lock:
            start = next((k for k, entry in enumerate(chain) if entry.id in self._references), len(chain))
            if start < len(chain):
                mesh = self._references[chain[start].id]
        for entry in reversed(chain[:start]):
            payload = self.container.payload(entry.id)
            if mesh is None:
                mesh = decode_record(entry.kind, payload, mode or PYTHON)
            else:
                mesh = decode_posed(payload, mesh, mode or PYTHON)
            if entry.id != id:
                self._keep(entry.id, mesh)
        assert mesh is not None
        return mesh

    def chain(self, id: int) -> list[Entry]:
        """A mesh record, the one that it is told from, and so on to one that is told from none.

        Raises:
            IndexError: no such model. DamagedFile: there is no such chain.
        """
        chain = [self.container.entry(id)]
        while chain[-1].kind == POSED:
            if len(chain[-1].depends) != 1 or len(chain) > MOST_POSES:
                raise DamagedFile(f"model {chain[-1].id} is no pose of one other model, at most {MOST_POSES} in a row")
            chain.append(self.container.entry(chain[-1].depends[0]))
            if chain[-1].kind not in EXPLICIT:
                raise DamagedFile(f"model {chain[-1].id}, which a pose depends on, has no control mesh")
        return chain

    def _keep(self, id: int, mesh: ControlMesh) -> None:
        """Keeps a control mesh for other poses that depend on it."""
        with self._lock:
            if len(self._references) >= KEPT_REFERENCES:
                self._references.pop(next(iter(self._references)))
            self._references[id] = mesh

    def _decoder(self, kind: int) -> FieldDecoder:
        if kind not in self._decoders:
            self._decoders[kind] = open_decoder(decoder_section(self.container.sections, kind))
        return self._decoders[kind]


def decoder_section(sections: Sequence[SetSection], kind: int) -> SetSection:
    """The section that holds the decoder of a kind of records.

    Raises:
        DamagedFile: there is none.
    """
    for section in sections:
        if section.kind == kind:
            return section
    raise DamagedFile("the file holds no decoder for its neural records")
