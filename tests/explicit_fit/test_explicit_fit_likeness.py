"""A control mesh of one original, laid onto another that is merely alike."""

from pathlib import Path

import numpy as np
import pytest

from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.control_mesh import SMOOTH
from necgs_cli.explicit.likeness import ALIKE, differences, fingerprint
from necgs_cli.explicit.patches import Patches
from necgs_cli.explicit.pose import pose_points
from necgs_cli.explicit.registration import register
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.target import oriented
from necgs_cli.explicit.triangles import closest_on_triangles
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

EXAMPLES = Path(__file__).parents[2] / "examples" / "meshes"


def shape(name: str, stretch=(1, 1, 1), bend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """An example in the unit frame, changed a little."""
    mesh = read_mesh(EXAMPLES / name).mesh
    vertices = mesh.vertices * stretch
    vertices = Placement.of(vertices).to_unit(vertices)
    vertices[:, 1] += bend * vertices[:, 0] ** 2
    return Placement.of(vertices).to_unit(vertices), mesh.faces


def in_another_triangulation(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same surface, each triangle in three, the vertices in another order."""
    centres = vertices[faces].mean(axis=1)
    middle = len(vertices) + np.arange(len(faces))
    parts = np.concatenate([np.stack([faces[:, k], faces[:, (k + 1) % 3], middle], axis=1) for k in range(3)])
    order = np.random.default_rng(0).permutation(len(vertices) + len(centres))
    place = np.argsort(order)
    return np.concatenate([vertices, centres])[order], place[parts]


@pytest.fixture(scope="module")
def cow():
    return shape("cow.off")


@pytest.fixture(scope="module")
def control(cow):
    return Search(*cow).fit(150, SMOOTH, 11)


def test_fingerprints_tell_shapes_not_triangulations(cow):
    same, near = fingerprint(*in_another_triangulation(*cow)), fingerprint(*shape("cow.off", bend=0.3))
    far = fingerprint(cow[0][:, [2, 0, 1]], cow[1])
    apart = differences(fingerprint(*cow), np.stack([same, near, far]))
    assert apart[0] < 0.004 < apart[1] < ALIKE < apart[2]
    assert len(differences(same, np.zeros((0, len(same)), np.float32))) == 0


def test_a_control_mesh_is_laid_onto_a_bent_shape_of_other_triangles(cow, control):
    search = Search(*in_another_triangulation(*shape("cow.off", (1, 1.1, 0.95), 0.1)))
    mesh = control.mesh
    patches = Patches(mesh.faces, len(mesh.positions), None, SMOOTH)
    start = mesh.positions * mesh.step
    laid = register(search.target, patches, start)

    def distance(vertices):
        surface = (patches.mapping @ vertices)[patches.faces].mean(axis=1)
        samples = search.target.samples_for(len(vertices))
        at = samples.nearest(oriented(surface, np.zeros_like(surface)))
        goal = closest_on_triangles(surface, search.target.corners[at])
        return np.linalg.norm(surface - goal, axis=1).mean()

    assert distance(laid) < 0.4 * distance(start)
    points, told_from = pose_points([mesh], None, search, Bound(2 * control.p2s))
    assert told_from == 0 and min(p.p2s for p in points) < 1.6 * control.p2s
    assert all(np.array_equal(p.mesh.faces, mesh.faces) for p in points)


def test_nothing_is_found_on_a_shape_that_is_not_alike(control):
    search = Search(*shape("cow.off", (1, 1, 6)))
    points, _ = pose_points([control.mesh], None, search, Bound(0.2 * control.p2s))
    assert points == []
