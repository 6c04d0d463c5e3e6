"""Control meshes of analytic shapes: how near the decoded surface comes, measured exactly."""

from dataclasses import replace

import numpy as np
import point_cloud_utils as pcu
import pytest
import trimesh

from necgs_cli.explicit import fits, search
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.collapse import Collapser
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh, grid_step
from necgs_cli.explicit.importance import Importance
from necgs_cli.explicit.point import FINE, TILT, Point, tail_of, tilt_price
from necgs_cli.explicit.search import Search, fit_control_mesh
from necgs_cli.explicit.simplify import Simplifier, compact, is_mechanical, may_be_mechanical
from necgs_cli.explicit.subdivide import unique_edges
from necgs_cli.explicit.target import Target
from necgs_cli.mesh_codec import NEAR, cheapest_hull


def unit(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.array(mesh.vertices, float)
    low, high = vertices.min(0), vertices.max(0)
    return (vertices - (low + high) / 2) * (2 / (high - low).max()), np.array(mesh.faces, np.int64)


def ellipsoid():
    mesh = trimesh.creation.icosphere(4)
    mesh.vertices *= [1.0, 0.7, 0.5]
    return unit(mesh)


def torus():
    return unit(trimesh.creation.torus(1.0, 0.4, major_sections=64, minor_sections=32))


def sheet():
    """An open wavy sheet."""
    count = 40
    x, y = np.meshgrid(np.linspace(-1, 1, count), np.linspace(-1, 1, count), indexing="ij")
    vertices = np.stack([x, y, 0.2 * np.sin(3 * x) * np.cos(2 * y)], axis=-1).reshape(-1, 3)
    a = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower, upper = np.stack([a, a + count, a + 1], 1), np.stack([a + 1, a + count, a + count + 1], 1)
    return vertices, np.concatenate([lower, upper])


def rounded_steps():
    """A turned part with sharp rims: a profile of straight lines, 64 sections."""
    profile = [(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1.5), (0, 1.5)]
    return unit(trimesh.creation.revolve(np.array(profile, float), sections=64).subdivide())


def two_bodies():
    a, b = trimesh.creation.icosphere(3), trimesh.creation.icosphere(3, radius=0.5)
    b.apply_translation([2.2, 0, 0])
    return unit(trimesh.util.concatenate([a, b]))


def round_rods():
    """Thin round rods across each other: hardly an edge is sharp, but straight triangles suit them better."""
    ends = np.random.default_rng(0).uniform(-1, 1, (24, 2, 3))
    return unit(trimesh.util.concatenate([trimesh.creation.cylinder(0.02, segment=e, sections=16) for e in ends]))


@pytest.mark.parametrize(
    "shape, count, bound", [(ellipsoid, 40, 2.5e-3), (torus, 60, 4e-3), (sheet, 60, 4e-3), (two_bodies, 60, 3e-3)]
)
def test_smooth_surfaces_are_met_with_few_vertices(shape, count, bound):
    vertices, faces = shape()
    point = fit_control_mesh(vertices, faces, vertex_count=count, grid=16, kind=SMOOTH)
    assert count <= len(point.mesh.positions) <= count + 4
    assert point.p2s < bound
    plain = Collapser(vertices, faces, shape=0, regular=0).to(count)
    decimated = ControlMesh(np.rint(plain[0] / point.mesh.step).astype(np.int32), plain[1], None, PLAIN, 16)
    assert point.p2s < 0.5 * Search(vertices, faces).measure(decimated).p2s


@pytest.mark.parametrize("shape, parts, euler", [(ellipsoid, 1, 2), (torus, 1, 0), (sheet, 1, 1), (two_bodies, 2, 4)])
def test_topology_survives(shape, parts, euler):
    point = fit_control_mesh(*shape(), vertex_count=50, grid=14)
    mesh = trimesh.Trimesh(*point.mesh.surface(), process=False)
    assert mesh.body_count == parts
    assert mesh.euler_number == euler


def test_the_border_of_an_open_sheet_is_followed():
    vertices, faces = sheet()
    point = fit_control_mesh(vertices, faces, vertex_count=60, grid=18)
    fitted, fitted_faces = point.mesh.surface()
    edges, _, count = unique_edges(fitted_faces)
    rim = fitted[np.unique(edges[count == 1])]
    inset = 1 - np.abs(rim[:, :2]).max(axis=1)
    assert np.abs(inset).mean() < 0.01
    assert inset.max() < 0.15  # corners are rounded, no more


def test_creases_keep_sharp_rims_that_smooth_subdivision_loses():
    search = Search(*rounded_steps())
    creased, smooth = search.fit(150, CREASED, 18), search.fit(150, SMOOTH, 18)
    assert len(creased.mesh.creases) > 10
    assert creased.p2s < 0.5 * smooth.p2s


def test_asked_error_is_met_with_fewer_bytes_when_it_is_larger():
    vertices, faces = torus()
    fine, coarse = (fit_control_mesh(vertices, faces, target_p2s=e) for e in (1e-3, 1e-2))
    assert fine.p2s <= 1e-3 and coarse.p2s <= 1e-2
    assert coarse.bytes < fine.bytes


def test_a_cube_is_stored_as_its_own_triangles():
    vertices, faces = unit(trimesh.creation.box((2, 1, 0.5)))
    point = fit_control_mesh(vertices, faces, target_p2s=2e-3)
    assert point.mesh.kind == PLAIN
    assert len(point.mesh.positions) == 8 and len(point.mesh.faces) == 12
    assert point.p2s <= 2e-3 and point.bytes < 60


def test_own_triangles_lie_on_the_coarsest_grid_that_keeps_to_the_bound():
    mesh = trimesh.creation.box((2, 0.93, 0.41))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(0.4, (1, 2, 3)))
    search, bound = Search(*unit(mesh)), Bound(5e-3)
    point = search.own_triangles(bound)
    assert bound.ratio(point) <= 1 < bound.ratio(search.triangles(point.mesh.grid - 1))
    assert search.own_triangles(Bound(1e-4)).mesh.grid > point.mesh.grid + 6


