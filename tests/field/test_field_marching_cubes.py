"""Marching cubes: closed, oriented, exact where the field is, gradients of the torch twin."""

import numpy as np
import pytest
import shapes
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_field_sparse_field import random_field

from necgs_cli.field.cube_cases import CORNERS, EDGES, cube_cases
from necgs_cli.field.deformable import Topology, deformed_vertices
from necgs_cli.field.marching_cubes import extract_surface, find_crossings
from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField


def analytic(distance, resolution: int, edge: int) -> SparseField:
    """The truncated field of a distance function, in bricks."""
    axis = (np.arange(resolution) + 0.5) * 2 / resolution - 1
    dense = distance(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1))
    dense = np.clip(dense * resolution / 4, -1, 1).astype(np.float32)
    side = resolution // edge
    bricks = dense.reshape(side, edge, side, edge, side, edge).transpose(0, 2, 4, 1, 3, 5)
    near = (np.abs(bricks) < 1).any((3, 4, 5))
    brick_map = np.where(bricks[..., 0, 0, 0] < 0, INSIDE, OUTSIDE).astype(np.int32)
    brick_map[near] = np.arange(near.sum())
    return SparseField(resolution, brick_map, np.ascontiguousarray(bricks[near]))


def sphere(points):
    return np.linalg.norm(points, axis=-1) - 0.6


def torus(points):
    return np.hypot(np.hypot(points[..., 0], points[..., 1]) - 0.6, points[..., 2]) - 0.2


def test_every_case_uses_exactly_the_edges_that_change_sign():
    table = cube_cases()
    for case in range(256):
        inside = np.array([case >> corner & 1 for corner in range(8)])
        used = np.unique(table.edges[table.start[case] : table.start[case + 1]])
        np.testing.assert_array_equal(used, np.flatnonzero(inside[EDGES[:, 0]] != inside[EDGES[:, 1]]))


def test_a_single_inside_corner_gives_a_triangle_that_faces_away_from_it():
    table = cube_cases()
    for corner in range(8):
        (triangle,) = table.edges[table.start[1 << corner] : table.start[(1 << corner) + 1]]
        a, b, c = CORNERS[EDGES[triangle]].mean(1)
        assert np.cross(b - a, c - a) @ ((a + b + c) / 3 - CORNERS[corner]) > 0


@pytest.mark.parametrize("edge", [2, 4])
@pytest.mark.parametrize(
    ("distance", "volume"), [(sphere, 4 / 3 * np.pi * 0.6**3), (torus, 2 * np.pi**2 * 0.6 * 0.2**2)]
)
def test_analytic_surface_is_closed_outward_and_within_a_small_share_of_a_step(distance, volume, edge):
    vertices, faces = extract_surface(analytic(distance, 64, edge))
    assert shapes.closed(faces)
    assert abs(shapes.volume(vertices, faces) / volume - 1) < 0.01
    assert np.abs(distance(vertices)).max() < 0.05 * 2 / 64
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))


def test_bricks_of_two_and_of_four_give_the_same_surface():
    sets = []
    for edge in (2, 4):
        vertices, faces = extract_surface(analytic(torus, 32, edge))
        triangles = np.sort(vertices[faces].sum(1).round(9).view("f8,f8,f8").ravel())
        sets.append(triangles)
    np.testing.assert_array_equal(*sets)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 4]))
def test_any_field_gives_a_closed_mesh_without_degenerate_faces(seed, edge):
    field = random_field(seed, edge, deform=bool(seed % 2))
    vertices, faces = extract_surface(field)
    assert shapes.closed(faces)
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert (area > 0).all()
    assert (np.abs(vertices) < 1 + field.step).all()


def test_a_sheet_one_sample_thick_has_no_slits():
    def plane(points):  # rises by one layer every five samples: neighbouring inside samples meet along edges only
        layer = np.floor((points[..., 0] + 1) * 3.2)
        z = np.floor((points[..., 2] + 1) * 16)
        return np.where((z == layer + 10) & (np.abs(points[..., :2]).max(-1) < 0.9), -0.03, 0.03)

    vertices, faces = extract_surface(analytic(plane, 32, 4))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(faces)), (faces[:, 0], faces[:, 1])), shape=(len(vertices),) * 2)
    graph = graph + coo_array((np.ones(len(faces)), (faces[:, 1], faces[:, 2])), shape=(len(vertices),) * 2)
    assert connected_components(graph, directed=False)[0] == 1


def test_a_field_without_surface_gives_an_empty_mesh():
    field = SparseField(8, np.full((2, 2, 2), OUTSIDE, np.int32), np.empty((0, 4, 4, 4), np.float32))
    vertices, faces = extract_surface(field)
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)


def test_an_inside_without_samples_ends_at_the_border_of_the_lattice():
    field = SparseField(8, np.full((2, 2, 2), INSIDE, np.int32), np.empty((0, 4, 4, 4), np.float32))
    vertices, faces = extract_surface(field)
    assert shapes.closed(faces)
    assert np.abs(vertices).max() == pytest.approx(1)


def test_deformation_moves_samples_by_half_a_step():
    field = analytic(sphere, 32, 4)
    shift = np.array([1.0, -0.5, 0.25], np.float32)
    deformation = np.broadcast_to(shift, (*field.tsdf.shape, 3)).copy()
    plain, faces = extract_surface(field)
    moved, same = extract_surface(SparseField(32, field.brick_map, field.tsdf, deformation))
    np.testing.assert_array_equal(faces, same)
    np.testing.assert_allclose(moved - plain, np.broadcast_to(shift / 32, plain.shape), atol=1e-7)


def test_torch_vertices_equal_those_of_the_decoder():
    field = random_field(5, 4, deform=True)
    topology = Topology.of(find_crossings(field))
    got = deformed_vertices(
        torch.from_numpy(field.tsdf.ravel()), torch.from_numpy(field.deformation.reshape(-1, 3)), topology
    )
    expected, _ = extract_surface(field)
    np.testing.assert_allclose((got.numpy() + 0.5) * field.step - 1, expected, atol=1e-5)


def test_gradients_of_the_vertices_agree_with_finite_differences():
    field = random_field(7, 2, deform=True, resolution=8)
    topology = Topology.of(find_crossings(field))
    topology = Topology(
        topology.ends, topology.fixed, *(t.double() for t in vars(topology).values() if t.is_floating_point())
    )
    tsdf = torch.from_numpy(field.tsdf.ravel()).double()
    tsdf = torch.where(tsdf < 0, tsdf.clamp(max=-0.2), tsdf.clamp(min=0.2)).requires_grad_()
    deformation = torch.from_numpy(field.deformation.reshape(-1, 3)).double().requires_grad_()
    assert len(topology.ends) > 100
    assert torch.autograd.gradcheck(lambda a, b: deformed_vertices(a, b, topology), (tsdf, deformation), fast_mode=True)
