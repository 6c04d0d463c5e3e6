"""A control mesh carried over to another pose of the same triangles, and fitted there."""

from dataclasses import replace

import numpy as np

from .bound import Bound
from .control_mesh import ControlMesh, grid_step
from .fit import Fit, Regulariser
from .patches import Patches
from .records import MOST_GRID
from .search import Point, Search
from .target import face_normals

GRIDS = 3  # grids tried, from that of the mesh carried over to finer ones
ROUNDS = (0, 3)  # of the fit before the rounding: vertices that stay where they were carried to are cheapest to tell


def carried(points: np.ndarray, before: np.ndarray, after: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points near a surface, moved along with it.

    Each keeps its place on the nearest triangle, and its distance from it.

    Args:
        points: (n, 3); before, after: (v, 3) vertices of the surface in both poses; faces: (m, 3).
    """
    import point_cloud_utils as pcu

    faces = faces[face_normals(before[faces])[1] > 0]
    _, face, weights = pcu.closest_points_on_mesh(
        np.ascontiguousarray(points), np.ascontiguousarray(before), faces.astype(np.int32)
    )
    corners_before, corners_after = before[faces[face]], after[faces[face]]
    offset = points - np.einsum("nk,nkd->nd", weights, corners_before)
    local = np.einsum("nij,nj->ni", _frames(corners_before), offset)
    moved = np.einsum("nk,nkd->nd", weights, corners_after)
    return moved + np.einsum("nij,ni->nj", _frames(corners_after), local)


def _frames(corners: np.ndarray) -> np.ndarray:
    """Orthonormal frames (n, 3 axes, 3) of triangles (n, 3 corners, 3): first side, normal, across."""
    along = corners[:, 1] - corners[:, 0]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-300)
    normal = face_normals(corners)[0]
    return np.stack([along, normal, np.cross(along, normal)], axis=1)


def fit_pose(mesh: ControlMesh, start: np.ndarray, search: Search, bound: Bound) -> Point | None:
    """A control mesh with the triangles of another one, fitted to a pose and rounded; None where the bound is missed.

    Args:
        mesh: the other one, as decoded.
        start: (n, 3) where its vertices are in this pose.
        search: of the pose: its original and how it is measured.
        bound: of the distances, unit frame.
    """
    faces = mesh.faces
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    patches = Patches(faces, len(start), mesh.creases, mesh.kind)
    regulariser = Regulariser(faces, len(start))
    step = grid_step(mesh.grid)
    for rounds in ROUNDS:
        fit = Fit(search.target, patches, regulariser, start, on_surface=False)
        fit.improve(rounds, step)
        for grid in range(mesh.grid, min(mesh.grid + GRIDS, MOST_GRID + 1)):
            positions = fit.integers(grid_step(grid))
            point = search.measure(replace(mesh, positions=positions, grid=grid))
            if bound.ratio(point) <= 1:
                return point
    return None
