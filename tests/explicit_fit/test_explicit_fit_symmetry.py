"""Mirror symmetry: planes are found, originals cut there, and control meshes of one side fitted and completed."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from necgs_cli.explicit import symmetry
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.collapse import Collapser
from necgs_cli.explicit.control_mesh import KINDS, PLAIN
from necgs_cli.explicit.importance import Importance
from necgs_cli.explicit.mirror import ON_PLANE, PLANE_BITS, WHOLE, Mirrors, unfold
from necgs_cli.explicit.records import decode_record, encode_record
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.simplify import Simplifier
from necgs_cli.explicit.subdivide import unique_edges
from necgs_cli.explicit.symmetry import Symmetry, cut
from necgs_cli.explicit.target import ASKED, FEW_VERTICES, Target
from necgs_cli.mesh_codec import NEAR, cheapest_hull
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

EXAMPLES = Path(__file__).parents[2] / "examples" / "meshes"
AXES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
PLACES = (300, -77, 5)
STEP = 2.0**-PLANE_BITS


def example(name):
    """An example in the unit frame."""
    mesh = read_mesh(EXAMPLES / name).mesh
    return Placement.of(mesh.vertices).to_unit(mesh.vertices), mesh.faces


def unit(mesh):
    """A mesh in the unit frame."""
    low, high = mesh.bounds
    return (np.array(mesh.vertices) - (low + high) / 2) * (2 / (high - low).max()), np.array(mesh.faces, np.int64)


def box(at=(0, 0, 0), extents=(2.0, 1.2, 0.7)):
    """A box whose triangles are no images of each other: its sides are split at random places."""
    mesh, rng = trimesh.creation.box(extents), np.random.default_rng(0)
    vertices, faces = np.array(mesh.vertices), np.array(mesh.faces)
    for _ in range(40):
        face, weights = int(rng.integers(len(faces))), rng.dirichlet(np.ones(3))
        a, b, c = faces[face]
        middle = len(vertices)
        vertices = np.concatenate([vertices, [weights @ vertices[[a, b, c]]]])
        faces = np.concatenate([np.delete(faces, face, axis=0), [[a, b, middle], [b, c, middle], [c, a, middle]]])
    return vertices + at, faces


def torus():
    """With vertices on all three planes."""
    return unit(trimesh.creation.torus(1.0, 0.4, major_sections=32, minor_sections=16))


def blob(lean=0.0):
    """An organic shape that is its own image across x; leaning, it is not quite."""
    mesh = trimesh.creation.icosphere(4)
    x, y, z = mesh.vertices.T
    ears = 0.5 * np.exp(-8 * ((np.abs(x) - 0.6) ** 2 + (y - 0.7) ** 2 + (z - 0.2) ** 2))
    radius = 1 + ears + 0.3 * y * z + 0.2 * y**3 + 0.15 * np.sin(3 * z) + lean * np.sin(4 * x)
    mesh.vertices = mesh.vertices * radius[:, None] * [1, 0.8, 0.6]
    return unit(mesh)


def turned():
    """A turned part with sharp rims."""
    profile = np.array([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1.5), (0, 1.5)])
    return unit(trimesh.creation.revolve(profile, sections=24))


def with_ball(shape, at, radius=0.15):
    """A shape and a ball of its own beside it, and which vertices are the ball's."""
    ball = trimesh.creation.icosphere(2, radius=radius)
    vertices = np.concatenate([shape[0], ball.vertices + at])
    faces = np.concatenate([shape[1], ball.faces + len(shape[0])])
    return vertices, faces, np.arange(len(vertices)) >= len(shape[0])


def mirrors_at(axes, places=PLACES):
    x, y, z = (place if axis in axes else 0 for axis, place in enumerate(places))
    return Mirrors(axes, (x, y, z))


