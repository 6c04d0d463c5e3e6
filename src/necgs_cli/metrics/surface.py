"""Exact distances between an original mesh and its decoded version, and the metrics of the paper.

Both meshes are mapped by the *original's* exact bounding box: its centre to the origin, its longest side to 2. All
lengths are therefore shares of half the longest side: 0.002 is 0.1 % of the longest side.
"""

from dataclasses import dataclass

import numpy as np

# Faces below this doubled area (longest side of the bounding box = 2) are no surface: nothing is ever sampled on them,
# and their normals are noise.
_LEAST_DOUBLE_AREA = 1e-14

# Streams of the seeded generator: the original's samples, another sampling of it (the floor), the decoded mesh's.
_ORIGINAL, _FLOOR, _DECODED = range(3)


@dataclass(frozen=True)
class CloudScores:
    """Metrics of two point clouds, as the paper reports them (section 4.1).

    cd: Chamfer distance, not squared: half the mean distance to the nearest point of the other cloud, each way.
    f1_005, f1_01: 2PR / (P + R) with P and R the shares of decoded and original points nearer than 0.005 and 0.01.
    """

    cd: float
    f1_005: float
    f1_01: float


@dataclass(frozen=True)
class Distances:
    """One decoded mesh against its original; lengths where the longest side of the original is 2.

    p2s: mean exact point-to-surface distance, the mean of `forward` and `backward`; the main figure.
    forward, backward: means over samples of the original (of the decoded mesh) of the distance to the other surface.
    p99, max: 99th percentile and largest of the distances of both directions together.
    nc: mean |cos| between the normals at a sample and at the nearest point of the other surface, both ways (1 is best).
    cd, f1_005, f1_01: see `CloudScores`; None unless they were asked for.
    """

    p2s: float
    forward: float
    backward: float
    p99: float
    max: float
    nc: float
    cd: float | None = None
    f1_005: float | None = None
    f1_01: float | None = None


class Reference:
    """An original, sampled once, against which any number of decoded meshes are measured.

    Attributes:
        surface: of the original, in the frame in which everything is measured.
        longest_side, centre: of its bounding box, source units.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, samples: int = 100_000, seed: int = 0) -> None:
        """Place and sample the original.

        Args:
            vertices: (n, 3) float, source units. Vertices of no face are ignored.
            faces: (m, 3) int.
            samples: points drawn on each surface, uniform by area. 100,000 for published figures; 20,000 suffice to
                steer an encoder (standard deviation of p2s below 1 %).
            seed: of the sampling; equal seeds give equal figures.

        Raises:
            ValueError: the original has no face of positive area.
        """
        vertices, faces = _without_unused(vertices, faces)
        if len(faces) == 0:
            raise ValueError("the original has no surface")
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        self.longest_side = float((high - low).max())
        if not (np.isfinite(self.longest_side) and self.longest_side > 0):
            raise ValueError("the original has no extent")
        self.centre = low + (high - low) / 2
        self.samples, self.seed = samples, seed
        self.surface = Surface(self.to_unit(vertices), faces)
        if self.surface.empty:
            raise ValueError("the original has no surface")
        self.points, self._normals = self.surface.sample(samples, np.random.default_rng((seed, _ORIGINAL)))
        self._floor: CloudScores | None = None

    def to_unit(self, vertices: np.ndarray) -> np.ndarray:
        """Map (n, 3) vertices in source units to the frame in which everything is measured."""
        return (np.asarray(vertices, dtype=np.float64).reshape(-1, 3) - self.centre) * (2.0 / self.longest_side)

    def measure(self, vertices: np.ndarray, faces: np.ndarray, clouds: bool = False) -> Distances:
        """Distances of one decoded mesh.

        Args:
            vertices: (n, 3) float, source units.
            faces: (m, 3) int. Without any face of positive area all distances are infinite and `nc` is 0.
            clouds: also measure `cd` and F1 (takes two to three times longer).
        """
        decoded = Surface(self.to_unit(vertices), faces)
        if decoded.empty:
            scores = {"cd": np.inf, "f1_005": 0.0, "f1_01": 0.0} if clouds else {}
            return Distances(p2s=np.inf, forward=np.inf, backward=np.inf, p99=np.inf, max=np.inf, nc=0.0, **scores)
        points, normals = decoded.sample(self.samples, np.random.default_rng((self.seed, _DECODED)))
        forward, there = decoded.nearest(self.points)
        backward, here = self.surface.nearest(points)
        both = np.concatenate([forward, backward])
        cosines = [np.abs(np.einsum("nd,nd->n", a, b)).mean() for a, b in ((self._normals, there), (normals, here))]
        return Distances(
            p2s=float(both.mean()),
            forward=float(forward.mean()),
            backward=float(backward.mean()),
            p99=float(np.quantile(both, 0.99)),
            max=float(both.max()),
            nc=float(np.mean(cosines)),
            **(vars(compare_clouds(self.points, points)) if clouds else {}),
        )

    def distances_at(self, points: np.ndarray) -> np.ndarray:
        """Exact distance (n,), unit frame, from (n, 3) points in source units to the original's surface."""
        return self.surface.nearest(self.to_unit(points))[0]

    def floor(self) -> CloudScores:
        """What a perfect copy would score: the original against another sampling of itself."""
        if self._floor is None:
            other, _ = self.surface.sample(self.samples, np.random.default_rng((self.seed, _FLOOR)))
            self._floor = compare_clouds(self.points, other)
        return self._floor


