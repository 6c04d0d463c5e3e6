"""Whatever the bytes, decoding a mesh record ends soon, in a mesh or in DamagedRecord."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from necgs_cli.explicit.coding import DamagedRecord, decode_mesh, encode_mesh

MAX_VERTICES = 300


def sphere(rings=7, around=9):
    """A closed mesh with integer coordinates, several parts' worth of shapes being made from it."""
    t, p = np.meshgrid(np.arange(1, rings) * np.pi / rings, np.arange(around) * 2 * np.pi / around, indexing="ij")
    ball = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    q = np.rint(np.concatenate([ball, [[0, 0, 1], [0, 0, -1]]]) * 60).astype(int)
    top, bottom, f = len(q) - 2, len(q) - 1, []
    for j in range(around):
        k = (j + 1) % around
        f += [(top, j, k), (bottom, (rings - 2) * around + k, (rings - 2) * around + j)]
        for i in range(rings - 2):
            a, b = i * around + j, i * around + k
            f += [(a, a + around, b), (b, a + around, b + around)]
    return q, np.array(f)


def records():
    """Records, and the axes of their mirrors."""
    q, f = sphere()
    twice, faces = np.concatenate([q, q + [200, 0, 0]]), np.concatenate([f, f + len(q)])
    yield encode_mesh(q, f)[0], ()
    yield encode_mesh(q, f, creases=f[:9, :2])[0], ()
    yield encode_mesh(twice, faces)[0], ()
    yield encode_mesh(q * 20, np.concatenate([f[:50], [[0, 0, 1]]]), methods=(1,))[0], ()
    upper, sides = np.maximum(q, 0), f[(q[f] > 0).any(axis=1).all(axis=1)]
    yield encode_mesh(upper, sides, methods=(0,), axes=(0, 1, 2))[0], (0, 1, 2)
    yield encode_mesh(upper, sides, methods=(2,), axes=(0, 2))[0], (0, 2)


RECORDS = list(records())


def decode_bounded(data, axes):
    try:
        q, f, creases = decode_mesh(data, max_vertices=MAX_VERTICES, axes=axes)
    except DamagedRecord:
        return
    assert q.dtype == np.int32 and q.shape[1:] == (3,) and len(q) <= MAX_VERTICES
    assert f.shape[1:] == (3,) and creases.shape[1:] == (2,)
    assert f.size == 0 or (f.min() >= 0 and f.max() < len(q))


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200), st.sets(st.integers(0, 2)))
def test_random_bytes_give_a_mesh_or_damaged_record(data, axes):
    decode_bounded(data, sorted(axes))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(RECORDS) - 1), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_gives_a_mesh_or_damaged_record(which, where, change):
    data, axes = bytearray(RECORDS[which][0]), RECORDS[which][1]
    data[where % len(data)] ^= change
    decode_bounded(bytes(data), axes)


def test_every_truncation_gives_a_mesh_or_damaged_record():
    for data, axes in (*RECORDS[:2], *RECORDS[-2:]):
        for length in range(0, len(data), 3):
            decode_bounded(data[:length], axes)


def test_more_vertices_than_allowed_are_refused():
    q, f = sphere()
    data = encode_mesh(q, f)[0]
    with pytest.raises(DamagedRecord, match="vertices"):
        decode_mesh(data, max_vertices=len(q) - 1)
    with pytest.raises(DamagedRecord, match="triangles"):
        decode_mesh(data, max_faces=len(f) - 1)


def test_repeated_parts_cannot_outgrow_the_bounds():
    q, f = sphere()
    many = np.concatenate([q + [150 * k, 0, 0] for k in range(6)])
    data = encode_mesh(many, np.concatenate([f + len(q) * k for k in range(6)]))[0]
    assert len(decode_mesh(data)[0]) == len(many)
    with pytest.raises(DamagedRecord):
        decode_mesh(data, max_vertices=5 * len(q))


def test_long_runs_of_one_byte_take_bounded_memory_and_time():
    start = time.process_time()
    tracemalloc.start()
    for byte in (b"\x00", b"\xff", b"\x55"):
        decode_bounded(byte * 100_000, ())
        decode_bounded(byte * 100_000, (0, 1, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
    assert time.process_time() - start < 60
