"""Differentiable deformable marching cubes: vertices as a function of TSDF values and deformations, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from necgs_cli.field.marching_cubes import MARGIN, Crossings


@dataclass(frozen=True, eq=False)
class Topology:
    """Which samples each vertex lies between, as tensors.

    Attributes:
        ends: int64 (n, 2): samples at the ends, flat index into the field's samples (0 where `fixed`).
        fixed: bool (n, 2): ends without storage, which keep `values` and do not move.
        values: float32 (n, 2): TSDF at the ends when the topology was found.
        start: float32 (n, 3): lattice index of the first end.
        direction: float32 (n, 3): unit vector to the second end.
    """

    ends: torch.Tensor
    fixed: torch.Tensor
    values: torch.Tensor
    start: torch.Tensor
    direction: torch.Tensor

    @classmethod
    def of(cls, crossings: Crossings, device: torch.device | str = "cpu") -> Topology:
        """The topology found by `find_crossings`."""
        ends = torch.from_numpy(crossings.ends.astype(np.int64)).to(device)
        return cls(
            ends.clamp(min=0),
            ends < 0,
            torch.from_numpy(crossings.values).to(device),
            torch.from_numpy(crossings.index.astype(np.float32)).to(device),
            torch.from_numpy(np.eye(3, dtype=np.float32)[crossings.axis]).to(device),
        )


def deformed_vertices(tsdf: torch.Tensor, deformation: torch.Tensor | None, topology: Topology) -> torch.Tensor:
    """Vertices of the surface, differentiable in values and deformations (the paper, section 3.1).

    Args:
        tsdf: (s,) values of the samples. Their signs must be those of the topology.
        deformation: (s, 3) in half steps, or None.
        topology: see `Topology`.

    Returns:
        (n, 3) in lattice indices: sample i is at i, a step is 1.
    """
    flat = topology.ends.reshape(-1)
    value = torch.where(topology.fixed, topology.values, tsdf.index_select(0, flat).view(-1, 2))
    share = value[:, 0] / (value[:, 0] - value[:, 1])
    share = share.clamp(float(MARGIN), 1 - float(MARGIN)).unsqueeze(1)
    vertices = topology.start + share * topology.direction
    if deformation is None:
        return vertices
    moved = deformation.index_select(0, flat).view(-1, 2, 3).masked_fill(topology.fixed.unsqueeze(2), 0.0)
    return vertices + 0.5 * torch.lerp(moved[:, 0], moved[:, 1], share)
