"""The original as the fit sees it: samples, normals, search trees, and the curves that must be kept."""

from copy import copy
from functools import cached_property

import numpy as np

from .subdivide import unique_edges
from .triangles import TriangleTree, face_normals, sample_surface

NORMAL_WEIGHT = 0.015  # length of a unit normal in the closest-point search: keeps both sides of thin parts apart
SHARP_ANGLE = 40.0  # degrees between the normals of two faces from which their edge is a feature
FOUND, ASKED = 40000, 15000  # samples that fits look up, and that look them up
THREADS = 2  # of large queries: the rest of a fit takes one, and models are fitted side by side
FEW_VERTICES = 220  # of control meshes, for which these do
MOST_DOUBLINGS, MOST_HALVINGS = 4, 2  # times that they double with the vertices, and halve


def oriented(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(n, 6): points (n, 3) with their normals, so that those nearest are on the same side of a thin part."""
    return np.hstack([points, NORMAL_WEIGHT * normals])


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
        rng = np.random.default_rng(seed)
        points, self._triangles = sample_surface(corners, found, rng)
        self._oriented = oriented(points, normals[self._triangles])
        points, self.asked_faces = sample_surface(corners, asked, rng)
        self.asked, self.asked_normals = np.asfortranarray(points), np.asfortranarray(normals[self.asked_faces])
        self.asked_oriented = oriented(self.asked, self.asked_normals)

    @cached_property
    def _tree(self):
        from scipy.spatial import cKDTree

        return cKDTree(self._oriented)

    def nearest(self, asking: np.ndarray) -> np.ndarray:
        """The original's triangles (n,) of the samples nearest to `oriented` points (n, 6)."""
        return self._triangles[self._tree.query(asking, workers=THREADS)[1]]


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
        self._tree: TriangleTree | None = None
        edges, angle, border = dihedral_edges(self.vertices, self.faces)
        sharp = edges[angle > SHARP_ANGLE]
        bend = np.linalg.norm(self.vertices[edges[:, 0]] - self.vertices[edges[:, 1]], axis=1) * angle
        self.sharp_share = float(bend[angle > SHARP_ANGLE].sum() / max(bend.sum(), 1e-300))  # of all its bending
        self.border = Curves(self.vertices, border)
        self.sharp = Curves(self.vertices, sharp)
        self.border_and_sharp = Curves(self.vertices, np.concatenate([border, sharp]))

    @property
    def tree(self) -> TriangleTree:
        """Of its triangles."""
        if self._tree is None:
            self._tree = TriangleTree(self.corners)
        return self._tree

    def on_one_side(self, vertices: np.ndarray, faces: np.ndarray, planes: int) -> "Target":
        """The same, but sampled on a part of the surface (m, 3), on one side of some planes, as densely as before."""
        other = copy(self)
        other.corners = vertices[faces]
        other.normals = face_normals(other.corners)[0]
        other._samples, other._halvings, other._tree = {}, planes, None
        return other

    def samples_for(self, vertex_count: float) -> Samples:
        """Samples for control meshes of about that many vertices: the more there are, the smaller what they can fit."""
        doublings = round(np.log2(max(vertex_count, 1) / FEW_VERTICES))
        doublings = int(np.clip(doublings, -MOST_HALVINGS, MOST_DOUBLINGS))
        if doublings not in self._samples:
            power = 2.0 ** (doublings - self._halvings)
            counts = int(FOUND * power), int(ASKED * power)
            self._samples[doublings] = Samples(self.corners, self.normals, self._seed, *counts)
        return self._samples[doublings]