def completed(vertices, faces, mirrors):
    """The whole of a part, as a trimesh."""
    whole = unfold(vertices - mirrors.origin, faces, None, mirrors.axes)
    return trimesh.Trimesh(whole.vertices(vertices - mirrors.origin) + mirrors.origin, whole.faces, process=False)


def area_of(vertices, faces):
    return trimesh.Trimesh(vertices, faces, process=False).area


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("shape", [box, torus], ids=["crossing triangles", "vertices on the planes"])
def test_a_cut_off_part_is_completed_to_the_whole_surface(shape, axes):
    mirrors = mirrors_at(axes)
    vertices, faces = shape()
    vertices = vertices + mirrors.origin
    part, sides = cut(vertices, faces, mirrors)
    before, whole = trimesh.Trimesh(vertices, faces, process=False), completed(part, sides, mirrors)
    assert (part[:, axes] >= mirrors.origin[list(axes)]).all()
    assert area_of(part, sides) == pytest.approx(before.area / 2 ** len(axes))
    assert whole.is_watertight and whole.is_winding_consistent
    assert (whole.area, whole.volume) == (pytest.approx(before.area), pytest.approx(before.volume))
    assert whole.bounds == pytest.approx(before.bounds)


@pytest.mark.parametrize("axes", AXES)
def test_a_cut_off_part_ends_exactly_at_the_planes(axes):
    mirrors = mirrors_at(axes)
    vertices, faces = box(mirrors.origin)
    part, sides = cut(vertices, faces, mirrors)
    edges, _, count = unique_edges(sides)
    on_plane = part[:, axes] == mirrors.origin[list(axes)]
    for edge in edges[count == 1]:
        assert on_plane[edge].all(axis=0).any()  # both ends on one plane, to the last bit
    assert set(count) == {1, 2} and set(np.unique(sides)) == set(range(len(part)))


@pytest.mark.parametrize("axis", range(3))
def test_what_lies_in_the_plane_is_left_out(axis):
    """Walls across the middle of a box, and the side of a box that stands on the plane."""
    mirrors = mirrors_at((axis,))
    extents = np.array([2.0, 1.2, 0.7])
    half = trimesh.creation.box(np.where(np.arange(3) == axis, extents / 2, extents)).subdivide()
    half.apply_translation(np.eye(3)[axis] * extents[axis] / 4 + mirrors.origin)  # from the plane upwards
    inside = np.abs(half.triangles[:, :, axis] - mirrors.origin[axis]).max(axis=1) < 1e-12
    assert inside.sum() == 8
    part, sides = cut(half.vertices, half.faces, mirrors)
    assert len(sides) == len(half.faces) - 8
    whole = completed(part, sides, mirrors)
    assert whole.is_watertight and whole.volume == pytest.approx(2 * half.volume)
    lower = half.vertices.copy()
    lower[:, axis] = 2 * mirrors.origin[axis] - lower[:, axis]
    both = np.concatenate([half.vertices, lower]), np.concatenate([half.faces, half.faces[:, ::-1] + len(lower)])
    found = cut(*both, mirrors)
    assert np.array_equal(found[0][found[1]], part[sides])


TRIANGLES = {  # heights of the corners: triangles left, and the share of the area that they have
    (1, 2, 3): (1, 1),
    (-1, -2, -3): (0, 0),
    (0, 0, 0): (0, 0),
    (0, 0, 2): (1, 1),
    (0, 0, -2): (0, 0),
    (0, 1, 2): (1, 1),
    (0, -1, -2): (0, 0),
    (-1, 0, 1): (1, 1 / 2),
    (-1, 0, 3): (1, 3 / 4),
    (3, -1, -3): (1, 3 / 4 * 1 / 2),
    (-1, 1, 3): (2, 1 - 1 / 2 * 1 / 4),
}


