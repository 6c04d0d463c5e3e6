"""Predictions of a Gaussian Markov field on a mesh's connectivity, in fixed point.

The field's precision is W'W + C * LAPLACIAN, W the umbrella operator (vertex minus the mean of its neighbours) and C
the graph Laplacian. Vertices are eliminated in reverse coding order; the row of the factor that belongs to a vertex
then holds the weights of its conditional mean given the vertices before it, and the pivot its conditional precision.
All of it is int64 arithmetic with floor shifts, so that every machine predicts alike.
"""

from collections.abc import Sequence

import numpy as np

BITS = 20  # fixed-point fraction of weights and precisions
ONE = 1 << BITS
LAPLACIAN = ONE // 1000  # weight of the graph Laplacian
RIDGE = ONE >> 16
DROP = 12  # weights below 2**-DROP are dropped
MAX_VERTICES = 2048  # of a connected part
MAX_ENTRIES = 1 << 21  # products of two neighbours, over all vertices of a part
MAX_WORK = 1 << 27  # matrix entries updated, in a part
MAX_RECORD_WORK = 1 << 31  # likewise, in a record


class TooDense(ValueError):
    """The field does not suit the mesh: too large a part, or too many neighbours."""


def precision(neighbours: Sequence[np.ndarray]) -> np.ndarray:
    """Precision matrix of the field.

    Args:
        neighbours: for each of n vertices, the int64 indices of its neighbours.

    Returns:
        int64 (n, n), fixed point with BITS fraction bits.
    """
    n = len(neighbours)
    degree = np.array([len(near) for near in neighbours], np.int64)
    matrix = np.zeros(n * n, np.int64)
    own = np.arange(n)
    matrix[own * n + own] = RIDGE + LAPLACIAN * degree
    near = np.concatenate(neighbours) if n else own
    centre = np.repeat(own, degree)
    matrix[centre * n + near] -= LAPLACIAN
    # the row of W of each vertex: its neighbours, then itself
    row_of = np.concatenate([centre, own])
    column = np.concatenate([near, own])
    share = -(ONE // np.maximum(degree, 1))
    value = np.concatenate([share[centre], np.where(degree > 0, ONE, 0)])
    sort = np.argsort(row_of, kind="stable")
    row_of, column, value = row_of[sort], column[sort], value[sort]
    # all pairs of entries of a row
    size = degree + 1
    first = np.cumsum(size) - size
    left = np.repeat(np.arange(len(row_of)), size[row_of])
    step = np.arange(len(left)) - np.repeat(np.cumsum(size[row_of]) - size[row_of], size[row_of])
    right = first[row_of[left]] + step
    np.add.at(matrix, column[left] * n + column[right], value[left] * value[right] >> BITS)
    return matrix.reshape(n, n)


def conditionals(neighbours: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Weights of the conditional mean of every vertex given those before it.

    Args:
        neighbours: for each of the n vertices, in coding order, the int64 indices of its neighbours.

    Returns:
        For each vertex (earlier vertices, their weights, its conditional precision), fixed point with BITS bits.

    Raises:
        TooDense: when it would take too much memory or time.
    """
    found: list = [None] * len(neighbours)
    spent = 0
    for part in connected_parts(neighbours):
        if len(part) > MAX_VERTICES:
            raise TooDense
        rank = {v: k for k, v in enumerate(part.tolist())}
        local = [np.array([rank[j] for j in neighbours[i].tolist()], np.int64) for i in part.tolist()]
        if sum((len(a) + 1) ** 2 for a in local) > MAX_ENTRIES:
            raise TooDense
        rows, work = _eliminate(precision(local))
        spent += work
        if spent > MAX_RECORD_WORK:
            raise TooDense
        for i, (before, weights, pivot) in zip(part.tolist(), rows, strict=True):
            found[i] = part[before], weights, pivot
    return found


def _eliminate(matrix: np.ndarray) -> tuple[list[tuple[np.ndarray, np.ndarray, int]], int]:
    """Factor a precision matrix, which is overwritten, from the last vertex to the first; rows, and work done."""
    found, work, n = [], 0, len(matrix)
    flat = matrix.reshape(-1)
    for k in range(n - 1, -1, -1):
        row = matrix[k, :k]
        before = np.flatnonzero(row)
        entries = row[before]
        pivot = max(1, int(matrix[k, k]))
        small = np.abs(entries) < pivot >> DROP
        if small.any():
            dropped, left_out = before[small], np.abs(entries[small])
            matrix[dropped, dropped] += left_out  # keeps the matrix positive definite
            pivot += int(left_out.sum())
            before, entries = before[~small], entries[~small]
        weights = (entries << BITS) // pivot
        flat[(before * n)[:, None] + before] -= weights[:, None] * entries >> BITS
        found.append((before, -weights, pivot))
        work += len(before) ** 2
        if work > MAX_WORK:
            raise TooDense
    return found[::-1], work


def connected_parts(neighbours: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The connected parts of a graph, each as sorted int64 vertices, in order of their first vertices."""
    lists = [a.tolist() for a in neighbours]
    label = [-1] * len(lists)
    parts: list[np.ndarray] = []
    for first in range(len(lists)):
        if label[first] >= 0:
            continue
        label[first] = len(parts)
        part = [first]
        for v in part:
            for w in lists[v]:
                if label[w] < 0:
                    label[w] = len(parts)
                    part.append(w)
        parts.append(np.array(sorted(part), np.int64))
    return parts
