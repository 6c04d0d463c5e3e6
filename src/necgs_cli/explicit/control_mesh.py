"""A control mesh: integers that stand for a surface."""

from dataclasses import dataclass

import numpy as np

from .subdivide import subdivide

SMOOTH, CREASED, PLAIN = "smooth", "creased", "plain"
KINDS = (SMOOTH, CREASED, PLAIN)
LEVELS = 2


@dataclass(frozen=True, eq=False)
class ControlMesh:
    """What a record of an explicit kind holds: vertices on a grid, triangles, creases, and what they mean."""

    positions: np.ndarray  # (n, 3) int32, in steps of the grid, around the origin
    faces: np.ndarray  # (m, 3) int64
    creases: np.ndarray | None  # (k, 2) int64 vertex pairs; None but for CREASED
    kind: str  # SMOOTH and CREASED: two Loop steps; PLAIN: the triangles themselves
    grid: int  # step = 2 ** (-grid / 2), half bits

    @property
    def step(self) -> float:
        """The grid's step in the unit frame."""
        return grid_step(self.grid)

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """The surface that it stands for: vertices (n', 3) float64 in the unit frame, faces (m', 3) int64."""
        vertices = self.positions * self.step
        if self.kind == PLAIN:
            return vertices, np.asarray(self.faces, np.int64)
        return subdivide(vertices, self.faces, self.creases, LEVELS)


def grid_step(grid: int) -> float:
    """Step of a grid in the unit frame: 2 ** (-grid / 2)."""
    return 2.0 ** -(grid // 2) * (0.7071067811865476 if grid % 2 else 1.0)
