"""From a mesh to the control mesh that stands for it at an asked error or size, in few fits.

Error falls about as one over the vertices, and the best grid is about seven times the error: both are predicted from
the first fit, and the next ones aim at what was asked itself. Each fit also tells the next collapses where error was
left. What is returned was measured on the decoded surface.
"""

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np

from .bound import Bound
from .clean import clean_surface, is_soup
from .control_mesh import CREASED, KINDS, PLAIN, SMOOTH, ControlMesh, grid_step
from .fit import MECHANICAL, ORGANIC, Fit, Manner, Regulariser, tag_creases
from .folding import Folding
from .importance import Importance
from .mirror import WHOLE, Mirrors
from .patches import Patches
from .point import Point, tail_of
from .rate import estimated_bytes
from .repeats import Copied
from .simplify import Simplifier, Start, compact, is_mechanical, weld
from .symmetry import Symmetry
from .target import Target, face_normals, sample_surface

STEP_PER_ERROR = {SMOOTH: 11.5, CREASED: 9.0, PLAIN: 4.0}  # grid step over the error at which a fit costs least
STEP_PER_REAL_ERROR = 10.5  # the same over the error before rounding, of smooth fits
ROUNDS = 5
MOST_FITS = 6
LEAST_LESSONS = 2  # fits of smooth shapes after which importance is worth its while
LEAST_VERTICES, MOST_VERTICES = 12, 4000
FINEST_GRID = 40
CURVE_GRIDS = (-1, 1)  # their other grids, from the one that suits the error
MEASURE_SAMPLES = 10000
MEASURE_VERTICES = 20000  # of either surface that are measured besides, as the largest distance is often there
OWN_TRIALS = 3.0  # vertices of the original a predicted byte of the best fit, below which its triangles are tried
HOPELESS = 1.8  # predicted bytes over those of a record at hand, from which a kind is given up after one fit
COARSER_GRID = 0.8  # share of the asked error below which fewer vertices are tried at once, not a coarser grid
FINER_GRID = {SMOOTH: 1.06, CREASED: 1.06, PLAIN: 1.25}  # error over the asked one up to which the grid is refined
ASYMMETRY, SYMMETRIC = 1.5, 0.1  # of the asked error: mean distances of the image up to which mirrors are tried, taken
EXACT = 0.03  # of the asked error: mean distance of the image up to which one side stands for all
FARTHEST_IMAGE = 30.0  # times the asked error: the largest distance of the image up to which they are
DOUBT = 0.3  # power of a first fit's error over the asked one, with which it may seem dearer than others and is tried
LIKELY = 1.05  # times the cost that is predicted for a whole mesh, from which a mirrored one is held against it
FEWER = 0.9  # of the original's vertices that exact mirrors leave, up to which no whole fit is held against theirs
STEEP = 2.0  # times the vertices of what is too little, from which what is enough is halved, not inched down from
ODD = 0.7  # error times vertices of a smooth fit, 0.3 to 0.5 on organic shapes, from which a shape is mechanical
CLEAN_SHARE = 0.6  # of the asked error, up to which a soup's clean surface may be off by itself
BITS_PER_VERTEX = 16.0  # of records, about


def grid_for(error: float, kind: str) -> int:
    """The grid that suits a mean error."""
    return grid_of(STEP_PER_ERROR[kind] * error)


def grid_of(step: float) -> int:
    """The grid whose step is nearest."""
    return int(np.clip(round(-2 * np.log2(step)), 2, FINEST_GRID))


