"""Predictions of a Gaussian Markov field on a mesh's connectivity, in fixed point.

The field's precision is W'W + C * LAPLACIAN, W the umbrella operator (vertex minus the mean of its neighbours) and C
the graph Laplacian. Vertices are eliminated in reverse coding order; the row of the factor that belongs to a vertex
then holds the weights of its conditional mean given the vertices before it, and the pivot its conditional precision.
All of it is int64 arithmetic with floor shifts, so that every machine predicts alike.
"""

from math import isqrt
from typing import NamedTuple

import numpy as np

from .kernel import Flat, Mode, entry, kernel, subtract_outer, zeros
from .surroundings import Graph

BITS = 20  # fixed-point fraction of weights and precisions
ONE = 1 << BITS
LAPLACIAN = ONE // 1000  # weight of the graph Laplacian
RIDGE = ONE >> 16
DROP = 12  # weights below 2**-DROP are dropped
MAX_VERTICES = 6144  # of a connected part
MAX_ENTRIES = 1 << 21  # products of two neighbours, over all vertices of a part
MAX_WORK = 1 << 27  # matrix entries updated, in a part
MAX_RECORD_WORK = 1 << 31  # likewise, in a record


class TooDense(ValueError):
    """The field does not suit the mesh: too large a part, or too many neighbours."""


class Conditionals(NamedTuple):
    """Weights of the conditional mean of every vertex given those before it, fixed point with BITS bits.

    Attributes:
        first, count: where the row of each vertex begins in `before` and `weights`, and how long it is.
        before: earlier vertices.
        weights: theirs.
        pivots: conditional precision of each vertex.
    """

    first: Flat
    count: Flat
    before: Flat
    weights: Flat
    pivots: Flat


@entry
def label_parts(first: Flat, near: Flat, label: Flat, queue: Flat) -> int:
    """Number the connected parts in the order of their first vertices, into `label`; returns how many there are."""
    count = len(first) - 1
    for v in range(count):
        label[v] = -1
    parts = 0
    for start in range(count):
        if label[start] >= 0:
            continue
        label[start] = parts
        queue[0] = start
        at, end = 0, 1
        while at < end:
            v = queue[at]
            at += 1
            for k in range(first[v], first[v + 1]):
                w = near[k]
                if label[w] < 0:
                    label[w] = parts
                    queue[end] = w
                    end += 1
        parts += 1
    return parts


@kernel
def _images(here: int, there: int) -> int:
    """How often a neighbour counts: with its images at the planes (bits) on which this vertex lies and it does not."""
    apart = here & ~there
    return 1 << (apart & 1) + (apart >> 1 & 1) + (apart >> 2 & 1)


