"""A fit of the whole of a mirrored control mesh, as one of the part that is stored."""

from typing import Any

import numpy as np

from .mirror import Mirrors, unfold


class Folding:
    """How the vertices of a whole control mesh follow from those of its part.

    Attributes:
        mirrors: the planes; faces: (m', 3) and creases: (k', 2) of the whole.

    Args:
        mirrors: the planes; vertices: (n, 3) of the part, unit frame; faces: (m, 3) and creases: (k, 2), None of it.
    """

    def __init__(self, mirrors: Mirrors, vertices: np.ndarray, faces: np.ndarray, creases: np.ndarray | None = None):
        self.mirrors = mirrors
        self._unfolded = unfold(vertices - mirrors.origin, faces, creases, mirrors.axes)
        self.faces, self.creases = self._unfolded.faces, self._unfolded.creases
        self._count = len(vertices)
        self._matrix = self._make_matrix() if mirrors.axes else None

    def _make_matrix(self) -> Any:
        """Sparse (3 n', 3 n): coordinates of the whole from those of the part, counted from the planes."""
        import scipy.sparse as sp

        rows, axes = np.nonzero(self._unfolded.signs)
        columns = 3 * self._unfolded.source[rows] + axes
        entries = self._unfolded.signs[rows, axes].astype(float), (3 * rows + axes, columns)
        return sp.csr_matrix(entries, shape=(self._unfolded.signs.size, 3 * self._count))

    def whole(self, part: np.ndarray) -> np.ndarray:
        """All vertices (n', 3), unit frame, from those of the part (n, 3), counted from the planes."""
        return self._unfolded.vertices(part) + self.mirrors.origin

    def part(self, whole: np.ndarray) -> np.ndarray:
        """Vertices (n, 3) of the part, counted from the planes, from all of them (n', 3), unit frame."""
        return (whole[:self._count] - self.mirrors.origin) * np.abs(self._unfolded.signs[:self._count])

    def folded(self, hessian: Any, gradient: np.ndarray) -> tuple[Any, np.ndarray]:
        """A quadratic model V'HV - 2 g'V of all vertices as one of the part's, counted from the planes.

        Args:
            hessian: sparse (3 n', 3 n') CSC; gradient: (n', 3).
        Returns:
            H (3 n, 3 n) CSC, positive definite where the given one is, and g (n, 3).
        """
        import scipy.sparse as sp

        if any(self.mirrors.places):
            gradient = gradient - (hessian @ np.tile(self.mirrors.origin, len(gradient))).reshape(-1, 3)
        if self._matrix is None:
            return hessian, gradient
        folded = (self._matrix.T @ hessian @ self._matrix).tocsc()
        free = folded.diagonal()
        held = np.where(free > 0, 0.0, free.mean())  # coordinates on a plane: they are 0
        return (folded + sp.diags(held)).tocsc(), (self._matrix.T @ gradient.ravel()).reshape(-1, 3)