class Search:
    """All fits to one original.

    Args:
        vertices: (n, 3) float, unit frame; faces: (m, 3) int; seed: of every sample.
        count_bytes: cost of a control mesh; by default an estimate.
        original: what errors are measured to, where the mesh is a clean surface that stands for it.
        thorough: whether fits look at more samples, for shorter tails in a quarter more time.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, seed: int = 0,
                 count_bytes: Callable[[ControlMesh], int] = estimated_bytes, original: Target | None = None,
                 thorough: bool = False):
        welded = weld(np.asarray(vertices, np.float64), np.asarray(faces, np.int64))
        self.target = Target(*compact(*welded), seed)
        self._compared = self.target  # what fits are compared with: all of it, or one side of mirrors
        self.original = original or self.target
        self.mirrors = WHOLE
        self._single: np.ndarray | None = None  # vertices of the target that these leave alone
        self.mechanical = is_mechanical(self.target)
        self._organic = False  # whether a fit has told so
        self.count_bytes = count_bytes
        self.thorough = thorough
        self.seed = seed
        rng = np.random.default_rng([seed, 1])
        samples = sample_surface(self.original.corners, MEASURE_SAMPLES, rng)[0]
        self._importance = Importance(samples)
        self._asked = np.concatenate([samples, _some(self.original.vertices)])
        self._symmetry: Symmetry | None = None
        self._instead: Search | None = None  # what found the best, on a clean surface or with mirrors
        self._simplifier = Simplifier(self.target, self.mechanical)
        self._forget()

    def _forget(self) -> None:
        """As if nothing had been fitted."""
        self._control: dict[tuple[int, int], Start] = {}
        self._fits: dict[tuple[int, str, int], tuple[Fit, Copied]] = {}
        self._points: dict[tuple[int, str, int, int], Point] = {}

    def mirrored(self, mirrors: Mirrors, single: np.ndarray | None = None, exact: bool = False) -> "Search":
        """A search for control meshes that are completed by mirrors; numbers of vertices are those of their parts.

        `single` are the vertices (n,) bool of the target's parts that the mirrors leave alone. Where none are, and the
        original is `exact`ly its image, one side is looked at instead of all, in a fraction of the time.
        """
        other = copy(self)
        other.mirrors, other._single = mirrors, single
        other._importance, other._instead = copy(self._importance), None
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

    def measure(self, mesh: ControlMesh, vertex_count: int | None = None) -> Point:
        """Exact distances between the decoded surface and the original; infinite where no triangle has area.

        `vertex_count` is that of its different parts, where some are copies.
        """
        return self._measure(mesh, vertex_count)[0]

    def _measure(self, mesh: ControlMesh, vertex_count: int | None = None) -> tuple[Point, np.ndarray]:
        """The measured point, and the distances from the samples of the original."""
        import point_cloud_utils as pcu

        vertices, faces = mesh.surface()
        faces = faces[face_normals(vertices[faces])[1] > 0]
        count = len(mesh.positions) if vertex_count is None else vertex_count
        if len(faces) == 0:
            return Point(mesh, self.count_bytes(mesh), np.inf, np.inf, np.inf, count), np.full(MEASURE_SAMPLES, np.inf)
        rng = np.random.default_rng([self.seed, 2])
        samples = sample_surface(vertices[faces], MEASURE_SAMPLES, rng)[0]
        there = pcu.closest_points_on_mesh(self._asked, vertices, faces.astype(np.int32))[0]
        back = pcu.closest_points_on_mesh(np.concatenate([samples, _some(vertices[np.unique(faces)])]),
                                          self.original.vertices, self.original.faces.astype(np.int32))[0]
        means = np.concatenate([there[:MEASURE_SAMPLES], back[:MEASURE_SAMPLES]])
        errors = float(means.mean()), float(np.quantile(means, 0.99)), float(max(there.max(), back.max()))
        tail = 1.0 if self.mechanical else tail_of(*errors)  # edges and flat parts keep the error of those even
        return Point(mesh, self.count_bytes(mesh), *errors, count, tail), there[:MEASURE_SAMPLES]

    def fit(self, vertex_count: int, kind: str, grid: int, lessons: int | None = None) -> Point:
        """A fit with about `vertex_count` vertices, rounded to the grid and measured.

        `lessons` names an earlier fit of that size, to be rounded to another grid.
        """
        key = vertex_count, kind, self._importance.lessons if lessons is None else lessons
        if (*key, grid) not in self._points:
            if key not in self._fits:
                self._fits[key] = self._fit_real(vertex_count, kind, grid_step(grid))
            self._points[(*key, grid)] = self._rounded(key, grid)
        return self._points[(*key, grid)]

    def learn(self, places: np.ndarray, distances: np.ndarray) -> None:
        """Let the next collapses spend vertices where distances (k,) at places (k, 3) of the original are large."""
        self._importance.learn_elsewhere(places, distances)

    def suited(self, vertex_count: int, kind: str, error: float, finer: int = 0) -> Point:
        """A fit on the grid that suits the expected `error`; of a smooth shape, its own error before rounding.

        On mechanical shapes that says little: flat parts have none on any grid. `finer` is added to the grid.
        """
        key, grid = (vertex_count, kind, self._importance.lessons), grid_for(error, kind)
        if not self.mechanical and kind == SMOOTH:
            if key not in self._fits:
                self._fits[key] = self._fit_real(vertex_count, kind, grid_step(grid))
            found = self._fits[key][0].error
            grid = grid_of(STEP_PER_REAL_ERROR * found) if 0 < found < np.inf else grid
        return self.fit(vertex_count, kind, grid + finer)

    def _rounded(self, key: tuple[int, str, int], grid: int) -> Point:
        """A fit on a grid; the next fits learn from it where they can."""
        fit, part = self._fits[key]
        vertex_count, kind, lessons = key
        start, creases = self._control[vertex_count, lessons], part.creases if kind == CREASED else None
        positions, single = fit.integers(grid_step(grid)), start.single_of(part)
        mesh = ControlMesh(positions, part.faces, creases, kind, grid, self.mirrors, single)
        point, distances = self._measure(mesh, len(start.vertices))
        if kind == PLAIN:  # the vertices as decimated keep planes, whose coordinates repeat and cost little
            other = self._on_grid(start, grid)
            point = min(point, other, key=lambda p: p.bytes * p.p2s)
        if not self.mechanical and np.isfinite(point.p2s) and self._importance.lessons == lessons:
            self._importance.learn(distances)
        return point

    def _fit_real(self, vertex_count: int, kind: str, step: float) -> tuple[Fit, Copied]:
        control = vertex_count, self._importance.lessons
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
        fit = Fit(self._compared, patches, regulariser, whole, manner=self.manner, folding=folding,
                  thorough=self.thorough)
        fit.improve(ROUNDS, step)
        return fit, part

    def _on_grid(self, start: Start, grid: int) -> Point:
        """Plain triangles with their vertices rounded one by one."""
        part, step = start.repeats.copied(start.faces), grid_step(grid)
        positions = np.rint((start.vertices - self.mirrors.origin) / step).astype(np.int32)
        single = start.single_of(part)
        mesh = ControlMesh(part.on_grid(positions, step), part.faces, None, PLAIN, grid, self.mirrors, single)
        return self.measure(mesh, len(start.vertices))

    def _triangles(self, grid: int) -> Point:
        """The original's triangles on a grid."""
        return self._on_grid(self._simplifier.triangles, grid)

    def own_triangles(self, bound: Bound) -> Point:
        """The original's triangles on the coarsest grid that keeps to a bound."""
        grid = grid_for(bound.expected_mean, PLAIN)
        while True:
            point = self._triangles(grid)
            if bound.ratio(point) <= 1 or grid >= FINEST_GRID:
                return point
            grid += max(1, int(np.ceil(2 * np.log2(min(bound.ratio(point), 16.0)))))

    def reach(self, bound: Bound, kind: str, vertex_count: int, found: Point | None = None) -> Point:
        """The cheapest fit of a kind that keeps to a bound; if none does, the closest. Starts from a count.

        Ends where the bound cannot be met for less than by what was `found` before.
        """
        most_bytes = found.bytes if found else np.inf
        most = min(MOST_VERTICES, self.part_vertices)
        expected, finer, tried, fits = bound.expected_mean, 0, [], []
        vertex_count = int(np.clip(vertex_count, LEAST_VERTICES, most))
        for _ in range(MOST_FITS):
            lessons = self._importance.lessons
            point = self.suited(vertex_count, kind, expected, finer)
            tried.append(point)
            if not np.isfinite(point.p2s):  # thinner than the grid: only a much finer one, of the own triangles, helps
                break
            ratio = bound.ratio(point)
            lessons_done = self.mechanical or self._importance.lessons > LEAST_LESSONS
            if (0.96 <= ratio <= 1 and lessons_done) or (ratio > 1 and point.bytes >= most_bytes):
                break
            if COARSER_GRID <= ratio <= FINER_GRID[kind]:  # another grid is cheaper than other vertices
                other = self.fit(vertex_count, kind, point.mesh.grid + (1 if ratio > 1 else -1), lessons)
                tried.append(other)
                if lessons_done and 0.95 <= bound.ratio(other) <= 1:
                    break
                if other.bytes * bound.ratio(other) < point.bytes * ratio:  # go on from there
                    finer += other.mesh.grid - point.mesh.grid
                    point, ratio = other, bound.ratio(other)
            fits.append(point)
            count = round(point.vertex_count * (ratio / 0.98) ** (1 / self._slope(fits, bound)))
            if self.mechanical:
                count = self._halved(count, tried, bound, found if found and found.mesh.kind == kind else None)
            predicted = point.bytes * count / point.vertex_count
            if ratio > 1 and predicted >= most_bytes * (HOPELESS if len(tried) == 1 else 1.0):
                break
            vertex_count = int(np.clip(count, LEAST_VERTICES, most))
            expected = min(bound.mean, point.p2s / ratio)
            if (vertex_count, kind, self._importance.lessons) in self._fits:
                vertex_count = self._between(tried, bound, most)
                if (vertex_count, kind, self._importance.lessons) in self._fits:
                    break
        good = [p for p in tried if bound.ratio(p) <= 1]
        return min(good, key=lambda p: p.cost) if good else min(tried, key=bound.ratio)

    @staticmethod
    def _halved(count: int, tried: list[Point], bound: Bound, found: Point | None) -> int:
        """A count, or the middle on a logarithmic scale of what is too little and enough, where these are far apart."""
        enough = {p.vertex_count for p in tried if bound.ratio(p) <= 1}
        few = max({p.vertex_count for p in tried} - enough, default=count)
        least = min(enough | ({found.vertex_count} if found else set()), default=0)
        return round((few * least) ** 0.5) if STEEP * few < 0.9 * least < count else count

    @staticmethod
    def _between(tried: list[Point], bound: Bound, most: int) -> int:
        """Vertices between what is too little and what is enough."""
        sizes = {p.vertex_count: bound.ratio(p) <= 1 for p in tried}
        return (max([n for n, good in sizes.items() if not good], default=LEAST_VERTICES)
                + min([n for n, good in sizes.items() if good], default=most)) // 2

    @staticmethod
    def _slope(fits: list[Point], bound: Bound) -> float:
        """Exponent of the error's fall with the vertices, from the last two fits, or one."""
        if len(fits) < 2:
            return 1.0
        (n0, e0), (n1, e1) = ((p.vertex_count, bound.ratio(p)) for p in fits[-2:])
        if n0 == n1 or e0 == e1 or fits[-1].mesh.grid != fits[-2].mesh.grid:
            return 1.0
        return float(np.clip(-np.log(e1 / e0) / np.log(n1 / n0), 0.5, 2.0))

    def best(self, bound: Bound) -> Point:
        """The cheapest control mesh of any kind that keeps to a bound; if none does, the closest."""
        mean, self._instead = bound.expected_mean, None
        if (clean := self._cleaned(mean)) and bound.ratio(point := clean.best(bound)) <= 1:
            return self._or_own_triangles(clean, point, bound)
        symmetric, rival_cost = self._symmetric(mean)
        if symmetric and bound.ratio(point := symmetric.best(bound)) <= 1:
            point = self._or_own_triangles(symmetric, point, bound)
            if point.cost > rival_cost:
                own, instead, self._instead = self._best_of_its_own(bound), self._instead, None
                if bound.ratio(own) > 1 or own.cost >= point.cost:
                    self._instead = instead
                    return point
                return own
            return point
        return self._best_of_its_own(bound)

    def _best_of_its_own(self, bound: Bound) -> Point:
        """As `best`, by fits of this search."""
        guess, first = self._first_fits(bound.expected_mean)
        merit = {kind: p.bytes * max(bound.ratio(p), 0.5) for kind, p in first.items()}
        found: list[Point] = []
        if self.part_vertices < OWN_TRIALS * min(merit.values()):
            found.append(self.own_triangles(bound))
        for kind in sorted(first, key=lambda kind: merit[kind]):
            if merit[kind] <= 1.03 * min(merit.values()) * max(1.0, bound.ratio(first[kind])) ** DOUBT:
                best = min((p for p in found if bound.ratio(p) <= 1), key=lambda p: p.bytes, default=None)
                found.append(self.reach(bound, kind, guess, best))
        if not any(bound.ratio(p) <= 1 for p in found):
            found.append(self.own_triangles(bound))
        reached = [p for p in found if bound.ratio(p) <= 1]
        return min(reached, key=lambda p: p.cost) if reached else min(found, key=bound.ratio)

    def _usual_error(self, vertex_count: int) -> float:
        """Of fits with so many vertices, on most shapes."""
        return (0.3 if self.mechanical else 0.36) * 0.5 ** len(self.mirrors.axes) / vertex_count

    def _first_count(self, mean: float) -> int:
        """Vertices that a mean error may take."""
        guess = int(np.clip(self._usual_error(1) / mean, 24, 1500))
        return guess if guess < self.part_vertices else max(LEAST_VERTICES, self.part_vertices // 2)

    def _first_fits(self, mean: float) -> tuple[int, dict[str, Point]]:
        """Vertices that a mean error may take, and a fit with so many of each kind that may suit the shape."""
        guess = self._first_count(mean)
        if not self.mechanical:
            smooth = self.suited(guess, SMOOTH, mean)
            if self._organic or smooth.p2s * guess <= ODD * 0.5 ** len(self.mirrors.axes):
                self._organic = True
                return guess, {SMOOTH: smooth}
            self.mechanical = True  # struts, sheets: not what was thought
            self._simplifier = Simplifier(self.target, True, self.mirrors, self._single)
        return guess, {kind: self.suited(guess, kind, mean) for kind in KINDS}

    def _cleaned(self, error: float) -> "Search | None":
        """The search on a closed surface in place of a soup; none for other meshes, or where it is too far off."""
        if self.original is not self.target or not is_soup(self.target.faces):
            return None
        surface = clean_surface(self.target.vertices, self.target.faces, error, self.seed)
        if len(surface[1]) == 0:
            return None
        clean = Search(*surface, self.seed, self.count_bytes, self.target, self.thorough)
        return clean if clean._triangles(FINEST_GRID).p2s <= CLEAN_SHARE * error else None

    def _symmetric(self, error: float) -> "tuple[Search | None, float]":
        """The search for mirrored control meshes, and the cost from which others may be cheaper.

        None where the original is no image of itself, or first fits say that it costs more.
        """
        if self.mirrors.axes:
            return None, 0.0
        self._symmetry = self._symmetry or Symmetry(self.target, self.mechanical)
        folded = self._symmetry.folded(ASYMMETRY * error, FARTHEST_IMAGE * error)
        if not folded.mirrors.axes:
            return None, 0.0
        taken = folded.mean <= SYMMETRIC * error
        if not taken and not self.mechanical:
            self._first_fits(error)  # tell what sort of shape it is; mirrored ones have an error of their own
        other = self.mirrored(folded.mirrors, folded.single, folded.mean <= EXACT * error)
        if taken:
            return other, np.inf if other.part_vertices <= FEWER * self.part_vertices else 0.0
        floor = folded.mean / 2  # of its fits, which lie between the original and its image
        mirrored, kind, found = min(
            (p.cost * np.sqrt(max(p.p2s**2 - floor**2, 0) / (error**2 - floor**2)), kind, p.p2s)
            for kind, p in other._first_fits(error)[1].items())
        first = self.suited(self._first_count(error), kind, error)
        whole = first.cost * first.p2s / error
        likely = mirrored < whole * max(1.0, found / error) ** DOUBT
        return (other, LIKELY * whole) if likely else (None, 0.0)

    def _or_own_triangles(self, instead: "Search", point: Point, bound: Bound) -> Point:
        """What another search found, or the original's triangles where those are cheaper."""
        self._instead = instead
        if self.part_vertices < OWN_TRIALS * point.bytes:
            own = self.own_triangles(bound)
            if bound.ratio(own) <= 1 and own.cost <= point.cost:
                self._instead = None
                return own
        return point

    def within(self, most_bytes: int) -> Point:
        """The most exact control mesh of any kind with at most so many bytes; if none is so small, the smallest."""
        most = min(MOST_VERTICES, self.part_vertices)
        mean = self._usual_error(int(np.clip(8 * most_bytes / BITS_PER_VERTEX, LEAST_VERTICES, most)))
        few = self.part_vertices < OWN_TRIALS * most_bytes
        if not few and (clean := self._cleaned(mean)):
            self._instead = clean
            return clean.within(most_bytes)
        self._instead, rival_cost = self._symmetric(mean)
        if self._instead is None:
            return self._within_of_its_own(most_bytes, mean)
        point, own = self._instead.within(most_bytes), None
        if rival_cost < np.inf:
            own = self._within_of_its_own(most_bytes, mean)
        elif few:
            own = self._triangles_within(most_bytes)
        if own and own.bytes <= most_bytes and (own.felt < point.felt or point.bytes > most_bytes):
            self._instead, point = None, own
        return point

    def _within_of_its_own(self, most_bytes: int, mean: float) -> Point:
        """As `within`, by fits of this search."""
        most = min(MOST_VERTICES, self.part_vertices)
        _, first = self._first_fits(mean)
        merit = {kind: p.bytes * p.p2s for kind, p in first.items()}
        tried = list(first.values())
        for kind in sorted(first, key=lambda kind: merit[kind]):
            if merit[kind] > 1.1 * min(merit.values()):
                continue
            point = first[kind]
            for _ in range(MOST_FITS - 1):
                count = int(np.clip(0.99 * point.vertex_count * most_bytes / point.bytes, LEAST_VERTICES, most))
                if (count, kind, self._importance.lessons) in self._fits:
                    break
                point = self.suited(count, kind, point.p2s * point.vertex_count / count)
                tried.append(point)
                if 0.95 * most_bytes <= point.bytes <= most_bytes:
                    break
        if self.part_vertices < OWN_TRIALS * most_bytes:
            tried += filter(None, [self._triangles_within(most_bytes)])
        small = [p for p in tried if p.bytes <= most_bytes]
        return min(small, key=lambda p: p.p2s) if small else min(tried, key=lambda p: p.bytes)

    def _triangles_within(self, most_bytes: int) -> Point | None:
        """The original's triangles on the finest grid on which they take at most so many bytes; None on no grid."""
        found = None
        for grid in range(6, FINEST_GRID, 2):
            if (point := self._triangles(grid)).bytes > most_bytes:
                break
            found = point
        return found

    def curve(self, best: Point, factors: Sequence[float]) -> list[Point]:
        """Points of the curve of bytes against error about one: all fits so far, and neighbours of its kind.

        Args:
            best: from `best` or `within`; factors: vertices of the neighbours over its own.
        """
        if self._instead:
            return self._instead.curve(best, factors)
        kind, count, points = best.mesh.kind, best.vertex_count, [best]
        for factor in factors:
            wanted = round(factor * count)
            if LEAST_VERTICES <= wanted < 0.8 * self.part_vertices:
                self.suited(wanted, kind, best.p2s / factor)
        if kind == PLAIN and count >= 0.8 * self.part_vertices:
            points += [self._triangles(best.mesh.grid + step) for step in (-3, -2, -1, 1, 2, 3)]
        for vertex_count, fitted, lessons, grid in list(self._points):
            if fitted == kind:
                points += [self.fit(vertex_count, kind, grid + step, lessons) for step in CURVE_GRIDS]
        return points + list(self._points.values())


def _some(points: np.ndarray) -> np.ndarray:
    """At most MEASURE_VERTICES of some points, spread over them."""
    return points[:: max(1, -(-len(points) // MEASURE_VERTICES))]


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
        return search.best(Bound(target_p2s))
    if vertex_count is None or grid is None:
        raise ValueError("either target_p2s, or vertex_count and grid")
    return search.fit(vertex_count, kind, grid)
