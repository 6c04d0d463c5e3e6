"""Parts of an original that repeat: the same shape somewhere else, of which control meshes need one alone."""

from dataclasses import dataclass

import numpy as np

from .subdivide import unique_edges
from .triangles import face_normals

SAME = 2e-5  # distance, unit frame, up to which vertices of two parts are at the same place
SAME_AREA = 1e-3  # difference, in shares, up to which their areas are equal
LEAST_SHARE = 0.08  # of the vertices that must repeat for it to be worth while
MOST_FACES, MOST_PARTS = 60000, 3000  # of a mesh in which they are looked for


@dataclass(frozen=True, eq=False)
class Copied:
    """All vertices of a mesh whose parts repeat, of which the first ones and the first faces are the different parts.

    Attributes:
        source: (n',) the vertex of the different parts of which each one is a copy.
        shift: (n', 3) float64, how far from it.
        faces: (m', 3) int64; creases: (k', 2) int64.
    """

    source: np.ndarray
    shift: np.ndarray
    faces: np.ndarray
    creases: np.ndarray

    def on_grid(self, integers: np.ndarray, step: float) -> np.ndarray:
        """All vertices, (n', 3) integers, from the different ones (n, 3), in steps of a grid."""
        return integers[self.source] + np.rint(self.shift / step).astype(integers.dtype)


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which parts of a mesh repeat.

    Attributes:
        label: (n,) number of each vertex' part, of the different ones.
        shifts: of each of these, how far its copies are: (k, 3) float64.
    """

    label: np.ndarray
    shifts: list[np.ndarray]

    @property
    def any(self) -> bool:
        """Whether some part does."""
        return any(len(shift) for shift in self.shifts)

    def of(self, vertices: np.ndarray) -> "Repeats":
        """Of a mesh that has some of the vertices left."""
        return Repeats(self.label[vertices], self.shifts)

    def times(self) -> np.ndarray:
        """(n,) how often the part of each vertex is there."""
        return np.array([1 + len(shift) for shift in self.shifts])[self.label]

    def copied(self, faces: np.ndarray, creases: np.ndarray | None = None) -> Copied:
        """A mesh of these vertices, faces (m, 3) and creases (k, 2), with its copies."""
        count, label = len(self.label), self.label
        creases = np.zeros((0, 2), np.int64) if creases is None else creases
        source, shift, all_faces, all_creases = [np.arange(count)], [np.zeros((count, 3))], [faces], [creases]
        at = count
        for part in np.unique(label).tolist():
            members = np.flatnonzero(label == part)
            place = np.full(count, -1)
            place[members] = np.arange(len(members))
            own_faces, own_creases = faces[label[faces[:, 0]] == part], creases[label[creases[:, 0]] == part]
            for offset in self.shifts[part]:
                source.append(members)
                shift.append(np.tile(offset, (len(members), 1)))
                all_faces.append(at + place[own_faces])
                all_creases.append(at + place[own_creases])
                at += len(members)
        return Copied(
            np.concatenate(source), np.concatenate(shift), np.concatenate(all_faces), np.concatenate(all_creases)
        )


def none_of(count: int) -> Repeats:
    """Of a mesh of so many vertices in which nothing repeats."""
    return Repeats(np.zeros(count, np.int64), [np.zeros((0, 3))])


def without_repeats(vertices: np.ndarray, faces: np.ndarray, sort: np.ndarray) -> tuple[np.ndarray, Repeats]:
    """Which parts of a mesh repeat.

    Args:
        vertices: (n, 3) float64; faces: (m, 3) int.
        sort: (n,) int, the same for all vertices of a part; only parts of a sort repeat each other.
    Returns:
        The vertices of the different parts, (k,) numbers in order, and which of these repeat; all, where few do.
    """
    nothing = np.arange(len(vertices)), none_of(len(vertices))
    if len(faces) > MOST_FACES:
        return nothing
    parts = connected_parts(faces, len(vertices))
    if not 1 < len(parts) <= MOST_PARTS:
        return nothing
    area = face_normals(vertices[faces])[1]
    part_of = np.zeros(len(vertices), np.int64)
    for number, members in enumerate(parts):
        part_of[members] = number
    areas = np.bincount(part_of[faces[:, 0]], area, len(parts))
    of_face = np.argsort(part_of[faces[:, 0]], kind="stable")
    faces_of = np.split(faces[of_face], np.cumsum(np.bincount(part_of[faces[:, 0]], minlength=len(parts)))[:-1])
    first_of, shift_of = _firsts(vertices, parts, faces_of, areas, [int(sort[members[0]]) for members in parts])
    copies = first_of != np.arange(len(parts))
    if sum(len(parts[k]) for k in np.flatnonzero(copies)) < LEAST_SHARE * len(vertices):
        return nothing
    kept = np.flatnonzero(~copies[part_of])
    rank = np.cumsum(~copies) - 1
    shifts = [shift_of[copies & (first_of == k)] for k in np.flatnonzero(~copies)]
    return kept, Repeats(rank[part_of[kept]], shifts)


def connected_parts(faces: np.ndarray, vertex_count: int) -> list[np.ndarray]:
    """The vertices of each connected part of a mesh."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = unique_edges(faces)[0]
    matrix = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertex_count, vertex_count))
    count, label = connected_components(matrix, directed=False)
    return np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])


def _firsts(
    vertices: np.ndarray, parts: list[np.ndarray], faces_of: list[np.ndarray], areas: np.ndarray, sorts: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """For each part the first one of which it is a copy, itself where it is none; and how far it is from that."""
    from scipy.spatial import cKDTree

    place = np.zeros(len(vertices), np.int64)  # of each vertex in its part
    for members in parts:
        place[members] = np.arange(len(members))
    first_of, shift_of = np.arange(len(parts)), np.zeros((len(parts), 3))
    corners = np.array([vertices[members].min(axis=0) for members in parts])
    extents = np.array([np.ptp(vertices[members], axis=0) for members in parts])
    trees: dict[int, cKDTree] = {}
    different: dict[tuple[int, int], list[int]] = {}  # by number of vertices and sort
    for k, members in enumerate(parts):
        alike = different.setdefault((len(members), sorts[k]), [])
        near = np.abs(areas[alike] - areas[k]) <= SAME_AREA * areas[k]
        near &= np.abs(extents[alike] - extents[k]).max(axis=1) < SAME
        for first in np.array(alike, int)[near].tolist():
            apart, match = trees[first].query(vertices[members] - corners[k])
            if apart.max() < SAME and _equal(match[place[faces_of[k]]], place[faces_of[first]]):
                first_of[k], shift_of[k] = first, corners[k] - corners[first]
                break
        else:
            alike.append(k)
            trees[k] = cKDTree(vertices[members] - corners[k])
    shift_of[np.abs(shift_of) < SAME] = 0
    return first_of, shift_of


def _equal(faces: np.ndarray, others: np.ndarray) -> bool:
    """Whether two lists of triangles (m, 3) are the same, in any order and turn."""
    if len(faces) != len(others):
        return False
    both = []
    for rows in (faces, others):
        turned = np.take_along_axis(rows, (rows.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
        both.append(turned[np.lexsort(turned.T)])
    return bool((both[0] == both[1]).all())
