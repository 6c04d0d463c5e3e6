"""Where a picture is taken from."""

from dataclasses import dataclass

import numpy as np

from necgs_cli.metrics.surface import Surface

_DISTANCE = 5.0  # from the eye to the centre, in half diagonals: a mild perspective
_MARGIN = 0.06  # around the mesh, as a share of the picture


@dataclass(frozen=True)
class Look:
    """How to look at models, whatever their shape; see `View.of`.

    wireframe: also draw the triangles' edges.
    """

    up: str = "auto"
    azimuth: float = 32
    elevation: float = 18
    wireframe: bool = False

    def at(self, vertices: np.ndarray, faces: np.ndarray) -> "View":
        """The view of a mesh, source units.

        Raises:
            ValueError: nothing to look at.
        """
        return View.of(vertices, faces, self.up, self.azimuth, self.elevation)


@dataclass(frozen=True, eq=False)
class View:
    """A three-quarter view. Made from an original and used for its decoded mesh too, so that both pictures agree.

    eye: (3,) position of the eye; axes: (3, 3) rows right, up and backwards of the camera; both in source units.
    window: centre (2,) and half width of the square of the image plane (at distance 1 before the eye) that is seen.
    reach: half diagonal of the bounding box, source units.
    """

    eye: np.ndarray
    axes: np.ndarray
    window: tuple[np.ndarray, float]
    reach: float

    @classmethod
    def of(
        cls, vertices: np.ndarray, faces: np.ndarray, up: str = "auto", azimuth: float = 32, elevation: float = 18
    ) -> "View":
        """Look at a mesh, source units, so that it fills the picture.

        Args:
            vertices, faces: (n, 3) float and (m, 3) int.
            up: "y", "z" or "auto" (see `guess_up`).
            azimuth, elevation: degrees, the latter within -90..90 without the ends; 0 and 0 look at the front (+z
                where y is up, -y where z is up).

        Raises:
            ValueError: nothing to look at.
        """
        vertices, faces = visible_faces(vertices, faces)
        if len(faces) == 0:
            raise ValueError("no faces to render")
        up = guess_up(vertices, faces) if up == "auto" else up
        turn, tilt = np.radians([azimuth, elevation])
        back = np.array([np.cos(tilt) * np.sin(turn), np.sin(tilt), np.cos(tilt) * np.cos(turn)])
        upwards = np.array([0.0, 1, 0])
        if up == "z":
            back, upwards = back[[0, 2, 1]] * (1, -1, 1), np.array([0.0, 0, 1])
        right = np.cross(upwards, back)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(back, right), back])
        low, high = vertices[faces].min(axis=(0, 1)), vertices[faces].max(axis=(0, 1))
        reach = max(float(np.linalg.norm(high - low)) / 2, np.finfo(float).tiny)
        eye = (low + high) / 2 + _DISTANCE * reach * back
        seen = (vertices[np.unique(faces)] - eye) @ axes.T
        plane = seen[:, :2] / -seen[:, 2:]
        window = (plane.min(axis=0) + plane.max(axis=0)) / 2, (1 + _MARGIN) * float(np.ptp(plane, axis=0).max()) / 2
        return cls(eye, axes, window, reach)

    def rays(self, size: int, rows: range | None = None) -> np.ndarray:
        """Unit directions (n * size, 3) through the pixels of n rows of a square picture, from the top left on.

        Args:
            size: pixels of a side.
            rows: which; all by default.
        """
        (x, y), half = self.window
        across = ((np.arange(size) + 0.5) / size * 2 - 1) * half
        down = across if rows is None else across[rows.start : rows.stop]
        plane_y, plane_x = np.meshgrid(y - down, x + across, indexing="ij")
        rays = np.stack([plane_x, plane_y, np.full_like(plane_x, -1)], axis=-1).reshape(-1, 3) @ self.axes
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def guess_up(vertices: np.ndarray, faces: np.ndarray) -> str:
    """Whether "y" or "z" points up in a mesh of (n, 3) vertices and (m, 3) faces: a guess from its shape.

    Things stand on a broad base, and are less like their mirror image upside down than sideways. Judged on meshes
    whose up axis is known, this is right for about 5 of 6; y where the two axes are alike.
    """
    used = vertices[np.unique(faces)]
    low, extent = used.min(axis=0), np.maximum(np.ptp(used, axis=0), np.finfo(float).tiny)
    box = Surface((used - low) / extent, np.unique(faces, return_inverse=True)[1].reshape(-1, 3))
    if box.empty:
        return "y"
    points, _ = box.sample(4_000, np.random.default_rng(0))
    cells = np.minimum((points * 8).astype(int), 7)
    grid = np.bincount(cells @ (64, 8, 1), minlength=512).reshape(8, 8, 8)

    def score(axis: int) -> float:
        asymmetry = np.abs(grid - np.flip(grid, axis)).sum() / (2 * len(points))
        return _footprint(box.vertices, axis) + float(asymmetry)

    return "z" if score(2) > score(1) else "y"


def visible_faces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh as float64 and int64, without faces that have a corner which is not finite."""
    vertices = np.asarray(vertices, dtype=np.float64).reshape(-1, 3)
    faces = np.asarray(faces, dtype=np.int64).reshape(-1, 3)
    return vertices, faces[np.isfinite(vertices[faces]).all(axis=(1, 2))]


def _footprint(vertices: np.ndarray, axis: int) -> float:
    """Area of the convex hull of what lies in the lowest 3 % along an axis of the unit cube, as a share of the side."""
    from scipy.spatial import ConvexHull, QhullError

    base = np.delete(vertices[vertices[:, axis] < 0.03], axis, axis=1)
    try:
        return float(ConvexHull(base).volume)
    except (QhullError, ValueError):  # fewer than three points, or all on a line: no area
        return 0.0
