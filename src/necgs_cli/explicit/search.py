"""From a mesh to the control mesh that stands for it at an asked error, in few fits.

Error falls about as one over the vertices, and the best grid is about seven times the error: both are predicted from
the first fit, and the next ones aim at the asked error itself. What is returned was measured on the decoded surface.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .control_mesh import CREASED, KINDS, PLAIN, SMOOTH, ControlMesh, grid_step
from .fit import Regulariser, fit_integers, fit_vertices, tag_creases
from .patches import Patches
from .rate import estimated_bytes
from .simplify import Simplifier, compact, is_mechanical, weld
from .target import Target, face_normals, sample_surface

STEP_PER_ERROR = 7.0  # grid step over error at which a control mesh costs least (smooth kinds)
PLAIN_STEP_PER_ERROR = 4.0
ROUNDS = 7
MOST_FITS = 4
LEAST_VERTICES, MOST_VERTICES = 12, 4000
FINEST_GRID = 40
CURVE_FACTORS = (0.6, 1.7)  # vertices of the neighbours of the best point, for a choice over a set
MEASURE_SAMPLES = 10000
OWN_TRIALS = 3.0  # vertices of the original a predicted byte of the best fit, below which its triangles are tried
HOPELESS = 1.8  # predicted bytes over those of a record at hand, from which a kind is given up after one fit
FINER_GRID = {SMOOTH: 1.06, CREASED: 1.06, PLAIN: 1.25}  # error over the asked one up to which the grid is refined


@dataclass(frozen=True, eq=False)
class Point:
    """A control mesh, what it costs, and how far its surface is from the original (unit frame)."""

    mesh: ControlMesh
    bytes: int
    p2s: float  # mean exact distance between the surfaces, both ways averaged
    p99: float
    max_error: float


def grid_for(error: float, kind: str) -> int:
    """The grid that suits an error."""
    ratio = PLAIN_STEP_PER_ERROR if kind == PLAIN else STEP_PER_ERROR
    return int(np.clip(round(-2 * np.log2(ratio * error)), 2, FINEST_GRID))


class Search:
    """All fits to one original.

    Args:
        vertices: (n, 3) float, unit frame; faces: (m, 3) int; seed: of every sample.
        count_bytes: cost of a control mesh; by default an estimate.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, seed: int = 0,
                 count_bytes: Callable[[ControlMesh], int] = estimated_bytes):
        welded = weld(np.asarray(vertices, np.float64), np.asarray(faces, np.int64))
        self.target = Target(*compact(*welded), seed)
        self.mechanical = is_mechanical(self.target)
        self._simplifier = Simplifier(self.target, self.mechanical)
        self.count_bytes = count_bytes
        self.seed = seed
        rng = np.random.default_rng([seed, 1])
        self._samples = sample_surface(self.target.corners, MEASURE_SAMPLES, rng)[0]
        self._control: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._fits: dict[tuple[int, str], tuple] = {}
        self._points: dict[tuple[int, str, int], Point] = {}

    def measure(self, mesh: ControlMesh) -> Point:
        """Exact distances between the decoded surface and the original; infinite where no triangle has area."""
        import point_cloud_utils as pcu

        vertices, faces = mesh.surface()
        faces = faces[face_normals(vertices[faces])[1] > 0]
        if len(faces) == 0:
            return Point(mesh, self.count_bytes(mesh), np.inf, np.inf, np.inf)
        rng = np.random.default_rng([self.seed, 2])
        back_samples = sample_surface(vertices[faces], MEASURE_SAMPLES, rng)[0]
        there = pcu.closest_points_on_mesh(self._samples, vertices, faces.astype(np.int32))[0]
        back = pcu.closest_points_on_mesh(back_samples, self.target.vertices, self.target.faces.astype(np.int32))[0]
        both = np.concatenate([there, back])
        return Point(mesh, self.count_bytes(mesh), float(0.5 * (there.mean() + back.mean())),
                     float(np.quantile(both, 0.99)), float(both.max()))

    def fit(self, vertex_count: int, kind: str, grid: int) -> Point:
        """A fit with about `vertex_count` vertices, rounded to the grid and measured."""
        if (vertex_count, kind, grid) not in self._points:
            if (vertex_count, kind) not in self._fits:
                self._fits[vertex_count, kind] = self._fit_real(vertex_count, kind, grid_step(grid))
            vertices, faces, creases, patches, regulariser = self._fits[vertex_count, kind]
            positions = fit_integers(self.target, patches, vertices, regulariser, grid_step(grid))
            point = self.measure(ControlMesh(positions, faces, creases, kind, grid))
            if kind == PLAIN:  # the vertices as decimated keep planes, whose coordinates repeat and cost little
                kept = np.rint(self._control[vertex_count][0] / grid_step(grid)).astype(np.int32)
                other = self.measure(ControlMesh(kept, faces, creases, kind, grid))
                point = min(point, other, key=lambda p: p.bytes * p.p2s)
            self._points[vertex_count, kind, grid] = point
        return self._points[vertex_count, kind, grid]

    def _fit_real(self, vertex_count: int, kind: str, step: float) -> tuple:
        if vertex_count not in self._control:
            self._control[vertex_count] = self._simplifier.to(vertex_count)
        vertices, faces = self._control[vertex_count]
        creases = tag_creases(self.target, vertices, faces) if kind == CREASED else None
        patches = Patches(faces, len(vertices), creases, kind)
        regulariser = Regulariser(faces, len(vertices))
        vertices = fit_vertices(self.target, patches, vertices, regulariser, step, ROUNDS)
        return vertices, faces, creases, patches, regulariser

    def own_triangles(self, error: float) -> Point:
        """The original's triangles on the coarsest grid that keeps the error."""
        vertices, faces = self.target.vertices, self.target.faces
        grid = grid_for(error, PLAIN)
        while True:
            positions = np.rint(vertices / grid_step(grid)).astype(np.int32)
            point = self.measure(ControlMesh(positions, faces, None, PLAIN, grid))
            if point.p2s <= error or grid >= FINEST_GRID:
                return point
            grid += max(1, int(np.ceil(2 * np.log2(min(point.p2s / error, 16.0)))))

    def reach(self, error: float, kind: str, vertex_count: int, most_bytes: float = np.inf) -> Point:
        """The cheapest fit of a kind with at most this error; if none has it, the closest. Starts from a count.

        Ends where that error cannot be had for less than `most_bytes`.
        """
        most = min(MOST_VERTICES, len(self.target.vertices))
        grid, tried = grid_for(error, kind), []
        vertex_count = int(np.clip(vertex_count, LEAST_VERTICES, most))
        for _ in range(MOST_FITS):
            point = self.fit(vertex_count, kind, grid)
            tried.append(point)
            if not np.isfinite(point.p2s):  # thinner than the grid: only a much finer one, of the own triangles, helps
                break
            if 0.96 * error <= point.p2s <= error or (point.p2s > error and point.bytes >= most_bytes):
                break
            if error < point.p2s <= FINER_GRID[kind] * error:  # a finer grid is cheaper than more vertices
                grid += 1
                point = self.fit(vertex_count, kind, grid)
                tried.append(point)
                if 0.9 * error <= point.p2s <= error:
                    break
            count = round(len(point.mesh.positions) * (point.p2s / (0.98 * error)) ** (1 / self._slope(tried)))
            predicted = point.bytes * count / len(point.mesh.positions)
            vertex_count = int(np.clip(count, LEAST_VERTICES, most))
            if (vertex_count, kind) in self._fits:  # between what is too little and what is enough
                sizes = {len(p.mesh.positions): p.p2s <= error for p in tried}
                vertex_count = (max([n for n, good in sizes.items() if not good], default=LEAST_VERTICES)
                                + min([n for n, good in sizes.items() if good], default=most)) // 2
            allowed = most_bytes * (HOPELESS if len(tried) == 1 else 1.0)
            if (vertex_count, kind) in self._fits or (point.p2s > error and predicted >= allowed):
                break
        good = [p for p in tried if p.p2s <= error]
        return min(good, key=lambda p: p.bytes) if good else min(tried, key=lambda p: p.p2s)

    @staticmethod
    def _slope(tried: list[Point]) -> float:
        """Exponent of the error's fall with the vertices, from the last two fits, or one."""
        if len(tried) < 2:
            return 1.0
        (n0, e0), (n1, e1) = ((len(p.mesh.positions), p.p2s) for p in tried[-2:])
        if n0 == n1 or e0 == e1 or tried[-1].mesh.grid != tried[-2].mesh.grid:
            return 1.0
        return float(np.clip(-np.log(e1 / e0) / np.log(n1 / n0), 0.3, 2.0))

    def best(self, error: float) -> Point:
        """The cheapest control mesh of any kind with at most this error."""
        guess = int(np.clip((0.3 if self.mechanical else 0.42) / error, 24, 1500))
        if guess >= len(self.target.vertices):
            guess = max(LEAST_VERTICES, len(self.target.vertices) // 2)
        kinds = KINDS if self.mechanical else (SMOOTH,)
        first = {kind: self.fit(guess, kind, grid_for(error, kind)) for kind in kinds}
        merit = {kind: p.bytes * max(p.p2s / error, 0.5) for kind, p in first.items()}
        found: list[Point] = []
        if len(self.target.vertices) < OWN_TRIALS * min(merit.values()):
            found.append(self.own_triangles(error))
        for kind in sorted(kinds, key=lambda kind: merit[kind]):
            if merit[kind] <= 1.03 * min(merit.values()):
                least = min((p.bytes for p in found if p.p2s <= error), default=np.inf)
                found.append(self.reach(error, kind, guess, least))
        reached = [p for p in found if p.p2s <= error]
        if not reached:
            found.append(self.own_triangles(error))
            reached = [p for p in found if p.p2s <= error]
        return min(reached, key=lambda p: p.bytes) if reached else min(found, key=lambda p: p.p2s)

    def curve(self, error: float) -> list[Point]:
        """Points of the curve of bytes against error about an asked one: all fits on the way to the best one there,
        and one of its kind on either side."""
        best = self.best(error)
        points = [*self._points.values(), best]
        for factor in CURVE_FACTORS:
            count = round(factor * len(best.mesh.positions))
            if LEAST_VERTICES <= count < 0.8 * len(self.target.vertices):
                points.append(self.fit(count, best.mesh.kind, grid_for(error / factor, best.mesh.kind)))
        return points

    def around(self, error: float) -> list[Point]:
        """Points near an error, one fit a kind: at its grid and the next finer one, and the own triangles."""
        guess = int(np.clip(0.45 / error, 24, MOST_VERTICES))
        points = []
        if guess < 0.8 * len(self.target.vertices):
            for kind in KINDS if self.mechanical else (SMOOTH,):
                first = self.fit(guess, kind, grid_for(error, kind))
                points += [first, self.fit(guess, kind, grid_for(first.p2s, kind))]
        if not points or len(self.target.vertices) < 4 * guess:
            points.append(self.own_triangles(error))
        return points


def fit_control_mesh(vertices: np.ndarray, faces: np.ndarray, *, target_p2s: float | None = None,
                     vertex_count: int | None = None, grid: int | None = None, kind: str = SMOOTH,
                     seed: int = 0, count_bytes: Callable[[ControlMesh], int] = estimated_bytes) -> Point:
    """A control mesh for a surface, at an asked error or of an asked size.

    Args:
        vertices: (n, 3) float, unit frame (longest side 2); faces: (m, 3) int.
        target_p2s: mean surface distance not to be exceeded, every kind tried; or
        vertex_count, grid, kind: one fit of that size, rounded to steps of 2 ** (-grid / 2).
        seed: of the samples; count_bytes: cost of a control mesh, by default an estimate.
    Returns:
        The control mesh and what was measured. Its error is above `target_p2s` only where that cannot be met.
    """
    search = Search(vertices, faces, seed, count_bytes)
    if target_p2s is not None:
        return search.best(target_p2s)
    if vertex_count is None or grid is None:
        raise ValueError("either target_p2s, or vertex_count and grid")
    return search.fit(vertex_count, kind, grid)


def rd_points(vertices: np.ndarray, faces: np.ndarray, errors: tuple[float, ...] = (5e-3, 2.2e-3, 1e-3, 5e-4),
              seed: int = 0, count_bytes: Callable[[ControlMesh], int] = estimated_bytes) -> list[Point]:
    """Some points of a model's curve of bytes against error, dearest first, none dominated.

    Args:
        vertices, faces, seed, count_bytes: as for `fit_control_mesh`; errors: about where the points shall lie.
    """
    search = Search(vertices, faces, seed, count_bytes)
    points = [p for error in errors for p in search.around(error)]
    points.sort(key=lambda p: (p.bytes, p.p2s))
    kept, least = [], np.inf
    for p in points:
        if p.p2s < least:
            kept.append(p)
            least = p.p2s
    return kept[::-1]
