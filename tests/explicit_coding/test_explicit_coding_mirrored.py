"""Mirrored records: what their planes make of a part, what stands in them, what is refused, and poses of them.

Some connected parts may have no images.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange_meshes import some_alone, strange_part, strange_pose
from test_explicit_coding_roundtrip import octahedron, rotated

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh, grid_step
from necgs_cli.explicit.mirror import PLANE_BITS, Mirrors, unfold
from necgs_cli.explicit.records import MOST_VERTICES, decode_posed, decode_record, encode_posed, encode_record

AXES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
PLACES = (-18, 1 << PLANE_BITS, 30)


def upper(axes):
    """The part of an octahedron that is not below the planes across some axes."""
    q, f = octahedron()
    used, f = np.unique(f[(q[f][:, :, axes] >= 0).all(axis=(1, 2))], return_inverse=True)
    return q[used], f.reshape(-1, 3)


def edges_of(f):
    return np.unique(np.sort(f[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)


def same_corners(found, wanted):
    """Of each of the points (n, 3) the number of the equal one among others."""
    assert sorted(found.tolist()) == sorted(wanted.tolist())
    return np.array([wanted.tolist().index(corner) for corner in found.tolist()])


def mirrored(axes, kind=SMOOTH, grid=9):
    """A part of an octahedron as a control mesh."""
    q, f = upper(axes)
    places = tuple(place if axis in axes else 0 for axis, place in enumerate(PLACES))
    creases = edges_of(f)[:2] if kind == CREASED else None
    return ControlMesh(q.astype(np.int32), f, creases, kind, grid, Mirrors(axes, places))


@pytest.mark.parametrize("axes", AXES)
def test_a_part_of_an_octahedron_is_completed_to_the_whole(axes):
    (part, sides), (q, f) = upper(axes), octahedron()
    whole = unfold(part, sides, edges_of(sides), axes)
    found = whole.vertices(part)
    assert np.array_equal(found[: len(part)], part) and np.array_equal(whole.faces[: len(sides)], sides)
    place = same_corners(found, q)
    assert rotated(place[whole.faces]) == rotated(f)  # each once, and outside out
    assert sorted(np.sort(place[whole.creases]).tolist()) == edges_of(f).tolist()


def test_what_touches_a_plane_without_ending_there_is_doubled():
    q, f = octahedron()
    touching = q + [20, 0, 0]  # a closed mesh with one vertex at 0
    whole = unfold(touching, f, None, (0,))
    assert len(whole.source) == 2 * len(q) and len(whole.faces) == 2 * len(f)
    assert (whole.signs[:, 0] == [1] * len(q) + [-1] * len(q)).all()


def test_a_triangle_within_a_plane_is_its_own_image():
    q, f = np.array([[0, 0, 0], [0, 5, 0], [0, 0, 5]]), np.array([[0, 1, 2]])
    whole = unfold(q, f, f[:, :2], (0,))
    assert len(whole.source) == 3 and whole.faces.tolist() == [[0, 1, 2]] and whole.creases.tolist() == [[0, 1]]
    whole = unfold(q + [1, 0, 0], f, f[:, :2], (0,))
    assert whole.faces.tolist() == [[0, 1, 2], [5, 4, 3]] and whole.creases.tolist() == [[0, 1], [3, 4]]


def test_images_at_the_end_of_32_bits_are_whole_too():
    low = -(1 << 31)
    mesh = ControlMesh(np.array([[low, low, 5]], np.int32), np.zeros((0, 3), int), None, PLAIN, 0, Mirrors((0, 1)))
    assert mesh.whole().positions.tolist() == [[low, low, 5], [-low, low, 5], [low, -low, 5], [-low, -low, 5]]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize(("kind", "number"), [(SMOOTH, 7), (CREASED, 8), (PLAIN, 9)])
def test_a_mirrored_record_holds_axes_places_grid_and_the_part(axes, kind, number):
    mesh = mirrored(axes, kind)
    found_number, payload = encode_record(mesh)
    varints = {0: b"\x23", 1: b"\x80\x80\x02", 2: b"\x3c"}  # of the places: -18, 16384, 30
    head = bytes([sum(1 << axis for axis in axes)]) + b"".join(varints[axis] for axis in axes) + bytes([9])
    assert found_number == number and payload.startswith(head)
    found = decode_record(number, payload)
    assert (found.kind, found.grid, found.mirrors) == (kind, 9, mesh.mirrors)
    place = same_corners(found.positions, mesh.positions)
    assert rotated(place[found.faces]) == rotated(mesh.faces)
    if kind == CREASED:
        assert sorted(np.sort(place[found.creases]).tolist()) == mesh.creases.tolist()
    else:
        assert found.creases is None


@pytest.mark.parametrize("axes", AXES)
def test_the_surface_is_its_own_image_at_every_plane(axes):
    mesh = mirrored(axes)
    vertices = mesh.surface()[0]
    for axis in axes:
        image = vertices.copy()
        image[:, axis] = 2 * mesh.mirrors.origin[axis] - image[:, axis]
        apart = np.abs(vertices[:, None] - image).max(axis=2)
        assert apart.min(axis=0).max() < 1e-12
    moved = mesh.whole().vertices - np.where(np.isin(range(3), axes), PLACES, 0) * 2.0**-PLANE_BITS
    assert sorted(moved.round(9).tolist()) == sorted((octahedron()[0] * grid_step(9)).round(9).tolist())


def test_heads_that_are_none_are_damage():
    number, payload = encode_record(mirrored((0, 2)))
    assert decode_record(number, payload).mirrors == Mirrors((0, 2), (-18, 0, 30))
    for axes in (0, 8, 16 + 5, 24 + 5, 128 + 5, 255):
        with pytest.raises(DamagedFile, match="axes"):
            decode_record(number, bytes([axes]) + payload[1:])
    for place in (b"\x82\x80\x02", b"\x81\x80\x02", b"\xff\xff\xff\xff\x7f"):  # 16385, -16385, far away
        with pytest.raises(DamagedFile, match="plane out of range"):
            decode_record(number, payload[:1] + place + payload[2:])
    with pytest.raises(DamagedFile, match="grid"):
        decode_record(number, payload[:3] + b"\x3d" + payload[4:])
    for length in range(4):
        with pytest.raises(DamagedFile):
            decode_record(number, payload[:length])


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", [SMOOTH, PLAIN])
def test_a_part_may_have_as_many_vertices_as_make_the_most_a_record_may_have(axes, kind):
    most = MOST_VERTICES[kind] >> len(axes)
    too_many = np.zeros((most + 1, 3), np.int32)
    with pytest.raises(ValueError, match="larger than the format allows"):
        encode_record(ControlMesh(too_many, np.zeros((0, 3), np.int64), None, kind, 4, Mirrors(axes)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_poses_of_mirrored_meshes_are_lossless_and_have_the_origin_of_these(seed):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    places = tuple(place if axis in axes else 0 for axis, place in enumerate(PLACES))
    single = some_alone(rng, q, f) if rng.random() < 0.5 else None
    mesh = ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes, places), single)
    number, payload = encode_record(mesh)
    mesh = decode_record(number, payload)
    whole = mesh.whole()
    for grid in (9, 12):
        positions = strange_pose(rng, whole.positions)
        pose = replace(whole, positions=positions, grid=grid)
        number, payload = encode_posed(pose, mesh)
        mesh = decode_posed(payload, mesh)
        assert number == 6 and (mesh.kind, mesh.grid, mesh.mirrors) == (CREASED, grid, Mirrors((), places))
        assert np.array_equal(mesh.positions, positions) and np.array_equal(mesh.faces, whole.faces)
        assert np.array_equal(mesh.creases, whole.creases)
        origin = np.array(places) * 2.0**-PLANE_BITS
        np.testing.assert_allclose(mesh.vertices, positions * grid_step(grid) + origin)


SIDES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])


def tetrahedra(count, axes=(0, 1)):
    """Tetrahedra of different sizes, far from each other; those with an odd number have no images."""
    sizes = 7 + 2 * np.arange(count)
    corners = np.array([[1, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2]])
    q = np.concatenate([size * corners + [0, 0, 100 * k] for k, size in enumerate(sizes)]).astype(np.int32)
    f = np.concatenate([SIDES + 4 * k for k in range(count)])
    single = np.repeat(np.arange(count) % 2 == 1, 4)
    q[single, 0] *= -1  # on either side of the planes
    return ControlMesh(q, f, None, PLAIN, 9, Mirrors(axes), single)


def corners_of(mesh):
    """The triangles of a mesh as their corners, in a canonical rotation and order."""
    corners = mesh.positions.astype(np.int64)[mesh.faces].tolist()
    return sorted(min(rows[k:] + rows[:k] for k in range(3)) for rows in corners)


@pytest.mark.parametrize("axes", AXES)
def test_parts_without_images_stay_as_they_are_while_others_are_doubled(axes):
    (part, sides), (q, f) = upper(axes), octahedron()
    away = q - [7, 7, 7]  # across the planes, and without images
    single = np.arange(len(part) + len(q)) >= len(part)
    together = np.concatenate([part, away]), np.concatenate([sides, f + len(part)])
    whole = unfold(*together, edges_of(together[1]), axes, single)
    completed = unfold(part, sides, edges_of(sides), axes)
    assert len(whole.source) == len(completed.source) + len(q)
    assert len(whole.faces) == len(completed.faces) + len(f)
    assert len(whole.creases) == len(completed.creases) + len(edges_of(f))
    mesh = ControlMesh(*together, None, PLAIN, 9, Mirrors(axes), single).whole()
    assert mesh.mirrors == Mirrors() and mesh.single is None
    wanted = np.concatenate([q, away]), np.concatenate([f, f + len(q)])
    assert corners_of(mesh) == corners_of(ControlMesh(*wanted, None, PLAIN, 9))


def test_a_part_without_images_that_ends_at_the_plane_is_neither_held_there_nor_doubled():
    q, f = np.array([[0, 0, 0], [0, 5, 0], [0, 0, 5], [4, 1, 1]]), np.array([[0, 1, 2], [0, 1, 3]])
    whole = unfold(q, f, f[:, :2], (0,), np.ones(4, bool))
    assert (whole.signs == 1).all() and whole.source.tolist() == [0, 1, 2, 3]
    assert whole.faces.tolist() == f.tolist() and whole.creases.tolist() == f[:, :2].tolist()
    assert unfold(q, f, f[:, :2], (0,)).signs[:, 0].tolist() == [0, 0, 0, 1, -1]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 20])
def test_a_bit_for_each_part_tells_which_have_no_images(count):
    mesh = tetrahedra(count)
    number, payload = encode_record(mesh)
    size = -(-count // 8)
    assert payload[:4] == bytes([8 + 3, 0, 0, size]) and payload[4 + size] == 9
    found = decode_record(number, payload)
    parts = [found.positions[4 * k : 4 * k + 4] for k in range(count)]  # none is a copy: each is four vertices in a row
    alone = [bool((part[:, 0] < 0).all()) for part in parts]
    assert sum(alone) == count // 2
    bits = int.from_bytes(payload[4 : 4 + size], "little")
    assert [bool(bits >> k & 1) for k in range(8 * size)] == alone + [False] * (8 * size - count)
    assert found.single.tolist() == np.repeat(alone, 4).tolist()
    assert corners_of(found.whole()) == corners_of(mesh.whole())


@pytest.mark.parametrize("kind", [SMOOTH, CREASED, PLAIN])
def test_records_of_every_kind_may_have_parts_without_images(kind):
    mesh = replace(tetrahedra(5, (0, 2)), kind=kind, creases=SIDES[:2, :2] + 4 if kind == CREASED else None)
    mesh = replace(mesh, mirrors=Mirrors((0, 2), (30, 0, -18)))
    number, payload = encode_record(mesh)
    assert payload[:5] == bytes([8 + 5, 60, 35, 1]) + payload[4:5]
    found = decode_record(number, payload)
    assert (found.kind, found.mirrors, found.grid) == (kind, mesh.mirrors, 9)
    found, wanted = found.whole(), mesh.whole()
    assert corners_of(found) == corners_of(wanted)
    if kind == CREASED:
        lines = [sorted(sorted(m.positions[crease].tolist()) for crease in m.creases) for m in (found, wanted)]
        assert lines[0] == lines[1] and len(lines[0]) == 2  # those of one part, which has no images


def test_bits_that_are_all_unset_say_what_no_bits_say():
    mesh = tetrahedra(3)
    none, unset = replace(mesh, single=None), replace(mesh, single=np.zeros(12, bool))
    (number, short), (_, long) = encode_record(none), encode_record(unset)
    assert long == bytes([8 + 3, 0, 0, 1, 0]) + short[3:]
    found = decode_record(number, long)
    assert not found.single.any()
    assert corners_of(found.whole()) == corners_of(decode_record(number, short).whole()) == corners_of(none.whole())


@pytest.mark.parametrize("count", [3, 8, 10])
def test_other_than_one_bit_for_each_part_is_damage(count):
    number, payload = encode_record(tetrahedra(count))
    size = -(-count // 8)
    head, bits, rest = payload[:3], payload[4 : 4 + size], payload[4 + size :]
    assert decode_record(number, head + bytes([size]) + bits + rest).single.sum() == 4 * (count // 2)
    for wrong in (b"", bits[:-1], bits + b"\0", bits + b"\1", bits + bytes(120)):
        with pytest.raises(DamagedFile, match="parts that it does not have"):
            decode_record(number, head + bytes([len(wrong)]) + wrong + rest)
    for spare in range(count, 8 * size):
        wrong = (int.from_bytes(bits, "little") | 1 << spare).to_bytes(size, "little")
        with pytest.raises(DamagedFile, match="parts that it does not have"):
            decode_record(number, head + bytes([size]) + wrong + rest)
    for length in (b"", b"\x80", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x80" * 11):
        with pytest.raises(DamagedFile):
            decode_record(number, head + length)
    with pytest.raises(DamagedFile, match="axes"):
        decode_record(number, bytes([8]) + payload[3:])


def test_a_copy_of_a_part_may_be_without_images_where_the_part_is_not():
    q, f = octahedron()
    q = q + [30, 0, 0]
    mesh = ControlMesh(
        np.concatenate([q, q + [0, 90, 0], q - [200, 0, 0]]).astype(np.int32),
        np.concatenate([f, f + 6, f + 12]),
        None,
        SMOOTH,
        9,
        Mirrors((0,)),
        np.arange(18) >= 12,
    )
    number, payload = encode_record(mesh)
    alone = encode_record(replace(mesh, positions=mesh.positions[:6], faces=f, single=None))[1]
    assert len(payload) < len(alone) + 12  # stored once
    found = decode_record(number, payload)
    assert found.single.sum() == 6 and (found.positions[found.single, 0] < -100).all()
    assert corners_of(found.whole()) == corners_of(mesh.whole())
    assert len(mesh.whole().positions) == 5 * 6


def test_empty_triangles_make_a_part_where_they_join_two_vertices():
    """Of the triangles below only the second and third join anything, so there are two parts, of three vertices."""
    q = np.array([[1, 2, 3], [40, 5, 6], [7, 80, 9], [1, 1, 90], [5, 5, 5]], np.int32)
    f = np.array([[0, 0, 0], [1, 1, 2], [3, 4, 4]])
    for alone, count in (([1, 2], 1), ([3, 4], 1), ([1, 2, 3, 4], 2), ([], 0)):
        single = np.isin(np.arange(5), alone)
        number, payload = encode_record(ControlMesh(q, f, None, PLAIN, 9, Mirrors((1,)), single))
        assert payload[2] == 1 and payload[3].bit_count() == count
        found = decode_record(number, payload)
        assert sorted(found.positions[found.single].tolist()) == sorted(q[single].tolist())
        assert len(found.whole().positions) == 10 - len(alone)


def test_a_mesh_without_parts_has_no_bits():
    mesh = ControlMesh(np.array([[1, 2, 3]]), np.zeros((0, 3), int), None, PLAIN, 9, Mirrors((2,)))
    number, payload = encode_record(mesh)
    found = decode_record(number, bytes([8 + 4, 0, 0]) + payload[2:])
    assert found.single.tolist() == [False]
    assert found.whole().positions.tolist() == [[1, 2, 3], [1, 2, -3]]
    with pytest.raises(DamagedFile, match="parts that it does not have"):
        decode_record(number, bytes([8 + 4, 0, 1, 0]) + payload[2:])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_wholes_of_strange_parts_come_back_whichever_of_them_have_images(seed):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    creases = np.unique(np.sort(creases, axis=1), axis=0)
    mesh = ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes), some_alone(rng, q, f))
    found, wanted = decode_record(*encode_record(mesh)).whole(), mesh.whole()
    assert corners_of(found) == corners_of(wanted)
    assert sorted(found.positions.tolist()) == sorted(wanted.positions.tolist())
    lines = [sorted(sorted(m.positions[crease].tolist()) for crease in m.creases) for m in (found, wanted)]
    assert lines[0] == lines[1]