@entry
def fill_precision(first: Flat, near: Flat, planes: Flat, members: Flat, rank: Flat, matrix: Flat) -> None:
    """Write the precision matrix of a part, flat: its vertices `members`, each with a `rank` there."""
    n = len(members)
    for i in range(n):
        v = members[i]
        row = zeros(n)
        degree = first[v + 1] - first[v]
        for k in range(first[v], first[v + 1]):
            row[rank[near[k]]] -= LAPLACIAN
        row[i] += RIDGE + LAPLACIAN * degree
        # all products of this vertex' entry with others, in its own row of W and in those of its neighbours
        for k in range(first[v], first[v + 1] + 1):
            centre = near[k] if k < first[v + 1] else v
            here = planes[centre]
            around = first[centre + 1] - first[centre]
            if here:
                around = 0
                for j in range(first[centre], first[centre + 1]):
                    around += _images(here, planes[near[j]])
            share = -(ONE // around)
            mine = ONE if centre == v else share * _images(here, planes[v])
            mine >>= (here & 1) + (here >> 1 & 1) + (here >> 2 & 1)  # in the whole there are fewer such rows
            step = mine * share >> BITS
            for j in range(first[centre], first[centre + 1]):
                row[rank[near[j]]] += step * _images(here, planes[near[j]]) if here else step
            row[rank[centre]] += mine * ONE >> BITS
        matrix[i * n : i * n + n] = row


@entry
def eliminate(matrix: Flat, n: int, found: Conditionals) -> bool:
    """Factor a precision matrix (int64, flat), which is overwritten, from the last vertex to the first.

    Args:
        matrix: n * n entries.
        found: Conditionals of the part, with room for all entries; filled from vertex n - 1 on.

    Returns:
        Whether the work was within bounds.
    """
    at = work = 0
    for k in range(n - 1, -1, -1):
        row = matrix[k * n : k * n + k]
        before = np.flatnonzero(row)
        entries = row[before]
        pivot = max(1, int(matrix[k * n + k]))
        small = np.abs(entries) < pivot >> DROP
        if small.any():
            dropped, left_out = before[small], np.abs(entries[small])
            matrix[dropped * (n + 1)] += left_out  # keeps the matrix positive definite
            pivot += int(left_out.sum())
            before, entries = before[~small], entries[~small]
        weights = (entries << BITS) // pivot
        subtract_outer(matrix, n, before, weights, entries, BITS)
        count = len(before)
        found.first[k] = at
        found.count[k] = count
        found.before[at : at + count] = before
        found.weights[at : at + count] = -weights
        found.pivots[k] = pivot
        at += count
        work += count * count
        if work > MAX_WORK:
            return False
    return True


def connected_parts(mode: Mode, graph: Graph) -> list[np.ndarray]:
    """The connected parts of a graph, each as sorted int64 vertices, in order of their first vertices."""
    n = len(graph.first) - 1
    label = mode.blank(n)
    count = mode(label_parts)(mode.sequence(graph.first), mode.sequence(graph.near), label, mode.blank(n))
    labels = np.asarray(label, np.int64)
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _of_part(mode: Mode, first: Flat, near: Flat, planes: Flat, members: np.ndarray, ranks: Flat) -> Conditionals:
    """The field of a connected part, its vertices numbered by `ranks`.

    Raises:
        TooDense: when it would take too much time.
    """
    size = len(members)
    matrix = np.zeros(size * size, np.int64)
    if size > 1:
        mode(fill_precision)(first, near, planes, mode.sequence(members), ranks, matrix)
    else:  # a vertex by itself
        matrix[0] = RIDGE
    room = min(size * (size - 1) // 2, isqrt(size * MAX_WORK) + size)  # by Cauchy and Schwarz, and the last row
    part = Conditionals(
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(size, np.int64),
    )
    if not mode(eliminate)(matrix, size, part):
        raise TooDense
    return part


def conditionals(mode: Mode, graph: Graph, planes: Flat) -> Conditionals:
    """The field of a mesh, as sequences of the mode.

    Args:
        planes: of each vertex, bits of the mirror planes on which it lies.

    Raises:
        TooDense: when it would take too much memory or time.
    """
    n = len(graph.first) - 1
    degree = np.diff(graph.first)
    first, near = mode.sequence(graph.first), mode.sequence(graph.near)
    parts = connected_parts(mode, graph) if n else []
    rank = np.zeros(n, np.int64)
    for members in parts:
        rank[members] = np.arange(len(members))
    ranks = mode.sequence(rank)
    first_of, count_of, pivots = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    before, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    entries = work = 0
    for members in parts:
        size = len(members)
        if size > MAX_VERTICES or ((degree[members] + 1) ** 2).sum() > MAX_ENTRIES:
            raise TooDense
        part = _of_part(mode, first, near, planes, members, ranks)
        work += int((part.count**2).sum())
        if work > MAX_RECORD_WORK:
            raise TooDense
        used = int(part.count.sum())
        first_of[members] = part.first + entries
        count_of[members] = part.count
        pivots[members] = part.pivots
        before.append(members[part.before[:used]])
        weights.append(part.weights[:used])
        entries += used
    flat = mode.sequence
    return Conditionals(
        flat(first_of), flat(count_of), flat(np.concatenate(before)), flat(np.concatenate(weights)), flat(pivots)
    )
