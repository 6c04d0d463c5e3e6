"""Polygons and strips to triangles, the outline and the side they face kept."""

from __future__ import annotations

import numpy as np

from necgs_cli.meshes.parsed import check_indices


def triangulate(vertices: np.ndarray, corners: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Cut polygons into triangles.

    Convex polygons become fans from their first corner. Concave ones are cut by ears in their mean plane, since a
    fan would leave their outline. Polygons of fewer than three corners have no area and vanish.

    Args:
        vertices: (n, 3) float64.
        corners: (sum of counts,) int64, the polygons' vertex indices one after the other.
        counts: (polygons,) int64, corners of each polygon.

    Returns:
        (m, 3) int64 triangles, in the order of their polygons.

    Raises:
        MeshError: if an index is out of range.
    """
    check_indices(corners, len(vertices))
    starts = np.cumsum(counts) - counts
    first = (np.cumsum(np.maximum(counts - 2, 0)) - np.maximum(counts - 2, 0)).astype(np.int64)
    triangles = np.empty((int(np.maximum(counts - 2, 0).sum()), 3), np.int64)
    for count in np.unique(counts[counts >= 3]).tolist():
        chosen = np.flatnonzero(counts == count)
        polygons = corners[starts[chosen, None] + np.arange(count)]
        rows = first[chosen, None] + np.arange(count - 2)
        triangles[rows] = _fans(polygons)
        if count > 3:
            points = _in_unit_box(vertices[polygons])
            for index in np.flatnonzero(_concave(points)):
                triangles[rows[index]] = polygons[index][_ears(points[index])]
    return triangles


def strip_triangles(strip: np.ndarray, restart: int) -> np.ndarray:
    """Return the (m, 3) triangles of triangle strips, every second one turned to face the same side.

    Args:
        strip: (n,) int64 vertex indices, strips separated by `restart`.
        restart: the index that ends a strip.
    """
    windows = np.lib.stride_tricks.sliding_window_view(strip, 3) if len(strip) >= 3 else np.empty((0, 3), np.int64)
    position = np.arange(len(strip))
    begin = np.maximum.accumulate(np.where(strip == restart, position + 1, 0))
    odd = (position[: len(windows)] - begin[: len(windows)]) % 2 == 1
    turned = np.where(odd[:, None], windows[:, [1, 0, 2]], windows)
    return turned[(windows != restart).all(axis=1)]


def _fans(polygons: np.ndarray) -> np.ndarray:
    second = polygons[:, 1:-1]
    return np.stack([np.broadcast_to(polygons[:, :1], second.shape), second, polygons[:, 2:]], axis=-1)


def _in_unit_box(points: np.ndarray) -> np.ndarray:
    # Each polygon relative to its own place and size: products of coordinates then neither cancel nor overflow.
    scale = np.abs(points).max(axis=(1, 2), keepdims=True)
    scaled = np.divide(points, scale, out=np.zeros_like(points), where=scale > 0)
    local = scaled - scaled[:, :1]
    size = np.abs(local).max(axis=(1, 2), keepdims=True)
    return np.divide(local, size, out=np.zeros_like(local), where=size > 0)


def _normals(points: np.ndarray) -> np.ndarray:
    # Newell's normal: the area vector of the closed polygon, whatever its shape.
    return np.cross(points, np.roll(points, -1, axis=1)).sum(axis=1)


def _concave(points: np.ndarray) -> np.ndarray:
    before, after = points - np.roll(points, 1, axis=1), np.roll(points, -1, axis=1) - points
    turns = np.einsum("pcx,px->pc", np.cross(before, after), _normals(points))
    return (turns < -1e-12 * np.abs(turns).max(axis=1, keepdims=True)).any(axis=1)


def _ears(points: np.ndarray) -> np.ndarray:
    """Triangles (count - 2, 3) of one concave polygon, (count, 3) points of it in the unit box."""
    import mapbox_earcut

    normal = _normals(points[None])[0]
    count = len(points)
    # The plane of the two axes that the normal is least along; swapped where needed to see the polygon's front.
    axis = int(np.abs(normal).argmax())
    x, y = (axis + 1) % 3, (axis + 2) % 3
    flat = points[:, [x, y] if normal[axis] > 0 else [y, x]]
    ears = mapbox_earcut.triangulate_float64(np.ascontiguousarray(flat), np.array([count], np.uint32))
    ears = ears.reshape(-1, 3).astype(np.int64)
    a, b, c = flat[ears[:, 0]], flat[ears[:, 1]], flat[ears[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    ears[area < 0] = ears[area < 0][:, ::-1]
    if len(ears) > count - 2:
        return ears[: count - 2]
    # Corners in one line or doubled give fewer ears: faces without area, dropped later, fill the rest.
    return np.concatenate([ears, np.zeros((count - 2 - len(ears), 3), np.int64)])
