"""Positions of meshes whose triangles are known come back as they were, and damage stays harmless."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange_meshes import END, strange_mesh, strange_pose
from test_explicit_coding_damage import sphere
from test_explicit_coding_roundtrip import grid

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.explicit.coding import (
    DamagedRecord,
    connectivity,
    decode_mesh,
    decode_pose,
    encode_mesh,
    encode_pose,
)
from necgs_cli.explicit.control_mesh import CREASED, SMOOTH, ControlMesh, grid_step
from necgs_cli.explicit.records import MOST_GRID, _on_grid, decode_posed, encode_posed


def assert_lossless(pose, reference, faces, **options):
    data = encode_pose(pose, reference, faces, **options)
    found = decode_pose(data, reference, faces)
    assert found.dtype == np.int32 and np.array_equal(found, pose)
    return data


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1))
def test_a_pose_of_any_mesh_is_lossless(seed):
    rng = np.random.default_rng(seed)
    q, f, _ = strange_mesh(rng)
    methods = {} if rng.random() < 0.2 else {"methods": (int(rng.integers(4)),)}
    assert_lossless(strange_pose(rng, q), q, f, **methods)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_poses_of_a_decoded_mesh_keep_its_numbers(seed):
    rng = np.random.default_rng(seed)
    q, f, creases = strange_mesh(rng)
    reference, faces, _ = decode_mesh(encode_mesh(q, f, creases=creases, methods=(1,))[0])
    assert_lossless(strange_pose(rng, reference.astype(np.int64)), reference, faces, methods=(int(rng.integers(4)),))


def test_meshes_without_triangles_or_vertices_have_poses():
    none = np.zeros((0, 3), np.int64)
    assert_lossless(none, none, none)
    points = np.array([[1, 2, 3], [-40, 5, 6], [7, 7, 7]])
    assert_lossless(points[::-1], points, none)


def test_the_whole_range_of_32_bits():
    q, f = sphere(3, 4)
    low, high = np.full_like(q, -END - 1), np.full_like(q, END)
    for pose, reference in ((high, low), (low, high), (q, high), (high, q)):  # differences may not fit 32 bits
        assert_lossless(pose, reference, f)


def test_a_reference_far_outside_of_32_bits_is_as_good_as_none():
    q, f = sphere(3, 4)
    assert_lossless(q, q << 30, f)


def test_what_differs_little_costs_little():
    q, f = grid(12, 12)
    own, far = len(encode_mesh(q, f)[0]), q[:, [1, 2, 0]]
    assert len(assert_lossless(q, q, f)) < 0.05 * own
    assert len(assert_lossless(q + [900, -70, 4], q, f)) < 0.2 * own
    assert len(assert_lossless(far, q, f)) < own  # the triangles at least are spared


def test_another_number_of_vertices_is_refused():
    q, f = sphere()
    with pytest.raises(ValueError, match="as many vertices"):
        encode_pose(q[:-1], q, f)


def decode_bounded(data, reference, faces):
    """True where the bytes are a pose."""
    try:
        found = decode_pose(data, reference, faces)
    except DamagedRecord:
        return False
    assert found.dtype == np.int32 and found.shape == reference.shape
    return True


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.binary(max_size=60))
def test_damaged_bytes_give_positions_or_damaged_record(seed, noise):
    rng = np.random.default_rng(seed)
    q, f = sphere(4, 5)
    data = bytearray(encode_pose(strange_pose(rng, q), q, f, methods=(int(rng.integers(4)),)))
    data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
    decode_bounded(bytes(data), q, f)
    decode_bounded(bytes(data[: rng.integers(len(data))]), q, f)
    decode_bounded(noise, q, f)


def test_a_record_that_ends_too_early_is_damaged():
    q, f = grid(12, 12)
    noise = np.random.default_rng(0).integers(-END, END, q.shape)
    data = encode_pose(noise, q, f, methods=(3,))
    assert not decode_bounded(data[:40], q, f)


def test_a_pose_that_leaves_the_range_with_its_reference_is_damaged():
    q, f = sphere(3, 4)
    data = encode_pose(q + 5, q, f)
    assert decode_bounded(data, q, f)
    assert not decode_bounded(data, np.full_like(q, END - 2), f)


def test_a_reference_that_would_take_for_ever_to_conquer_is_refused(monkeypatch):
    q, f = sphere(3, 4)
    data, many = encode_pose(q, q, f), np.concatenate([f, np.tile(f[:1], (400, 1)), np.tile(f[:1, ::-1], (400, 1))])
    assert len(decode_pose(data, q, many)) == len(q)
    monkeypatch.setattr(connectivity, "MAX_WORK", 100_000)
    decode_pose(data, q, f)
    with pytest.raises(DamagedRecord, match="too much work"):
        decode_pose(data, q, many)


def control_mesh(q, grid, kind=SMOOTH, creases=None):
    return ControlMesh(np.asarray(q, np.int32), sphere()[1], creases, kind, grid)


@pytest.mark.parametrize("grids", [(16, 17), (17, 16), (16, 19), (19, 16), (15, 20), (20, 15), (16, 12), (0, 60)])
def test_grids_of_pose_and_reference_may_differ(grids):
    q, f = sphere()
    reference = control_mesh(q, grids[0], CREASED, f[:5, :2])
    points = q * grid_step(grids[0]) * 1.01 + 0.002
    pose = control_mesh(np.clip(np.rint(points / grid_step(grids[1])), -END, END), grids[1], CREASED, f[:5, :2])
    number, payload = encode_posed(pose, reference)
    found = decode_posed(payload, reference)
    assert number == 6 and payload[0] == found.grid == grids[1] and found.kind == CREASED
    assert np.array_equal(found.positions, pose.positions)
    assert found.faces is reference.faces and found.creases is reference.creases


@settings(max_examples=200)
@given(st.integers(0, MOST_GRID), st.integers(0, MOST_GRID), st.integers(-END - 1, END))
def test_a_reference_is_scaled_as_exactly_as_integers_can(before, after, coordinate):
    mesh = control_mesh(np.full((1, 3), coordinate), before)
    finer = after - before
    found = int(_on_grid(mesh, after)[0, 0])
    exact = (coordinate**2 << finer if finer >= 0 else coordinate**2 / 2**-finer) ** 0.5
    assert abs(abs(found) - exact) <= 0.5 + (exact + 1) * 2**-29
    if finer >= 0 and finer % 2 == 0:
        assert found == coordinate << finer // 2


def test_a_grid_that_is_missing_or_too_fine_is_damage():
    q, _ = sphere()
    reference = control_mesh(q, 10)
    payload = encode_posed(reference, reference)[1]
    for broken in (b"", bytes([MOST_GRID + 1]) + payload[1:]):
        with pytest.raises(DamagedFile, match="grid"):
            decode_posed(broken, reference)
    with pytest.raises(DamagedFile, match="too early"):
        decode_posed(payload[:1] + b"\x55", control_mesh(np.random.default_rng(0).integers(-9, 9, q.shape), 10))
