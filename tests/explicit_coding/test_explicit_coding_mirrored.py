"""Mirrored records: what their planes make of a part, what stands in them, what is refused, and poses of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange_meshes import strange_part, strange_pose
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
    for axes in (0, 8, 5 + 8, 255):
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
    number, payload = encode_record(ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes, places)))
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
