"""The mesh that every other part works with, and the error that reading one raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import trimesh


class MeshError(ValueError):
    """A mesh that cannot be found, read or placed; the message is one clear line for the user."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh.

    Args:
        vertices: (n, 3) float64, in source units unless said otherwise.
        faces: (m, 3) int64, rows of `vertices`, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    faces: np.ndarray

    def to_trimesh(self) -> trimesh.Trimesh:
        """Return the same vertices and faces, in the same order, as a `trimesh.Trimesh`."""
        import trimesh

        return trimesh.Trimesh(self.vertices, self.faces, process=False)
