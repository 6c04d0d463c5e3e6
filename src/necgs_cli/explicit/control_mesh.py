"""A control mesh: integers that stand for a surface."""

from dataclasses import dataclass

import numpy as np

from .mirror import WHOLE, Mirrors, unfold
from .subdivide import subdivide

SMOOTH, CREASED, PLAIN = "smooth", "creased", "plain"
KINDS = (SMOOTH, CREASED, PLAIN)
LEVELS = 2


@dataclass(frozen=True, eq=False)
class ControlMesh:
    """What a record of an explicit kind holds: vertices on a grid, triangles, creases, and what they mean."""

    positions: np.ndarray  # (n, 3) integers, in steps of the grid, around the origin of `mirrors`
    faces: np.ndarray  # (m, 3) int64
    creases: np.ndarray | None  # (k, 2) int64 vertex pairs; None but for CREASED
    kind: str  # SMOOTH and CREASED: two Loop steps; PLAIN: the triangles themselves
    grid: int  # step = 2 ** (-grid / 2), half bits
    mirrors: Mirrors = WHOLE  # which complete it, before it is subdivided
    single: np.ndarray | None = None  # (n,) bool: the vertices of connected parts that these leave alone

    @property
    def step(self) -> float:
        """The grid's step in the unit frame."""
        return grid_step(self.grid)

    @property
    def vertices(self) -> np.ndarray:
        """(n, 3) float64 in the unit frame."""
        return self.positions * self.step + self.mirrors.origin

    def whole(self) -> "ControlMesh":
        """The same surface without mirrors; itself, where it has none."""
        if not self.mirrors.axes:
            return self
        unfolded = unfold(self.positions, self.faces, self.creases, self.mirrors.axes, self.single)
        positions = unfolded.vertices(self.positions.astype(np.int64))
        creases = None if self.creases is None else unfolded.creases
        return ControlMesh(positions, unfolded.faces, creases, self.kind, self.grid, Mirrors((), self.mirrors.places))

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """The surface that it stands for: vertices (n', 3) float64 in the unit frame, faces (m', 3) int64."""
        whole = self.whole()
        if self.kind == PLAIN:
            return whole.vertices, np.asarray(whole.faces, np.int64)
        return subdivide(whole.vertices, whole.faces, whole.creases, LEVELS)


def grid_step(grid: int) -> float:
    """Step of a grid in the unit frame: 2 ** (-grid / 2)."""
    return 2.0 ** -(grid // 2) * (0.7071067811865476 if grid % 2 else 1.0)
