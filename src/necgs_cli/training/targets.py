"""What the decoder should say: the fields of a set's models, level by level, ready for lookups in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from necgs_cli.field.sparse_field import SparseField

CONSTANT_ROWS = 2
"""Rows in front of the stored bricks: all inside (-1), all outside (+1)."""


class TargetLevel:
    """The fields of all models at one resolution, in 8 bits (the paper, Algorithm 1 rounds them alike).

    Samples are stored by parent, the 8 children of a cell of half the resolution side by side.
    """

    def __init__(self, fields: Sequence[SparseField], device: torch.device | str = "cpu"):
        """`fields` share resolution and brick edge, one a model."""
        self.resolution, self.half = fields[0].resolution, fields[0].edge // 2
        maps, first = [], CONSTANT_ROWS
        for field in fields:
            offset = np.where(field.brick_map >= 0, first, CONSTANT_ROWS)
            maps.append((field.brick_map + offset).astype(np.int32))
            first += len(field.tsdf)
        self.brick_map = torch.from_numpy(np.stack(maps)).to(device)
        constant = np.repeat([-1.0, 1.0], 8 * self.half**3).reshape(CONSTANT_ROWS, *[fields[0].edge] * 3)
        self.tsdf = self._by_parent([constant, *(field.tsdf for field in fields)], 8).to(device)
        self.deformation = None
        if fields[0].deformation is not None:
            moves = [np.zeros((*constant.shape, 3)), *(f.deformation for f in fields if f.deformation is not None)]
            self.deformation = self._by_parent(moves, 24).to(device)

    def _by_parent(self, bricks: Sequence[np.ndarray], width: int) -> Tensor:
        h, out = self.half, []
        for values in bricks:
            split = np.rint(values * 127).astype(np.int8).reshape(len(values), h, 2, h, 2, h, 2, -1)
            out.append(split.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, width))
        return torch.from_numpy(np.concatenate(out))

    def lookup(self, models: Tensor, parents: Tensor) -> tuple[Tensor, Tensor | None]:
        """Values at the children of cells.

        Args:
            models: (B,) model of each place in the batch.
            parents: (n, 4) place in the batch and cell of the lattice of half the resolution.
        Returns:
            TSDF (n, 8) and deformation (n, 8, 3) or None, float32 in [-1, 1].
        """
        h, n = self.half, self.brick_map.shape[1]
        place, i, j, k = parents.unbind(1)
        flat = ((models.index_select(0, place) * n + i // h) * n + j // h) * n + k // h
        brick = self.brick_map.view(-1).index_select(0, flat).long()
        rows = ((brick * h + i % h) * h + j % h) * h + k % h
        moves = None
        if self.deformation is not None:
            moves = self.deformation.index_select(0, rows).view(-1, 8, 3).float() / 127
        return self.tsdf.index_select(0, rows).float() / 127, moves
