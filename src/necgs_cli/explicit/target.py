"""The original as the fit sees it: samples, normals, search trees, and the curves that must be kept."""

from copy import copy

import numpy as np

from .subdivide import unique_edges

NORMAL_WEIGHT = 0.015  # length of a unit normal in the closest-point search: keeps both sides of thin parts apart
SHARP_ANGLE = 40.0  # degrees between the normals of two faces from which their edge is a feature
FOUND, ASKED = 40000, 15000  # samples that small fits look up, and that look them up
FEW_VERTICES, MOST_DOUBLINGS = 220, 4  # vertices for which so many do; times that they double with those


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


def oriented(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(n, 6): points (n, 3) with their normals, so that those nearest are on the same side of a thin part."""
    return np.hstack([points, NORMAL_WEIGHT * normals])


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


def dihedral_edges(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges with two faces (e, 2), the angle in degrees between their normals (e,), and all other edges (b, 2)."""
    edges, edge_of, count = unique_edges(faces)
    order = np.argsort(edge_of, kind="stable")
    start = np.cumsum(count) - count
    two = count == 2
    normals = face_normals(vertices[faces])[0]
    owner = order % len(faces)
    left, right = owner[start[two]], owner[start[two] + 1]
    cosine = np.clip((normals[left] * normals[right]).sum(1), -1, 1)
    return edges[two], np.degrees(np.arccos(cosine)), edges[~two]


class Curves:
    """Samples of some edges, with their directions, to be found by nearness."""

    def __init__(self, vertices: np.ndarray, edges: np.ndarray, spacing: float = 0.01):
        from scipy.spatial import cKDTree

        ends = vertices[edges]
        along = ends[:, 1] - ends[:, 0]
        length = np.linalg.norm(along, axis=1)
        pieces = np.clip(np.ceil(length / spacing), 1, 200).astype(np.int64)
        of = np.repeat(np.arange(len(edges)), pieces)
        rank = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        t = (rank + 0.5) / pieces[of]
        self.points = ends[of, 0] + t[:, None] * along[of]
        self.directions = along[of] / np.maximum(length[of], 1e-300)[:, None]
        self.lengths = length[of] / pieces[of]
        self.total = float(length.sum())
        self.tree = cKDTree(self.points) if len(of) else None


class Samples:
    """Samples of an original by which it is compared with the surface of a fit.

    Attributes:
        asked, asked_normals: two (a, 3), points that look the fit up; asked_faces: (a,) where they are.
        asked_oriented: (a, 6), both together, as search trees take them.

    Args:
        corners: (m, 3 corners, 3) of the original's triangles; normals: (m, 3); seed: of the samples.
        found: samples that the fit looks up; asked: samples that look the fit up.
    """

    def __init__(self, corners: np.ndarray, normals: np.ndarray, seed: int, found: int, asked: int):
        from scipy.spatial import cKDTree

        self._corners, self._normals = corners, normals
        rng = np.random.default_rng(seed)
        points, self._face = sample_surface(corners, found, rng)
        self._tree = cKDTree(oriented(points, normals[self._face]))
        points, self.asked_faces = sample_surface(corners, asked, rng)
        self.asked, self.asked_normals = np.asfortranarray(points), np.asfortranarray(normals[self.asked_faces])
        self.asked_oriented = oriented(self.asked, self.asked_normals)

    def closest(
        self, asking: np.ndarray, order: np.ndarray | slice = slice(None), candidates: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Closest points of like orientation and the normals there, two (n, 3), of `oriented` points (n, 6).

        Args:
            order: (n,), in which neighbours follow each other, as the indices of a search tree: found faster then.
            candidates: nearest samples on whose triangles it is looked for.
        """
        near = np.empty((len(asking), candidates), np.int64)
        near[order] = self._tree.query(asking[order], np.arange(1, candidates + 1))[1]
        faces, points = self._face[near], asking[:, :3]
        face = faces[:, 0]
        found = closest_on_triangles(points, self._corners[face])
        for other in faces.T[1:]:
            also = closest_on_triangles(points, self._corners[other])
            closer = ((also - points) ** 2).sum(axis=1) < ((found - points) ** 2).sum(axis=1)
            face, found = np.where(closer, other, face), np.where(closer[:, None], also, found)
        return found, np.asfortranarray(self._normals[face])


class Target:
    """An original surface, sampled once for all fits of about a size to it.

    Args:
        vertices: (n, 3) float in the unit frame; faces: (m, 3) int, some with area.
        seed: of the samples.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, seed: int = 0):
        self.vertices, self.faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
        self.corners = self.vertices[self.faces]
        self.normals = face_normals(self.corners)[0]
        self._seed = seed
        self._samples: dict[int, Samples] = {}  # by doublings
        self._halvings = 0
        edges, angle, border = dihedral_edges(self.vertices, self.faces)
        sharp = edges[angle > SHARP_ANGLE]
        bend = np.linalg.norm(self.vertices[edges[:, 0]] - self.vertices[edges[:, 1]], axis=1) * angle
        self.sharp_share = float(bend[angle > SHARP_ANGLE].sum() / max(bend.sum(), 1e-300))  # of all its bending
        self.border = Curves(self.vertices, border)
        self.sharp = Curves(self.vertices, sharp)
        self.border_and_sharp = Curves(self.vertices, np.concatenate([border, sharp]))

    def on_one_side(self, vertices: np.ndarray, faces: np.ndarray, planes: int) -> "Target":
        """The same, but sampled on a part of the surface (m, 3), on one side of some planes, as densely as before."""
        other = copy(self)
        other.corners = vertices[faces]
        other.normals = face_normals(other.corners)[0]
        other._samples, other._halvings = {}, planes
        return other

    def samples_for(self, vertex_count: int) -> Samples:
        """Samples for control meshes of about that many vertices: the more there are, the smaller what they can fit."""
        doublings = int(np.clip(round(np.log2(max(vertex_count, 1) / FEW_VERTICES)), 0, MOST_DOUBLINGS))
        if doublings not in self._samples:
            counts = FOUND << doublings >> self._halvings, ASKED << doublings >> self._halvings
            self._samples[doublings] = Samples(self.corners, self.normals, self._seed, *counts)
        return self._samples[doublings]
