"""Deformable marching cubes on a sparse field: the surface of a decoded model, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from necgs_cli.field.cube_cases import CORNERS, EDGE_AXIS, EDGES, cube_cases
from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField

MARGIN = np.float32(1 / 256)  # a vertex keeps this share of its edge from either end, so that no face degenerates


@dataclass(frozen=True, eq=False)
class Crossings:
    """The topology of the zero level set: its vertices as lattice edges, its faces as vertices.

    Attributes:
        ends: int32 (n, 2): stored samples (flat index into `tsdf`) at the ends of each vertex's lattice edge;
            -1 for a sample without storage.
        index: int32 (n, 3): lattice index of the first end. May be -1 below the lattice.
        axis: int8 (n,): axis of the edge.
        values: float32 (n, 2): TSDF at the ends.
        faces: int32 (m, 3): triangles, counter-clockwise seen from outside.
    """

    ends: np.ndarray
    index: np.ndarray
    axis: np.ndarray
    values: np.ndarray
    faces: np.ndarray


def extract_surface(field: SparseField) -> tuple[np.ndarray, np.ndarray]:
    """The zero level set of a field, as a closed mesh in which every edge has two triangles.

    The work is in proportion to the cubes near the surface (about K^2), but for the brick map. Samples stand at their
    lattice position plus deformation * step / 2 (the paper, section 3.1); vertices lie between them by linear
    interpolation. Values of 0 count as outside, and so does everything beyond the lattice.

    Args:
        field: the field to extract.

    Returns:
        vertices float64 (n, 3) in the lattice frame, faces int64 (m, 3); both empty where there is no surface.
    """
    crossings = find_crossings(field)
    value = crossings.values
    share = np.clip(value[:, 0] / (value[:, 0] - value[:, 1]), MARGIN, 1 - MARGIN)
    vertices = crossings.index.astype(np.float64)
    vertices[np.arange(len(vertices)), crossings.axis] += share
    if field.deformation is not None and len(field.tsdf):
        moved = field.deformation.reshape(-1, 3)
        stored = crossings.ends >= 0
        first = np.where(stored[:, :1], moved[crossings.ends[:, 0]], 0)
        second = np.where(stored[:, 1:], moved[crossings.ends[:, 1]], 0)
        vertices += 0.5 * (first + (second - first) * share[:, None])
    return (vertices + 0.5) * field.step - 1, crossings.faces.astype(np.int64)


def find_crossings(field: SparseField) -> Crossings:
    """Lattice edges whose ends differ in sign, and the triangles that join them."""
    edge = field.edge
    blocks, around = _blocks(field.brick_map)
    values, samples = _gather(field, blocks, around)
    inside = values < 0
    case = np.zeros((len(blocks), edge, edge, edge), np.uint8)
    for bit, corner in enumerate(CORNERS):
        case |= inside[_window(corner, edge)].view(np.uint8) << np.uint8(bit)

    own = np.zeros((len(blocks), edge, edge, edge, 3), bool)  # the three edges that start at each cube's first corner
    for direction in range(3):
        beside = inside[_window(np.eye(3, dtype=int)[direction], edge)]
        own[..., direction] = inside[_window(np.zeros(3, int), edge)] != beside
    at = np.flatnonzero(own)
    number = np.full(own.size, -1, np.int32)
    number[at] = np.arange(len(at), dtype=np.int32)

    block, x, y, z, axis = np.unravel_index(at, own.shape)
    step = np.eye(3, dtype=np.int64)[axis].T
    near, far = (block, x, y, z), (block, x + step[0], y + step[1], z + step[2])
    return Crossings(
        ends=np.stack([samples[near], samples[far]], 1),
        index=(blocks[block] * edge + np.stack([x, y, z], 1)).astype(np.int32),
        axis=axis.astype(np.int8),
        values=np.stack([values[near], values[far]], 1),
        faces=_faces(case, number, around, edge),
    )


def _window(corner: np.ndarray, edge: int) -> tuple[slice, ...]:
    """The samples of a padded block at a corner of each of its cubes."""
    return (slice(None), *(slice(c, c + edge) for c in corner))


def _blocks(brick_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bricks whose cubes may hold surface: int64 (b, 3) and the table int32 (b, 8) of these at the eight corners.

    A brick's cubes reach one sample into the seven bricks after it, so it matters when one of the eight has samples
    or when both signs are among them. Bricks one before the lattice are -1.
    """
    padded = np.full(np.array(brick_map.shape) + 2, OUTSIDE, np.int32)
    padded[1:-1, 1:-1, 1:-1] = brick_map
    low, high = padded, padded
    for axis in range(3):
        first = (slice(None),) * axis + (slice(None, -1),)
        second = (slice(None),) * axis + (slice(1, None),)
        low, high = np.minimum(low[first], low[second]), np.maximum(high[first], high[second])
    wanted = (high >= 0) | (low != high)
    blocks = np.argwhere(wanted)
    slot = np.full(padded.shape, -1, np.int32)
    slot[tuple(blocks.T)] = np.arange(len(blocks), dtype=np.int32)
    corner = (blocks[:, None] + CORNERS).reshape(-1, 3).T
    return blocks - 1, slot[tuple(corner)].reshape(-1, 8)