def test_non_manifold_edges_and_repeated_triangles_are_fitted():
    fin = np.array([[-1, 0, 0], [1, 0, 0], [0, 1, 0.0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    three = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [1, 0, 4]])
    mesh = trimesh.Trimesh(fin, three, process=False)
    for _ in range(3):
        mesh = mesh.subdivide()
    point = fit_control_mesh(np.array(mesh.vertices), np.array(mesh.faces), vertex_count=40, grid=16, kind=PLAIN)
    assert point.p2s < 2e-3
    assert point.max_error < 0.05  # all three fins are there


def test_a_curve_lies_about_the_best_point():
    search = Search(*ellipsoid())
    best = search.best(Bound(3e-4))
    points = cheapest_hull(search.curve(best, NEAR))
    assert len(points) >= 3
    assert points[0].bytes < best.bytes < points[-1].bytes
    assert points[0].p2s > best.p2s > points[-1].p2s


def test_a_curve_goes_to_no_sizes_that_control_meshes_may_not_have(monkeypatch):
    found = Search(*ellipsoid())
    best = found.best(Bound(3e-4))
    asked, suited = [], Search.suited
    monkeypatch.setattr(Search, "suited", lambda self, count, *rest: asked.append(count) or suited(self, count, *rest))
    with monkeypatch.context() as within:
        within.setattr(search, "MOST_VERTICES", best.vertex_count)
        found.curve(best, NEAR)
    assert asked and max(asked) <= best.vertex_count
    found.curve(best, NEAR)
    assert max(asked) > 1.5 * best.vertex_count


def test_fits_that_can_hardly_beat_a_record_at_hand_are_not_made():
    bound = Bound(6e-3)
    alone, beside = Search(*rounded_steps()), Search(*rounded_steps())
    found = alone._best_of_its_own(bound)
    rival = replace(found, bytes=found.bytes // 4)
    assert beside._best_of_its_own(bound, rival) is rival
    assert len(beside.points) < len(alone.points)


def test_the_largest_distance_is_kept_where_it_is_asked():
    vertices, faces = torus()
    loose, strict = (Search(vertices, faces).best(Bound(5e-3, largest)) for largest in (1.0, 8e-3))
    assert strict.max_error <= 8e-3 < loose.max_error
    assert strict.bytes > loose.bytes


def test_the_most_exact_mesh_of_a_size_is_found():
    search = Search(*ellipsoid())
    small, large = search.within(60), search.within(150)
    assert small.bytes <= 60 and 100 < large.bytes <= 150
    assert large.p2s < small.p2s


@pytest.mark.parametrize("shape, mechanical", [(ellipsoid, False), (torus, False), (rounded_steps, True)])
def test_what_may_be_of_either_sort_is_told_by_its_fits(shape, mechanical, monkeypatch):
    monkeypatch.setattr(fits, "is_mechanical", lambda target: False)
    monkeypatch.setattr(search, "may_be_mechanical", lambda target: True)
    found = Search(*shape())
    point = found.best(Bound(6e-3))
    assert found.mechanical is mechanical
    assert point.p2s <= 6e-3 and (mechanical or point.mesh.kind == SMOOTH)


def test_smooth_fits_that_need_many_vertices_for_their_error_are_held_against_plain_ones():
    found = Search(*round_rods(), thorough=True)
    assert not found.mechanical
    point = found.best(Bound(8e-3))
    assert found.mechanical and point.mesh.kind == PLAIN and point.p2s <= 8e-3
    assert point.vertex_count == 24 * 4 and point.bytes < 300  # a tetrahedron each; smooth: more than twice as much


def test_coarse_triangles_make_a_shape_doubtful_but_not_mechanical():
    ball = trimesh.creation.icosphere(4)
    folded = np.array(ball.vertices) * (1 + 0.05 * np.sign(np.sin(5 * ball.vertices[:, :1])))
    target = Target(folded, np.array(ball.faces))
    assert may_be_mechanical(target) and not is_mechanical(target)
    assert not may_be_mechanical(Target(np.array(ball.vertices), np.array(ball.faces)))


def test_what_topology_does_not_let_shrink_is_fitted_once():
    many = [trimesh.creation.icosphere(0, radius=1 + 0.01 * k).apply_translation([3 * k, 0, k % 2]) for k in range(20)]
    found = Search(*unit(trimesh.util.concatenate(many)))
    point = found.fit(30, PLAIN, 14)
    assert point.vertex_count > 60  # no part vanishes
    assert all(found.has(count, PLAIN) for count in (12, 29, 30, 45, point.vertex_count))
    assert not (found.has(point.vertex_count + 1, PLAIN) or found.has(45, SMOOTH))
    assert found.latest(30, PLAIN) is point and found.latest(45, PLAIN) is None


def test_a_finer_grid_is_kept_where_it_suits_nearly_as_well_and_a_coarser_one_is_not():
    found = Search(*ellipsoid())
    grid = found.suited(60, SMOOTH, 5e-3).mesh.grid
    assert found.suited(60, SMOOTH, 5e-3, grid).mesh.grid == grid
    assert found.suited(70, SMOOTH, 5e-3, grid - 2).mesh.grid > grid - 2
    assert found.suited(70, SMOOTH, 5e-3, grid + 4).mesh.grid < grid + 4


def test_collapses_leave_more_vertices_where_fits_were_bad():
    vertices, faces = ellipsoid()
    end = vertices[:, 0] > 0.5
    importance, centres = Importance(vertices), vertices[faces].mean(axis=1)
    even = Collapser(vertices, faces, importance.at(centres)).to(80)[0]
    for _ in range(3):
        importance.learn(np.where(end, 0.03, 0.003))
    more = Collapser(vertices, faces, importance.at(centres)).to(80)[0]
    assert (more[:, 0] > 0.5).sum() > 1.2 * (even[:, 0] > 0.5).sum()


@pytest.mark.parametrize("thickness", [0.02, 0.1])
def test_collapses_keep_the_rims_of_thin_parts(thickness):
    ball = trimesh.creation.icosphere(4)
    x, y, z = ball.vertices.T
    leaf = np.stack([x, y * (0.6 + 0.4 * x), thickness * z * (1 - x**2 - y**2)], axis=1)
    missed = []
    for rims in (False, True):
        vertices, faces = Collapser(leaf, np.array(ball.faces), rims=rims).to(120)
        missed.append(pcu.closest_points_on_mesh(leaf, vertices, faces.astype(np.int32))[0])
    without, kept = missed
    assert kept.max() < 0.3 * without.max() and kept.mean() < 0.4 * without.mean()


@pytest.mark.parametrize(
    "mean, p99, largest, felt", [(1e-3, 3e-3, 10e-3, 1e-3), (1e-3, 6e-3, 40e-3, 2.25e-3), (1e-3, 2e-3, 4e-3, 1e-3)]
)
def test_a_long_tail_counts_as_more_error_and_a_short_one_as_no_less(mean, p99, largest, felt):
    tail = tail_of(mean, p99, largest)
    mesh = ControlMesh(np.zeros((3, 3), np.int32), np.array([[0, 1, 2]]), None, SMOOTH, 12)
    assert Point(mesh, 100, mean, p99, largest, 3, tail).felt == pytest.approx(felt)


def test_turned_triangles_of_mechanical_shapes_count_as_error():
    ridges = 50
    x, y = np.meshgrid(np.linspace(-1, 1, ridges + 1), [-1.0, 1.0], indexing="ij")
    low = np.arange(0, 2 * ridges, 2)[:, None]
    faces = np.concatenate([low + [0, 2, 1], low + [1, 2, 3]])
    flat = Search(np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3), faces).as_mechanical()
    rise = np.arange(ridges + 1)[:, None] % 2 * 2 / ridges  # up and down at 45 degrees
    found = {}
    for height in (0, 1):
        positions = np.stack([x, y, height * rise + 0 * y], axis=-1).reshape(-1, 3)
        mesh = ControlMesh(np.rint(positions / grid_step(20)).astype(np.int32), faces, None, PLAIN, 20)
        found[height] = flat.measure(mesh)
    assert found[0].tilt == pytest.approx(0, abs=1e-9) and found[0].felt == pytest.approx(found[0].p2s, abs=1e-9)
    assert found[1].tilt == pytest.approx(TILT * (1 - np.sqrt(0.5)), abs=3e-4)
    assert found[1].felt == pytest.approx(found[1].p2s + found[1].tilt)


def test_normals_count_more_the_coarser_the_fits_are_to_be():
    prices = [tilt_price(mean) for mean in (0.0, FINE, 2 * FINE, 4 * FINE, np.inf)]
    assert prices[:2] == [TILT, TILT] and prices[1] < prices[2] < prices[3] and prices[4] == TILT
    vertices, faces = rounded_steps()
    mesh = fit_control_mesh(vertices, faces, vertex_count=40, grid=14, kind=PLAIN).mesh
    usual, dear = (Search(vertices, faces, tilt_price=price).measure(mesh) for price in (TILT, 3 * TILT))
    assert dear.tilt == pytest.approx(3 * usual.tilt) and usual.tilt > 0 and dear.p2s == usual.p2s


def test_the_same_seed_gives_the_same_integers():
    first, second = (fit_control_mesh(*torus(), vertex_count=40, grid=12, seed=4) for _ in range(2))
    assert np.array_equal(first.mesh.positions, second.mesh.positions)
    assert np.array_equal(first.mesh.faces, second.mesh.faces)


def test_collapses_go_the_same_way_whichever_sizes_were_asked_for_before():
    vertices, faces = rounded_steps()
    target = Target(vertices, faces)
    importance = Importance(np.zeros((1, 3)))
    once, often = Simplifier(target, True), Simplifier(target, True)
    for count in (30, 200, 90, 40):
        often.to(count, importance)
    expected, found = once.to(60, importance), often.to(60, importance)
    np.testing.assert_array_equal(expected.faces, found.faces)
    np.testing.assert_array_equal(expected.vertices, found.vertices)


def test_a_copy_of_a_collapser_goes_on_as_it_does_itself():
    vertices, faces = ellipsoid()
    collapser = Collapser(vertices, faces)
    collapser.to(200)
    other = collapser.copy()
    assert len(other.vertices) == 200 == len(other.origin) < len(collapser.vertices)
    np.testing.assert_array_equal(other.vertices, collapser.vertices[other.origin])
    (expected, sides), (found, others) = collapser.to(60), other.to(60)
    np.testing.assert_array_equal(expected, found)
    np.testing.assert_array_equal(sides, others)


def test_collapses_stop_at_a_closed_surface_that_cannot_shrink():
    vertices, faces = Collapser(*compact(*torus())).to(1)
    assert trimesh.Trimesh(vertices, faces, process=False).euler_number == 0