@pytest.mark.parametrize("heights", TRIANGLES, ids=str)
@pytest.mark.parametrize("axis", range(3))
def test_a_triangle_keeps_what_is_above_the_plane(heights, axis):
    count, share = TRIANGLES[heights]
    mirrors = mirrors_at((axis,))
    flat = np.insert(np.array([[0.0, 0], [1, 0], [0, 1]]), axis, heights, axis=1)
    for corners in (flat, flat[[1, 2, 0]], flat[[2, 0, 1]], flat[::-1]):
        part, sides = cut(corners + mirrors.origin, np.array([[0, 1, 2]]), mirrors)
        assert len(sides) == count
        cross = np.cross(*(corners[k] - corners[0] for k in (1, 2)))
        found = sum((np.cross(b - a, c - a) for a, b, c in part[sides]), np.zeros(3))
        np.testing.assert_allclose(found, share * cross, atol=1e-12)


def test_vertices_that_lie_nearly_on_the_plane_are_moved_onto_it():
    mirrors = mirrors_at((1,))
    near, far = 0.9 * ON_PLANE, 1.1 * ON_PLANE
    corners = np.array([[0, near, 0], [1, -near, 0], [0, 1, 0], [1, -far, 1]]) + mirrors.origin
    part, sides = cut(corners, np.array([[0, 1, 2], [1, 0, 3]]), mirrors)
    assert len(sides) == 1 and (part[:, 1] == mirrors.origin[1]).sum() == 2


def planes_of(shape, mean=1e-3, largest=0.02, in_parts=False, p99=np.inf):
    return Symmetry(Target(*shape), in_parts).folded(mean, p99, largest)


@pytest.mark.parametrize(
    "shape", [box, torus, lambda: unit(trimesh.creation.cylinder(0.4, 2.0))], ids=["box", "torus", "cylinder"]
)
def test_all_planes_of_a_regular_shape_are_found(shape):
    found = planes_of(shape())
    assert found.mirrors == Mirrors((0, 1, 2)) and found.mean < 1e-4 and not found.single.any()


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shape", [box, torus])
def test_planes_beside_the_middle_are_found(shape, axis):
    vertices, faces = shape()
    places = np.where(np.arange(3) == axis, round(-0.018 / STEP), 0)
    found = planes_of((vertices + places * STEP, faces))
    assert found.mirrors.axes == (0, 1, 2) and found.mean < 2e-4
    assert np.abs(np.array(found.mirrors.places) - places).max() <= 2
    far = planes_of((vertices + places * 3 * STEP, faces))
    assert far.mirrors.axes == tuple(other for other in range(3) if other != axis)


def test_only_the_planes_that_a_shape_has_are_found():
    assert planes_of(blob()).mirrors == Mirrors((0,))
    assert planes_of(example("floor_lamp.obj")).mirrors.axes == (0, 2)


def test_shapes_that_are_no_image_of_themselves_have_no_planes():
    corner = trimesh.convex.convex_hull(np.array([[-1, -1, -1], [1, -0.6, -0.9], [0.2, 1, -0.7], [-0.3, 0.1, 1]]))
    for shape in (unit(corner.subdivide()), example("cat.ply"), example("hand.ply")):
        found = planes_of(shape, 0.01, 0.1)
        assert found.mirrors == WHOLE and found.mean == 0.0 and not found.single.any()


def test_a_flat_shape_is_not_mirrored_across_its_plane():
    sheet = trimesh.creation.box((2.0, 1.2, 1.0)).subdivide()
    found = planes_of((sheet.vertices * [1, 1, 1e-4], sheet.faces))
    assert found.mirrors.axes == (0, 1)


def test_a_large_difference_somewhere_is_refused_however_small_the_mean():
    vertices, faces = torus()
    vertices[np.argmax(vertices @ [0.8, 0.5, 0.3])] *= 1.1
    assert planes_of((vertices, faces), 1e-3, 0.05).mirrors == WHOLE
    found = planes_of((vertices, faces), 1e-3, 0.3)
    assert found.mirrors.axes == (0, 1, 2) and 0 < found.mean < 1e-3


