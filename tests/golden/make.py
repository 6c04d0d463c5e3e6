"""Makes the golden files and their manifest anew: `python tests/golden/make.py`, in under a minute on one core.

Only for a new version of the format, or before the first release of this one: readers must decode these files for ever.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import trimesh
from conformance import FOLDER, MANIFEST, describe

from necgs_cli.bitstream.container import ModelRecord, SetSection, append_records, write_container
from necgs_cli.decoding import DENSE, SPARSE
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh, grid_step
from necgs_cli.explicit.mirror import Mirrors
from necgs_cli.explicit.records import decode_record, encode_posed, encode_record
from necgs_cli.explicit.repeats import connected_parts
from necgs_cli.explicit.symmetry import cut
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh
from necgs_cli.metrics.surface import Reference
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.model.dense_decoder import DenseDecoder
from necgs_cli.model.dense_payload import pack_decoder, pack_feature
from necgs_cli.model.fixed_quantiser import quantise, to_integers
from necgs_cli.prepare import FieldTask, Input, prepare
from necgs_cli.progress import Progress
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.loop import Length, train
from necgs_cli.training.paper import PaperOptions, loss_terms, new_features
from necgs_cli.training.sparse import SparseObjective, SparseSchedule
from necgs_cli.training.targets import TargetLevel

EXAMPLES = FOLDER.parents[1] / "examples" / "meshes"
NEURAL = ("cat.ply", "fish.ply")
RESOLUTION = 32
GRID = 16
SHARP = np.radians(40)
WHOLE = Mirrors()


def explicit_record(
    name: str, kind: str, faces: int, mirrors: Mirrors = WHOLE, alone: tuple[int, ...] = ()
) -> ModelRecord:
    """An example as a record of one kind: simplified, one side of its mirrors, its vertices rounded to a grid.

    `alone` are the numbers of the connected parts that these leave as they are.
    """
    import fast_simplification

    mesh = read_mesh(EXAMPLES / name).mesh
    placement = Placement.of(mesh.vertices)
    share = 1 - faces / len(mesh.faces)
    vertices, triangles = fast_simplification.simplify(placement.to_unit(mesh.vertices), mesh.faces, share)
    vertices, triangles, single = without_images(vertices, triangles, mirrors, alone)
    integers = np.rint((vertices - mirrors.origin) * 2 ** (GRID / 2)).astype(np.int32)
    small = trimesh.Trimesh(integers, triangles, process=False)
    creases = small.face_adjacency_edges[small.face_adjacency_angles > SHARP] if kind == CREASED else None
    control = ControlMesh(integers, np.asarray(triangles, np.int64), creases, kind, GRID, mirrors, single)
    number, payload = encode_record(control)
    vertices, triangles = control.surface()
    found = Reference(mesh.vertices, mesh.faces, 10_000).measure(placement.to_source(vertices), triangles)
    return ModelRecord(number, name, placement, payload, found.p2s, found.max)


def without_images(
    vertices: np.ndarray, triangles: np.ndarray, mirrors: Mirrors, alone: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """One side of a mesh, and which of its vertices have no images: those of some connected parts, if any."""
    if not alone:
        return *cut(vertices, triangles, mirrors), None
    parts = connected_parts(triangles, len(vertices))
    left = np.isin(np.arange(len(vertices)), np.concatenate([parts[number] for number in alone]))
    place = np.cumsum(left) - 1
    part, sides = cut(vertices, triangles[~left[triangles[:, 0]]], mirrors)
    whole = place[triangles[left[triangles[:, 0]]]] + len(part)
    both = np.concatenate([part, vertices[left]])
    return both, np.concatenate([sides, whole]), np.arange(len(both)) >= len(part)


def posed_records(key: ModelRecord, key_id: int = 0) -> list[ModelRecord]:
    """Two poses of a record's model: one told from it, on a finer grid, and one told from that, on a coarser one."""
    original = read_mesh(EXAMPLES / key.name).mesh
    mesh, records = decode_record(key.kind, key.payload).whole(), []
    first = mesh.vertices
    for degrees, grid in ((30, GRID + 1), (55, GRID - 2)):
        integers = np.rint((bent(first, degrees) - mesh.mirrors.origin) / grid_step(grid)).astype(np.int32)
        posed = replace(mesh, positions=integers, grid=grid)
        number, payload = encode_posed(posed, mesh)
        vertices = key.placement.to_source(bent(key.placement.to_unit(original.vertices), degrees))
        surface, triangles = posed.surface()
        found = Reference(vertices, original.faces, 10_000).measure(key.placement.to_source(surface), triangles)
        name = f"{key.name} bent by {degrees} degrees"
        depends = (key_id + len(records),)
        records.append(ModelRecord(number, name, key.placement, payload, found.p2s, found.max, depends=depends))
        mesh = posed
    return records