class Surface:
    """The faces of positive area of a mesh, to sample and to query."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        """Take (n, 3) vertices in the unit frame and (m, 3) faces; either may be empty."""
        vertices, faces = _without_unused(vertices, faces)
        corners = vertices[faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double_area = np.linalg.norm(cross, axis=1)
        keep = double_area > _LEAST_DOUBLE_AREA
        self.vertices = np.ascontiguousarray(vertices)
        self.faces = np.ascontiguousarray(faces[keep], dtype=np.int32)
        self.normals = cross[keep] / double_area[keep, None]
        self._area_before = np.cumsum(double_area[keep])

    @property
    def empty(self) -> bool:
        """Whether no face has an area."""
        return len(self.faces) == 0

    def sample(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw `count` independent points, uniform by area: positions (count, 3) and face normals (count, 3)."""
        # Sorted, so that neighbours in the array are neighbours in space: queries of them hit warm memory.
        along = np.sort(rng.random(count)) * self._area_before[-1]
        face = np.minimum(np.searchsorted(self._area_before, along, side="right"), len(self.faces) - 1)
        root, v = np.sqrt(rng.random(count)), rng.random(count)
        weights = np.stack([1 - root, root * (1 - v), root * v], axis=1)
        points = np.einsum("nk,nkd->nd", weights, self.vertices[self.faces[face]])
        return points, self.normals[face]

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Exact distance (n,) from each of (n, 3) points to this surface, and the face normal (n, 3) there."""
        from point_cloud_utils import closest_points_on_mesh

        distance, face, _ = closest_points_on_mesh(np.ascontiguousarray(points), self.vertices, self.faces)
        return np.abs(distance), self.normals[face]


def compare_clouds(original: np.ndarray, decoded: np.ndarray) -> CloudScores:
    """Score two (n, 3) point clouds in the unit frame against each other (see `CloudScores`)."""
    from scipy.spatial import cKDTree

    to_decoded = cKDTree(decoded).query(original)[0]
    to_original = cKDTree(original).query(decoded)[0]

    def f1(radius: float) -> float:
        recall, precision = float((to_decoded < radius).mean()), float((to_original < radius).mean())
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    return CloudScores(cd=float(to_decoded.mean() + to_original.mean()) / 2, f1_005=f1(0.005), f1_01=f1(0.01))


def _without_unused(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the faces whose corners are all finite, and only the vertices that they use."""
    vertices = np.asarray(vertices, dtype=np.float64).reshape(-1, 3)
    faces = np.asarray(faces, dtype=np.int64).reshape(-1, 3)
    faces = faces[np.isfinite(vertices[faces]).all(axis=(1, 2))]
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3)
