"""Points that cover a triangle mesh evenly, down to the thinnest sliver."""

from __future__ import annotations

import numpy as np

MOST_POINTS = 4_000_000


def surface_points(vertices: np.ndarray, faces: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """At least one point a triangle, neighbours at most `spacing` apart, also along triangles without width.

    Args:
        vertices: float64 (n, 3).
        faces: int64 (m, 3).
        spacing: largest distance of neighbouring points; widened where more than 4 million points would be needed.

    Returns:
        points float64 (p, 3), and the area that each stands for, float64 (p,).
    """
    corner = vertices[faces]
    side = np.linalg.norm(corner[:, [1, 2, 0]] - corner, axis=-1)  # of corner k to k + 1
    turn = side.argmax(1)[:, None] + np.arange(3)
    a, b, c = np.take_along_axis(corner, (turn % 3)[..., None], 1).transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    length = side.max(1)
    height = 2 * area / np.maximum(length, 1e-300)
    while True:
        along = np.maximum(np.ceil(length / spacing), 1).astype(np.int64)
        across = np.maximum(np.ceil(height / spacing), 1).astype(np.int64)
        if (along * across).sum() <= max(MOST_POINTS, len(faces)):
            break
        spacing *= 1.5
    count = along * across
    face = np.repeat(np.arange(len(faces)), count)
    within = np.arange(len(face)) - (np.cumsum(count) - count)[face]
    row, column = np.divmod(within, along[face])
    u = ((column + 0.5) / along[face])[:, None]
    v = ((row + 0.5) / across[face])[:, None]
    points = (1 - v) * (a[face] + u * (b - a)[face]) + v * c[face]
    return points, area[face] * 2 * (1 - v[:, 0]) / count[face]
