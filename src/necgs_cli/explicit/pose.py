"""The control mesh of one original, fitted to another one: a pose of the same triangles, or a like shape."""

from dataclasses import replace

import numpy as np

from .bound import Bound
from .control_mesh import ControlMesh, grid_step
from .fit import RADIUS, Fit, Regulariser
from .patches import Patches
from .records import MOST_GRID
from .registration import register
from .search import ROUNDS, STEP_PER_REAL_ERROR, Point, Search, grid_of
from .target import face_normals

COARSER, FINER = 1, 2  # grids tried about the one that suits the error before rounding
FARTHEST = 2.5  # times the asked error, before rounding, from which no grid is tried


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


def pose_points(mesh: ControlMesh, start: np.ndarray | None, search: Search, bound: Bound) -> list[Point]:
    """A control mesh with the triangles of another one, fitted to an original and rounded to some grids.

    Args:
        mesh: the other one, as decoded.
        start: (n, 3) where its vertices are on this original, where that is known; None to find out (`register`).
        search: of the original: how it is measured.
        bound: finer grids are tried until one keeps to it, unit frame.
    """
    faces = mesh.faces
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    known = mesh.positions * mesh.step
    patches = Patches(faces, len(known), mesh.creases, mesh.kind)
    if start is None:
        start = register(search.target, patches, known)
    radius = np.inf if search.mechanical else RADIUS
    regulariser = Regulariser(faces, len(known))
    fit = Fit(search.target, patches, regulariser, start, on_surface=False, radius=radius, known=known)
    fit.improve(ROUNDS, mesh.step)
    if not 0 < fit.error < FARTHEST * bound.mean:
        return []
    suited = mesh.grid if search.mechanical else grid_of(STEP_PER_REAL_ERROR * fit.error)
    points: list[Point] = []
    for grid in range(max(suited - COARSER, 0), min(suited + FINER, MOST_GRID) + 1):
        points.append(search.measure(replace(mesh, positions=fit.integers(grid_step(grid)), grid=grid)))
        if grid > suited and bound.ratio(points[-1]) <= 1:
            break
    return points
