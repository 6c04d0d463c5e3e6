"""Loop subdivision: the masks, the borders, the creases, and meshes that are no manifold."""

import numpy as np
import pytest
import trimesh

from necgs_cli.explicit.subdivide import loop_step, midpoint_step, subdivide, unique_edges


def grid_sheet(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A flat open sheet over [-1, 1]^2."""
    side = np.linspace(-1, 1, count)
    vertices = np.stack([*np.meshgrid(side, side, indexing="ij"), np.zeros((count, count))], axis=-1).reshape(-1, 3)
    a = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + count, a + 1], 1), np.stack([a + 1, a + count, a + count + 1], 1)])
    return vertices, faces


def test_smooth_closed_meshes_agree_with_an_independent_implementation():
    sphere = trimesh.creation.icosphere(2)
    vertices, faces = np.array(sphere.vertices) * [1.0, 0.6, 0.3], np.array(sphere.faces)
    ours, our_faces = subdivide(vertices, faces)
    theirs, their_faces = trimesh.remesh.subdivide_loop(vertices, faces, 2)
    assert ours.shape == theirs.shape and our_faces.shape == their_faces.shape
    a = ours[np.lexsort(np.round(ours, 9).T)]
    b = theirs[np.lexsort(np.round(theirs, 9).T)]
    assert np.abs(a - b).max() < 1e-9


@pytest.mark.parametrize("step_of", [loop_step, midpoint_step])
def test_masks_are_weighted_means(step_of):
    vertices, faces = grid_sheet()
    step = step_of(faces, len(vertices))
    assert np.allclose(np.bincount(step.rows, step.weights, step.vertex_count), 1)


def test_child_triangles_keep_their_parents_place_and_orientation():
    vertices, faces = grid_sheet()
    fine, fine_faces = subdivide(vertices, faces, levels=1)
    corners = fine[fine_faces]
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] < 0).all() == (
        np.cross(*(vertices[faces[:, k]] - vertices[faces[:, 0]] for k in (1, 2)))[:, 2] < 0
    ).all()
    parents = vertices[faces].mean(axis=1)
    for quarter in range(4):
        children = corners[quarter * len(faces) : (quarter + 1) * len(faces)].mean(axis=1)
        assert np.linalg.norm(children - parents, axis=1).max() < 0.2


def test_the_border_depends_on_the_border_alone():
    vertices, faces = grid_sheet()
    border = (np.abs(vertices[:, :2]) == 1).any(axis=1)
    moved = vertices + np.where(border[:, None], 0, [0, 0, 5.0])
    fine, fine_faces = subdivide(vertices, faces)
    lifted, _ = subdivide(moved, faces)
    edges, _, count = unique_edges(fine_faces)
    rim = np.unique(edges[count == 1])
    assert np.array_equal(fine[rim], lifted[rim])
    assert not np.array_equal(fine, lifted)


def test_a_cube_with_all_edges_creased_keeps_flat_sides_and_straight_edges():
    cube = trimesh.creation.box((2, 2, 2))
    vertices, faces = np.array(cube.vertices), np.array(cube.faces)
    edges = unique_edges(faces)[0]
    real = edges[(np.abs(vertices[edges[:, 0]] - vertices[edges[:, 1]]) > 0).sum(axis=1) == 1]
    fine, fine_faces = subdivide(vertices, faces, real)
    assert np.allclose(np.abs(fine).max(axis=1), 1)
    assert np.isclose(trimesh.Trimesh(fine, fine_faces, process=False).volume, 8)
    assert trimesh.Trimesh(*subdivide(vertices, faces), process=False).volume < 5


def test_three_triangles_at_one_edge_subdivide_like_three_borders():
    vertices = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, -1, 0]], float)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    fine, fine_faces = subdivide(vertices, faces)
    assert len(fine_faces) == 48
    on_axis = np.abs(fine[:, :2]).max(axis=1) < 1e-12
    assert on_axis.sum() == 5  # the shared edge stays one straight curve


def test_vertices_without_triangles_stay_where_they_are():
    vertices, faces = grid_sheet()
    alone = np.array([[7.0, 8.0, 9.0]])
    fine, _ = subdivide(np.concatenate([vertices, alone]), faces)
    assert np.array_equal(fine[len(vertices)], alone[0])
