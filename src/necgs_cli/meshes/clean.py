"""Checks and repairs that leave the visible surface as it is."""

from __future__ import annotations

import numpy as np

from necgs_cli.meshes.flat_faces import has_area, remove_flat_faces
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.meshes.parsed import Parsed, check_indices
from necgs_cli.meshes.winding import wrongly_turned


def clean(parsed: Parsed) -> tuple[Mesh, tuple[str, ...]]:
    """Check the triangles of a file and mend what needs no decision.

    Faces without area and repeated faces go, and so do vertices that no face uses. Vertices at equal positions are
    merged in open parts only, where they hold faces together (STL stores no connectivity, for one); in closed parts
    they often keep the surface manifold. Faces whose neighbours have the other side out are turned over.

    Args:
        parsed: the triangles as the file gives them.

    Returns:
        The mesh, and what was mended, a phrase for each kind.

    Raises:
        MeshError: if there are no faces, an index is out of range, a coordinate is not finite, or nothing has area.
    """
    vertices, faces = parsed.vertices, parsed.faces
    if len(faces) == 0:
        raise MeshError("has no faces" if len(vertices) else "is empty: no vertices, no faces")
    check_indices(faces, len(vertices))
    repairs = list(parsed.repairs)
    unused = len(vertices)
    vertices, faces = _keep_used(vertices, faces)
    unused -= len(vertices)
    bad = int((~np.isfinite(vertices).all(axis=1)).sum())
    if bad:
        raise MeshError(f"{bad} of the vertices that faces use have NaN or infinite coordinates")

    positions = _position_ids(vertices)
    corners = positions[faces]
    kept = faces[(corners != np.roll(corners, 1, axis=1)).all(axis=1)]
    flat = len(faces) - len(kept)
    faces = kept[_first_of_each(positions[kept], len(vertices))]
    repeated = len(kept) - len(faces)
    target = _weld_open(faces, positions)
    faces = target[faces]
    solid = int(has_area(vertices, faces).sum())
    if solid == 0:
        raise MeshError("no face has an area")
    flat += len(faces) - solid
    if solid < len(faces):
        faces = remove_flat_faces(vertices, faces)
    turned = wrongly_turned(vertices, faces)
    faces[turned] = faces[turned][:, ::-1]
    _note(repairs, flat, "face without area dropped", "faces without area dropped")
    _note(repairs, repeated, "repeated face dropped", "repeated faces dropped")
    merged = int((target != np.arange(len(vertices))).sum())
    _note(repairs, merged, "vertex merged by position", "vertices merged by position")
    _note(repairs, int(turned.sum()), "face turned to agree with its neighbours", "faces turned to agree with others")
    _note(repairs, unused, "unused vertex dropped", "unused vertices dropped")
    return Mesh(*_keep_used(vertices, faces)), tuple(repairs)


def _note(repairs: list[str], count: int, one: str, many: str) -> None:
    if count:
        repairs.append(f"{count:,} {one if count == 1 else many}")


def _keep_used(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _position_ids(vertices: np.ndarray) -> np.ndarray:
    """(n,) int64: equal for vertices at exactly equal positions, and below n."""
    points = vertices + 0.0  # -0.0 becomes 0.0
    order = np.lexsort(points.T)
    ordered = points[order]
    is_new = np.ones(len(points), bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    ids = np.empty(len(points), np.int64)
    ids[order] = np.cumsum(is_new) - 1
    return ids


def _first_of_each(triples: np.ndarray, bound: int) -> np.ndarray:
    """Rows, ascending, of the first of each set of (m, 3) triples below `bound` that are equal but for rotation."""
    smallest = triples.argmin(axis=1)[:, None]
    a, b, c = np.take_along_axis(triples, (smallest + np.arange(3)) % 3, axis=1).T
    # One number for two of them: bound**2 fits as long as there are fewer than 2**31 vertices.
    order = np.lexsort((c, a * bound + b))
    same = np.zeros(len(order), bool)
    same[1:] = (a[order][1:] == a[order][:-1]) & (b[order][1:] == b[order][:-1]) & (c[order][1:] == c[order][:-1])
    return np.sort(order[~same])  # lexsort is stable: the first row leads its set


def _weld_open(faces: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(n,) int64: for each vertex the one that stands for it, once those of open parts are merged by position."""
    vertices = len(positions)
    target = np.arange(vertices)
    if len(faces) == 0 or positions.max() + 1 == vertices:
        return target
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    keys, uses = np.unique(edges[:, 0] * vertices + edges[:, 1], return_counts=True)
    border = keys[uses == 1] // vertices
    if len(border) == 0:
        return target
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(keys), bool), (keys // vertices, keys % vertices)), shape=(vertices, vertices))
    parts, part = connected_components(links, directed=False)
    is_open = np.zeros(parts, bool)
    is_open[part[border]] = True
    movable = np.flatnonzero(is_open[part])
    representative = np.full(vertices, -1)
    representative[positions[movable][::-1]] = movable[::-1]  # the last write wins: the first vertex of each position
    target[movable] = representative[positions[movable]]
    return target
