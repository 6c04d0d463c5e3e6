"""Contexts of the feature coder: which Laplace scale each integer of a feature is coded with.

A feature lattice (channels, r, r, r) is coded channel by channel, each in two passes: cells whose index sum is even,
then the odd ones, which see their six even neighbours. The context joins the size of what is decoded already near
the cell with the size of the coarser feature above it. Functions work on NumPy integers (coding) and on torch
tensors (rate while training) alike; for integers they are exact, so that both sides of the coder always agree.
The idea of cheap causal contexts for overfitted latents is Cool-Chic's (Ladune et al. 2023).
"""

from __future__ import annotations

import numpy as np

EDGES = (1, 2, 3, 5, 8, 13, 21)
"""Lower ends of the activity bins 1..7."""

ACTIVITY_BINS = len(EDGES) + 1
ABOVE_BINS = 3
CONTEXTS = 2 * ABOVE_BINS * ACTIVITY_BINS


def parity(edge: int) -> np.ndarray:
    """0 for cells whose index sum is even, 1 for the others; (edge, edge, edge) int64."""
    i = np.arange(edge)
    return (i[:, None, None] + i[:, None] + i) % 2


def face_sum(size):
    """Sum over the six face neighbours of the last three axes, zero beyond the border; same shape as `size`."""
    total = size * 0
    for axis in (-3, -2, -1):
        n = size.shape[axis]
        if n > 1:
            low = (Ellipsis, slice(0, n - 1)) + (slice(None),) * (-1 - axis)
            high = (Ellipsis, slice(1, n)) + (slice(None),) * (-1 - axis)
            total[low] += size[high]
            total[high] += size[low]
    return total


def binned(value, edges=EDGES):
    """Index of the bin of each value: how many of `edges` it reaches."""
    return sum((value >= edge) * 1 for edge in edges)


def above_bin(coarser, edge: int):
    """Size class of the coarser feature over each cell, 0..2.

    Args:
        coarser: (..., channels, edge / 2, edge / 2, edge / 2) integers of the next coarser feature lattice, or None.
    Returns:
        (..., edge, edge, edge), or 0 without a coarser feature.
    """
    if coarser is None:
        return 0
    size = binned(abs(coarser).sum(-4), (1, 4))
    half = np.arange(edge) // 2
    return size[..., half[:, None, None], half[:, None], half]


def context(size, odd, above):
    """Context of every cell of every channel.

    Args:
        size: (..., channels, r, r, r) magnitudes; those not decoded yet are not looked at.
        odd: (r, r, r) parity.
        above: `above_bin` of the coarser feature, broadcastable to (..., 1, r, r, r).
    Returns:
        (..., channels, r, r, r) in 0..CONTEXTS - 1.
    """
    near = face_sum(size)
    earlier, before = size * 0, size * 0
    for back in (1, 2, 3):
        if size.shape[-4] > back:
            earlier[..., back:, :, :, :] += size[..., :-back, :, :, :]
    if size.shape[-4] > 1:
        before[..., 1:, :, :, :] = near[..., :-1, :, :, :]
    activity = binned(2 * earlier + near * odd + before * (1 - odd))
    return (odd * ABOVE_BINS + above) * ACTIVITY_BINS + activity