def test_an_arm_that_has_no_image_is_refused_however_small_the_mean_and_the_largest_distance():
    vertices, faces = torus()
    arm = (vertices @ [0.8, 0.5, 0.3]) > 0.75
    vertices[arm] += [0, 0, 0.03]
    found = planes_of((vertices, faces), 1e-2, 0.1)
    assert 2 in found.mirrors.axes and found.mean < 1e-2
    assert planes_of((vertices, faces), 1e-2, 0.1, p99=0.1).mirrors == found.mirrors
    assert planes_of((vertices, faces), 1e-2, 0.1, p99=0.01).mirrors == WHOLE


def test_small_differences_everywhere_are_refused_by_the_mean():
    vertices, faces = torus()
    vertices = vertices + np.random.default_rng(0).normal(0, 4e-3, vertices.shape)
    assert planes_of((vertices, faces), 1e-3, 0.1).mirrors == WHOLE
    found = planes_of((vertices, faces), 1e-2, 0.1)
    assert found.mirrors.axes == (0, 1, 2) and 1e-3 < found.mean < 1e-2


def test_differences_of_a_smaller_part_of_the_surface_count_in_the_mean():
    vertices, faces = torus()
    noise = np.random.default_rng(0).normal(0, 0.02, vertices.shape)
    vertices = vertices + np.where((vertices > 0.05).all(axis=1)[:, None], noise, 0)  # on less than an eighth
    assert planes_of((vertices, faces), 5e-4, 0.2).mirrors == WHOLE
    found = planes_of((vertices, faces), 1e-2, 0.2)
    assert found.mirrors.axes == (0, 1, 2) and 5e-4 < found.mean < 1e-2


def test_parts_without_images_are_told_from_those_with():
    vertices, faces, ball = with_ball(torus(), (0.45, 0.35, 0.5))
    found = planes_of((vertices, faces), in_parts=True)
    assert found.mirrors == Mirrors((0, 1, 2)) and np.array_equal(found.single, ball)
    assert found.mean < 1e-4  # that of the rest
    assert planes_of((vertices, faces), in_parts=False).mirrors == WHOLE


def test_a_part_has_images_at_all_planes_or_at_none():
    vertices, faces, ball = with_ball(torus(), (0, 0.45, 0.5))  # its own image across x
    found = planes_of((vertices, faces), in_parts=True)
    assert found.mirrors == Mirrors((0, 1, 2)) and np.array_equal(found.single, ball)
    found = planes_of((vertices, faces), in_parts=False)
    assert found.mirrors == Mirrors((0,)) and not found.single.any()


@pytest.mark.parametrize("radius, worth", [(0.2, False), (1.2, True)])
def test_mirrors_must_be_worth_while(radius, worth):
    """A torus with a thorn has no images; the ball in its middle has, or that around it."""
    vertices, faces = torus()
    vertices[np.argmax(vertices @ [0.8, 0.5, 0.3])] *= 1.1
    vertices, faces, ball = with_ball((vertices, faces), (0, 0, 0), radius)
    found = planes_of((vertices, faces), in_parts=True)
    assert found.mirrors.axes == ((0, 1, 2) if worth else ())
    assert np.array_equal(found.single, ~ball if worth else np.zeros(len(ball), bool))


def test_parts_across_from_each_other_are_mirrored_together():
    torus_, ball = torus(), trimesh.creation.icosphere(2, radius=0.15)
    vertices = np.concatenate([torus_[0], *(ball.vertices + [x, 0.3, 0.6] for x in (-0.5, 0.5))])
    faces = np.concatenate([torus_[1], *(ball.faces + len(torus_[0]) + len(ball.vertices) * k for k in range(2))])
    found = planes_of((vertices, faces), in_parts=False)
    assert found.mirrors == Mirrors((0,))
    part, sides = cut(vertices, faces, found.mirrors)
    assert trimesh.Trimesh(part, sides, process=False).body_count == 2


