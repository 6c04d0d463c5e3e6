"""Coding of crease edges: a flag an edge, told by the dihedral angle and the creases that its ends have so far."""

from math import isqrt

import numpy as np

from .mixing import Coder, Decision, Mixer

_ANGLES = 16
_ENDS = 9

CREASE = Decision("crease", (_ANGLES, _ANGLES * _ENDS, _ENDS))
DECISIONS = (CREASE,)
ANY = 1 << 14  # probability, of 2**16, that a record has creases


def edge_list(faces: np.ndarray) -> np.ndarray:
    """The undirected edges of the triangles, int64 (k, 2), sorted."""
    return np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0).reshape(-1, 2)


def code_creases(coder: Coder, mixer: Mixer, positions: np.ndarray, faces: np.ndarray,
                 creases: np.ndarray | None) -> np.ndarray:
    """Code which edges of a mesh are creases.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        positions: int64 (n, 3).
        faces: int64 (m, 3).
        creases: int64 (k, 2), sorted pairs of vertices, when encoding.

    Returns:
        int64 (k, 2), a row for each crease.
    """
    flagged = None if creases is None else set(map(tuple, creases.tolist()))
    if not coder.code(None if flagged is None else int(bool(flagged)), ANY):
        return np.zeros((0, 2), np.int64)
    around: dict[tuple[int, int], list[int]] = {}
    for k, (a, b, c) in enumerate(faces.tolist()):
        for edge in ((a, b), (b, c), (c, a)):
            around.setdefault(edge if edge[0] < edge[1] else edge[::-1], []).append(k)
    normals = _normals(positions.tolist(), faces.tolist())
    at = [0] * len(positions)
    found = []
    for edge in map(tuple, edge_list(faces).tolist()):
        a, b = edge
        angle = _angle_class(normals, around[edge])
        ends = min(at[a], 2) * 3 + min(at[b], 2)
        if mixer.code(coder, CREASE, (angle, angle * _ENDS + ends, ends),
                      None if flagged is None else int(edge in flagged)):
            found.append(edge)
            at[a] += 1
            at[b] += 1
    return np.array(found, np.int64).reshape(-1, 2)


def _normals(x: list[list[int]], faces: list[list[int]]) -> list[tuple[int, int, int]]:
    normals = []
    for a, b, c in faces:
        u = [x[b][d] - x[a][d] for d in range(3)]
        v = [x[c][d] - x[a][d] for d in range(3)]
        normals.append((u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]))
    return normals


def _angle_class(normals: list[tuple[int, int, int]], triangles: list[int]) -> int:
    """Class of the dihedral angle by its cosine, in unbounded integers; 14: no angle, 15: not two triangles."""
    if len(triangles) != 2:
        return _ANGLES - 1
    m, n = normals[triangles[0]], normals[triangles[1]]
    length = isqrt(sum(v * v for v in m) * sum(v * v for v in n))
    if length == 0:
        return _ANGLES - 2
    cosine = max(-255, min(256, 256 * sum(a * b for a, b in zip(m, n, strict=True)) // length))
    return min(13, isqrt((256 - cosine) * 2) // 2)
