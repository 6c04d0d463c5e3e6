"""Structural similarity of volumes, the third term of the paper's objective (section 3.2)."""

from __future__ import annotations

from functools import cache

import torch

WINDOW = 11
SIGMA = 1.5
VALUE_RANGE = 2.0
"""TSDF and deformation span [-1, 1]."""


def ssim3d(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean SSIM of two batches of volumes, each channel by itself.

    The definition of Wang et al. (2004) with a 3D Gaussian window of 11 samples a side and sigma 1.5, on windows
    that lie wholly inside the volume, with K1 = 0.01 and K2 = 0.03.

    Args:
        first, second: (b, c, K, K, K), values in [-1, 1]; gradients flow to both.
    Returns:
        Scalar, 1 for equal volumes.
    """
    first, second = first.float(), second.float()
    blur = _window(first.shape[-1], first.device)
    mean_1, mean_2 = _filter(first, blur), _filter(second, blur)
    # One pass for both variances: SSIM needs only their sum.
    variances = _filter(first * first + second * second, blur) - mean_1 * mean_1 - mean_2 * mean_2
    covariance = _filter(first * second, blur) - mean_1 * mean_2
    c1, c2 = (0.01 * VALUE_RANGE) ** 2, (0.03 * VALUE_RANGE) ** 2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1 * mean_1 + mean_2 * mean_2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).mean()


def _filter(volumes: torch.Tensor, blur: torch.Tensor) -> torch.Tensor:
    """Separable filter along the last three axes, each as matrix products: (b, c, K, K, K) to K - 10 a side."""
    batch, channels, size = volumes.shape[:3]
    left = blur.shape[1]
    rows = (volumes.reshape(-1, size) @ blur).view(-1, size, left)
    planes = torch.bmm(blur.T.expand(len(rows), -1, -1), rows).view(batch * channels, size, left * left)
    return torch.bmm(blur.T.expand(len(planes), -1, -1), planes).view(batch, channels, left, left, left)


@cache
def _window(size: int, device: torch.device) -> torch.Tensor:
    """The Gaussian window at all its places: a (size, size - 10) band matrix, columns adding up to 1."""
    if size < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW} samples a side")
    distance = torch.arange(size)[:, None] - torch.arange(size - WINDOW + 1) - WINDOW // 2
    weights = torch.exp(-(distance**2) / (2 * SIGMA**2)) * (distance.abs() <= WINDOW // 2)
    return (weights / weights.sum(0)).to(device)
