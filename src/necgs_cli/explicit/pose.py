"""The control mesh of one original, fitted to another one: a pose of the same triangles, or a like shape."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .bound import Bound
from .control_mesh import ControlMesh, grid_step
from .fit import TOLD_BITS_PER_VERTEX, Fit, Regulariser
from .fits import STEP_PER_REAL_ERROR, Fits, grid_of
from .folding import whole_folding
from .patches import Patches
from .point import Point
from .records import MOST_GRID
from .registration import register
from .triangles import face_normals

GRIDS = 3  # tried at most, from the one that suits the error before rounding, until the bound is passed
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


def pose_points(
    coded: Sequence[ControlMesh], start: np.ndarray | None, search: Fits, bound: Bound, beyond: bool = False
) -> tuple[list[Point], int]:
    """A control mesh with the triangles of others, fitted to an original and rounded to some grids.

    Args:
        coded: the others, as decoded; all have the same triangles. The first one is laid onto the original.
        start: (n, 3) where its vertices are on the original, where that is known; None to find out (`register`).
        search: of the original: how it is measured.
        bound: finer grids and dearer fits are tried until one keeps to it, unit frame.
        beyond: dearer fits are tried even then.
    Returns:
        What was found, and the number of the coded one that is nearest: from that it should be told.
    """
    coded = [known.whole() for known in coded]
    mesh = coded[0]
    faces = mesh.faces
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    patches = Patches(faces, len(mesh.positions), mesh.creases, mesh.kind)
    if start is None:
        start = register(search.target, patches, mesh.vertices)
    nearest = min(range(len(coded)), key=lambda k: _apart(coded[k], start))
    known = coded[nearest].vertices
    regulariser, folding = Regulariser(faces, len(known)), whole_folding(mesh.mirrors, start, faces)
    fit = Fit(search.target, patches, regulariser, start, False, search.manner, known, folding, search.thorough)
    points: list[Point] = []
    for bits_per_vertex in TOLD_BITS_PER_VERTEX:
        regulariser.bits_per_vertex = bits_per_vertex
        fit.improve(mesh.step)
        if not 0 < fit.error < FARTHEST * bound.mean:
            break
        grid = mesh.grid if search.mechanical else grid_of(STEP_PER_REAL_ERROR * fit.error)
        found: list[Point] = []
        while len(found) < GRIDS and 0 <= grid <= MOST_GRID:
            found.append(search.measure(replace(mesh, positions=fit.integers(grid_step(grid)), grid=grid)))
            within = bound.ratio(found[-1]) <= 1
            if within != (bound.ratio(found[0]) <= 1):
                break
            grid += -1 if within else 1
        points += found
        if not beyond and any(bound.ratio(p) <= 1 for p in found):
            break
    return points, nearest


def _apart(mesh: ControlMesh, vertices: np.ndarray) -> float:
    """How far a mesh's vertices are from others (n, 3), but for a shift of all."""
    moved = mesh.vertices - vertices
    return float(np.abs(moved - moved.mean(axis=0)).sum())
