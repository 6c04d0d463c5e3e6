"""The way in for triangle soup: a clean closed surface of it, through its field, to make control meshes from."""

import numpy as np

from .subdivide import unique_edges

SOUP_BORDER = 0.4  # of all edges, those with one face, from which triangles hang together too little to be collapsed
SOUP_FACES = 300  # below which triangles cost little as they are
STEP_PER_ERROR = 8.0  # lattice step over the asked error; the fitted surface is a fiftieth of a step off
LEAST_RESOLUTION, MOST_RESOLUTION = 64, 256
OVERLAP = 0.2  # lattice steps by which the corners of triangles move outward, so that slits between them are closed


def is_soup(faces: np.ndarray) -> bool:
    """Whether triangles (m, 3) of a welded mesh share so few edges that collapses find no surface in them."""
    return len(faces) >= SOUP_FACES and bool((unique_edges(faces)[2] == 1).mean() > SOUP_BORDER)


def resolution_for(error: float) -> int:
    """The lattice resolution whose own error is small against an asked one."""
    wanted = 2.0 / (STEP_PER_ERROR * error)
    return int(np.clip(2 ** np.ceil(np.log2(wanted)), LEAST_RESOLUTION, MOST_RESOLUTION))


def clean_surface(
    vertices: np.ndarray, faces: np.ndarray, error: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface, two triangles at each edge, close to any triangles.

    Surfaces that the outside does not see are kept, as errors are measured to all of the original.

    Args:
        vertices: (n, 3) float64, unit frame; faces: (m, 3) int; error: mean distance that matters, unit frame.
        seed: of the fit.
    Returns:
        vertices (n', 3) float64 in the unit frame and faces (m', 3) int64; both empty where nothing is left.
    """
    from necgs_cli.decoding import lattice_scale
    from necgs_cli.field.fit import fit_field
    from necgs_cli.field.marching_cubes import extract_surface

    resolution = resolution_for(error)
    scale = lattice_scale(resolution)
    grown = _overlapping(vertices[faces] * scale, OVERLAP * 2.0 / resolution)
    field = fit_field(
        grown.reshape(-1, 3), np.arange(grown.size // 3).reshape(-1, 3), resolution, keep_interior=True, seed=seed
    )
    surface, triangles = extract_surface(field.levels[-1])
    return surface / scale, triangles


def _overlapping(corners: np.ndarray, length: float) -> np.ndarray:
    """Triangles (m, 3 corners, 3), each corner moved so far away from its triangle's centre."""
    out = corners - corners.mean(axis=1, keepdims=True)
    return corners + out * (length / np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-300))