@pytest.mark.parametrize("mechanical", [True, False])
@pytest.mark.parametrize("axes", [(0,), (0, 2), (0, 1, 2)])
def test_vertices_on_the_planes_stay_exactly_there_down_to_small_counts(axes, mechanical):
    mirrors = mirrors_at(axes)
    vertices, faces = torus()
    collapser = Collapser(
        *cut(vertices + mirrors.origin, faces, mirrors),
        mirrors=mirrors,
        **({"shape": 0.0, "regular": 0.0} if mechanical else {}),
    )
    origin, volume = mirrors.origin[list(axes)], trimesh.Trimesh(vertices, faces, process=False).volume
    for count in (300, 100, 30, 12, 8):
        part, sides = collapser.to(count)
        edges, _, times = unique_edges(sides)
        on_plane = part[:, axes] == origin
        for edge in edges[times == 1]:
            assert on_plane[edge].all(axis=0).any()
        assert (part[:, axes] >= origin).all()
        whole = completed(part, sides, mirrors)
        if count >= 12:  # with less, a ring about the hole has too few vertices
            assert whole.is_watertight and whole.euler_number == 0
        if count >= 30:
            assert whole.volume == pytest.approx(volume, rel=0.1)
    assert len(part) <= 10  # an edge may not join the two sides of the hole across the mesh


def test_held_coordinates_are_those_of_the_ends_that_hold_them():
    """Also where the ends of a collapse are held on different planes, and with a start a little off them."""
    mirrors = mirrors_at((0, 1, 2))
    vertices, faces = box()
    part, sides = cut(vertices + mirrors.origin, faces, mirrors)
    held = part == mirrors.origin
    wrong = part + np.where(held, 0.9 * ON_PLANE, 0) * np.random.default_rng(0).choice([-1, 1], part.shape)
    small, few = Collapser(wrong, sides, shape=0.0, regular=0.0, mirrors=mirrors).to(7)
    assert len(small) == 7  # of the corners of an eighth all but that in the middle
    np.testing.assert_allclose((small - mirrors.origin).max(axis=0), [1.0, 0.6, 0.35], atol=1e-6)
    assert ((small == mirrors.origin).sum(axis=1) > 0).sum() == 6
    assert completed(small, few, mirrors).is_watertight


BOUND = Bound(6e-3)


def without_mirrors(monkeypatch):
    monkeypatch.setattr(symmetry, "LEAST_SAVED", 1.0)  # which none do


def decoded(point):
    """The control mesh of a point, through its record."""
    return decode_record(*encode_record(point.mesh))


def coded_bytes(point):
    return len(encode_record(point.mesh)[1])


def assert_exactly_symmetric(mesh):
    """The whole is its own image in every integer, and closed at the planes."""
    whole = mesh.whole()
    assert (unique_edges(whole.faces)[2] == 2).all()
    corners = whole.positions.astype(np.int64)[whole.faces]
    surface, triangles = mesh.surface()
    for axis in mesh.mirrors.axes:
        flip = np.where(np.arange(3) == axis, -1, 1)
        assert canonical(corners) == canonical((corners * flip)[:, ::-1])
        centred = (surface - mesh.mirrors.origin)[triangles].round(9) + 0.0
        assert canonical(centred) == canonical((centred * flip)[:, ::-1] + 0.0)


def canonical(corners):
    """Triangles in a canonical rotation and order."""
    return sorted(min(rows[k:] + rows[:k] for k in range(3)) for rows in corners.tolist())


def assert_border_on_planes(mesh):
    """The vertices where the part ends have the integer 0."""
    edges, _, count = unique_edges(mesh.faces)
    for edge in edges[count == 1]:
        assert (mesh.positions[edge][:, mesh.mirrors.axes] == 0).all(axis=0).any()


@pytest.fixture(scope="module")
def organic():
    search = Search(*blob())
    return search, search.best(BOUND)


