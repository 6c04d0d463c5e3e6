"""Triangles in space: their normals, samples and closest points."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

FEW = 150  # points by which it is told how far the others are from a surface, about: a search as far takes less time


def face_normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (m, 3) and areas (m,) of triangles (m, 3 corners, 3); the normal of an empty one is zero."""
    u, v = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    cross = np.stack([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]])
    length = np.sqrt(_dot(cross, cross))
    return (cross / np.maximum(length, 1e-300)).T, 0.5 * length


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products (n,) of vectors whose components lie apart, (3, n): much faster than along rows of three."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def sample_surface(corners: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stratified samples, uniform by area: points (count, 3) and the triangle of each (count,)."""
    cumulative = np.cumsum(face_normals(corners)[1])
    at = (np.arange(count) + rng.random(count)) / count * cumulative[-1]
    face = np.minimum(np.searchsorted(cumulative, at), len(corners) - 1)
    root, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - root, root * (1 - v), root * v], axis=1)
    return np.einsum("sk,skd->sd", weights, corners[face]), face


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Closest point of triangle i to point i: (n, 3) from (n, 3) and (n, 3 corners, 3)."""
    a, b, c = np.ascontiguousarray(corners.transpose(1, 2, 0))
    p = np.ascontiguousarray(points.T)
    ab, ac, ap = b - a, c - a, p - a
    d00, d01, d11, d20, d21 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac), _dot(ap, ab), _dot(ap, ac)
    area2 = np.maximum(d00 * d11 - d01 * d01, 1e-300)
    v, w = (d11 * d20 - d01 * d21) / area2, (d00 * d21 - d01 * d20) / area2
    closest = a + v * ab + w * ac
    outside = np.flatnonzero((v < 0) | (w < 0) | (v + w > 1) | (area2 <= 1e-300))
    if len(outside):
        a, b, c, p = a[:, outside], b[:, outside], c[:, outside], p[:, outside]
        near, least = closest[:, outside], np.full(len(outside), np.inf)
        for start, end in ((a, b), (b, c), (c, a)):
            along = end - start
            t = np.clip(_dot(p - start, along) / np.maximum(_dot(along, along), 1e-300), 0, 1)
            q = start + t * along
            distance = _dot(p - q, p - q)
            near, least = np.where(distance < least, q, near), np.minimum(distance, least)
        closest[:, outside] = near
    return closest.T


class TriangleTree:
    """Triangles, to be found by nearness.

    Which one is closest is told in single precision: in doubt within 1e-7 of the unit frame it may be the next one.
    Distances to it are exact.

    Args:
        corners: (m, 3 corners, 3) float, unit frame, at least one triangle.
    """

    def __init__(self, corners: np.ndarray):
        import fcpw

        self._corners = corners
        self._scene = fcpw.scene_3D()
        self._scene.set_object_count(1)
        self._scene.set_object_vertices(corners.reshape(-1, 3).astype(np.float32), 0)
        self._scene.set_object_triangles(np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3), 0)
        self._scene.build(fcpw.aggregate_type.bvh_surface_area, True)

    def closest(self, points: np.ndarray) -> np.ndarray:
        """The triangle (k,) closest to each of some points (k, 3)."""
        points = points.astype(np.float32)
        some = self._found(points[:: -(-len(points) // FEW) or 1], np.inf)
        reach = 1.01 * max((near.d for near in some), default=0.0) + 1e-6
        triangles = _triangles_of(self._found(points, reach))
        lost = np.flatnonzero(triangles < 0)
        triangles[lost] = _triangles_of(self._found(points[lost], np.inf))
        return triangles

    def _found(self, points: np.ndarray, reach: float) -> Sequence[Any]:
        """What is closest to each of some points (k, 3) float32, and nearer than `reach`."""
        import fcpw

        found = fcpw.interaction_3D_list()
        if len(points):
            self._scene.find_closest_points(points, np.full(len(points), reach**2, np.float32), found)
        return found

    def distances(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance (k,) of the surface from each of some points (k, 3), and the triangle (k,) it is measured to."""
        triangles = self.closest(points)
        gap = closest_on_triangles(points, self._corners[triangles]) - points
        return np.sqrt((gap**2).sum(axis=1)), triangles


def _triangles_of(found: Sequence[Any]) -> np.ndarray:
    """Of what was found near points: the triangle (k,) of each, -1 where nothing was."""
    return np.fromiter(map(attrgetter("primitive_index"), found), np.int64, len(found))
