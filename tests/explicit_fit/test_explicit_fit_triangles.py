"""Closest points on triangles, one by one and of whole surfaces."""

import numpy as np
import pytest
import trimesh

from necgs_cli.explicit.triangles import TriangleTree, closest_on_triangles, face_normals


def _closest_of_all(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance (k,) of the closest of all triangles."""
    each = np.repeat(points, len(corners), axis=0)
    gaps = closest_on_triangles(each, np.tile(corners, (len(points), 1, 1))) - each
    return np.linalg.norm(gaps, axis=1).reshape(len(points), len(corners)).min(axis=1)


def test_closest_points_of_triangles_with_and_without_area():
    rng = np.random.default_rng(0)
    corners, points = rng.normal(size=(600, 3, 3)), rng.normal(size=(600, 3))
    corners[:300, 2] = corners[:300, 0] + 0.1 * (corners[:300, 1] - corners[:300, 0]) + 1e-3  # blunt and thin
    corners[300:310] = corners[300:310, :1]  # points
    found, expected = closest_on_triangles(points, corners), trimesh.triangles.closest_point(corners, points)
    distance, least = (np.linalg.norm(points - near, axis=1) for near in (found, expected))
    np.testing.assert_allclose(distance, least, rtol=1e-9)
    np.testing.assert_array_equal(found[300:310], corners[300:310, 0])


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_a_tree_finds_the_closest_triangle(scale):
    ball = trimesh.creation.icosphere(3)
    vertices, faces = np.asarray(ball.vertices) * [1, 0.7, 0.02], np.asarray(ball.faces)
    points = np.random.default_rng(0).normal(size=(300, 3)) * [1, 0.7, 0.1] * scale
    distances, triangles = TriangleTree(vertices[faces]).distances(points)
    closest = _closest_of_all(points, vertices[faces])
    assert np.abs(distances - closest).max() < 1e-7
    gaps = closest_on_triangles(points, vertices[faces[triangles]]) - points
    np.testing.assert_allclose(np.linalg.norm(gaps, axis=1), distances, rtol=1e-12)


def test_points_of_the_surface_have_no_distance():
    box = trimesh.creation.box()
    vertices, faces = np.asarray(box.vertices) / 3, np.asarray(box.faces)
    points = np.concatenate([vertices, vertices[faces].mean(axis=1)])
    assert TriangleTree(vertices[faces]).distances(points)[0].max() < 1e-15


def test_triangles_without_area_are_found_as_what_they_are():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [2, 0, 1], [0.5, 0.5, -1]])
    faces = np.array([[0, 1, 2], [3, 4, 5], [6, 6, 6]])
    points = np.array([[0.2, 0.2, 0.1], [1.5, 0, 1.25], [0.5, 0.5, -1.5]])
    distances, triangles = TriangleTree(vertices[faces]).distances(points)
    np.testing.assert_allclose(distances, [0.1, 0.25, 0.5], rtol=1e-6)
    assert triangles.tolist() == [0, 1, 2]


def test_normals_are_of_unit_length_and_none_where_there_is_no_area():
    corners = np.array([[[0.0, 0, 0], [2, 0, 0], [0, 1, 0]], [[0, 0, 0], [1, 1, 1], [2, 2, 2]]])
    normals, areas = face_normals(corners)
    np.testing.assert_allclose(normals, [[0, 0, 1], [0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(areas, [1, 0], atol=1e-12)