def test_a_symmetric_organic_shape_is_mirrored_exactly_and_keeps_the_bound(organic):
    search, best = organic
    assert not search.mechanical
    mesh = decoded(best)
    assert mesh.mirrors == Mirrors((0,)) and mesh.single is None
    assert BOUND.ratio(search.measure(mesh)) <= 1
    assert_exactly_symmetric(mesh)
    assert_border_on_planes(mesh)


def test_a_symmetric_organic_shape_takes_fewer_bytes_than_without_mirrors(organic, monkeypatch):
    without_mirrors(monkeypatch)
    whole = Search(*blob()).best(BOUND)
    assert whole.mesh.mirrors == WHOLE and BOUND.ratio(whole) <= 1
    assert organic[1].bytes < whole.bytes and coded_bytes(organic[1]) < coded_bytes(whole)


def test_the_curve_of_a_mirrored_shape_is_mirrored(organic):
    search, best = organic
    points = search.curve(best, NEAR[::3])
    assert {point.mesh.mirrors for point in points} == {best.mesh.mirrors}
    hull = cheapest_hull(points)
    assert len(hull) >= 3 and hull[0].p2s > best.p2s > hull[-1].p2s
    for point in (hull[0], hull[-1]):
        assert_exactly_symmetric(decoded(point))
        assert point.p2s == search.measure(point.mesh).p2s
        assert point.p2s == pytest.approx(search.measure(decoded(point)).p2s, rel=0.03)  # other samples


def test_few_bytes_go_farther_with_mirrors(monkeypatch):
    mirrored = Search(*blob()).within(50)
    assert mirrored.mesh.mirrors == Mirrors((0,)) and mirrored.bytes <= 50
    assert_exactly_symmetric(decoded(mirrored))
    without_mirrors(monkeypatch)
    whole = Search(*blob()).within(50)
    assert whole.mesh.mirrors == WHOLE and whole.bytes <= 50
    assert mirrored.p2s < whole.p2s


def test_a_symmetric_mechanical_shape_is_mirrored_exactly_and_takes_fewer_bytes(monkeypatch):
    bound = Bound(1e-2)
    search = Search(*turned())
    best = search.best(bound)
    mesh = decoded(best)
    assert search.mechanical and mesh.mirrors == Mirrors((0, 1))
    assert bound.ratio(search.measure(mesh)) <= 1
    assert_exactly_symmetric(mesh)
    assert_border_on_planes(mesh)
    without_mirrors(monkeypatch)
    whole = Search(*turned()).best(bound)
    assert whole.mesh.mirrors == WHOLE and bound.ratio(whole) <= 1
    assert best.bytes < whole.bytes and coded_bytes(best) < coded_bytes(whole)


def test_own_triangles_are_mirrored_where_the_original_has_few():
    vertices, faces = unit(trimesh.creation.box((2, 1.2, 0.7)))
    grid = 16
    search = Search(vertices, faces).mirrored(Mirrors((0, 1, 2)))
    point = search.triangles(grid)
    assert point.vertex_count == 7 and point.mesh.kind == PLAIN and point.p2s < 2e-3
    assert_exactly_symmetric(decoded(point))


def test_a_nearly_symmetric_shape_is_mirrored_at_a_coarse_error_alone():
    search = Search(*blob(0.01))  # 0.006 from its image
    fine, coarse = Bound(4e-3), Bound(8e-3)
    exact = search.best(fine)
    assert exact.mesh.mirrors == WHOLE and fine.ratio(exact) <= 1
    about = search.best(coarse)
    assert about.mesh.mirrors.axes == (0,) and coarse.ratio(search.measure(decoded(about))) <= 1
    assert_exactly_symmetric(decoded(about))


def test_one_whole_fit_tells_that_mirrors_are_worth_while():
    search = Search(*blob(0.003))  # 0.002 from its image
    assert search.best(Bound(3e-3)).mesh.mirrors.axes == (0,)
    assert [point.mesh.mirrors for point in search.points] == [WHOLE]


