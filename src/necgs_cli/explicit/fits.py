"""Fits of control meshes to one original, each rounded to a grid and measured on the decoded surface.

Each fit of an organic shape tells the next collapses where error was left.
"""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Self

import numpy as np

from .bound import Bound
from .control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh, grid_step
from .fit import MECHANICAL, ORGANIC, Fit, Manner, Regulariser, tag_creases
from .folding import Folding
from .importance import Importance
from .mirror import WHOLE, Mirrors
from .patches import Patches
from .point import TILT, Point, tail_of
from .rate import estimated_bytes
from .repeats import Copied
from .simplify import Simplifier, Start, compact, is_mechanical, weld
from .target import Target
from .ties import equal_coordinates
from .triangles import TriangleTree, face_normals, sample_surface

STEP_PER_ERROR = {SMOOTH: 11.5, CREASED: 9.0, PLAIN: 4.0}  # grid step over the error at which a fit costs least
STEP_PER_REAL_ERROR = 9.0  # the same over the error before rounding, of smooth fits
NEARLY = 0.9  # grids, up to which that of a fit before may be finer than suits; one that is too coarse costs more
TIES_HOLD = 1.25  # error of a fit that keeps equal coordinates equal, over that of a free one, up to which it is taken
GROWN = 1.15  # times the error of the decimated vertices, from which a free fit is held against one that keeps ties
NEEDED = 1.05  # vertices over those asked for, from which topology needs them
LEAST_VERTICES, MOST_VERTICES = 12, 4000  # of control meshes
FINEST_GRID = 40
MEASURE_SAMPLES = 10000
MEASURE_VERTICES = 20000  # of either surface that are measured besides, as the largest distance is often there


def grid_for(error: float, kind: str) -> int:
    """The grid that suits a mean error."""
    return grid_of(STEP_PER_ERROR[kind] * error)


def grid_of(step: float) -> int:
    """The grid whose step is nearest."""
    return int(np.clip(round(-2 * np.log2(step)), 2, FINEST_GRID))


