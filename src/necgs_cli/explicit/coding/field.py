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


def precision(neighbours: Sequence[np.ndarray]) -> np.ndarray:
    """Precision matrix of the field.

    Args:
        neighbours: for each of n vertices, the int64 indices of its neighbours.

    Returns:
        int64 (n, n), fixed point with BITS fraction bits.
    """
    n = len(neighbours)
    matrix = np.zeros((n, n), np.int64)
    for i, near in enumerate(neighbours):
        degree = len(near)
        if degree == 0:
            continue
        star = np.append(near, i)
        row = np.full(degree + 1, -(ONE // degree), np.int64)
        row[-1] = ONE
        matrix[np.ix_(star, star)] += row[:, None] * row >> BITS
        matrix[i, near] -= LAPLACIAN
        matrix[i, i] += LAPLACIAN * degree
    matrix[np.arange(n), np.arange(n)] += RIDGE
    return matrix


def conditionals(neighbours: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Weights of the conditional mean of every vertex given those before it.

    Args:
        neighbours: for each of n <= MAX_VERTICES vertices in coding order, the int64 indices of its neighbours.

    Returns:
        For each vertex (earlier vertices, their weights, its conditional precision), fixed point with BITS bits.
    """
    matrix = precision(neighbours)
    found = []
    for k in range(len(neighbours) - 1, -1, -1):
        row = matrix[k, :k]
        before = np.flatnonzero(row)
        entries = row[before]
        small = np.abs(entries) < int(matrix[k, k]) >> DROP
        dropped, left_out = before[small], np.abs(entries[small])
        matrix[dropped, dropped] += left_out  # keeps the matrix positive definite
        pivot = int(matrix[k, k]) + int(left_out.sum())
        before, entries = before[~small], entries[~small]
        weights = (entries << BITS) // pivot
        matrix[before[:, None], before] -= weights[:, None] * entries >> BITS
        found.append((before, -weights, pivot))
    return found[::-1]


def affordable(degrees: np.ndarray) -> bool:
    """Whether a part with these numbers of neighbours may use the field."""
    return len(degrees) <= MAX_VERTICES and int(((degrees.astype(np.int64) + 1) ** 2).sum()) <= MAX_ENTRIES
