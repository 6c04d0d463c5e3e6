"""What is known about the neighbourhood of each vertex from the connectivity alone, in NumPy."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Graph:
    """The edges of a mesh of n vertices.

    Attributes:
        first: int64 (n + 1,), where the neighbours of each vertex begin.
        near: int64, sorted neighbours of all vertices.
    """

    first: np.ndarray
    near: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """The undirected edges, int64 (k, 2), sorted, the smaller vertex first."""
        ends = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        once = ends < self.near
        return np.stack([ends[once], self.near[once]], axis=1)


def graph(faces: np.ndarray, count: int) -> Graph:
    """The edges of triangles on `count` vertices."""
    a, b = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    keys = np.sort(np.concatenate([a * count + b, b * count + a]))
    keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
    return Graph(np.searchsorted(keys, np.arange(count + 1) * count), keys % max(count, 1))


def parallelograms(faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex the triples (a, b, opposite) of earlier vertices that make a parallelogram with it.

    A directed edge that several triangles have counts for the last of them. The triples of a vertex are in the order
    in which the edges come first.

    Returns:
        first: int64 (count + 1,), where the triples of each vertex begin; triples: int64 (k, 3).
    """
    starts, ends, apexes = faces.ravel(), faces[:, [1, 2, 0]].ravel(), faces[:, [2, 0, 1]].ravel()
    keys = starts * count + ends
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    fresh = np.ones(len(keys), bool)
    fresh[1:] = ranked[1:] != ranked[:-1]
    head = np.flatnonzero(fresh)
    unique, foremost = ranked[head], order[head]
    apex = apexes[order[np.append(head[1:], len(keys)) - 1]] if len(keys) else apexes
    a, b = unique // max(count, 1), unique % max(count, 1)
    back = b * count + a
    at = np.minimum(np.searchsorted(unique, back), max(len(unique) - 1, 0))
    opposite = np.where(unique[at] == back, apex[at], count)
    whole = np.flatnonzero((apex > a) & (apex > b) & (opposite < apex))
    whole = whole[np.lexsort((foremost[whole], apex[whole]))]
    first = np.searchsorted(apex[whole], np.arange(count + 1))
    return first, np.stack([a[whole], b[whole], opposite[whole]], axis=1)


def border_vertices(faces: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` vertices have an edge of exactly one triangle: int64 (count,), 1 or 0."""
    ends = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    keys, times = np.unique(ends @ [max(count, 1), 1], return_counts=True)
    single = keys[times == 1]
    found = np.zeros(count, np.int64)
    found[single // max(count, 1)] = found[single % max(count, 1)] = 1
    return found