def test_parts_without_images_come_back_as_they_are():
    vertices, faces, ball = with_ball(turned(), (0.8, 0.5, 0.6), 0.2)
    search, bound = Search(vertices, faces), Bound(8e-3)
    best = search.best(bound)
    mesh = decoded(best)
    assert mesh.mirrors.axes == (0, 1) and 0 < mesh.single.sum() < len(mesh.single)
    assert bound.ratio(search.measure(mesh)) <= 1
    alone = mesh.vertices[mesh.single]
    assert np.abs(alone - vertices[ball].mean(axis=0)).max() < 0.45  # control vertices lie outside of the ball
    surface, triangles = mesh.surface()
    bodies = trimesh.Trimesh(surface, triangles, process=False).split()
    assert len(bodies) == 2
    sizes = sorted(bodies, key=lambda body: body.area)
    assert np.abs(sizes[0].bounds.mean(axis=0) - [0.8, 0.5, 0.6]).max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_fits_of_every_kind_leave_parts_without_images_alone(kind):
    vertices, faces, ball = with_ball(turned(), (0.8, 0.5, 0.6), 0.2)
    point = Search(vertices, faces).mirrored(Mirrors((0, 1)), ball).fit(60, kind, 12)
    mesh = decoded(point)
    assert mesh.kind == kind and 0 < mesh.single.sum() < len(mesh.single) == point.vertex_count
    body = trimesh.Trimesh(*mesh.surface(), process=False)
    assert body.is_watertight and body.body_count == 2
    assert point.p2s < 0.01 and point.max_error < 0.15


@pytest.mark.parametrize("mechanical", [True, False])
def test_a_part_is_decimated_with_its_border_on_the_planes(mechanical):
    target, mirrors = Target(*torus()), Mirrors((0, 1))
    simplifier = Simplifier(target, mechanical, mirrors)
    start = simplifier.to(20, Importance(target.vertices))
    assert len(start.vertices) < 24 and not start.single.any()
    assert completed(start.vertices, start.faces, mirrors).is_watertight


@pytest.mark.parametrize("kind", KINDS)
def test_one_side_of_an_exact_image_stands_for_all_of_it(kind):
    mirrors, step = Mirrors((0, 1)), 2.0**-6
    whole, one_side = (Search(*torus(), thorough=True).mirrored(mirrors, exact=exact) for exact in (False, True))
    fits = [search._fit_real(40, kind, step)[0] for search in (whole, one_side)]
    (all_hessian, all_gradient), (hessian, gradient) = (fit._model(fits[0].vertices, step) for fit in fits)
    all_error, error = (fit.error for fit in fits)
    assert error == pytest.approx(all_error, rel=0.05)
    assert abs(hessian - all_hessian).max() < 0.05 * abs(all_hessian).max()
    assert np.abs(gradient - all_gradient).max() < 0.05 * np.abs(all_gradient).max()
    found, wanted = one_side.fit(40, kind, 12), whole.fit(40, kind, 12)
    assert found.p2s == pytest.approx(wanted.p2s, rel=0.1)
    assert_exactly_symmetric(decoded(found))


def test_one_side_is_looked_at_where_the_image_is_exact_alone():
    search = Search(*torus())
    exact = search.best(Bound(4e-3))
    assert exact.mesh.mirrors.axes == (0, 1, 2)
    samples = search._instead._compared.samples_for(FEW_VERTICES)
    assert len(samples.asked) == ASKED >> 3 and (samples.asked > -ON_PLANE).all()
    assert Bound(4e-3).ratio(search.measure(decoded(exact))) <= 1
    search = Search(*blob(0.01))
    search.best(Bound(8e-3))
    assert search._instead._compared is search.target
    vertices, faces, ball = with_ball(turned(), (0.8, 0.5, 0.6), 0.2)
    search = Search(vertices, faces)
    assert search.mirrored(Mirrors((0, 1)), ball, exact=True)._compared is search.target
