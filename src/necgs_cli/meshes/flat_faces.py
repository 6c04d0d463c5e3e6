"""Faces without area, and how to be rid of them without tearing the surface."""

from __future__ import annotations

import numpy as np

_ROUNDS = 64  # each round clears one flat face from every edge; longer chains of them are dropped as they are


def has_area(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Say which faces have a height above rounding, relative to the face itself, at any scale.

    Args:
        vertices: (n, 3) float64, finite.
        faces: (m, 3) int64.

    Returns:
        (m,) bool.
    """
    # Scaling by powers of two is exact and keeps products within range; differences come first, so that a small
    # face far from the origin keeps all of its digits.
    _, exponent = np.frexp(np.abs(vertices).max())
    points = np.ldexp(vertices, -exponent)[faces]
    edges = points - np.roll(points, 1, axis=1)
    _, exponents = np.frexp(np.abs(edges).max(axis=(1, 2), keepdims=True))
    edges = np.ldexp(edges, -exponents)
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    longest = (edges**2).sum(axis=2).max(axis=1)
    return area > 8 * np.finfo(np.float64).eps * longest


def remove_flat_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Drop the faces without area.

    A flat face whose middle corner lies on its longest side joins that side to the other two. Dropped, it would
    leave a slit. So the face across the longest side is cut in two at the middle corner, which moves nothing.

    Args:
        vertices: (n, 3) float64, finite.
        faces: (m, 3) int64.

    Returns:
        (k, 3) int64 faces, all with area.
    """
    solid = has_area(vertices, faces)
    for _ in range(_ROUNDS):
        flat, across, middle = _pairs(vertices, faces, np.flatnonzero(~solid))
        if len(flat) == 0:
            break
        halves = [_with_corner_replaced(faces, flat, across, middle, which) for which in (0, 1)]
        kept = np.ones(len(faces), bool)
        kept[flat] = kept[across] = False
        faces = np.concatenate([faces[kept], *halves])
        solid = np.concatenate([solid[kept], *(has_area(vertices, half) for half in halves)])
    return faces[solid]


def _pairs(vertices: np.ndarray, faces: np.ndarray, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat faces, the one face across the longest side of each, and their middle corners; no face in two pairs."""
    lengths = np.abs(vertices[faces[flat]] - vertices[np.roll(faces[flat], -1, axis=1)]).max(axis=2)
    side = lengths.argmax(axis=1)
    middle = faces[flat, (side + 2) % 3]
    keys = _edge_keys(faces, len(vertices))
    order = np.argsort(keys.ravel(), kind="stable")
    ordered = keys.ravel()[order]
    wanted = keys[flat, side]
    first, last = np.searchsorted(ordered, wanted), np.searchsorted(ordered, wanted, side="right")
    joined = last - first == 2
    flat, middle, first = flat[joined], middle[joined], first[joined]
    across = order[first] // 3 + order[first + 1] // 3 - flat
    usable = across != flat
    flat, middle, across = flat[usable], middle[usable], across[usable]
    rank = np.arange(len(flat))
    claimed = np.full(len(faces), len(flat))
    np.minimum.at(claimed, flat, rank)
    np.minimum.at(claimed, across, rank)
    chosen = (claimed[flat] == rank) & (claimed[across] == rank)
    return flat[chosen], across[chosen], middle[chosen]


def _edge_keys(faces: np.ndarray, vertices: int) -> np.ndarray:
    following = np.roll(faces, -1, axis=1)
    return np.minimum(faces, following) * vertices + np.maximum(faces, following)


def _with_corner_replaced(
    faces: np.ndarray, flat: np.ndarray, across: np.ndarray, middle: np.ndarray, which: int
) -> np.ndarray:
    """The faces across, (k, 3), with one corner of the shared side (`which`: 0 or 1) moved to the middle."""
    shared = (faces[across][:, :, None] == faces[flat][:, None, :]).any(axis=2) & (faces[across] != middle[:, None])
    place = shared.argmax(axis=1) if which == 0 else 2 - shared[:, ::-1].argmax(axis=1)
    halves = faces[across].copy()
    halves[np.arange(len(halves)), place] = middle
    return halves
