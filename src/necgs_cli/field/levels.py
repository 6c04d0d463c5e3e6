"""The signed distance of a mesh on all levels, coarse to fine, as sparse fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from necgs_cli.field.distance import CHILDREN, TRUNCATION, Band, unsigned_bands
from necgs_cli.field.regions import EDGE
from necgs_cli.field.sign import Sides, find_sides, seen_distance, signed_distance
from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField


@dataclass(frozen=True, eq=False)
class SignedLevels:
    """Truncated signed distances, and how the sign was found.

    Attributes:
        levels: coarse to fine, 16, 32, ..., K, bricks of 4^3. Every brick with a sample closer than two of its
            level's steps to the surface is stored.
        sign: "flood", "winding" or "shell", or several of them joined by "+".
        dropped_area: share of the surface that lies hidden inside and is not in the field.
        points: float64 (n, 3): points of the surface that is in the field, half a step apart.
        area: float64 (n,): the area that each stands for.
    """

    levels: tuple[SparseField, ...]
    sign: str
    dropped_area: float
    points: np.ndarray
    area: np.ndarray


def signed_levels(
    vertices: np.ndarray, faces: np.ndarray, resolution: int, keep_interior: bool = False
) -> SignedLevels:
    """Measure a mesh on the lattice, in the narrow band only.

    Args:
        vertices: float64 (n, 3), lattice frame, within [-1, 1].
        faces: int64 (m, 3), any orientation, open or closed.
        resolution: K, a power of two from 16.
        keep_interior: keep surfaces that the outside does not see.

    Raises:
        ValueError: no faces, coordinates beyond the lattice, or a resolution that is no power of two.
    """
    vertices = np.ascontiguousarray(vertices, np.float64)
    faces = np.ascontiguousarray(faces, np.int64)
    if not len(faces):
        raise ValueError("a surface needs at least one triangle")
    if not (np.abs(vertices[faces]) <= 1).all():
        raise ValueError("the surface leaves the lattice [-1, 1]^3")
    bands = unsigned_bands(vertices, faces, resolution)
    sides = find_sides(vertices, faces, bands[-1], keep_interior)
    levels = [_finest(sides, bands[-1])]
    for band in bands[-2::-1]:
        levels.insert(0, _coarser(levels[0], band, seen_distance(sides, band)))
    return SignedLevels(tuple(levels), "+".join(sides.words), sides.dropped_area, sides.seen, sides.seen_area)


def _finest(sides: Sides, band: Band) -> SparseField:
    graph = sides.graph
    tsdf = _truncate(signed_distance(sides, band), band.resolution, sides.inside[: len(graph.index)])
    side = np.where(sides.inside[len(graph.index) : -1], INSIDE, OUTSIDE).reshape(graph.brick_map.shape)
    return _pack(graph.brick_map, tsdf, side, band.resolution)


def _coarser(fine: SparseField, band: Band, distance: np.ndarray) -> SparseField:
    """A level from its distances and the sign of the next finer one.

    A sample stands in the middle of its eight children, so their mean is the finer field's value there.
    """
    resolution = band.resolution
    near = distance < TRUNCATION * 2.0 / resolution
    index = band.index[near]
    side = resolution // EDGE
    used = np.zeros((side,) * 3, bool)
    used[tuple((index // EDGE).T)] = True
    brick_map = np.where(used, 0, -1).astype(np.int32)
    brick_map[used] = np.arange(used.sum())

    cell = np.stack(np.unravel_index(np.arange(EDGE**3), (EDGE,) * 3), -1)
    samples = (np.argwhere(used)[:, None] * EDGE + cell).reshape(-1, 3)
    inside = fine.lookup(2 * samples[:, None] + CHILDREN).mean(1) < 0
    magnitude = np.full(len(samples), np.inf)
    row = brick_map[tuple((index // EDGE).T)].astype(np.int64)
    magnitude[row * EDGE**3 + (index % EDGE) @ [16, 4, 1]] = distance[near]
    tsdf = _truncate(np.where(inside, -magnitude, magnitude), resolution, inside)
    corner = np.stack(np.meshgrid(*[np.arange(side) * 2 * EDGE] * 3, indexing="ij"), -1)
    return _pack(brick_map, tsdf, np.where(fine.lookup(corner) < 0, INSIDE, OUTSIDE), resolution)


def _truncate(distance: np.ndarray, resolution: int, inside: np.ndarray) -> np.ndarray:
    distance = np.where(np.isinf(distance), np.where(inside, -1.0, 1.0) * 4, distance)
    return np.clip(distance * (resolution / (2.0 * TRUNCATION)), -1, 1).astype(np.float32)


def _pack(brick_map: np.ndarray, tsdf: np.ndarray, side: np.ndarray, resolution: int) -> SparseField:
    """A field of the bricks that are not all -1 or all 1; `side` tells of the others, without samples so far."""
    tsdf = tsdf.reshape(-1, EDGE, EDGE, EDGE)
    near = (np.abs(tsdf) < 1).any((1, 2, 3)) | (tsdf.min((1, 2, 3)) != tsdf.max((1, 2, 3)))
    used = brick_map >= 0
    stored = np.zeros(brick_map.shape, bool)
    stored[used] = near[brick_map[used]]
    packed = side.astype(np.int32)
    packed[used] = np.where(tsdf[brick_map[used], 0, 0, 0] < 0, INSIDE, OUTSIDE)
    packed[stored] = np.arange(stored.sum())
    return SparseField(resolution, packed, tsdf[brick_map[stored]])
