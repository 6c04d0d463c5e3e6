"""A scalar field on the K^3 lattice that stores its samples near the surface only, in bricks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OUTSIDE, INSIDE = -1, -2  # brick_map entries of bricks without samples: all +1, all -1


@dataclass(frozen=True, eq=False)
class SparseField:
    """A truncated signed distance on K^3 lattice samples, and optionally the samples' deformation.

    Args:
        resolution: K.
        brick_map: int32 (K/e, K/e, K/e): row of the brick in `tsdf`, or OUTSIDE, or INSIDE.
        tsdf: float32 (rows, e, e, e) in [-1, 1], distance over two lattice steps, negative inside; e is 2 or 4.
        deformation: float32 (rows, e, e, e, 3) in [-1, 1], in half lattice steps, or None for none.

    Raises:
        ValueError: the shapes do not fit together.
    """

    resolution: int
    brick_map: np.ndarray
    tsdf: np.ndarray
    deformation: np.ndarray | None = None

    def __post_init__(self) -> None:
        edge = self.edge
        side = self.resolution // edge
        if edge not in (2, 4) or self.tsdf.shape[1:] != (edge,) * 3 or self.resolution % edge:
            raise ValueError(f"bricks must be 2^3 or 4^3 samples and divide the lattice, not {self.tsdf.shape[1:]}")
        if self.brick_map.shape != (side,) * 3:
            raise ValueError(f"brick_map must be {side}^3 for K = {self.resolution}, not {self.brick_map.shape}")
        if self.deformation is not None and self.deformation.shape != (*self.tsdf.shape, 3):
            raise ValueError("deformation must have one vector a sample")

    @property
    def edge(self) -> int:
        """Samples along the edge of a brick."""
        return self.tsdf.shape[1]

    @property
    def step(self) -> float:
        """Distance of neighbouring samples in the lattice frame."""
        return 2.0 / self.resolution

    def lookup(self, index: np.ndarray) -> np.ndarray:
        """Values of the field at lattice indices; beyond the lattice everything is outside.

        Args:
            index: int (..., 3).

        Returns:
            float32 (...).
        """
        index = np.asarray(index)
        within: np.ndarray = np.all((index >= 0) & (index < self.resolution), axis=-1)
        brick, cell = np.divmod(np.where(within[..., None], index, 0), self.edge)
        row = np.where(within, self.brick_map[tuple(np.moveaxis(brick, -1, 0))], OUTSIDE)
        value = np.where(row == INSIDE, np.float32(-1), np.float32(1))
        stored = row >= 0
        value[stored] = self.tsdf[row[stored], *cell[stored].T]
        return value

    def brick_index(self) -> np.ndarray:
        """Lattice index of each stored brick's first sample, int64 (rows, 3), in the order of the rows."""
        where = np.argwhere(self.brick_map >= 0)
        origin = np.empty((len(self.tsdf), 3), np.int64)
        origin[self.brick_map[self.brick_map >= 0]] = where * self.edge
        return origin

    def sample_index(self) -> np.ndarray:
        """Lattice index of each stored sample, int64 (rows, e, e, e, 3)."""
        cell = np.stack(np.meshgrid(*[np.arange(self.edge)] * 3, indexing="ij"), -1)
        return self.brick_index()[:, None, None, None] + cell

    def to_dense(self) -> np.ndarray:
        """The whole lattice, float32 (K, K, K)."""
        side, edge = self.resolution // self.edge, self.edge
        rows = np.concatenate([self.tsdf, np.full((1, edge, edge, edge), -1), np.full((1, edge, edge, edge), 1)])
        dense = rows[self.brick_map].astype(np.float32)  # INSIDE = -2 and OUTSIDE = -1 index the two last rows
        return dense.transpose(0, 3, 1, 4, 2, 5).reshape((side * edge,) * 3)
