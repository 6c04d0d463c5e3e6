"""Equal coordinates of control vertices, which a fit keeps equal: planes across the axes, and rings.

A coordinate that repeats costs a bit or two in a record, any other one eight. Where vertices of a mechanical shape lie
in a plane across an axis, so do those of the shape that a fit approaches: only the plane itself may move.
"""

from typing import Any

import numpy as np

from .subdivide import unique_edges

EQUAL = 5e-5  # of the unit frame: how much coordinates at both ends of an edge may differ, and be equal
SAME = 1e-5  # the same for those of two planes apart


class Ties:
    """Numbers that stand for the coordinates of some vertices, less than these where some are equal.

    Attributes:
        number_of: (3n,) int, the number of each coordinate; shared: (m,) bool, which numbers are several coordinates.
    """

    def __init__(self, number_of: np.ndarray):
        import scipy.sparse as sp

        self.number_of = number_of
        self._times = np.bincount(number_of)
        self.shared = self._times > 1
        entries = np.ones(len(number_of)), (np.arange(len(number_of)), number_of)
        self._matrix = sp.csc_matrix(entries, shape=(len(number_of), len(self._times)))

    def means(self, vertices: np.ndarray) -> np.ndarray:
        """Numbers (m,) that come nearest to vertices (n, 3)."""
        return np.bincount(self.number_of, vertices.ravel()) / self._times

    def places(self, vertices: np.ndarray) -> np.ndarray:
        """Where the numbers are, (m, 3): the mean vertex of each."""
        whose = np.repeat(vertices, 3, axis=0).T
        return np.stack([np.bincount(self.number_of, c) for c in whose], axis=1) / self._times[:, None]

    def vertices(self, numbers: np.ndarray) -> np.ndarray:
        """The vertices (n, 3) of some numbers (m,)."""
        return numbers[self.number_of].reshape(-1, 3)

    def tied(self, hessian: Any, gradient: np.ndarray) -> tuple[Any, np.ndarray]:
        """A quadratic model of coordinates, H sparse (3n, 3n) and g (n, 3), as one of the numbers: CSC, and (m,)."""
        if not self.shared.any():
            return hessian, gradient.ravel()
        return self._matrix.T.tocsc() @ hessian @ self._matrix, self._matrix.T @ gradient.ravel()


def no_ties(vertex_count: int) -> Ties:
    """Every coordinate is a number of its own."""
    return Ties(np.arange(3 * vertex_count))


def equal_coordinates(vertices: np.ndarray, faces: np.ndarray, free: np.ndarray) -> Ties:
    """Ties of the coordinates that are equal along edges.

    Args:
        vertices: (n, 3) float, unit frame; faces: (m, 3) int.
        free: (n, 3) bool, which of the coordinates may be tied.
    """
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    count, edges = len(vertices), unique_edges(faces)[0]
    number_of = np.empty((count, 3), np.int64)
    start = 0
    for axis in range(3):
        value, may = vertices[:, axis], free[:, axis]
        a, b = edges[(np.abs(value[edges[:, 0]] - value[edges[:, 1]]) < EQUAL) & may[edges].all(axis=1)].T
        groups, label = connected_components(sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count)), False)
        members = np.bincount(label, minlength=groups)
        mean = np.bincount(label, value, groups) / members
        order = np.lexsort((mean, members > 1))  # those of several last, by their means
        alone = members[order] == 1
        apart = alone | np.roll(alone, 1) | (np.diff(mean[order], prepend=-np.inf) > SAME)
        rank = np.empty(groups, np.int64)
        rank[order] = np.cumsum(apart) - 1
        number_of[:, axis] = start + rank[label]
        start += int(apart.sum())
    return Ties(number_of.ravel())
