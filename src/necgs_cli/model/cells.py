"""Active cells of an octree level and their neighbours, without any dense lattice.

All functions work on NumPy arrays and on torch tensors alike (plain indexing only), so that the training decoder
and the NumPy decoder share them. Neighbour tables hold rows; the row behind the last cell stands for "no cell".
Offset `k` of the 27 is `(k // 9 - 1, k // 3 % 3 - 1, k % 3 - 1)`; child `o` of the 8 is `(o // 4, o // 2 % 2, o % 2)`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

FACES = (4, 10, 12, 13, 14, 16, 22)
"""The 7 of the 27 offsets that are the cell itself and its face neighbours."""


def offsets(stencil: int = 27) -> np.ndarray:
    """The neighbour offsets of a stencil of 27 or 7, (stencil, 3); offset k is minus offset stencil - 1 - k."""
    cube = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return cube if stencil == 27 else cube[list(FACES)]


def octants() -> np.ndarray:
    """The 8 child positions within a cell, (8, 3)."""
    return np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)


def lattice_coordinates(edge: int) -> np.ndarray:
    """All cells of an edge^3 lattice in row-major order, (edge^3, 3) int64."""
    return np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)


@cache
def dense_neighbours(edge: int, stencil: int = 27) -> np.ndarray:
    """Neighbour table of a whole edge^3 lattice in row-major order, (edge^3, stencil) int64; edge^3 for none."""
    near = lattice_coordinates(edge)[:, None] + offsets(stencil)
    inside = ((near >= 0) & (near < edge)).all(-1)
    rows = (near[..., 0] * edge + near[..., 1]) * edge + near[..., 2]
    return np.where(inside, rows, edge**3)


@cache
def child_lookup(source: int, stencil: int) -> tuple[np.ndarray, np.ndarray]:
    """For child o and offset k: which neighbour of the parent, and which child of it, stand there.

    Args:
        source: stencil of the parents' table, at least `stencil`.
        stencil: of the table to be made.
    Returns:
        Two (8, stencil) int64: column of the parents' table, child of the parent there.
    """
    at = octants()[:, None] + offsets(stencil)
    column = {tuple(offset): i for i, offset in enumerate(offsets(source).tolist())}
    parent = np.array([[column[tuple(o)] for o in row] for row in (at // 2).tolist()])
    return parent, at % 2 @ [4, 2, 1]


def child_neighbours(parent_table, child_rows, parent, octant, lookup):
    """Neighbour table of kept children.

    Args:
        parent_table: (n, s) neighbour rows of the parents.
        child_rows: (n + 1, 8) row of each parent's child among the kept, or their number where it was not kept.
        parent, octant: (m,) parent row and child number of every kept child.
        lookup: `child_lookup(s, t)` in the array type of the rest.
    Returns:
        (m, t) rows of the kept children's neighbours.
    """
    near_parent = parent_table.reshape(-1)[parent[:, None] * parent_table.shape[1] + lookup[0][octant]]
    return child_rows.reshape(-1)[near_parent * 8 + lookup[1][octant]]
