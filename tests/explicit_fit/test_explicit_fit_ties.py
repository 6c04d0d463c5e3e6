"""Equal coordinates that stay equal: which are tied, what a model of tied ones is, and what a fit makes of them."""

import numpy as np
import pytest
import scipy.sparse as sp
import trimesh

from necgs_cli.explicit import fits
from necgs_cli.explicit.control_mesh import PLAIN
from necgs_cli.explicit.fit import MECHANICAL, ORGANIC, associate
from necgs_cli.explicit.patches import Patches
from necgs_cli.explicit.rounding import factors_of, round_numbers
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.target import Target
from necgs_cli.explicit.ties import EQUAL, equal_coordinates, no_ties


def all_free(vertices):
    return np.ones(vertices.shape, bool)


@pytest.fixture
def box():
    mesh = trimesh.creation.box((1.5, 1.0, 0.6))
    return np.asarray(mesh.vertices, float), np.asarray(mesh.faces)


def test_the_planes_of_a_box_are_six_numbers(box):
    vertices, faces = box
    ties = equal_coordinates(vertices, faces, all_free(vertices))
    assert len(ties.shared) == 6 and ties.shared.all()
    assert np.allclose(ties.vertices(ties.means(vertices)), vertices)
    moved = ties.means(vertices) + np.arange(6)
    assert len(np.unique(ties.vertices(moved)[:, 0])) == 2


def test_what_is_not_quite_equal_or_not_free_is_not_tied(box):
    vertices, faces = box
    rng = np.random.default_rng(0)
    apart = equal_coordinates(vertices + 1000 * EQUAL * rng.random(vertices.shape), faces, all_free(vertices))
    assert apart.shared.sum() < 3  # by chance
    near = equal_coordinates(vertices + 0.1 * EQUAL * rng.random(vertices.shape), faces, all_free(vertices))
    assert len(near.shared) == 6
    free = all_free(vertices)
    free[:, 2] = False
    held = equal_coordinates(vertices, faces, free)
    assert held.shared.sum() == 4 and len(held.shared) == 4 + len(vertices)


def test_planes_of_parts_apart_are_one_where_they_are_the_same(box):
    vertices, faces = box
    shifted = vertices + [5.0, 0.0, 0.1]
    ties = equal_coordinates(
        np.concatenate([vertices, shifted]), np.concatenate([faces, faces + len(vertices)]), np.ones((16, 3), bool)
    )
    assert len(ties.shared) == 4 + 2 + 4


def test_single_coordinates_are_no_part_of_a_plane_that_follows_them():
    """Numbers of one vertex and of several are told apart even where their values are neighbours."""
    vertices = np.array([[0.0, 0.1, 0.2], [0.5, 0.1, 0.7], [0.9, 0.4, 0.3]])
    ties = equal_coordinates(vertices, np.array([[0, 1, 2]]), np.ones((3, 3), bool))
    assert len(ties.shared) == 8 and ties.shared.sum() == 1
    assert np.allclose(ties.vertices(ties.means(vertices)), vertices)


def test_the_least_of_a_tied_model_is_that_among_equal_coordinates(box):
    vertices, faces = box
    rng = np.random.default_rng(1)
    root = rng.normal(size=(40, 24))
    hessian, gradient = sp.csc_matrix(root.T @ root), rng.normal(size=(8, 3))
    ties = equal_coordinates(vertices, faces, all_free(vertices))
    tied, right = ties.tied(hessian, gradient)
    found = ties.vertices(factors_of(tied).solve(right))

    def value(x):
        return x.ravel() @ (hessian @ x.ravel()) - 2 * gradient.ravel() @ x.ravel()

    for _ in range(20):
        other = found + 0.01 * ties.vertices(rng.normal(size=6))
        assert value(found) < value(other)
    same, right = no_ties(8).tied(hessian, gradient)
    assert same is hessian and np.array_equal(right, gradient.ravel())


def test_shared_numbers_are_rounded_with_all_others_giving_way():
    """What a plane between two steps carries follows it: the model loses much less than with each number rounded."""
    rng = np.random.default_rng(2)
    n, few = 60, 4
    carried = rng.integers(few, size=n - few)
    stiff = np.zeros((n - few, n))
    stiff[np.arange(n - few), np.arange(few, n)] = 5.0
    stiff[np.arange(n - few), carried] = -5.0
    hessian = sp.csc_matrix(stiff.T @ stiff + np.diag(0.1 + rng.random(n)))
    best = 20 * rng.normal(size=n)
    shared = np.arange(n) < few
    found = round_numbers(hessian, hessian @ best, best, rng.random((n, 3)), shared, 1.0)

    def loss(x):
        return (x - best) @ (hessian @ (x - best))

    assert found.dtype == np.int32
    assert loss(found) < 0.8 * loss(np.rint(best))


def gear(offset: float) -> tuple[np.ndarray, np.ndarray]:
    """A flat ring with seven soft teeth, off the grid by an offset."""
    ring = trimesh.creation.annulus(0.25, 0.9, 0.3, sections=64)
    vertices = np.array(ring.vertices)
    x, y, _ = vertices.T
    outer = np.hypot(x, y) > 0.5
    vertices[outer, :2] *= 1 + 0.1 * np.cos(7 * np.arctan2(y, x))[outer, None]
    finer = trimesh.Trimesh(vertices, ring.faces).subdivide()
    return np.asarray(finer.vertices) + offset, np.asarray(finer.faces)


def test_a_fit_keeps_planes_between_two_steps_of_the_grid_and_a_free_one_does_not(monkeypatch):
    vertices, faces = gear(0.0039)
    search = Search(vertices, faces, thorough=True)
    assert search.mechanical
    tied = search.fit(90, PLAIN, 16)
    monkeypatch.setattr(fits, "equal_coordinates", lambda vertices, faces, free: no_ties(len(vertices)))
    free = Search(vertices, faces, thorough=True).fit(90, PLAIN, 16)
    levels = [len(np.unique(point.mesh.positions[:, 2])) for point in (tied, free)]
    assert levels[0] == 2 < levels[1]
    assert tied.bytes < free.bytes and tied.p2s < 1.2 * free.p2s


@pytest.mark.parametrize(
    "start_error, free_error, fits_made, loose", [(3, 1, 1, False), (1, 1.9, 2, False), (1, 1.5, 2, True)]
)
def test_ties_are_given_up_where_they_lose_to_the_decimated_vertices_and_to_a_free_fit(
    start_error, free_error, fits_made, loose, monkeypatch
):
    made = []

    def improve(fit, step):
        made.append(fit)
        fit.start_error, fit.error = start_error, free_error if len(made) > 1 else 2.0

    monkeypatch.setattr(fits.Fit, "improve", improve)
    search = Search(*gear(0.0039))
    search.fit(90, PLAIN, 14)
    assert len(made) == fits_made
    search.fit(80, PLAIN, 14)
    tied = [bool(fit._ties.shared.any()) for fit in made]
    assert tied[0] and tied[fits_made] is not loose


def test_long_thin_triangles_are_found_where_a_sample_lies_on_them():
    """Of a mesh against itself no distance is left; the closest centroid is mostly that of another triangle."""
    start = trimesh.creation.annulus(0.25, 0.9, 0.3, sections=64)
    vertices, faces = np.asarray(start.vertices), np.asarray(start.faces)
    target, patches = Target(vertices, faces), Patches(faces, len(vertices), None, PLAIN)
    samples = target.samples_for(len(vertices))
    exact, rough = (associate(target, patches, vertices, manner, samples).error for manner in (MECHANICAL, ORGANIC))
    assert exact < 0.2 * rough
