"""A fit of a whole control mesh, as one of the vertices that are stored: without images and copies of them."""

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from .mirror import Mirrors, unfold
from .repeats import Copied, none_of


class Folding:
    """How the vertices of a whole control mesh follow from the different ones: by copies, and then by images.

    Attributes:
        mirrors: the planes; faces: (m', 3) and creases: (k', 2) of the whole.

    Args:
        mirrors: the planes; vertices: (n, 3) the different ones, unit frame; part: what they are with their copies.
        single: (n,) bool, which of the vertices have no images; None: all have.
    """

    def __init__(self, mirrors: Mirrors, vertices: np.ndarray, part: Copied, single: np.ndarray | None = None):
        self.mirrors, self._count, self._part = mirrors, len(vertices), part
        before = (vertices - mirrors.origin)[part.source] + part.shift
        alone = None if single is None else single[part.source]
        self._unfolded = unfold(before, part.faces, part.creases, mirrors.axes, alone)
        self.faces, self.creases = self._unfolded.faces, self._unfolded.creases
        self._matrix = self._make_matrix() if mirrors.axes or len(part.source) > len(vertices) else None

    def _make_matrix(self) -> Any:
        """Sparse (3 n', 3 n): coordinates of the whole from those of the different vertices, but for a constant."""
        import scipy.sparse as sp

        rows, axes = np.nonzero(self._unfolded.signs)
        columns = 3 * self._part.source[self._unfolded.source[rows]] + axes
        entries = self._unfolded.signs[rows, axes].astype(float), (3 * rows + axes, columns)
        return sp.csc_matrix(entries, shape=(self._unfolded.signs.size, 3 * self._count))

    def on_grid(self, step: float) -> "Folding":
        """The same with copies at distances that a grid has."""
        other = copy(self)
        other._part = replace(self._part, shift=np.rint(self._part.shift / step) * step)
        return other

    def with_copies(self, integers: np.ndarray, step: float) -> np.ndarray:
        """All vertices on one side of the planes, (n'', 3) integers, from the different ones (n, 3)."""
        return self._part.on_grid(integers, step)

    def whole(self, different: np.ndarray) -> np.ndarray:
        """All vertices (n', 3), unit frame, from the different ones (n, 3), counted from the planes."""
        return self._unfolded.vertices(different[self._part.source] + self._part.shift) + self.mirrors.origin

    def as_images(self, values: np.ndarray) -> np.ndarray:
        """Values (n',) of all vertices, of which those on the other side of the planes take their sources'."""
        return values[self._unfolded.source]

    def different(self, whole: np.ndarray) -> np.ndarray:
        """The different vertices (n, 3), counted from the planes, from all of them (n', 3), unit frame."""
        return (whole[: self._count] - self.mirrors.origin) * np.abs(self._unfolded.signs[: self._count])

    @property
    def free(self) -> np.ndarray:
        """Which coordinates (n, 3) of the different vertices may be other than nought: not those on the planes."""
        return self._unfolded.signs[: self._count] != 0

    def folded(self, hessian: Any, gradient: np.ndarray) -> tuple[Any, np.ndarray]:
        """A quadratic model V'HV - 2 g'V of all vertices as one of the different ones, counted from the planes.

        Args:
            hessian: sparse (3 n', 3 n') CSC; gradient: (n', 3).
        Returns:
            H (3 n, 3 n) CSC, positive definite where the given one is, and g (n, 3).
        """
        import scipy.sparse as sp

        constant = self.whole(np.zeros((self._count, 3)))
        if constant.any():
            gradient = gradient - (hessian @ constant.ravel()).reshape(-1, 3)
        if self._matrix is None:
            return hessian, gradient
        folded = self._matrix.T.tocsc() @ hessian @ self._matrix
        free = folded.diagonal()
        held = np.where(free > 0, 0.0, free.mean())  # coordinates on a plane: they are 0
        return (folded + sp.diags(held)).tocsc(), (self._matrix.T @ gradient.ravel()).reshape(-1, 3)


def whole_folding(mirrors: Mirrors, vertices: np.ndarray, faces: np.ndarray) -> Folding:
    """Of a mesh without copies: vertices (n, 3), unit frame; faces (m, 3)."""
    return Folding(mirrors, vertices, none_of(len(vertices)).copied(faces))
