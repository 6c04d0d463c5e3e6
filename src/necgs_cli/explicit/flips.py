"""Edge flips that make valences more even: fewer bits of connectivity, and triangles that suit a Loop surface."""

import numpy as np

from .collapse import triangle_quality
from .subdivide import unique_edges
from .triangles import face_normals

LARGEST_BEND = 60.0  # degrees between any two of the old and new triangles
LEAST_QUALITY = 0.3  # of the new triangles
ROUNDS = 6


def even_valences(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Faces (m, 3) after flips, each of which lowers the sum of (valence - 6)^2 where the surface hardly changes.

    Args:
        vertices: (n, 3) float; faces: (m, 3) int, in which flips concern only edges of two faces of one orientation.
    """
    faces = faces.copy()
    for _ in range(ROUNDS):
        if _flip_some(vertices, faces) == 0:
            break
    return faces


def _flip_some(vertices: np.ndarray, faces: np.ndarray) -> int:
    """Flips in place, no two of them at one triangle or vertex; how many."""
    n, m = len(vertices), len(faces)
    edges, edge_of, count = unique_edges(faces)
    valence = np.bincount(edges.ravel(), minlength=n)
    open_at = np.zeros(n, bool)
    open_at[edges[count != 2]] = True
    order = np.argsort(edge_of, kind="stable")
    start = (np.cumsum(count) - count)[count == 2]
    left, right = order[start], order[start + 1]  # the two sides of each inner edge, as k * m + face
    a, b = faces[left % m, left // m], faces[left % m, (left // m + 1) % 3]
    c, d = faces[left % m, (left // m + 2) % 3], faces[right % m, (right // m + 2) % 3]
    same = (faces[right % m, right // m] == b) & (c != d)
    ideal = np.where(open_at, 4, 6)
    excess = valence - ideal
    gain = 2 * (excess[a] + excess[b] - excess[c] - excess[d]) - 4
    keys = edges[:, 0] * n + edges[:, 1]
    new_key = np.minimum(c, d) * n + np.maximum(c, d)
    known = keys[np.minimum(np.searchsorted(keys, new_key), len(keys) - 1)] == new_key
    good = np.flatnonzero(same & (gain > 0) & ~known & (valence[a] > 3) & (valence[b] > 3))
    if len(good) == 0:
        return 0
    a, b, c, d, left, right = (x[good] for x in (a, b, c, d, left, right))
    one, two = np.stack([c, a, d], axis=1), np.stack([d, b, c], axis=1)
    old = face_normals(vertices[faces[left % m]])[0], face_normals(vertices[faces[right % m]])[0]
    new, quality = [], []
    for triangles in (one, two):
        normal, area = face_normals(vertices[triangles])
        new.append(normal)
        quality.append(triangle_quality(vertices[triangles], area))
    pairs = (new[0], new[1]), (new[0], old[0]), (new[0], old[1]), (new[1], old[0]), (new[1], old[1])
    cosine = np.min([(p * q).sum(1) for p, q in pairs], axis=0)
    fine = np.flatnonzero((cosine > np.cos(np.radians(LARGEST_BEND))) & (np.minimum(*quality) > LEAST_QUALITY))
    best = fine[np.argsort(-gain[good][fine], kind="stable")]
    least = np.full(n, len(best))
    corners = np.stack([a, b, c, d], axis=1)[best]
    np.minimum.at(least, corners, np.arange(len(best))[:, None])
    chosen = best[(least[corners] == np.arange(len(best))[:, None]).all(axis=1)]
    faces[left[chosen] % m] = one[chosen]
    faces[right[chosen] % m] = two[chosen]
    return len(chosen)
