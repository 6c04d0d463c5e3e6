"""The estimate of a record's bytes, against the coder."""

import fast_simplification
import numpy as np
import pytest
import trimesh
from skimage.measure import marching_cubes

from necgs_cli.explicit.control_mesh import KINDS, PLAIN, ControlMesh
from necgs_cli.explicit.rate import HANDLE_BITS, estimated_bytes, handles
from necgs_cli.explicit.records import encode_record


def sponge() -> tuple[np.ndarray, np.ndarray]:
    """A gyroid in a ball: one closed surface of many handles."""
    x, y, z = np.meshgrid(*[np.linspace(-1.1, 1.1, 70)] * 3, indexing="ij")
    gyroid = np.abs(sum(np.sin(9 * a) * np.cos(9 * b) for a, b in ((x, y), (y, z), (z, x)))) - 0.5
    vertices, faces, _, _ = marching_cubes(np.maximum(gyroid, 4 * (np.sqrt(x**2 + y**2 + z**2) - 1)), 0.0)
    largest = max(trimesh.Trimesh(vertices, faces).split(), key=lambda part: len(part.faces))
    return fast_simplification.simplify(largest.vertices / 35 - 1, largest.faces.astype(np.int32), target_count=1200)


def control_mesh(vertices, faces, kind=PLAIN) -> ControlMesh:
    creases = np.zeros((0, 2), np.int64) if kind == "creased" else None
    positions = np.rint(np.asarray(vertices) * 128).astype(np.int32)
    return ControlMesh(positions, np.asarray(faces, np.int64), creases, kind, 14)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_many_handles_is_estimated_to_some_percent(kind):
    mesh = control_mesh(*sponge(), kind)
    genus = 1 - trimesh.Trimesh(mesh.positions, mesh.faces, process=False).euler_number / 2
    assert genus > 10 and handles(mesh.faces, 1) == genus
    assert estimated_bytes(mesh) == pytest.approx(len(encode_record(mesh)[1]), rel=0.15)
    assert genus * HANDLE_BITS / 8 > 0.15 * estimated_bytes(mesh)  # without them it would be far too small


def test_holes_and_parts_are_no_handles():
    tube, ring = trimesh.creation.cylinder(0.4, 1, sections=40), trimesh.creation.torus(0.7, 0.2, 40, 12)
    pipe = tube.submesh([np.abs(tube.face_normals[:, 2]) < 0.5], append=True)
    pair = trimesh.util.concatenate([ring, pipe, ring.copy().apply_translation([2, 0, 0])])
    found = [handles(np.array(mesh.faces), parts) for mesh, parts in ((tube, 1), (pipe, 1), (ring, 1), (pair, 3))]
    assert found == [0, 0, 1, 2]
