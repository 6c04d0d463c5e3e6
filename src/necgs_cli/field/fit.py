"""TSDF-Def: fit distance and deformation of the lattice samples to a surface (the paper, Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from necgs_cli.field.deformable import Topology, deformed_vertices
from necgs_cli.field.levels import SignedLevels, signed_levels
from necgs_cli.field.marching_cubes import find_crossings
from necgs_cli.field.sparse_field import SparseField

LEVELS_8_BIT = 127  # both tensors are stored as integers from -127 to 127
LEARNING_RATE = 1e-2  # of the values, in two steps
DEFORMATION_RATE = 4e-2  # of the deformation, in half steps: both then move the surface alike
POINTS = 16_384  # on each of the two surfaces
STEPS_PER_ASSOCIATION = 12
LEAST_STEPS = 12
BRICK_STEPS = 72_000  # bricks times steps that a fit may take, about 1.5 s: large surfaces get fewer steps


@dataclass(frozen=True, eq=False)
class FieldFit:
    """A mesh on the lattice.

    Attributes:
        levels: coarse to fine, 16, 32, ..., K; the last is the TSDF-Def tensor, rounded to 8 bits.
        sign: how inside was told from outside, see `SignedLevels`.
        dropped_area: share of the surface hidden inside and dropped.
    """

    levels: tuple[SparseField, ...]
    sign: str
    dropped_area: float


def fit_field(
    vertices: np.ndarray,
    faces: np.ndarray,
    resolution: int,
    *,
    deform: bool = True,
    l1: float = 0.02,
    steps: int = 48,
    keep_interior: bool = False,
    seed: int = 0,
) -> FieldFit:
    """Fit the TSDF-Def tensor of a mesh (the paper, Algorithm 1).

    From the exact signed distance and zero deformation, Adam on both with straight-through rounding to 8 bits. The
    paper compares rendered masks and depths; here the objective aims at the surface itself: the mean distance
    between the extracted and the given surface, both ways, in steps, plus l1 times the mean |deformation| of the
    samples at the surface. Signs are kept, so the surface has the topology of the signed distance and stays closed.

    Args:
        vertices: float64 (n, 3), lattice frame.
        faces: int64 (m, 3).
        resolution: K, a power of two from 16.
        deform: fit a deformation too; without, the values only.
        l1: weight of the deformation.
        steps: most steps of Adam, fewer on surfaces that fill the lattice; 0 keeps the signed distance in 8 bits.
        keep_interior: keep surfaces that the outside does not see.
        seed: of the points that the surfaces are compared at.

    Raises:
        ValueError: see `signed_levels`.
    """
    vertices = np.ascontiguousarray(vertices, np.float64)
    faces = np.ascontiguousarray(faces, np.int64)
    measured = signed_levels(vertices, faces, resolution, keep_interior)
    exact = measured.levels[-1]
    finest = _Fit(exact, measured, vertices, faces, deform, seed).run(l1, steps)
    return FieldFit((*measured.levels[:-1], finest), measured.sign, measured.dropped_area)


def round_8_bit(values: torch.Tensor) -> torch.Tensor:
    """Round to the 8-bit grid; gradients pass straight through."""
    return values + (torch.round(values * LEVELS_8_BIT) / LEVELS_8_BIT - values).detach()


class _Fit:
    """The tensors of one fit. Lengths are in steps, coordinates are lattice indices."""

    def __init__(
        self,
        exact: SparseField,
        measured: SignedLevels,
        vertices: np.ndarray,
        faces: np.ndarray,
        deform: bool,
        seed: int,
    ) -> None:
        self.exact, self.points, self.area = exact, measured.points, measured.area
        self.mesh = vertices, faces
        self.random = np.random.default_rng(seed)
        tsdf = torch.from_numpy(exact.tsdf.reshape(-1).copy())
        inside = tsdf < 0
        self.low = torch.where(inside, -1.0, 0.0)
        self.high = torch.where(inside, -1.0 / LEVELS_8_BIT, 1.0)
        self.tsdf = tsdf.clamp(self.low, self.high).requires_grad_()
        self.deformation = torch.zeros(len(tsdf), 3, requires_grad=True) if deform else None
        crossings = find_crossings(exact)
        self.faces = crossings.faces
        self.topology = Topology.of(crossings)

    def run(self, l1: float, steps: int) -> SparseField:
        if steps and len(self.faces):
            bricks = max(len(self.exact.tsdf), 1)
            self._descend(l1, min(steps, max(LEAST_STEPS, BRICK_STEPS // bricks)))
        with torch.no_grad():
            tsdf, deformation = self._rounded()
        shape = self.exact.tsdf.shape
        return SparseField(
            self.exact.resolution,
            self.exact.brick_map,
            tsdf.detach().numpy().reshape(shape),
            None if deformation is None else deformation.detach().numpy().reshape(*shape, 3),
        )

    def _rounded(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return round_8_bit(self.tsdf), None if self.deformation is None else round_8_bit(self.deformation)

    def _descend(self, l1: float, steps: int) -> None:
        groups: list[dict[str, Any]] = [{"params": [self.tsdf]}]
        if self.deformation is not None:
            groups.append({"params": [self.deformation], "lr": DEFORMATION_RATE})
        adam = torch.optim.Adam(groups, LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.ExponentialLR(adam, 0.1 ** (1 / steps))
        at_surface = torch.unique(self.topology.ends[~self.topology.fixed])
        for step in range(steps):
            tsdf, deformation = self._rounded()
            surface = deformed_vertices(tsdf, deformation, self.topology)
            if step % STEPS_PER_ASSOCIATION == 0:
                pairs = self._associate(surface.detach().numpy().astype(np.float64))
            loss = pairs.distance(surface)
            if self.deformation is not None and l1:
                loss = loss + l1 * self.deformation.index_select(0, at_surface).abs().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            with torch.no_grad():
                self.tsdf.clamp_(self.low, self.high)
                if self.deformation is not None:
                    self.deformation.clamp_(-1, 1)

    def _associate(self, surface: np.ndarray) -> _Pairs:
        """Nearest points between the extracted surface and the given one, both ways."""
        import point_cloud_utils as pcu

        step = self.exact.step
        surface = (surface + 0.5) * step - 1
        corners = surface[self.faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        face = _draw(self.random, area, POINTS)
        share = self.random.random((len(face), 2))
        share = np.where(share.sum(1, keepdims=True) > 1, 1 - share, share)
        out = np.column_stack([1 - share.sum(1), share])
        points = np.einsum("nc,ncd->nd", out, corners[face])
        _, hit, weights = pcu.closest_points_on_mesh(points, *self.mesh)
        original = self.mesh[0][self.mesh[1][hit]]
        target = np.einsum("nc,ncd->nd", weights, original)
        normal = np.cross(original[:, 1] - original[:, 0], original[:, 2] - original[:, 0])
        outward = _Pairs.of(self.faces[face], out, points, target, normal, step)

        seen = self.points[_draw(self.random, self.area, POINTS)]
        _, hit, weights = pcu.closest_points_on_mesh(seen, surface, self.faces.astype(np.int64))
        points = np.einsum("nc,ncd->nd", weights, corners[hit])
        normal = np.cross(corners[hit, 1] - corners[hit, 0], corners[hit, 2] - corners[hit, 0])
        return outward.join(_Pairs.of(self.faces[hit], weights, points, seen, normal, step))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Distances linearised: the residual of a pair is weights . (three vertices) - offset, in steps."""

    vertex: torch.Tensor  # int64 (n, 3)
    weights: torch.Tensor  # float32 (n, 9)
    offset: torch.Tensor  # float32 (n,)

    @classmethod
    def of(
        cls,
        vertex: np.ndarray,
        barycentric: np.ndarray,
        points: np.ndarray,
        targets: np.ndarray,
        normals: np.ndarray,
        step: float,
    ) -> _Pairs:
        """Pairs of points on the extracted surface and their targets; along `normals` where these coincide."""
        apart = points - targets
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        direction = np.where(length > 1e-4 * step, apart, normals)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
        weights = (barycentric[:, :, None] * direction[:, None]).reshape(-1, 9)
        offset = (direction * ((targets + 1) / step - 0.5)).sum(1)
        return cls(
            torch.from_numpy(vertex.astype(np.int64)),
            torch.from_numpy(weights.astype(np.float32)),
            torch.from_numpy(offset.astype(np.float32)),
        )

    def join(self, other: _Pairs) -> _Pairs:
        return _Pairs(*(torch.cat([getattr(self, k), getattr(other, k)]) for k in ("vertex", "weights", "offset")))

    def distance(self, surface: torch.Tensor) -> torch.Tensor:
        """Mean distance, in steps, for vertices (n, 3) in lattice indices."""
        corners = surface.index_select(0, self.vertex.reshape(-1)).view(-1, 9)
        return ((corners * self.weights).sum(1) - self.offset).abs().mean()


def _draw(random: np.random.Generator, weight: np.ndarray, count: int) -> np.ndarray:
    """Indices drawn in proportion to a weight, evenly spread (systematic sampling)."""
    total = np.cumsum(weight)
    if not total[-1] > 0:  # a surface without area, such as a needle of collinear triangles
        total = np.arange(1.0, len(weight) + 1)
    return np.searchsorted(total, (np.arange(count) + random.random()) * (total[-1] / count)).clip(max=len(weight) - 1)
