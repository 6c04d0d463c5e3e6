"""Faces that turn the wrong way about, and how they come to agree with those beside them."""

from __future__ import annotations

import numpy as np


def wrongly_turned(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Say which faces must be turned over so that neighbours agree on which side is outside.

    Neighbours share an edge that no third face has. In each connected part the side of less area is turned; a part
    that cannot be oriented (a Möbius strip) stays as it is.

    Args:
        vertices: (n, 3) float64, finite.
        faces: (m, 3) int64.

    Returns:
        (m,) bool.
    """
    count = len(faces)
    ends, following = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    keys = np.minimum(ends, following) * len(vertices) + np.maximum(ends, following)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    shared = starts[np.diff(starts, append=len(keys)) == 2]
    first, second = order[shared], order[shared + 1]
    agree = ends[first] == following[second]
    if agree.all():
        return np.zeros(count, bool)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Every face twice, as it is and turned over (+ count); two of these are joined where they agree.
    one, other = first // 3, second // 3
    rows, columns = np.concatenate([one, one + count]), np.concatenate([other, other + count])
    columns = np.where(np.tile(agree, 2), columns, (columns + count) % (2 * count))
    joined = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(2 * count, 2 * count))
    parts, part = connected_components(joined, directed=False)
    as_is, turned = part[:count], part[count:]
    corners = vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    unchanged = np.bincount(as_is, areas, parts)  # area that each choice of sides leaves as it is
    ranked = np.lexsort((-np.arange(parts), unchanged))
    rank = np.empty(parts, np.int64)
    rank[ranked] = np.arange(parts)
    return rank[turned] > rank[as_is]
