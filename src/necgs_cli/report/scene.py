"""Meshes on their way to a browser: small enough to be put into a page, exact enough to be looked at."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass

import numpy as np

from necgs_cli.report.view import guess_up, visible_faces

_STEPS = 65_535  # positions have 16 bits along the longest side
_ERROR_STEPS = 255

MeshWithError = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices (n, 3) and faces (m, 3), and for each vertex the distance to the other surface (n,), all in source units."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A model that a report shows in 3D: its original and its decoded mesh, both with their error.

    unit: what a length of 1 is called, such as "mm"; by default "source units".
    note: anything to say about the picture, such as that a mesh was simplified for it.
    id: of the model in the set, where names may repeat.
    """

    name: str
    original: MeshWithError
    decoded: MeshWithError
    unit: str = "source units"
    note: str = ""
    id: int | None = None


def pack_mesh(vertices: np.ndarray, faces: np.ndarray, error: np.ndarray | None = None) -> bytes:
    """A mesh as `web/mesh.js` reads it.

    Deflated: u32 length of a JSON header, the header, then columns of bytes. Positions are rounded to 16 bits along
    the longest side; vertices that fall together become one. Vertices stand along a Morton curve and faces in the
    order of their lowest vertex, so that neighbours differ little, and every column is stored as differences, low bytes
    first. Errors have 8 bits, on a scale of square roots: small ones are told apart better than large ones.

    Args:
        vertices, faces: (n, 3) float, source units, and (m, 3) int. Faces with a corner that is not finite are left
            out, and so are vertices of no face.
        error: (n,) one value a vertex, source units; what is not finite counts as the largest finite one.

    Raises:
        ValueError: the extent of the mesh is not finite.
    """
    vertices, kept = visible_faces(vertices, faces)
    used, corners = np.unique(kept, return_inverse=True)
    points = vertices[used]
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(3), np.zeros(3))
    with np.errstate(over="ignore"):
        side = float((high - low).max())
    if not math.isfinite(side):
        raise ValueError("the mesh is too large to be drawn")
    step = side / _STEPS or 1.0
    grid = np.round((points - low) / step).astype(np.int64)
    _, first, place = np.unique(_morton(grid), return_index=True, return_inverse=True)
    grid = grid[first]
    triangles = _ordered_faces(place.reshape(-1)[corners].reshape(-1, 3))
    columns = [_bytes_of(_differences(axis) & 0xFFFF, 2) for axis in grid.T]
    columns += [_bytes_of(column, 4) for column in _face_columns(triangles)]
    header = {"vertices": len(grid), "faces": len(triangles), "low": low.tolist(), "high": high.tolist(), "step": step}
    header |= {"source_vertices": len(vertices), "source_faces": len(np.reshape(faces, (-1, 3)))}
    header |= {"up": guess_up(points, corners.reshape(-1, 3)) if len(kept) else "y", "largest_error": None}
    if error is not None:
        largest, levels = _error_levels(np.asarray(error, dtype=np.float64)[used], place.reshape(-1), len(grid))
        header["largest_error"] = largest
        columns.append(levels.tobytes())
    text = json.dumps(header, allow_nan=False).encode()
    return zlib.compress(len(text).to_bytes(4, "little") + text + b"".join(columns), 9)


def _morton(grid: np.ndarray) -> np.ndarray:
    """The bits of (n, 3) 16-bit coordinates, interleaved: (n,) int64."""
    code = np.zeros(len(grid), dtype=np.int64)
    for bit in range(16):
        for axis in range(3):
            code |= (grid[:, axis] >> bit & 1) << (3 * bit + axis)
    return code


def _ordered_faces(faces: np.ndarray) -> np.ndarray:
    """Faces (m, 3) that are triangles still, each turned so that its lowest vertex comes first, in ascending order."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    turn = (np.argmin(faces, axis=1)[:, None] + np.arange(3)) % 3 if len(faces) else np.zeros((0, 3), dtype=int)
    faces = np.take_along_axis(faces, turn, axis=1)
    return faces[np.lexsort(faces.T[::-1])]


def _face_columns(faces: np.ndarray) -> list[np.ndarray]:
    """The lowest vertex of each face as a difference to the face before, the others as differences to the lowest."""
    return [_differences(faces[:, 0]), faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0]]


def _differences(column: np.ndarray) -> np.ndarray:
    return np.diff(column, prepend=0)


def _bytes_of(column: np.ndarray, width: int) -> bytes:
    """A column of non-negative numbers as `width` columns of bytes, the lowest first."""
    return b"".join((column >> 8 * place & 0xFF).astype(np.uint8).tobytes() for place in range(width))


def _error_levels(error: np.ndarray, place: np.ndarray, count: int) -> tuple[float, np.ndarray]:
    """The largest finite error, and for each of `count` vertices sqrt(error / largest) as uint8 (count,)."""
    finite = error[np.isfinite(error)]
    largest = float(finite.max()) if len(finite) else 0.0
    merged = np.zeros(count)
    np.maximum.at(merged, place, np.clip(np.nan_to_num(error, nan=largest, posinf=largest), 0, largest))
    share = np.sqrt(merged / largest) if largest > 0 else merged
    return largest, np.round(_ERROR_STEPS * share).astype(np.uint8)
