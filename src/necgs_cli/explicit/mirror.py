"""Mirrored control meshes: the part that is stored, and the whole that its images at some planes complete."""

from dataclasses import dataclass

import numpy as np

from .subdivide import unique_edges

PLANE_BITS = 14  # a mirror plane lies at a multiple of 2 ** -PLANE_BITS of the unit frame
ON_PLANE = 1e-6  # distance below which a vertex of an original lies on it


@dataclass(frozen=True)
class Mirrors:
    """Planes across axes of the unit frame, at each of which a mesh is completed by its image.

    Attributes:
        axes: of the planes, ascending; none for a mesh that is whole.
        places: where they are on the axes, in steps of 2 ** -PLANE_BITS; 0 for the other axes.
    """

    axes: tuple[int, ...] = ()
    places: tuple[int, int, int] = (0, 0, 0)

    @property
    def origin(self) -> np.ndarray:
        """(3,) in the unit frame: what coordinates are counted from."""
        return np.array(self.places) * 2.0**-PLANE_BITS


WHOLE = Mirrors()
"""Of a mesh that none completes."""


@dataclass(frozen=True, eq=False)
class Unfolded:
    """The whole of a mesh, of which the first vertices and faces are the part itself.

    Attributes:
        source: (n',) the vertex of the part of which each one is an image; signs: (n', 3) int64, how its coordinates
            follow from that one's; 0 where both are its own image, and the coordinate is 0.
        faces: (m', 3) int64; creases: (k', 2) int64.
    """

    source: np.ndarray
    signs: np.ndarray
    faces: np.ndarray
    creases: np.ndarray

    def vertices(self, part: np.ndarray) -> np.ndarray:
        """Values (n', 3) of the whole from those of the part (n, 3), counted from the planes."""
        return part[self.source] * self.signs


def unfold(
    positions: np.ndarray,
    faces: np.ndarray,
    creases: np.ndarray | None,
    axes: tuple[int, ...],
    single: np.ndarray | None = None,
) -> Unfolded:
    """The whole of a part, one plane after the other.

    A vertex on a plane, of an edge with one face, is its own image. So is a triangle of three such vertices. All other
    vertices and triangles are doubled, but for those that have no images.

    Args:
        positions: (n, 3), counted from the planes; faces: (m, 3); creases: (k, 2) or None; axes: of the planes.
        single: (n,) bool, the vertices of connected parts that have no images; None: all have.
    """
    source, signs = np.arange(len(positions)), np.ones((len(positions), 3), np.int64)
    faces = np.asarray(faces, np.int64)
    creases = np.zeros((0, 2), np.int64) if creases is None else np.asarray(creases, np.int64)
    for axis in axes:
        count = len(source)
        edges, _, faces_at = unique_edges(faces)
        own = np.zeros(count, bool)
        own[edges[faces_at == 1]] = True
        own &= positions[source, axis] == 0
        if single is not None:
            own &= ~single[source]
        signs[own, axis] = 0
        if single is not None:
            own |= single[source]
        image = np.where(own, np.arange(count), count + np.cumsum(~own) - 1)
        flip = np.ones(3, np.int64)
        flip[axis] = -1
        source, signs = np.concatenate([source, source[~own]]), np.concatenate([signs, signs[~own] * flip])
        faces = np.concatenate([faces, image[faces[~own[faces].all(axis=1)]][:, ::-1]])
        creases = np.concatenate([creases, image[creases[~own[creases].all(axis=1)]]])
    return Unfolded(source, signs, faces, creases)
