"""The 256 cases of marching cubes, traced from the contours on the six faces of a cube.

On a face with two inside corners diagonal to each other the contours always join the inside corners, so that a sheet
one sample thick has no slits where it moves from one layer to the next. The rule depends on the face alone, so the
two cubes at it agree and the surface is watertight. The contours join to closed polygons; each is cut into triangles
by diagonals that run through the cube and not along one of its faces, so that every edge of the mesh has exactly two
triangles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

CORNERS = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])  # corner 4x + 2y + z
EDGES = np.array([(a, a | bit) for bit in (4, 2, 1) for a in range(8) if not a & bit])  # 12 edges, 4 along each axis
EDGE_AXIS = np.repeat([0, 1, 2], 4)


@dataclass(frozen=True, eq=False)
class CubeCases:
    """Triangles of the cases.

    Attributes:
        start: int32 (257,): the triangles of case c are rows start[c] to start[c + 1].
        edges: int32 (n, 3): the cube edges (rows of EDGES) on which a triangle's corners lie, counter-clockwise
            seen from outside the shape. Case c has bit i set where corner i is inside.
    """

    start: np.ndarray
    edges: np.ndarray


@cache
def cube_cases() -> CubeCases:
    """The table, made at its first use (a few milliseconds)."""
    triangles = [[t for polygon in _polygons(case) for t in _triangulate(polygon)] for case in range(256)]
    start = np.concatenate([[0], np.cumsum([len(t) for t in triangles])]).astype(np.int32)
    return CubeCases(start, np.array([t for case in triangles for t in case], np.int32))


@cache
def _faces() -> list[list[int]]:
    """The corners of the six faces, counter-clockwise seen from outside the cube."""
    faces = []
    for axis in range(3):
        u, v = (4, 2, 1)[(axis + 1) % 3], (4, 2, 1)[(axis + 2) % 3]
        loop = [0, u, u | v, v]  # counter-clockwise seen from the positive side of the axis
        faces += [[c | (4, 2, 1)[axis] for c in loop], loop[::-1]]
    return faces


@cache
def _edge_of() -> dict[frozenset[int], int]:
    return {frozenset(pair): i for i, pair in enumerate(EDGES.tolist())}


@cache
def _edge_faces() -> list[frozenset[int]]:
    """The two faces at each edge."""
    return [frozenset(i for i, face in enumerate(_faces()) if set(pair) <= set(face)) for pair in EDGES.tolist()]


def _polygons(case: int) -> list[list[int]]:
    """Closed polygons of cube edges, oriented with the inside of the shape behind them."""
    outside = [not case >> corner & 1 for corner in range(8)]
    follow = {}
    for face in _faces():
        for i, corner in enumerate(face):
            if outside[corner] and not outside[face[i - 1]]:  # a run of outside corners of this face begins here
                end = i
                while outside[face[(end + 1) % 4]]:
                    end += 1
                enter = _edge_of()[frozenset((face[i - 1], corner))]
                leave = _edge_of()[frozenset((face[end % 4], face[(end + 1) % 4]))]
                follow[leave] = enter
    polygons = []
    while follow:
        first = next(iter(follow))
        polygon = [first]
        while (edge := follow.pop(polygon[-1])) != first:
            polygon.append(edge)
        polygons.append(polygon)
    return polygons


def _triangulate(polygon: list[int]) -> list[list[int]]:
    """Triangles of a polygon: no diagonal within a face of the cube, then the shortest diagonals."""
    count = len(polygon)
    best: dict[tuple[int, int], tuple[float, list[list[int]]]] = {(i, i + 1): (0.0, []) for i in range(count - 1)}
    for i, j in sorted(combinations(range(count), 2), key=lambda pair: pair[1] - pair[0]):
        if j - i > 1:
            k = min(range(i + 1, j), key=lambda k: best[i, k][0] + best[k, j][0])
            cost = best[i, k][0] + best[k, j][0] + (_diagonals()[polygon[i]][polygon[j]] if j - i < count - 1 else 0)
            best[i, j] = cost, [*best[i, k][1], *best[k, j][1], [polygon[i], polygon[k], polygon[j]]]
    return best[0, count - 1][1]


@cache
def _diagonals() -> list[list[float]]:
    """Cost of joining the middles of two cube edges: squared length, prohibitive within a face."""
    middle = (CORNERS[EDGES[:, 0]] + CORNERS[EDGES[:, 1]]) / 2
    length = ((middle[:, None] - middle) ** 2).sum(-1)
    faces = _edge_faces()
    return [[1000.0 * bool(a & b) + length[i, j] for j, b in enumerate(faces)] for i, a in enumerate(faces)]
