"""Coding of crease edges: a flag an edge, told by the dihedral angle and the creases that its ends have so far."""

import numpy as np

from .arithmetic import STATUS, check, code, too_wide
from .decisions import ANGLES, CREASE, ENDS
from .kernel import Flat, Mode, entry, isqrt, isqrt_of_product, kernel
from .mixing import Stream, mix
from .surroundings import Graph

ANY = 1 << 14  # probability, of 2**16, that a record has creases
_EXACT_NORMAL = 1 << 26


@kernel
def _angle_class(registers: Flat, normals: Flat, m: int, n: int) -> int:
    """Class of the dihedral angle of triangles m and n by its cosine; ANGLES - 2: one has no area."""
    mx, my, mz = normals[3 * m], normals[3 * m + 1], normals[3 * m + 2]
    nx, ny, nz = normals[3 * n], normals[3 * n + 1], normals[3 * n + 2]
    if too_wide(registers, max(abs(mx), abs(my), abs(mz), abs(nx), abs(ny), abs(nz)), _EXACT_NORMAL):
        return ANGLES - 2
    size = isqrt_of_product(mx * mx + my * my + mz * mz, nx * nx + ny * ny + nz * nz)
    if size == 0:
        return ANGLES - 2
    cosine = max(-255, min(256, 256 * (mx * nx + my * ny + mz * nz) // size))
    return min(ANGLES - 3, isqrt((256 - cosine) * 2) // 2)


@entry
def fill_normals(x: Flat, faces: Flat, normals: Flat) -> None:
    """Cross products of two sides of each triangle, not scaled, into `normals`."""
    for k in range(0, len(faces), 3):
        a, b, c = 3 * faces[k], 3 * faces[k + 1], 3 * faces[k + 2]
        ux, uy, uz = x[b] - x[a], x[b + 1] - x[a + 1], x[b + 2] - x[a + 2]
        vx, vy, vz = x[c] - x[a], x[c + 1] - x[a + 1], x[c + 2] - x[a + 2]
        normals[k] = uy * vz - uz * vy
        normals[k + 1] = uz * vx - ux * vz
        normals[k + 2] = ux * vy - uy * vx


@entry
def code_flags(stream: Stream, normals: Flat, edges: Flat, triangles: Flat, at: Flat, flags: Flat) -> None:
    """Code whether each edge is a crease.

    Args:
        stream: where the bits go to or come from.
        normals: 3 for each triangle; edges: 2 vertices each, sorted.
        triangles: the two of each edge, or -1 twice when there are other than two.
        at: zeros, one for each vertex.
        flags: of each edge, to write, or to fill.
    """
    for k in range(len(flags)):
        a, b = edges[2 * k], edges[2 * k + 1]
        if triangles[2 * k] < 0:
            angle = ANGLES - 1
        else:
            angle = _angle_class(stream.registers, normals, triangles[2 * k], triangles[2 * k + 1])
        ends = min(at[a], 2) * 3 + min(at[b], 2)
        flag = mix(stream, CREASE, 0, angle, angle * ENDS + ends, ends, 0, 0, 0, flags[k])
        flags[k] = flag
        at[a] += flag
        at[b] += flag
        if stream.registers[STATUS]:
            return


def code_creases(
    mode: Mode, stream: Stream, positions: np.ndarray, faces: np.ndarray, graph: Graph, creases: np.ndarray | None
) -> np.ndarray:
    """Code which edges of a mesh are creases.

    Args:
        mode: how to run; stream: where the bits go to or come from.
        positions: int64 (n, 3); faces: int64 (m, 3); graph: their edges.
        creases: int64 (k, 2), sorted pairs of vertices, when encoding.

    Returns:
        int64 (k, 2), a row for each crease.

    Raises:
        DamagedRecord, Retry: as from `arithmetic.check`.
    """
    any_crease = 0 if creases is None else int(len(creases) > 0)
    if not mode(code)(stream.registers, stream.data, any_crease, ANY):
        return np.zeros((0, 2), np.int64)
    edges, n = graph.edges, max(len(positions), 1)
    keys = edges @ [n, 1]
    flags = np.zeros(len(edges), np.int64) if creases is None else np.isin(keys, creases @ [n, 1]).astype(np.int64)
    corners, coded = mode.sequence(faces.ravel()), mode.sequence(flags)
    normals = mode.blank(faces.size)
    mode(fill_normals)(mode.sequence(positions.ravel()), corners, normals)
    mode(code_flags)(
        stream,
        normals,
        mode.sequence(edges.ravel()),
        mode.sequence(_two_triangles(keys, faces, n)),
        mode.blank(n),
        coded,
    )
    check(stream.registers)
    return edges[np.array(coded, bool)]


def _two_triangles(keys: np.ndarray, faces: np.ndarray, n: int) -> np.ndarray:
    """The triangles of each edge that has exactly two, -1 twice for others; flat."""
    sides = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1) @ [n, 1]
    order = np.argsort(sides, kind="stable")
    first = np.searchsorted(sides[order], np.append(keys, n * n))
    both = np.full((len(keys), 2), -1, np.int64)
    two = np.flatnonzero(np.diff(first) == 2)
    both[two] = order[first[two][:, None] + [0, 1]] // 3
    return both.ravel()
