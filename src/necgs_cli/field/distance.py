"""Exact unsigned distances at lattice samples, coarse to fine, in the narrow band only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSEST = 8  # all samples of this level are measured
TRUNCATION = 2.0  # steps
CHILDREN = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])


@dataclass(frozen=True, eq=False)
class Band:
    """The measured samples of one level: all whose distance is below the truncation, and some beyond.

    Attributes:
        resolution: K of the level.
        index: int64 (n, 3), lattice indices.
        distance: float64 (n,), to the nearest point of the surface, lattice frame.
        nearest: float64 (n, 3), that point.
    """

    resolution: int
    index: np.ndarray
    distance: np.ndarray
    nearest: np.ndarray


def sample_position(index: np.ndarray, resolution: int) -> np.ndarray:
    """Lattice indices to coordinates of the lattice frame, float64."""
    return (index + 0.5) * (2.0 / resolution) - 1.0


def unsigned_bands(vertices: np.ndarray, faces: np.ndarray, resolution: int) -> list[Band]:
    """Distances on the levels 16, 32, ..., K.

    A sample is sqrt(3)/2 of its own step away from its parent, so it can be within the truncation only where the
    parent's distance is below 2 + sqrt(3)/2 of the sample's steps; only such samples are measured.

    Args:
        vertices: float64 (n, 3), lattice frame.
        faces: int64 (m, 3).
        resolution: K, a power of two from 16.

    Returns:
        One band a level, coarse to fine.
    """
    if resolution < 2 * COARSEST or resolution & (resolution - 1):
        raise ValueError(f"resolution must be a power of two from {2 * COARSEST}, not {resolution}")
    index = np.stack(np.meshgrid(*[np.arange(COARSEST)] * 3, indexing="ij"), -1).reshape(-1, 3)
    band = _measure(vertices, faces, COARSEST, index)
    bands = []
    while band.resolution < resolution:
        fine = 2 * band.resolution
        near = band.distance < (TRUNCATION + 0.75**0.5) * (2.0 / fine) * (1 + 1e-9)
        children = (2 * band.index[near][:, None] + CHILDREN).reshape(-1, 3)
        band = _measure(vertices, faces, fine, children)
        bands.append(band)
    return bands


def _measure(vertices: np.ndarray, faces: np.ndarray, resolution: int, index: np.ndarray) -> Band:
    import point_cloud_utils as pcu

    distance, face, barycentric = pcu.closest_points_on_mesh(sample_position(index, resolution), vertices, faces)
    nearest = np.einsum("nc,ncd->nd", barycentric, vertices[faces[face]])
    return Band(resolution, index, distance, nearest)
