"""Scenes: shapes used once or many times, each with its transform, to one mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import check_indices

# A small file can name one shape a million times; this many triangles take about 2 GB while they are read.
MAX_FACES = 1 << 24


@dataclass(frozen=True, eq=False)
class Part:
    """A shape in its place: (n, 3) float64 vertices, (m, 3) int64 faces, (4, 4) float64 transform of columns."""

    vertices: np.ndarray
    faces: np.ndarray
    transform: np.ndarray


def join(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Put the parts in place, as one mesh; a mirrored part's faces are turned, so that its outside stays outside.

    Returns:
        (n, 3) float64 vertices and (m, 3) int64 faces.

    Raises:
        MeshError: if an index is out of range, or the parts together are too many triangles.
    """
    total = sum(max(len(part.faces), len(part.vertices) // 3) for part in parts)
    if total > MAX_FACES:
        raise MeshError(f"is too large: its instances are {total:,} triangles together, {MAX_FACES:,} is the most")
    vertices, faces = [np.empty((0, 3))], [np.empty((0, 3), np.int64)]
    offset = 0
    for part in parts:
        check_indices(part.faces, len(part.vertices))
        matrix = part.transform[:3, :3]
        vertices.append(part.vertices @ matrix.T + part.transform[:3, 3])
        faces.append((part.faces if np.linalg.det(matrix) >= 0 else part.faces[:, ::-1]) + offset)
        offset += len(part.vertices)
    return np.concatenate(vertices), np.concatenate(faces)