def mirrored_records() -> list[ModelRecord]:
    """A model of each mirrored kind, about where it is symmetric, a pose of one, and one with parts without images."""
    found = [
        explicit_record("lever.glb", PLAIN, 120, Mirrors((0, 2), (-18, 0, 30))),
        explicit_record("hose_coupling.stl", CREASED, 160, Mirrors((1, 2))),
        explicit_record("cow.off", SMOOTH, 160, Mirrors((0,), (-191, 0, 0))),
    ]
    pose = posed_records(found[2], 2)[0]
    return [*found, pose, explicit_record("cactus.obj", CREASED, 160, Mirrors((0, 2)), alone=(1, 2, 3, 4))]


def bent(vertices: np.ndarray, degrees: float) -> np.ndarray:
    """Points (n, 3) of the unit frame, turned about z the more the farther they lie along x."""
    x, y, z = vertices.T
    angle = np.radians(degrees) * x
    return np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], axis=1)


def sparse_set() -> tuple[SetSection, list[ModelRecord]]:
    """Two examples under a tiny decoder, with deformation, so that every part of the format is used."""
    models = [prepare(Input(n, EXAMPLES / n), FieldTask(RESOLUTION, True, False, 0)) for n in NEURAL]
    levels = [TargetLevel(list(fits), "cpu") for fits in zip(*(m.result.levels for m in models), strict=True)]
    config = DecoderConfig(RESOLUTION, (0, 8, 8), (8, 2, 0), (12, 12, 8), (27, 27, 7), deformation=True)
    objective = SparseObjective(config, levels, len(models), SparseSchedule(rate_weight=1e-3), seed=0)
    train(objective, Length(400), Progress())
    section, payloads = objective.export()
    records = [
        ModelRecord(SPARSE, m.name, m.placement, payload, note="winding")
        for m, payload in zip(models, payloads, strict=True)
    ]
    return SetSection(SPARSE, section), records


def dense_set() -> tuple[SetSection, list[ModelRecord]]:
    """The same examples under the paper's decoder with few channels."""
    models = [prepare(Input(n, EXAMPLES / n), FieldTask(RESOLUTION, True, False, 0)) for n in NEURAL]
    targets = [DenseTarget.of(m.result.levels[-1]) for m in models]
    config = DenseConfig(RESOLUTION, 4, (8, 8, 8))
    decoder = DenseDecoder(config, seed=0)
    features = new_features(len(models), config, torch.Generator().manual_seed(1)).requires_grad_()
    optimiser = torch.optim.Adam([*decoder.parameters(), features], lr=3e-3)
    options = PaperOptions(ssim_weight=0.0)
    for _ in range(250):
        optimiser.zero_grad()
        loss_terms(decoder, quantise(features), targets, options)["loss"].backward()
        optimiser.step()
        decoder.clamp_parameters()
    section = SetSection(DENSE, pack_decoder(config, decoder.quantised_integers()))
    payloads = [pack_feature(config, feature) for feature in to_integers(features)]
    return section, [ModelRecord(DENSE, m.name, m.placement, p) for m, p in zip(models, payloads, strict=True)]


def main() -> None:
    torch.set_num_threads(1)
    for old in FOLDER.glob("*.ncgs"):
        old.unlink()
    chosen = {"triangles": ("lever.glb", PLAIN, 120), "loop": ("cow.off", SMOOTH, 160)}
    chosen["loop_creased"] = ("hose_coupling.stl", CREASED, 160)
    records = {file: explicit_record(*what) for file, what in chosen.items()}
    for file, record in records.items():
        write_container(FOLDER / f"{file}.ncgs", [], [record])
    write_container(FOLDER / "appended.ncgs", [], [records["triangles"]])
    append_records(FOLDER / "appended.ncgs", [records["loop"], records["loop_creased"]])
    write_container(FOLDER / "posed.ncgs", [], [records["loop_creased"], *posed_records(records["loop_creased"])])
    write_container(FOLDER / "mirrored.ncgs", [], mirrored_records())
    for file, (section, models) in (("sparse", sparse_set()), ("dense", dense_set())):
        write_container(FOLDER / f"{file}.ncgs", [section], models)
    manifest = {path.name: describe(path) for path in sorted(FOLDER.glob("*.ncgs"))}
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in manifest.items())
    MANIFEST.write_text(f"{{\n{rows}\n}}\n")  # a line a file
    total = sum(path.stat().st_size for path in FOLDER.glob("*.ncgs"))
    print(f"{len(manifest)} golden files, {total:,} bytes, manifest {Path(MANIFEST).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
