"""Sets of plain triangles whose distance to their originals is known: stored shapes are moved or scaled on purpose."""

import numpy as np
import trimesh

from necgs_cli.bitstream.container import ModelRecord, write_container
from necgs_cli.explicit.control_mesh import PLAIN, ControlMesh
from necgs_cli.explicit.records import encode_record
from necgs_cli.meshes.placement import Placement

GRID = 24  # a step of 2^-12


def ball(radius=1.0, subdivisions=2):
    shape = trimesh.creation.icosphere(subdivisions=subdivisions)
    return radius * np.asarray(shape.vertices), np.asarray(shape.faces)


def box(extents=(1, 2, 3)):
    shape = trimesh.creation.box(extents=extents)
    return np.asarray(shape.vertices), np.asarray(shape.faces)


def record(name, vertices, faces, grow=1.0, p2s=1e-3):
    """A record that decodes to the mesh, grown by a factor around the middle of its box."""
    placement = Placement.of(vertices)
    positions = np.rint(placement.to_unit(vertices) * grow * 2 ** (GRID // 2)).astype(np.int32)
    kind, payload = encode_record(ControlMesh(positions, faces, None, PLAIN, GRID))
    return ModelRecord(kind, name, placement, payload, p2s, 2 * p2s)


def write_set(path, records):
    write_container(path, [], records)
    return path


def write_meshes(folder, meshes):
    """PLY files of name -> (vertices, faces)."""
    folder.mkdir(exist_ok=True)
    for name, (vertices, faces) in meshes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        trimesh.Trimesh(vertices, faces, process=False).export(folder / name)
    return folder


def damage_record(path, name):
    """Flips a byte within the payload of a model, so that only its checksum is wrong."""
    from necgs_cli.bitstream.container import Container

    with Container.open(path) as container:
        payload = container.payload(container.find(name)[0])
    data = bytearray(path.read_bytes())
    data[data.index(payload) + len(payload) // 2] ^= 0x10
    path.write_bytes(bytes(data))
