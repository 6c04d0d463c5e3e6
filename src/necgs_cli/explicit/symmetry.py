"""Mirror symmetry of an original: the planes at which its image is itself, and the part on one side of them."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .mirror import ON_PLANE, PLANE_BITS, WHOLE, Mirrors
from .repeats import connected_parts
from .target import FEW_VERTICES, Target, oriented
from .triangles import TriangleTree, closest_on_triangles

FEW_SAMPLES, SAMPLES, VERTICES = 500, 4000, 20000  # by which a plane is found, and the image measured
ROUNDS = 5  # of looking for a plane, from the middle of the bounding box
HOPELESS = 0.05  # distance of half of the image across the middle, from which no plane is looked for
FARTHEST = 0.03  # from the middle, beyond which none is
THIN = 1e-3  # extent across a plane, below which there is nothing to mirror
LEAST_SAVED = 0.2  # of the surface that mirrors must save
MOST_PARTS = 3000  # of a mesh, beyond which it is taken as one


@dataclass(frozen=True, eq=False)
class Folded:
    """Where an original is mirrored.

    Attributes:
        mirrors: the planes; none where that saves too little.
        single: (n,) bool, the vertices of connected parts that have no images.
        mean: distance between the original and its image, without these parts, at the worst plane.
    """

    mirrors: Mirrors
    single: np.ndarray
    mean: float


class Symmetry:
    """How far an original is from its image at the best plane across each axis; lengths of the unit frame.

    Args:
        target: the original; in_parts: whether some connected parts of it may be left without images.
    """

    def __init__(self, target: Target, in_parts: bool):
        self._target, self._vertex_count = target, len(target.vertices)
        parts = connected_parts(target.faces, self._vertex_count) if in_parts else []
        if not 1 <= len(parts) <= MOST_PARTS:
            parts = [np.arange(self._vertex_count)]
        self._part_of = np.zeros(self._vertex_count, np.int64)
        for number, members in enumerate(parts):
            self._part_of[members] = number
        self._found = [_find(target, axis) for axis in range(3)]
        self._measured: dict[tuple[int, bytes], _Plane] = {}

    def folded(self, mean: float, p99: float, largest: float) -> Folded:
        """The planes that save most, where the image is at most so far from the original.

        Args:
            mean, p99: of the distances of the image; largest: of those of each connected part.
        """
        best, most = Folded(WHOLE, np.zeros(self._vertex_count, bool), 0.0), LEAST_SAVED
        promising = [axis for axis, (_, typical) in enumerate(self._found) if typical <= mean]
        for count in range(1, 1 + len(promising)):
            for axes in combinations(promising, count):
                planes, mirrored = self._images(axes, largest)
                saved = planes[0].share[mirrored].sum() * (1 - 0.5**count)
                worst = max(plane.mean_of(mirrored) for plane in planes)
                if saved > most and worst <= mean and max(plane.p99_of(mirrored) for plane in planes) <= p99:
                    places = [self._found[axis][0] if axis in axes else 0 for axis in range(3)]
                    mirrors = Mirrors(axes, (places[0], places[1], places[2]))
                    best, most = Folded(mirrors, ~mirrored[self._part_of], worst), saved
        return best

    def _images(self, axes: tuple[int, ...], largest: float) -> "tuple[list[_Plane], np.ndarray]":
        """The planes across some axes, and which parts (bool) have images that are near parts of that sort again."""
        mirrored = np.ones(int(self._part_of.max()) + 1, bool)
        while True:
            planes = [self._plane(axis, mirrored) for axis in axes]
            near = mirrored & np.logical_and.reduce([plane.largest <= largest for plane in planes])
            if (near == mirrored).all() or not near.any():
                return planes, near
            mirrored = near

    def _plane(self, axis: int, parts: np.ndarray) -> "_Plane":
        """A plane with images held against some parts (bool)."""
        key = axis, parts.tobytes()
        if key not in self._measured:
            faces = self._target.faces[parts[self._part_of[self._target.faces[:, 0]]]]
            self._measured[key] = _measured(self._target, faces, axis, self._found[axis][0], self._part_of)
        return self._measured[key]


@dataclass(frozen=True, eq=False)
class _Plane:
    """What is known of each connected part at a plane.

    Attributes:
        largest, mean: distances of the part's image; share: of the surface that the part has.
        distances: (s,) of samples of all images; part_of: (s,) of which part each is.
    """

    largest: np.ndarray
    mean: np.ndarray
    share: np.ndarray
    distances: np.ndarray
    part_of: np.ndarray

    def mean_of(self, parts: np.ndarray) -> float:
        """Mean distance of the images of some parts (bool)."""
        return float((self.mean * self.share)[parts].sum() / max(self.share[parts].sum(), 1e-300))

    def p99_of(self, parts: np.ndarray) -> float:
        """The distance that 99 % of the images of some parts (bool) are below; 0 where they have no sample."""
        distances = self.distances[parts[self.part_of]]
        return float(np.quantile(distances, 0.99)) if len(distances) else 0.0


def _find(target: Target, axis: int) -> tuple[int, float]:
    """The best plane across an axis, in steps of 2 ** -PLANE_BITS, and the median distance of the image there."""
    samples = target.samples_for(FEW_VERTICES)
    if np.ptp(target.vertices[:, axis]) < THIN:
        return 0, np.inf
    step = max(1, len(samples.asked) // FEW_SAMPLES)
    points, normals = samples.asked[::step], _image(samples.asked_normals[::step], axis, 0.0)
    place, typical = 0.0, np.inf
    for _ in range(ROUNDS):  # the images move by twice what the plane moves
        images = _image(points, axis, place)
        at = samples.nearest(oriented(images, normals))
        closest, facing = closest_on_triangles(images, target.corners[at]), target.normals[at]
        typical = float(np.median(np.linalg.norm(images - closest, axis=1)))
        if typical > HOPELESS:
            return 0, np.inf
        apart, slope = ((images - closest) * facing).sum(axis=1), 2 * facing[:, axis]
        weight = 1 / (np.abs(apart) + np.median(np.abs(apart)) + ON_PLANE)
        move = (weight * slope * apart).sum() / max((weight * slope**2).sum(), 1e-300)
        place = float(np.clip(place - move, -FARTHEST, FARTHEST))
    return round(place * 2**PLANE_BITS), typical


def _measured(target: Target, faces: np.ndarray, axis: int, place: int, part_of: np.ndarray) -> _Plane:
    """The image at a plane across an axis against some faces of the original, exactly."""
    samples = target.samples_for(FEW_VERTICES)
    step = max(1, len(samples.asked) // SAMPLES)
    points, part_of_point = samples.asked[::step], part_of[target.faces[samples.asked_faces[::step], 0]]
    some = np.arange(0, len(target.vertices), max(1, -(-len(target.vertices) // VERTICES)))
    images = _image(np.concatenate([points, target.vertices[some]]), axis, place * 2.0**-PLANE_BITS)
    tree = target.tree if len(faces) == len(target.faces) else TriangleTree(target.vertices[faces])
    distances = tree.distances(images)[0]
    parts = int(part_of.max()) + 1
    largest = np.zeros(parts)
    np.maximum.at(largest, np.concatenate([part_of_point, part_of[some]]), distances)
    count = np.bincount(part_of_point, minlength=parts)
    total = np.bincount(part_of_point, distances[: len(points)], parts)
    at_samples = distances[: len(points)], part_of_point
    return _Plane(largest, total / np.maximum(count, 1), count / len(points), *at_samples)


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
