"""Which originals are so alike that one's control mesh may serve the other."""

import numpy as np

from .triangles import sample_surface

LATTICE = 8  # points a side where distances to the surface are compared
SAMPLES = 4000
ALIKE = 0.06  # mean difference of these distances, longest side = 2, below which a registration is tried


def fingerprint(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Distances from the points of a coarse lattice to a surface of the unit frame: float32 (LATTICE ** 3,)."""
    from scipy.spatial import cKDTree

    samples = sample_surface(vertices[faces], SAMPLES, np.random.default_rng(0))[0]
    side = (np.arange(LATTICE) + 0.5) * (2 / LATTICE) - 1
    lattice = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    return cKDTree(samples).query(lattice)[0].astype(np.float32)


def differences(fingerprint: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) how much a shape differs from others: mean difference of its fingerprint (k,) from theirs (n, k)."""
    return np.abs(others - fingerprint).mean(axis=1) if len(others) else np.zeros(0)
