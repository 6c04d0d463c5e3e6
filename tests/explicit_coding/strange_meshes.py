"""Meshes with everything in them that a mesh record can hold, parts of mirrored ones, and poses."""

import numpy as np
from mesh_record_positions import neighbours_of, parts_of
from test_explicit_coding_damage import sphere

END = (1 << 31) - 1


def strange_mesh(rng):
    """Spheres with holes, turned and repeated triangles, copies, loose vertices and flat triangles."""
    q, f = sphere(int(rng.integers(3, 6)), int(rng.integers(3, 7)))
    q = q * int(rng.choice([1, 1, 300])) // int(rng.choice([1, 20])) + rng.integers(-2, 3, q.shape)
    f = f[rng.random(len(f)) < rng.choice([0.6, 0.9, 1.0])]
    turned = rng.random(len(f)) < 0.1
    f[turned] = f[turned][:, ::-1]
    f = np.concatenate([f, f[: rng.integers(3)], rng.integers(0, len(q), (rng.integers(3), 3))])
    copies = int(rng.integers(1, 4))
    q, f = (
        np.concatenate([q + [200 * k, 7 * k, 0] for k in range(copies)]),
        np.concatenate([f + len(q) * k for k in range(copies)]),
    )
    q = np.concatenate([q, rng.integers(-50, 50, (rng.integers(3), 3))])
    solid = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    return q, f, solid[rng.random(len(solid)) < 0.2][:, :2]


def strange_part(rng):
    """A strange mesh of which planes cut off a side, many of its vertices lying on them, and the axes of the planes."""
    q, f, _ = strange_mesh(rng)
    chosen = int(rng.integers(1, 8))
    axes = tuple(axis for axis in range(3) if chosen >> axis & 1)
    for axis in axes:
        q[:, axis] = np.maximum(q[:, axis], 0)
        f = f[(q[f, axis] > 0).any(axis=1) | (rng.random(len(f)) < 0.1)]
    solid = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    return q, f, solid[rng.random(len(solid)) < 0.2][:, :2], axes


def some_alone(rng, q, f):
    """Which vertices (n,) bool are of parts without images: some parts of a mesh."""
    single = np.zeros(len(q), bool)
    for part in parts_of(neighbours_of(f.tolist(), len(q))):
        single[part] = len(part) > 1 and rng.random() < 0.4
    return single


def strange_pose(rng, q):
    """Other positions for the same vertices: a little noise, a moved half, a turn, or anything at all."""
    kind = rng.integers(4)
    if kind == 0:
        return q + rng.integers(-2, 3, q.shape)
    if kind == 1:
        return q + np.where(q[:, :1] > 0, [30, -5, 0], [0, 0, 0])
    if kind == 2:
        return q[:, [1, 2, 0]] * [-1, 1, 1]
    return rng.integers(-END - 1, END + 1, q.shape)
