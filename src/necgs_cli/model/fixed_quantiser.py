"""Eight bits over the fixed range [-1, 1], for weights, features and targets of the paper's configuration.

A value `x` is stored as the integer `round(127 x)`, -127..127, so that zero is exact (the paper, section 3.2).
"""

from __future__ import annotations

import numpy as np
import torch

STEPS = 127
"""Quantiser steps from 0 to 1."""


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(context, values: torch.Tensor) -> torch.Tensor:
        return torch.round(values.clamp(-1, 1) * STEPS) / STEPS

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


def quantise(values: torch.Tensor) -> torch.Tensor:
    """Values after rounding, with the straight-through estimator: the gradient passes as if nothing was rounded.

    Args:
        values: any shape, float32. What lies beyond [-1, 1] is clamped (its gradient passes too).
    Returns:
        The values a decoder sees, bit-equal to `dequantise(to_integers(values))`.
    """
    return _StraightThrough.apply(values)


def to_integers(values: torch.Tensor) -> np.ndarray:
    """Integers of a tensor, int8 of the same shape, to be stored."""
    return torch.round(values.detach().clamp(-1, 1) * STEPS).to(torch.int8).cpu().numpy()


def dequantise(integers: np.ndarray | torch.Tensor) -> torch.Tensor:
    """float32 values of quantised integers, -127..127."""
    return torch.as_tensor(integers).float() / STEPS
