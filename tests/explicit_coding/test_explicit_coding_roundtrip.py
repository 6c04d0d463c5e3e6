"""Any triangle mesh comes back as it was, up to numbering, rotation and order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange_meshes import strange_part

from necgs_cli.explicit.coding import DamagedRecord, decode_mesh, encode_mesh, record


def grid(rows, columns):
    """Triangles of a height field on rows x columns vertices, with smooth integer heights."""
    r, c = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    z = np.rint(12 * np.sin(r / 3) + 9 * np.cos(c / 4)).astype(int)
    q = np.stack([r * 7, c * 7, z], -1).reshape(-1, 3)
    a = (r * columns + c)[:-1, :-1].ravel()
    f = np.concatenate([np.stack([a, a + columns, a + 1], 1), np.stack([a + 1, a + columns, a + columns + 1], 1)])
    return q, f


def octahedron(scale=20):
    q = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]) * scale
    f = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    return q, np.array(f)


def rotated(rows):
    """Triangles with the least vertex first, sorted."""
    rows = np.asarray(rows).reshape(-1, 3)
    return sorted(min(tuple(np.roll(row, k).tolist()) for k in range(3)) for row in rows)


def assert_lossless(q, f, creases=None, axes=()):
    data, order = encode_mesh(q, f, creases=creases, axes=axes)
    q2, f2, c2 = decode_mesh(data, axes=axes)
    assert sorted(order.tolist()) == list(range(len(q)))
    assert np.array_equal(q2, np.asarray(q).reshape(-1, 3)[order])
    assert rotated(order[f2]) == rotated(f)
    wanted = [] if creases is None else np.unique(np.sort(np.asarray(creases).reshape(-1, 2), axis=1), axis=0).tolist()
    assert sorted(np.sort(order[c2], axis=1).tolist()) == sorted(wanted)
    return data


def test_smooth_grid_with_border():
    assert_lossless(*grid(9, 14))


def test_closed_mesh():
    assert_lossless(*octahedron())


def test_empty_mesh():
    assert len(assert_lossless(np.zeros((0, 3), int), np.zeros((0, 3), int))) <= 2


def test_points_without_triangles():
    assert_lossless(np.array([[1, 2, 3], [1, 2, 3], [-400, 0, 7]]), np.zeros((0, 3), int))


def test_triangles_that_repeat_a_vertex():
    q, f = octahedron()
    assert_lossless(q, np.concatenate([f, [[0, 0, 1], [2, 2, 2], [4, 1, 4]]]))


def test_triangles_that_occur_several_times_and_turned_over():
    q, f = octahedron()
    assert_lossless(q, np.concatenate([f, f[:3], f[:5, ::-1]]))


def test_edge_of_five_triangles():
    q = np.array([[0, 0, 0], [0, 0, 9], [9, 0, 4], [0, 9, 4], [-9, 0, 4], [0, -9, 4], [7, 7, 4]])
    assert_lossless(q, np.array([[0, 1, k] for k in range(2, 7)]))


def test_moebius_band():
    n = 9
    q = np.array([[k * 5, s * 10, (k * k) % 7] for k in range(n) for s in (0, 1)])
    f = []
    for k in range(n):
        a, b = 2 * k, 2 * k + 1
        c, d = (2 * k + 2, 2 * k + 3) if k + 1 < n else (1, 0)
        f += [(a, c, b), (b, c, d)]
    assert_lossless(q, np.array(f))


def test_torus():
    n, m = 8, 6
    q = np.array([[20 * i, 13 * j, (3 * i + 5 * j) % 11] for i in range(n) for j in range(m)])
    at = lambda i, j: (i % n) * m + j % m  # noqa: E731
    f = [
        t
        for i in range(n)
        for j in range(m)
        for t in ((at(i, j), at(i + 1, j), at(i, j + 1)), (at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)))
    ]
    assert_lossless(q, np.array(f))


@pytest.mark.parametrize("extreme", [0, 1 << 30, (1 << 31) - 25, -(1 << 31) + 25])
def test_the_whole_range_of_32_bits(extreme):
    q, f = octahedron()
    assert_lossless(q + extreme, f)


def test_far_corners_of_the_range():
    low, high = -(1 << 31), (1 << 31) - 1
    corners = np.array(list(itertools.product((low, high), repeat=3)))
    f = np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6)])
    assert_lossless(corners, f)


def test_creases_come_back():
    q, f = grid(6, 6)
    assert_lossless(q, f, np.array([[0, 1], [2, 1], [7, 8], [14, 20]]))


def test_repeated_parts_cost_less_than_parts_of_their_own():
    q, f = octahedron()
    shifts = [(0, 0, 0), (100, 0, 0), (200, 0, 0), (300, 0, 0), (300, 50, 1)]
    many = np.concatenate([q + s for s in shifts])
    faces = np.concatenate([f + 6 * k for k in range(len(shifts))])
    creases = np.array([[6 * k, 6 * k + 2] for k in range(len(shifts))])
    alone = assert_lossless(q, f, creases[:1])
    together = assert_lossless(many, faces, creases)
    assert len(together) < len(alone) + 20
    creases = creases[:-1]  # now the last is another part
    assert_lossless(many, faces, creases)


@pytest.mark.parametrize("method", range(4))
def test_coordinates_on_mirror_planes_are_told_in_fewer_bytes(method):
    q, f = grid(12, 12)
    q += np.where(q > 0, np.random.default_rng(0).integers(-3, 4, q.shape), 0)
    on = (q[:, :2] == 0).sum()
    assert on == 24
    whole, part = (encode_mesh(q, f, methods=(method,), axes=axes)[0] for axes in ((), (0, 1)))
    assert len(part) < len(whole)


def test_crease_that_is_no_edge_is_refused():
    q, f = octahedron()
    with pytest.raises(ValueError, match="crease"):
        encode_mesh(q, f, creases=np.array([[0, 1]]))


def test_index_out_of_range_is_refused():
    with pytest.raises(ValueError, match="index"):
        encode_mesh(np.zeros((3, 3), int), np.array([[0, 1, 3]]))


@st.composite
def soups(draw):
    """Random triangles on few vertices: every kind of non-manifold mesh turns up."""
    n = draw(st.integers(1, 14))
    coordinates = st.integers(-(1 << 31), (1 << 31) - 1) if draw(st.booleans()) else st.integers(-30, 30)
    q = draw(st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=n, max_size=n))
    index = st.integers(0, n - 1)
    f = draw(st.lists(st.tuples(index, index, index), max_size=40))
    f = np.array(f, int).reshape(-1, 3)
    solid = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 0] != f[:, 2])]
    edges = np.unique(np.sort(solid[:, :2], axis=1), axis=0)
    return np.array(q), f, edges[:: draw(st.integers(1, 4))]


@settings(max_examples=150, deadline=None)
@given(soups())
def test_any_soup_is_lossless(soup):
    assert_lossless(*soup)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 9), st.integers(3, 9))
def test_grids_with_holes_and_flipped_triangles_are_lossless(seed, rows, columns):
    rng = np.random.default_rng(seed)
    q, f = grid(rows, columns)
    f = f[rng.random(len(f)) < 0.8]
    turned = rng.random(len(f)) < 0.1
    f[turned] = f[turned][:, ::-1]
    assert_lossless(q + rng.integers(-3, 4, q.shape), rng.permutation(f))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_parts_of_mirrored_meshes_are_lossless(seed):
    assert_lossless(*strange_part(np.random.default_rng(seed)))


@settings(max_examples=60, deadline=None)
@given(soups(), st.sets(st.integers(0, 2), min_size=1))
def test_any_soup_is_lossless_with_mirrors_too(soup, axes):
    q, f, creases = soup
    assert_lossless(np.where(q % 3 == 0, 0, q), f, creases, sorted(axes))


def test_a_method_whose_predictions_leave_the_range_is_passed_over(monkeypatch):
    encode_by, tried = record._encode, []

    def encode(mode, mesh, method, axes):
        tried.append(method)
        if method == 0:
            raise DamagedRecord("a position in the mesh record is out of range")
        return encode_by(mode, mesh, method, axes)

    monkeypatch.setattr(record, "_encode", encode)
    q, f = grid(5, 6)
    data, order = encode_mesh(q, f, methods=(0, 2))
    assert tried == [0, 2] and np.array_equal(decode_mesh(data)[0], q[order])