class Fits:
    """All fits to one original.

    Args:
        vertices: (n, 3) float, unit frame; faces: (m, 3) int; seed: of every sample.
        count_bytes: cost of a control mesh; by default an estimate.
        original: what errors are measured to, where the mesh is a clean surface that stands for it.
        thorough: whether fits look at more samples, for shorter tails in more time.
        tilt_price: mean error that counts as much as normals at right angles.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        seed: int = 0,
        count_bytes: Callable[[ControlMesh], int] = estimated_bytes,
        original: Target | None = None,
        thorough: bool = False,
        tilt_price: float = TILT,
    ):
        welded = weld(np.asarray(vertices, np.float64), np.asarray(faces, np.int64))
        self.target = Target(*compact(*welded), seed)
        self._compared = self.target  # what fits are compared with: all of it, or one side of mirrors
        self.original = original or self.target
        self.mirrors = WHOLE
        self._single: np.ndarray | None = None  # vertices of the target that these leave alone
        self.mechanical = is_mechanical(self.target)
        self.count_bytes = count_bytes
        self.thorough, self._tilt_price = thorough, tilt_price
        self.seed = seed
        rng = np.random.default_rng([seed, 1])
        samples, self._asked_faces = sample_surface(self.original.corners, MEASURE_SAMPLES, rng)
        self._importance = Importance(samples)
        self._asked = np.concatenate([samples, _some(self.original.vertices)])
        self._simplifier = Simplifier(self.target, self.mechanical)
        self._forget()

    def _forget(self) -> None:
        """As if nothing had been fitted."""
        self._control: dict[tuple[int, int], Start] = {}
        self._fits: dict[tuple[int, str, int], tuple[Fit, Copied]] = {}
        self._points: dict[tuple[int, str, int, int], Point] = {}
        self._loose = False  # whether plain fits are free of ties

    def mirrored(self, mirrors: Mirrors, single: np.ndarray | None = None, exact: bool = False) -> Self:
        """Fits of control meshes that are completed by mirrors; numbers of vertices are those of their parts.

        `single` are the vertices (n,) bool of the target's parts that the mirrors leave alone. Where none are, and the
        original is `exact`ly its image, one side is looked at instead of all, in a fraction of the time.
        """
        other = copy(self)
        other.mirrors, other._single = mirrors, single
        other._importance = copy(self._importance)
        other._simplifier = Simplifier(self.target, self.mechanical, mirrors, single)
        if exact and not other._simplifier.single.any():
            other._compared = self.target.on_one_side(*other._simplifier.one_side, len(mirrors.axes))
        other._forget()
        return other

    @property
    def part_vertices(self) -> int:
        """Of the original's different parts on one side of the mirrors."""
        return len(self._simplifier.vertices)

    @property
    def manner(self) -> Manner:
        """How distances count in its fits."""
        return MECHANICAL if self.mechanical else ORGANIC

    @property
    def lessons(self) -> int:
        """Times that the collapses have learnt."""
        return self._importance.lessons

    def has(self, vertex_count: int, kind: str) -> bool:
        """Whether a fit that asked for so many vertices, or got them, was made since the collapses have learnt.

        One that got more than it asked for has what topology needs, so that fewer are not to be had.
        """
        for asked, made, lessons in self._fits:
            got = len(self._control[asked, lessons].vertices)
            fewest = 0 if got > NEEDED * asked else asked
            if (made, lessons) == (kind, self.lessons) and fewest <= vertex_count <= max(asked, got):
                return True
        return False

    def latest(self, vertex_count: int, kind: str) -> Point | None:
        """The last fit of that size and kind, with however many lessons; None if there is none."""
        return next((p for (n, k, *_), p in reversed(self._points.items()) if (n, k) == (vertex_count, kind)), None)

    def as_mechanical(self) -> Self:
        """The same original, fitted as suits struts and sheets."""
        other = copy(self)
        other.mechanical = True
        other._simplifier = Simplifier(self.target, True, self.mirrors, self._single)
        other._forget()
        return other

    def go_on_as(self, other: "Fits") -> None:
        """Fit in the manner of another one from now on, and know its fits instead of those so far."""
        self.mechanical, self._simplifier = other.mechanical, other._simplifier
        self._control, self._fits, self._points = other._control, other._fits, other._points
        self._loose = other._loose

    @property
    def points(self) -> list[Point]:
        """All that were found so far."""
        return list(self._points.values())

    def measure(self, mesh: ControlMesh, vertex_count: int | None = None) -> Point:
        """Exact distances between the decoded surface and the original; infinite where no triangle has area.

        `vertex_count` is that of its different parts, where some are copies.
        """
        return self._measure(mesh, vertex_count)[0]

    def _measure(self, mesh: ControlMesh, vertex_count: int | None = None) -> tuple[Point, np.ndarray]:
        """The measured point, and the distances from the samples of the original."""
        vertices, faces = mesh.surface()
        faces = faces[face_normals(vertices[faces])[1] > 0]
        count = len(mesh.positions) if vertex_count is None else vertex_count
        if len(faces) == 0:
            return Point(mesh, self.count_bytes(mesh), np.inf, np.inf, np.inf, count), np.full(MEASURE_SAMPLES, np.inf)
        rng = np.random.default_rng([self.seed, 2])
        samples, sampled_faces = sample_surface(vertices[faces], MEASURE_SAMPLES, rng)
        there, faces_there = TriangleTree(vertices[faces]).distances(self._asked)
        back, faces_back = self.original.tree.distances(np.concatenate([samples, _some(vertices[np.unique(faces)])]))
        means = np.concatenate([there[:MEASURE_SAMPLES], back[:MEASURE_SAMPLES]])
        errors = float(means.mean()), float(np.quantile(means, 0.99)), float(max(there.max(), back.max()))
        tail, tilt = tail_of(*errors), 0.0
        if self.mechanical:  # edges and flat parts keep the error even, but what is thin may be turned
            decoded = face_normals(vertices[faces])[0][np.concatenate([faces_there[:MEASURE_SAMPLES], sampled_faces])]
            asked = self.original.normals[np.concatenate([self._asked_faces, faces_back[:MEASURE_SAMPLES]])]
            tail, tilt = 1.0, self._tilt_price * (1 - float(np.abs((decoded * asked).sum(axis=1)).mean()))
        return Point(mesh, self.count_bytes(mesh), *errors, count, tail, tilt), there[:MEASURE_SAMPLES]

    def fit(self, vertex_count: int, kind: str, grid: int) -> Point:
        """A fit with about `vertex_count` vertices, rounded to the grid and measured."""
        key = vertex_count, kind, self.lessons
        if key not in self._fits:
            self._fits[key] = self._fit_real(vertex_count, kind, grid_step(grid))
        return self._on(key, grid)

    def _on(self, key: tuple[int, str, int], grid: int) -> Point:
        """A fit that was made, on a grid."""
        if (*key, grid) not in self._points:
            self._points[(*key, grid)] = self._rounded(key, grid)
        return self._points[(*key, grid)]

    def on_grid_beside(self, point: Point, step: int) -> Point:
        """The fit of a point of these, rounded to a grid so many steps finer than its own."""
        count, kind, lessons, grid = next(key for key, known in self._points.items() if known is point)
        return self._on((count, kind, lessons), grid + step)

    def try_grids_beside(self, kind: str) -> None:
        """Every fit of a kind so far on the grids next to its own too."""
        for count, fitted, lessons, grid in list(self._points):
            if fitted == kind:
                for step in (-1, 1):
                    self._on((count, kind, lessons), grid + step)

    def learn(self, places: np.ndarray, distances: np.ndarray) -> None:
        """Let the next collapses spend vertices where distances (k,) at places (k, 3) of the original are large."""
        self._importance.learn_elsewhere(places, distances)

    def suited(self, vertex_count: int, kind: str, error: float, before: int | None = None) -> Point:
        """A fit on the grid that suits the expected `error`; of a smooth shape, its own error before rounding.

        On mechanical shapes that says little: flat parts have none on any grid. The grid of a fit `before` is kept, on
        smooth shapes where it suits nearly as well.
        """
        key, grid = (vertex_count, kind, self.lessons), grid_for(error, kind) if before is None else before
        if not self.mechanical and kind == SMOOTH:
            if key not in self._fits:
                self._fits[key] = self._fit_real(vertex_count, kind, grid_step(grid))
            step = STEP_PER_REAL_ERROR * self._fits[key][0].error
            if 0 < step < np.inf and (before is None or not before - NEARLY < -2 * np.log2(step) < before + 0.5):
                grid = grid_of(step)
        return self.fit(vertex_count, kind, grid)

    def _rounded(self, key: tuple[int, str, int], grid: int) -> Point:
        """A fit on a grid; the next fits learn from it where they can."""
        fit, part = self._fits[key]
        vertex_count, kind, lessons = key
        start, creases = self._control[vertex_count, lessons], part.creases if kind == CREASED else None
        positions, single = fit.integers(grid_step(grid)), start.single_of(part)
        mesh = ControlMesh(positions, part.faces, creases, kind, grid, self.mirrors, single)
        point, distances = self._measure(mesh, len(start.vertices))
        if not self.mechanical and np.isfinite(point.p2s) and self.lessons == lessons:
            self._importance.learn(distances)
        return point

    def _fit_real(self, vertex_count: int, kind: str, step: float) -> tuple[Fit, Copied]:
        control = vertex_count, self.lessons
        if control not in self._control:
            self._control[control] = self._simplifier.to(vertex_count, self._importance)
        start = self._control[control]
        part = start.repeats.copied(start.faces)
        folding = Folding(self.mirrors, start.vertices, part, start.single)
        whole = folding.whole(start.vertices - self.mirrors.origin)
        if kind == CREASED:
            creases = tag_creases(self.target, whole, folding.faces)
            part = start.repeats.copied(start.faces, creases[(creases < len(start.vertices)).all(axis=1)])
            folding = Folding(self.mirrors, start.vertices, part, start.single)
        sampled = None if self._compared is self.target else len(part.faces)
        patches = Patches(folding.faces, len(whole), folding.creases if kind == CREASED else None, kind, sampled)
        regulariser = Regulariser(folding.faces, len(whole))
        made = partial(
            Fit,
            self._compared,
            patches,
            regulariser,
            whole,
            manner=self.manner,
            folding=folding,
            thorough=self.thorough,
        )
        if self.mechanical and kind == PLAIN and not self._loose:
            tied = made(ties=equal_coordinates(start.vertices, start.faces, folding.free))
            tied.improve(step)
            if tied.error <= GROWN * tied.start_error:
                return tied, part
            free = made()
            free.improve(step)
            self._loose = tied.error > TIES_HOLD * free.error
            return (free if self._loose else tied), part
        free = made()
        free.improve(step)
        return free, part

    def triangles(self, grid: int) -> Point:
        """The original's triangles, their vertices rounded one by one to a grid."""
        start, step = self._simplifier.triangles, grid_step(grid)
        part = start.repeats.copied(start.faces)
        positions = np.rint((start.vertices - self.mirrors.origin) / step).astype(np.int32)
        single = start.single_of(part)
        mesh = ControlMesh(part.on_grid(positions, step), part.faces, None, PLAIN, grid, self.mirrors, single)
        return self.measure(mesh, len(start.vertices))

    def own_triangles(self, bound: Bound) -> Point:
        """The original's triangles on the coarsest grid that keeps to a bound."""
        grid = grid_for(bound.expected_mean, PLAIN)
        point = self.triangles(grid)
        while bound.ratio(point) > 1 and grid < FINEST_GRID:
            grid = min(FINEST_GRID, grid + max(1, int(np.ceil(2 * np.log2(min(bound.ratio(point), 16.0))))))
            point = self.triangles(grid)
        while point.mesh.grid > 0 and bound.ratio(coarser := self.triangles(point.mesh.grid - 1)) <= 1:
            point = coarser
        return point


def _some(points: np.ndarray) -> np.ndarray:
    """At most MEASURE_VERTICES of some points, spread over them."""
    return points[:: max(1, -(-len(points) // MEASURE_VERTICES))]
