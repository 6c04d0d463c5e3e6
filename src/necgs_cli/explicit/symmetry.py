"""Mirror symmetry of an original: the planes at which its image is itself, and the part on one side of them."""

import numpy as np

from .mirror import ON_PLANE, PLANE_BITS, Mirrors
from .target import Target

SAMPLES, VERTICES = 4000, 20000  # whose images are held against the original
ROUNDS = 6  # of looking for a plane, from the middle of the bounding box
PROMISING = 0.02  # mean distance of the image, about, below which it is measured exactly
FARTHEST = 0.03  # from the middle, beyond which no plane is looked for
THIN = 1e-3  # extent across a plane, below which there is nothing to mirror


class Symmetry:
    """How far an original is from its image at the best plane across each axis; lengths of the unit frame.

    Attributes:
        places: (3,) of the planes, in steps of 2 ** -PLANE_BITS.
        mean, largest: (3,) distances between the original and its image; infinite where they are large.
    """

    def __init__(self, target: Target):
        found = [_plane(target, axis) for axis in range(3)]
        self.places, self.mean, self.largest = (np.array(column) for column in zip(*found, strict=True))

    def mirrors(self, mean: float, largest: float) -> Mirrors:
        """The planes at which the image is at most so far from the original."""
        chosen = (self.mean <= mean) & (self.largest <= largest)
        x, y, z = np.where(chosen, self.places, 0).tolist()
        return Mirrors(tuple(np.flatnonzero(chosen).tolist()), (x, y, z))


def _plane(target: Target, axis: int) -> tuple[int, float, float]:
    """The best plane across an axis: its place, mean and largest distance of the image there."""
    import point_cloud_utils as pcu

    if np.ptp(target.vertices[:, axis]) < THIN:
        return 0, np.inf, np.inf
    samples = target.samples_for(0)
    points = samples.asked[:: max(1, len(samples.asked) // SAMPLES)]
    normals = _image(samples.asked_normals[:: max(1, len(samples.asked) // SAMPLES)], axis, 0.0)
    place = 0.0
    for _ in range(ROUNDS):  # the images move by twice what the plane moves
        images = _image(points, axis, place)
        closest, facing = samples.closest(images, normals)
        apart, slope = ((images - closest) * facing).sum(axis=1), 2 * facing[:, axis]
        weight = 1 / (np.abs(apart) + np.median(np.abs(apart)) + ON_PLANE)
        step = (weight * slope * apart).sum() / max((weight * slope**2).sum(), 1e-300)
        place = float(np.clip(place - step, -FARTHEST, FARTHEST))
    if np.linalg.norm(images - closest, axis=1).mean() > PROMISING:
        return 0, np.inf, np.inf
    rounded = round(place * 2**PLANE_BITS)
    some = target.vertices[:: max(1, -(-len(target.vertices) // VERTICES))]
    images = _image(np.concatenate([points, some]), axis, rounded * 2.0**-PLANE_BITS)
    distances = pcu.closest_points_on_mesh(images, target.vertices, target.faces.astype(np.int32))[0]
    return rounded, float(distances[:len(points)].mean()), float(distances.max())


def _image(points: np.ndarray, axis: int, place: float) -> np.ndarray:
    images = points.copy()
    images[:, axis] = 2 * place - images[:, axis]
    return images


def cut(vertices: np.ndarray, faces: np.ndarray, mirrors: Mirrors) -> tuple[np.ndarray, np.ndarray]:
    """The part of a mesh on the upper side of each plane, cut where triangles cross it, without what lies in it.

    Args:
        vertices: (n, 3) float; faces: (m, 3) int.
    Returns:
        vertices (n', 3), exactly on the plane where they lie on it or were cut; faces (m', 3).
    """
    for axis in mirrors.axes:
        vertices, faces = _cut(vertices, faces, axis, mirrors.origin[axis])
    return vertices, faces


def _cut(vertices: np.ndarray, faces: np.ndarray, axis: int, place: float) -> tuple[np.ndarray, np.ndarray]:
    vertices, count = vertices.copy(), len(vertices)
    above = vertices[:, axis] - place
    above[np.abs(above) < ON_PLANE] = 0
    vertices[above == 0, axis] = place
    side = np.sign(above)[faces]
    kept = faces[(side >= 0).all(axis=1) & (side > 0).any(axis=1)]
    crossing = faces[(side > 0).any(axis=1) & (side < 0).any(axis=1)]
    start, end = crossing, np.roll(crossing, -1, axis=1)
    low, high = np.minimum(start, end), np.maximum(start, end)
    crossed = above[start] * above[end] < 0
    keys, key_of = np.unique(low[crossed] * count + high[crossed], return_inverse=True)
    a, b = keys // count, keys % count
    share = above[a] / (above[a] - above[b])
    new = vertices[a] + share[:, None] * (vertices[b] - vertices[a])
    new[:, axis] = place
    between = np.full(crossing.shape, -1)
    between[crossed] = count + key_of.reshape(-1)
    corners = np.where(above[crossing] >= 0, crossing, -1)
    ring = np.stack([corners, between], axis=2).reshape(-1, 6)  # corner, cut, corner, ...; -1 where there is none
    ring = np.take_along_axis(ring, np.argsort(ring < 0, axis=1, kind="stable"), axis=1)
    more = ring[ring[:, 3] >= 0]
    faces = np.concatenate([kept, ring[:, :3], more[:, [0, 2, 3]]])
    used, faces = np.unique(faces, return_inverse=True)
    return np.concatenate([vertices, new])[used], faces.reshape(-1, 3)
