"""Targets of the paper's objective: dense volumes of TSDF and deformation, kept small until they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField
from necgs_cli.model.fixed_quantiser import STEPS, dequantise


@dataclass(frozen=True, eq=False)
class DenseTarget:
    """One model's TSDF-Def tensor at 8 bits, in bricks: a few hundred KB at K = 128, where the volume is 8 MB.

    Attributes:
        brick_map: int64 (G, G, G) row of every brick in `bricks`.
        bricks: int8 (rows, 4, e, e, e): TSDF, then deformation; the last rows are all inside, all outside.
    """

    brick_map: torch.Tensor
    bricks: torch.Tensor

    @classmethod
    def of(cls, field: SparseField) -> DenseTarget:
        """Quantise a fitted field; a field without deformation has zero deformation."""
        values = torch.zeros(len(field.tsdf) + 2, 4, *[field.edge] * 3)
        values[:-2, 0] = torch.as_tensor(field.tsdf)
        if field.deformation is not None:
            values[:-2, 1:] = torch.as_tensor(field.deformation).movedim(-1, 1)
        # Negative indices count from the end: the two constant bricks stand where the map's codes point.
        values[INSIDE, 0], values[OUTSIDE, 0] = -1, 1
        brick_map = torch.as_tensor(field.brick_map).long() % len(values)
        return cls(brick_map, torch.round(values.clamp(-1, 1) * STEPS).to(torch.int8))

    def to(self, device: torch.device) -> DenseTarget:
        """The same target in a device's memory."""
        return DenseTarget(self.brick_map.to(device), self.bricks.to(device))

    def volume(self) -> torch.Tensor:
        """float32 (4, K, K, K): TSDF, then deformation, zero where no brick is."""
        grid, edge = self.brick_map.shape[0], self.bricks.shape[-1]
        dense = self.bricks[self.brick_map].permute(3, 0, 4, 1, 5, 2, 6)
        return dequantise(dense.reshape(4, *[grid * edge] * 3))
