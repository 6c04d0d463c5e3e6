"""Small sets with real records, made in milliseconds: meshes as triangles on a fine grid, no search."""

import io
from pathlib import Path

import numpy as np
import trimesh

from necgs_cli.bitstream.container import ModelRecord, SetSection, write_container
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh
from necgs_cli.explicit.records import encode_record
from necgs_cli.meshes.placement import Placement
from necgs_cli.metrics.surface import Reference

GRID = 22  # a step of 2**-11 in the unit frame


def shapes() -> dict[str, trimesh.Trimesh]:
    """Meshes of some dozens of faces, each somewhere else and of its own size."""
    box = trimesh.creation.box((3, 2, 1))
    ball = trimesh.creation.icosphere(1, radius=0.02)
    ball.apply_translation((5, 5, 5))
    cone = trimesh.creation.cone(100, 150, sections=12)
    return {"box.ply": box, "parts/ball.stl": ball, "cone.obj": cone}


def record(name: str, mesh: trimesh.Trimesh, kind: str = PLAIN, **changes) -> ModelRecord:
    """A record of a mesh, with the distances that it really has."""
    placement = Placement.of(mesh.vertices)
    integers = np.rint(placement.to_unit(mesh.vertices) * 2 ** (GRID / 2)).astype(np.int32)
    creases = mesh.edges_unique[:6] if kind == CREASED else None
    control = ControlMesh(integers, np.asarray(mesh.faces, np.int64), creases, kind, GRID)
    number, payload = encode_record(control)
    vertices, faces = control.surface()
    found = Reference(mesh.vertices, mesh.faces, 10_000).measure(placement.to_source(vertices), faces)
    fields = {"p2s": found.p2s, "max_error": found.max} | changes
    return ModelRecord(number, name, placement, payload, **fields)


def write_meshes(folder: Path) -> Path:
    """The shapes as files below a folder."""
    for name, mesh in shapes().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        mesh.export(folder / name)
    return folder


def records() -> list[ModelRecord]:
    """The shapes as records of kinds 5, 3 and 4."""
    kinds = (PLAIN, SMOOTH, CREASED)
    return [record(name, mesh, kind) for (name, mesh), kind in zip(shapes().items(), kinds, strict=True)]


def set_bytes(models: list[ModelRecord], sections: tuple[SetSection, ...] = ()) -> bytes:
    """A whole file."""
    file = io.BytesIO()
    write_container(file, sections, models)
    return file.getvalue()


def flip(data: bytes, place: int, bit: int = 4) -> bytes:
    """The bytes with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
