"""Parts that repeat are found, fitted once and stored once; and what a fit of the whole is for the parts it is of."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import trimesh

from necgs_cli.explicit import symmetry
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.control_mesh import PLAIN, ControlMesh
from necgs_cli.explicit.folding import Folding, whole_folding
from necgs_cli.explicit.importance import Importance
from necgs_cli.explicit.mirror import WHOLE, Mirrors
from necgs_cli.explicit.rate import estimated_bytes
from necgs_cli.explicit.records import decode_record, encode_record
from necgs_cli.explicit.repeats import SAME, Repeats, connected_parts, none_of, without_repeats
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.simplify import Simplifier
from necgs_cli.explicit.subdivide import unique_edges
from necgs_cli.explicit.target import Target

CORNERS = ((-0.8, -0.5), (0.8, -0.5), (-0.8, 0.5), (0.8, 0.5))
"""Where the legs of a table are."""
ASKEW = ((-0.8, -0.5), (0.7, -0.45), (-0.6, 0.5), (0.8, 0.3))
"""Legs that are not across from each other."""


def together(parts):
    """Meshes, as vertices and faces, in one."""
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    return (
        np.concatenate([vertices for vertices, _ in parts]),
        np.concatenate([faces + start for (_, faces), start in zip(parts, starts, strict=False)]),
    )


def arrays(mesh):
    return np.array(mesh.vertices), np.array(mesh.faces, np.int64)


def shuffled(part, seed, noise=0.0):
    """The same surface with vertices and triangles in another order, and noise."""
    rng, (vertices, faces) = np.random.default_rng(seed), part
    order = rng.permutation(len(vertices))
    faces = rng.permutation(np.roll(np.argsort(order)[faces], int(rng.integers(3)), axis=1))
    return vertices[order] + rng.uniform(-noise, noise, vertices.shape), faces


def leg(radius=0.08, sections=12):
    """A leg that is thicker above."""
    vertices, faces = arrays(trimesh.creation.cylinder(radius, 0.8, sections=sections))
    return vertices * (1 + 0.5 * np.where(vertices[:, 2:] > 0, [1, 1, 0], 0)), faces


def table(places=CORNERS, noise=0.0, growth=0.0, taper=0.0):
    """A table in the unit frame, the top first; its legs may be noisy, or grow from one to the next, its top taper."""
    top, sides = arrays(trimesh.creation.box((2, 1.2, 0.1)).subdivide())
    parts = [(top * (1 - taper * (top[:, 1:2] + 0.6) * [1, 0, 0]) + [0, 0, 0.45], sides)]
    for k, (x, y) in enumerate(places):
        vertices, faces = shuffled(leg(), k, noise)
        parts.append((vertices * [1 + growth * k, 1 + growth * k, 1] + [x, y, 0], faces))
    return together(parts)


def found_in(vertices, faces, sort=None):
    return without_repeats(vertices, faces, np.zeros(len(vertices), int) if sort is None else sort)


def put_back(vertices, faces, kept, repeats):
    """Vertices and faces of the different parts with their copies."""
    place = np.full(len(vertices), -1)
    place[kept] = np.arange(len(kept))
    copied = repeats.copied(place[faces[(place[faces] >= 0).all(axis=1)]])
    return vertices[kept][copied.source] + copied.shift, copied.faces


def canonical(corners, digits=6):
    """Triangles (m, 3, 3) in a canonical rotation and order."""
    rows = (np.round(corners, digits) + 0.0).tolist()
    return sorted(min(row[k:] + row[:k] for k in range(3)) for row in rows)


def assert_nothing_repeats(vertices, faces, sort=None):
    kept, repeats = found_in(vertices, faces, sort)
    assert not repeats.any and np.array_equal(kept, np.arange(len(vertices)))


@pytest.mark.parametrize("noise", [0.0, 0.1 * SAME])
def test_the_legs_of_a_table_are_copies_of_the_first(noise):
    vertices, faces = table(noise=noise)
    kept, repeats = found_in(vertices, faces)
    top, one = len(trimesh.creation.box().subdivide().vertices), len(leg()[0])
    assert np.array_equal(kept, np.arange(top + one))
    assert repeats.label.tolist() == [0] * top + [1] * one
    assert repeats.times().tolist() == [1] * top + [4] * one and repeats.any
    shifts = np.array(CORNERS)[1:] - CORNERS[0]
    assert len(repeats.shifts[0]) == 0
    np.testing.assert_allclose(repeats.shifts[1], np.insert(shifts, 2, 0, axis=1), atol=3 * noise + 1e-12)
    assert (repeats.shifts[1][:, 2] == 0).all() and repeats.shifts[1][0, 1] == 0  # to the last bit


@pytest.mark.parametrize("noise", [0.0, 0.1 * SAME])
def test_copied_puts_all_legs_back(noise):
    vertices, faces = table(noise=noise)
    copies, sides = put_back(vertices, faces, *found_in(vertices, faces))
    assert len(copies) == len(vertices) and len(sides) == len(faces)
    assert canonical(table()[0][faces], 3) == canonical(copies[sides], 3)
    if noise == 0:
        assert canonical(vertices[faces]) == canonical(copies[sides])


def test_creases_are_copied_with_their_parts():
    vertices, faces = table()
    kept, repeats = found_in(vertices, faces)
    edges = unique_edges(faces)[0]
    some = edges[np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1) > 0.7]  # along legs, on the top
    own = some[np.isin(some, kept).all(axis=1)]
    copied = repeats.copied(faces[np.isin(faces, kept).all(axis=1)], own)
    copies = vertices[kept][copied.source] + copied.shift
    ends = [
        sorted(sorted(line) for line in points.round(6).tolist()) for points in (copies[copied.creases], vertices[some])
    ]
    assert ends[0] == ends[1] and len(own) < len(some)
    assert np.array_equal(copied.creases[: len(own)], own)


def test_parts_that_differ_by_more_than_noise_do_not_repeat():
    assert_nothing_repeats(*table(noise=5 * SAME))
    assert_nothing_repeats(*table(growth=0.02))


def test_turned_parts_do_not_repeat():
    one = arrays(trimesh.creation.box((0.3, 0.2, 0.1)))
    assert found_in(*together([one, (one[0] + 1, one[1])]))[1].any
    assert_nothing_repeats(*together([one, (one[0][:, [1, 0, 2]] + 1, one[1][:, ::-1])]))


def hook(hand=1):
    """A part that is not its own image, whichever way it is moved."""
    points = np.array([[0, 0, 0], [0.5, 0, 0], [0.1, 0.3, 0], [0.2, 0.1, 0.4], [0.3, 0.25, 0.1]])
    hull = trimesh.convex.convex_hull(points).subdivide()
    return hull.vertices * [hand, 1, 1], hull.faces[:, ::hand]


def test_mirrored_twins_are_different_parts():
    left, right = hook(), hook(-1)
    assert found_in(*together([left, (left[0] + [1, 0, 0], left[1])]))[1].any
    assert_nothing_repeats(*together([left, (right[0] + [1, 0, 0], right[1])]))


def test_parts_of_the_same_size_but_another_shape_are_different():
    """Two boxes of equal extents, area and number of vertices, one with vertices elsewhere on its sides."""
    one = arrays(trimesh.creation.box((0.4, 0.3, 0.2)).subdivide())
    vertices, faces = one[0].copy(), one[1]
    inner = (np.abs(vertices) < 1e-9).sum(axis=1) == 2  # in the middle of a side, and moved within it
    vertices[inner] += np.where(np.abs(vertices[inner]) < 1e-9, 0.02, 0)
    assert inner.sum() == 6
    assert np.ptp(vertices, axis=0) == pytest.approx(np.ptp(one[0], axis=0))
    areas = [trimesh.Trimesh(v, faces, process=False).area for v in (one[0], vertices)]
    assert areas[0] == pytest.approx(areas[1], rel=1e-9)
    assert_nothing_repeats(*together([one, (vertices + 1, faces)]))


def test_parts_of_another_sort_are_different():
    vertices, faces = table()
    parts = connected_parts(faces, len(vertices))
    sort = np.zeros(len(vertices), int)
    sort[parts[3]] = sort[parts[4]] = 1  # two legs without images, say
    kept, repeats = found_in(vertices, faces, sort)
    assert [len(shift) for shift in repeats.shifts] == [0, 1, 1]
    assert len(kept) == sum(len(parts[k]) for k in (0, 1, 3))


def test_repeats_must_be_worth_while():
    """Two small balls beside a large one: too little would be saved."""
    large, small = (arrays(trimesh.creation.icosphere(n, radius=r)) for n, r in ((3, 0.5), (1, 0.1)))
    assert_nothing_repeats(*together([large, (small[0] + 1, small[1]), (small[0] - 1, small[1])]))
    assert found_in(*together([small, (small[0] + 1, small[1]), (small[0] - 1, small[1])]))[1].any


def test_nothing_repeats_in_one_part():
    assert_nothing_repeats(*arrays(trimesh.creation.icosphere(2)))


def without_mirrors(monkeypatch):
    monkeypatch.setattr(symmetry, "LEAST_SAVED", 1.0)  # which none do


def legs_of(mesh):
    """The parts of a control mesh but for the top, each as canonical triangles from its least corner."""
    positions, found = mesh.positions.astype(np.int64), []
    for members in connected_parts(mesh.faces, len(positions)):
        sides = mesh.faces[np.isin(mesh.faces, members).all(axis=1)]
        if np.ptp(positions[members, 0]) * mesh.step < 0.5:
            found.append(canonical(positions[sides] - positions[members].min(axis=0)))
    return found


def test_equal_legs_are_stored_once_and_legs_that_grow_are_not(monkeypatch):
    without_mirrors(monkeypatch)
    bound = Bound(4e-3)
    found = {}
    for growth in (0.0, 0.06):
        search = Search(*table(ASKEW, 0.1 * SAME, growth))
        assert search.mechanical
        best = search.best(bound)
        assert bound.ratio(best) <= 1 and best.mesh.mirrors == WHOLE
        mesh = decode_record(*encode_record(best.mesh))
        assert bound.ratio(search.measure(mesh)) <= 1
        found[growth] = legs_of(mesh), len(encode_record(best.mesh)[1]), best.bytes
    equal, grown = found[0.0][0], found[0.06][0]
    assert len(equal) == 4 and all(one == equal[0] for one in equal[1:])
    assert len(grown) == 4 and any(one != grown[0] for one in grown[1:])
    assert found[0.0][1] < 0.7 * found[0.06][1] and found[0.0][2] < 0.7 * found[0.06][2]


@pytest.mark.parametrize("kind", ["smooth", "creased", "plain"])
def test_copies_are_equal_in_every_integer_whatever_the_kind(kind):
    search = Search(*table(ASKEW, 0.1 * SAME))
    point = search.fit(30, kind, 11)
    assert point.vertex_count < 36 < len(point.mesh.positions)
    legs = legs_of(point.mesh)
    assert len(legs) == 4 and all(one == legs[0] for one in legs[1:])
    parts = connected_parts(point.mesh.faces, len(point.mesh.positions))
    if kind == "creased":
        on_part = [np.isin(point.mesh.creases, part).all(axis=1).sum() for part in parts]
        assert len(set(on_part[1:])) == 1 and on_part[1] > 0 and sum(on_part) == len(point.mesh.creases)
    moved = point.mesh.positions.copy()
    moved[[part[0] for part in parts[1:]]] += [[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]  # no leg is a copy now
    other = replace(point.mesh, positions=moved)
    assert estimated_bytes(point.mesh) < 0.8 * estimated_bytes(other)
    assert len(encode_record(point.mesh)[1]) < 0.8 * len(encode_record(other)[1])


def test_vertices_are_counted_without_their_copies():
    target = Target(*table())
    simplifier = Simplifier(target, mechanical=True)
    assert len(simplifier.vertices) == len(target.vertices) - 3 * len(leg()[0])
    start = simplifier.to(30, Importance(target.vertices))
    assert len(start.vertices) < 34
    copied = start.repeats.copied(start.faces)
    copies = start.vertices[copied.source] + copied.shift
    bodies = trimesh.Trimesh(copies, copied.faces, process=False).split()
    assert len(bodies) == 5
    middles = sorted(body.bounds.mean(axis=0)[:2].round(2).tolist() for body in bodies if np.ptp(body.bounds[:, 0]) < 1)
    assert middles == sorted([x, y] for x, y in CORNERS)
    assert not Simplifier(target, mechanical=False).repeats.any  # smooth shapes are not looked through


def test_legs_repeat_on_one_side_of_a_mirror_too():
    """Of four legs two are on one side; of these one is stored."""
    places = ((-0.8, -0.5), (0.8, -0.5), (-0.5, 0.45), (0.5, 0.45))
    search, bound = Search(*table(places, 0.1 * SAME, taper=0.2)), Bound(6e-3)
    best = search.best(bound)
    mesh = decode_record(*encode_record(best.mesh))
    assert mesh.mirrors.axes == (0,) and bound.ratio(search.measure(mesh)) <= 1
    legs = legs_of(mesh)
    assert len(legs) == 2 and legs[0] == legs[1]
    assert best.vertex_count == len(mesh.positions) - len({corner for rows in legs[0] for corner in map(tuple, rows)})
    whole = mesh.whole()
    assert len(legs_of(whole)) == 4
    flipped = whole.positions.astype(np.int64)[whole.faces] * [-1, 1, 1]
    assert canonical(flipped[:, ::-1]) == canonical(whole.positions[whole.faces])


def test_legs_without_images_repeat_beside_a_top_that_is_mirrored():
    search, bound = Search(*table(ASKEW, 0.1 * SAME)), Bound(6e-3)
    best = search.best(bound)
    mesh = decode_record(*encode_record(best.mesh))
    assert mesh.mirrors.axes and bound.ratio(search.measure(mesh)) <= 1
    assert mesh.single is not None and 0 < mesh.single.sum() < len(mesh.single)
    legs = legs_of(mesh.whole())
    assert len(legs) == 4 and all(one == legs[0] for one in legs[1:])


def folding_of(axes, seed=0):
    """Of three parts: one that ends on the planes, one with two copies, one with a copy and without images."""
    rng = np.random.default_rng(seed)
    mirrors = Mirrors(axes, tuple(700 * (axis + 1) if axis in axes else 0 for axis in range(3)))
    tent = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 2, 2.0]])  # its three borders are on a plane each
    tent[:, [axis for axis in range(3) if axis not in axes]] += 0.3
    solid = np.array([[5, 1, 1], [6, 1, 1], [5, 2, 1], [5, 1, 2.0]])
    vertices, faces = together(
        [
            (tent, np.array([[0, 3, 1], [1, 3, 2], [2, 3, 0]])),
            (solid, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])),
            (-solid, np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2]])),
        ]
    )
    label = np.repeat([0, 1, 2], [4, 4, 4])
    shifts = [np.zeros((0, 3)), np.array([[3, 0, 0], [0, 3.5, 0.1]]), np.array([[0.1, 0.2, -7]])]
    part = Repeats(label, shifts).copied(faces)
    vertices = vertices + np.where(vertices == 0, 0, rng.uniform(-0.1, 0.1, vertices.shape)) + mirrors.origin
    return Folding(mirrors, vertices, part, label == 2), mirrors, vertices, part, label == 2


def dense_of(folding, count):
    """The matrix (3 n', 3 n) and the constant (3 n',) by which the whole follows from the different vertices."""
    constant = folding.whole(np.zeros((count, 3))).ravel()
    columns = [folding.whole(one.reshape(-1, 3)).ravel() - constant for one in np.eye(3 * count)]
    return np.stack(columns, axis=1), constant


def random_model(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) * (rng.random((size, size)) < 0.3) + np.eye(size)
    return root @ root.T, rng.normal(size=(size // 3, 3))


@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
def test_a_folded_model_is_the_product_with_the_matrix_of_the_whole(axes):
    folding, _, vertices, _, _ = folding_of(axes)
    matrix, constant = dense_of(folding, len(vertices))
    hessian, gradient = random_model(len(constant), 1)
    folded, pull = folding.folded(sp.csc_matrix(hessian), gradient)
    wanted = matrix.T @ hessian @ matrix
    held = ~matrix.any(axis=0)
    assert held.any() == bool(axes)
    np.testing.assert_allclose(folded.toarray()[np.ix_(~held, ~held)], wanted[np.ix_(~held, ~held)], atol=1e-9)
    np.testing.assert_allclose(pull.ravel(), matrix.T @ (gradient.ravel() - hessian @ constant), atol=1e-9)
    assert (folded.toarray()[held][:, ~held] == 0).all() and (pull.ravel()[held] == 0).all()
    assert np.linalg.eigvalsh(folded.toarray()).min() > 0


@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
def test_the_least_of_a_folded_model_is_the_best_symmetric_whole(axes):
    folding, _, vertices, _, _ = folding_of(axes)
    size = 3 * len(folding.whole(vertices))
    hessian, gradient = random_model(size, 2)

    def value(different):
        whole = folding.whole(different).ravel()
        return whole @ hessian @ whole - 2 * gradient.ravel() @ whole

    folded, pull = folding.folded(sp.csc_matrix(hessian), gradient)
    best = np.linalg.solve(folded.toarray(), pull.ravel()).reshape(-1, 3)
    rng = np.random.default_rng(3)
    assert all(value(best) < value(best + rng.normal(0, 0.1, best.shape)) for _ in range(50))
    start = np.zeros_like(best)
    change = best.ravel() @ folded @ best.ravel() - 2 * pull.ravel() @ best.ravel()
    assert value(best) - value(start) == pytest.approx(change)


@pytest.mark.parametrize("axes", [(0,), (0, 2), (0, 1, 2)])
def test_a_whole_has_all_copies_and_images_in_their_places(axes):
    folding, mirrors, vertices, part, single = folding_of(axes)
    whole = folding.whole(vertices - mirrors.origin)
    copies = vertices[part.source] + part.shift
    np.testing.assert_allclose(whole[: len(copies)], copies)
    alone = single[part.source]
    wanted = [tuple(point) for point in copies[alone].round(9).tolist()]
    images = copies[~alone]
    for axis in axes:
        flip = np.where(np.arange(3) == axis, -1, 1)
        images = np.concatenate([images, (images - mirrors.origin) * flip + mirrors.origin])
    wanted += list({tuple(point) for point in (images.round(9) + 0.0).tolist()})  # on the planes once
    assert sorted(tuple(point) for point in (whole.round(9) + 0.0).tolist()) == sorted(wanted)
    assert len(np.unique(folding.faces)) == len(whole)


@pytest.mark.parametrize("axes", [(0,), (1, 2), (0, 1, 2)])
def test_a_symmetric_whole_comes_back_from_its_different_vertices(axes):
    folding, mirrors, vertices, _, single = folding_of(axes)
    whole = folding.whole(folding.different(folding.whole(vertices - mirrors.origin)))
    np.testing.assert_allclose(whole, folding.whole(vertices - mirrors.origin), atol=1e-12)
    moved = whole + np.random.default_rng(5).normal(size=whole.shape)
    different = folding.different(moved)
    on_planes = (vertices == mirrors.origin) & np.isin(range(3), axes) & ~single[:, None]
    assert on_planes.sum() > 0 and (different[on_planes] == 0).all()
    np.testing.assert_allclose((different + mirrors.origin)[~on_planes], moved[: len(vertices)][~on_planes])


@pytest.mark.parametrize("axes", [(), (0,), (0, 1, 2)])
def test_integers_with_copies_stand_for_what_a_fit_on_that_grid_has(axes):
    folding, mirrors, vertices, part, single = folding_of(axes)
    grid = 5
    step = ControlMesh(np.zeros((0, 3)), part.faces, None, PLAIN, grid).step
    integers = np.rint((vertices - mirrors.origin) / step).astype(np.int32)
    told = folding.with_copies(integers, step)
    mesh = ControlMesh(told, part.faces, None, PLAIN, grid, mirrors, single[part.source])
    fitted = folding.on_grid(step).whole(integers * step)
    np.testing.assert_allclose(mesh.whole().vertices, fitted, atol=1e-12)
    assert not np.allclose(folding.whole(integers * step), fitted)  # copies would lie off the grid


def test_a_whole_without_mirrors_and_copies_is_left_as_it_is():
    vertices, faces = arrays(trimesh.creation.icosphere(0))
    folding = whole_folding(WHOLE, vertices, faces)
    hessian, gradient = random_model(3 * len(vertices), 4)
    hessian = sp.csc_matrix(hessian)
    folded, pull = folding.folded(hessian, gradient)
    assert folded is hessian and np.array_equal(pull, gradient)
    assert np.array_equal(folding.whole(vertices), vertices) and np.array_equal(folding.different(vertices), vertices)
    assert not none_of(3).any and none_of(3).times().tolist() == [1, 1, 1]