def _gather(field: SparseField, blocks: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values float32 (b, e+1, e+1, e+1) of each block and the layer after it, and the flat index of the samples."""
    edge = field.edge
    row = np.full(np.array(field.brick_map.shape) + 2, OUTSIDE, np.int32)
    row[1:-1, 1:-1, 1:-1] = field.brick_map
    values = np.empty((len(blocks), edge + 1, edge + 1, edge + 1), np.float32)
    samples = np.empty(values.shape, np.int32)
    cell = np.arange(edge**3, dtype=np.int32).reshape(1, edge, edge, edge)
    for corner in CORNERS:
        rows = row[tuple((blocks + 1 + corner).T)][:, None, None, None]
        to = (slice(None), *(slice(edge, edge + 1) if c else slice(0, edge) for c in corner))
        cells = cell[(slice(None), *(slice(0, 1) if c else slice(None) for c in corner))]
        flat = np.where(rows >= 0, rows * edge**3 + cells, -1)
        samples[to] = flat
        if len(field.tsdf):
            values[to] = np.where(flat >= 0, field.tsdf.reshape(-1)[flat], np.where(rows == INSIDE, -1, 1))
        else:
            values[to] = np.where(rows == INSIDE, -1, 1)
    return values, samples


def _faces(case: np.ndarray, number: np.ndarray, around: np.ndarray, edge: int) -> np.ndarray:
    """Triangles of all cubes as vertex numbers, int32 (m, 3)."""
    table = cube_cases()
    case = case.reshape(-1)
    cube = np.flatnonzero((case != 0) & (case != 255)).astype(np.int32)
    begin = table.start[case[cube]]
    count = table.start[case[cube] + np.int32(1)] - begin
    first = np.cumsum(count, dtype=np.int32) - count
    of = np.repeat(np.arange(len(cube), dtype=np.int32), count)
    edges = table.edges[np.arange(len(of), dtype=np.int32) + (begin - first)[of]]  # (m, 3) cube edges
    block, cell = np.divmod(cube, np.int32(edge**3))
    corner, offset = _numbered_at(edge)
    cell = cell[of, None]
    return number[around[block[of, None], corner[cell, edges]] * np.int32(3 * edge**3) + offset[cell, edges]]


@cache
def _numbered_at(edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the 12 edges of each cube of a block are numbered: which of the eight blocks, and at which place there."""
    cell = np.stack(np.unravel_index(np.arange(edge**3), (edge,) * 3), -1)
    start = cell[:, None] + CORNERS[EDGES[:, 0]]
    corner = (start >= edge) @ np.array([4, 2, 1])
    offset = np.ravel_multi_index((start % edge).transpose(2, 0, 1), (edge,) * 3) * 3 + EDGE_AXIS
    return corner.astype(np.int8), offset.astype(np.int32)
