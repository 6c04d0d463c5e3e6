"""From a mesh to the control mesh that stands for it at an asked error or size, in few fits.

Error falls about as one over the vertices, and the best grid is about seven times the error: both are predicted from
the first fit, and the next ones aim at what was asked itself. What is returned was measured on the decoded surface.
"""

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from .bound import Bound
from .clean import clean_surface, is_soup
from .control_mesh import CREASED, KINDS, PLAIN, SMOOTH, ControlMesh
from .fits import FINEST_GRID, LEAST_VERTICES, MOST_VERTICES, Fits
from .mirror import Mirrors
from .point import Point
from .rate import estimated_bytes
from .reach import MOST_FITS, reaching
from .simplify import may_be_mechanical
from .symmetry import Symmetry

OWN_TRIALS = 3.0  # vertices of the original a predicted byte of the best fit, below which its triangles are tried
HOPELESS, DEARER = 1.4, 1.15  # predicted bytes over those of a record at hand, and of another kind's fit that keeps to
# the bound, from which a kind is given up after one fit
FAR_OFF, MANY = 2.2, 200  # the same from which it is not even tried once more, of a first fit with so many vertices:
# errors of fits with fewer fall faster than is expected
ASYMMETRY, SYMMETRIC = 1.5, 0.1  # times the asked error: mean distances of the image, up to which mirrors are tried and
# taken
UNTAUGHT = 0.8  # of the cost of an earlier whole fit: one that has learnt more costs as much at least
EXACT = 0.03  # of the asked error: mean distance of the image up to which one side stands for all
FAR_IMAGE = 7.5  # the same of the 99th percentile of organic shapes' images: fits between the two have half of it
FARTHEST_IMAGE = 30.0  # the same of the largest distance of all shapes' images
DOUBT = 0.3  # power of a first fit's error over the asked one, with which it may seem dearer than others and is tried
LIKELY = 1.05  # times the cost that is predicted for a whole mesh, from which a mirrored one is held against it
FEWER = 0.9  # of the original's vertices that exact mirrors leave, up to which no whole fit is held against theirs
ODD = 0.8  # error times vertices of a smooth fit, 0.3 to 0.8 on organic shapes, above which it may be mechanical
RIVAL = 1.1  # times that demand of a smooth fit, up to which a plain one says that other mechanical fits may be better
FACETED, FLAT = 0.65, 0.9  # share of the bending at sharp edges, from which smooth fits are hardly ever cheapest, and
# those with creases
AS_GOOD = 1.1  # times the least bytes and error of the best fit's kind, up to which another kind's curve is looked at
CLEAN_SHARE = 0.6  # of the asked error, up to which a soup's clean surface may be off by itself
BITS_PER_VERTEX = 16.0  # of records, about


class Search(Fits):
    """Chooses which fits to one original are made, and among them.

    Args: as of `Fits`.
    """

    _organic = False  # whether a fit has told so
    _symmetry: Symmetry | None = None
    _instead: "Search | None" = None  # what found the best, on a clean surface or with mirrors

    def mirrored(self, mirrors: Mirrors, single: np.ndarray | None = None, exact: bool = False) -> Self:
        """As of `Fits`; numbers of vertices are those of the parts on one side."""
        other = super().mirrored(mirrors, single, exact)
        other._instead = None
        return other

    def best(self, bound: Bound) -> Point:
        """The cheapest control mesh of any kind that keeps to a bound; if none does, the closest."""
        mean, self._instead = bound.expected_mean, None
        if (clean := self._cleaned(mean)) and bound.ratio(point := clean.best(bound)) <= 1:
            return self._or_own_triangles(clean, point, bound)
        self._tell_sort(mean)
        symmetric, rival_cost = self._symmetric(mean)
        if symmetric and bound.ratio(point := symmetric.best(bound)) <= 1:
            point = self._or_own_triangles(symmetric, point, bound)
            if point.cost > rival_cost:
                found = self._best_of_its_own(bound, point)
                if found is not point:
                    self._instead = None
                return found
            return point
        return self._best_of_its_own(bound)

    def _best_of_its_own(self, bound: Bound, rival: Point | None = None) -> Point:
        """As `best`, by fits of this search; a `rival` keeps to the bound too, and is what they have to beat."""
        first = self._first_fits(bound.expected_mean)
        merit = {kind: p.bytes * max(bound.ratio(p), 0.5) for kind, p in first.items()}
        own = self.own_triangles(bound) if self.part_vertices < OWN_TRIALS * min(merit.values()) else None
        others = [p for p in (own, rival) if p]
        found = others + [*first.values()]
        ways, expected = {}, {}
        for kind, point in first.items():
            if merit[kind] <= 1.03 * min(merit.values()) * max(1.0, bound.ratio(point)) ** DOUBT:
                ways[kind], expected[kind] = reaching(self, bound, point, own, found), merit[kind]
        steps = dict.fromkeys(ways, 0)
        while expected:  # the kind that seems to take least goes on
            kind = min(expected, key=lambda kind: expected[kind])
            reached = [p for p in found if bound.ratio(p) <= 1]
            at_hand = min((p.bytes for p in reached if p in others), default=np.inf)
            fitted = min((p.bytes for p in reached if p not in others and p.mesh.kind != kind), default=np.inf)
            off = FAR_OFF * at_hand if first[kind].vertex_count > MANY else np.inf
            limits = off, min(HOPELESS * at_hand, DEARER * fitted), min(at_hand, fitted)
            if expected.pop(kind) < limits[min(steps[kind], 2)]:
                steps[kind] += 1
                if (further := next(ways[kind], None)) is not None:
                    expected[kind] = further
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

    def _first_fits(self, mean: float) -> dict[str, Point]:
        """A fit with the vertices that a mean error may take, of each kind that may suit the shape.

        What may be mechanical, or seems odd for an organic shape, is fitted as both, and is from then on what took
        less bytes for less error, the tail counted alike.
        """
        guess = self._first_count(mean)
        if self.mechanical:
            share = 0.0 if self.thorough else self.target.sharp_share
            kinds = (PLAIN,) if share > FLAT else (CREASED, PLAIN) if share > FACETED else KINDS
            return {kind: self.suited(guess, kind, mean) for kind in kinds}
        if self._organic and (known := self.latest(guess, SMOOTH)):
            return {SMOOTH: known}
        smooth = self.suited(guess, SMOOTH, mean)
        odd = smooth.p2s * smooth.vertex_count > ODD * 0.5 ** len(self.mirrors.axes)
        if not self._organic and (odd or may_be_mechanical(self.target)):
            rival = self.as_mechanical()
            if rival.suited(rival._first_count(mean), PLAIN, mean).demand < RIVAL * smooth.demand:
                fits = rival._first_fits(mean)
                if min(p.demand for p in fits.values()) < smooth.demand:
                    self.go_on_as(rival)
                    return fits
        self._organic = True
        return {SMOOTH: smooth}

    def _tell_sort(self, mean: float) -> None:
        """What sort of shape it is, where that is in doubt: mirrors are looked for in both, but not alike."""
        if not (self.mechanical or self._organic) and may_be_mechanical(self.target):
            self._first_fits(mean)

    def _cleaned(self, error: float) -> "Search | None":
        """The search on a closed surface in place of a soup; none for other meshes, or where it is too far off."""
        if self.original is not self.target or not is_soup(self.target.faces):
            return None
        surface = clean_surface(self.target.vertices, self.target.faces, error, self.seed)
        if len(surface[1]) == 0:
            return None
        clean = Search(*surface, self.seed, self.count_bytes, self.target, self.thorough, self._tilt_price)
        return clean if clean.triangles(FINEST_GRID).p2s <= CLEAN_SHARE * error else None

    def _symmetric(self, error: float) -> "tuple[Search | None, float]":
        """The search for mirrored control meshes, and the cost from which others may be cheaper.

        None where the original is no image of itself, or first fits say that it costs more.
        """
        if self.mirrors.axes:
            return None, 0.0
        self._symmetry = self._symmetry or Symmetry(self.target, self.mechanical)
        far = np.inf if self.mechanical else FAR_IMAGE * error
        folded = self._symmetry.folded(ASYMMETRY * error, far, FARTHEST_IMAGE * error)
        if not folded.mirrors.axes:
            return None, 0.0
        taken = folded.mean <= SYMMETRIC * error
        if not (taken or self.mechanical or self._organic):
            self._first_fits(error)  # tell what sort of shape it is; mirrored ones have an error of their own
        other = self.mirrored(folded.mirrors, folded.single, folded.mean <= EXACT * error)
        if taken:
            return other, np.inf if other.part_vertices <= FEWER * self.part_vertices else 0.0
        floor = folded.mean / 2  # of its fits, which lie between the original and its image
        mirrored, kind, found = min(
            (p.cost * np.sqrt(max(p.p2s**2 - floor**2, 0) / (error**2 - floor**2)), kind, p.p2s)
            for kind, p in other._first_fits(error).items()
        )
        doubt, count = max(1.0, found / error) ** DOUBT, self._first_count(error)
        first = self.latest(count, kind) or self.suited(count, kind, error)
        if mirrored > UNTAUGHT * first.cost * first.p2s / error * doubt:
            first = self.suited(count, kind, error)
        whole = first.cost * first.p2s / error
        return (other, LIKELY * whole) if mirrored < whole * doubt else (None, 0.0)

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
        self._tell_sort(mean)
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
        first = self._first_fits(mean)
        merit = {kind: p.bytes * p.p2s for kind, p in first.items()}
        tried = list(first.values())
        for kind in sorted(first, key=lambda kind: merit[kind]):
            if merit[kind] > 1.1 * min(merit.values()):
                continue
            point = first[kind]
            for _ in range(MOST_FITS - 1):
                count = int(np.clip(0.99 * point.vertex_count * most_bytes / point.bytes, LEAST_VERTICES, most))
                if self.has(count, kind):
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
            if (point := self.triangles(grid)).bytes > most_bytes:
                break
            found = point
        return found

    def curve(self, best: Point, factors: Sequence[float]) -> list[Point]:
        """Points of the curve of bytes against error about one: all fits so far, and neighbours of its kind.

        So far as their fits are about as good, those of other kinds too: which one is better changes along the curve.

        Args:
            best: from `best` or `within`; factors: vertices of the neighbours over its own.
        """
        if self._instead:
            return self._instead.curve(best, factors)
        if not 0 < best.p2s < np.inf:  # exact, or nothing
            return [best, *self.points]
        points, groups = [best], self._by_kind(best)
        merit = {kind: min(p.bytes * p.felt for p in group) for kind, group in groups.items()}
        for kind, group in groups.items():
            if merit[kind] > AS_GOOD * merit[best.mesh.kind]:
                continue
            like = best if kind == best.mesh.kind else min(group, key=lambda p: abs(np.log(p.p2s / best.p2s)))
            for factor in factors:
                wanted = round(factor * like.vertex_count * like.p2s / best.p2s)
                if LEAST_VERTICES <= wanted <= min(MOST_VERTICES, 0.8 * self.part_vertices):
                    finer = round(2 * np.log2(factor * like.p2s / best.p2s))  # than the grid that has suited so far
                    self.suited(wanted, kind, best.p2s / factor, like.mesh.grid + finer if self.mechanical else None)
            self.try_grids_beside(kind)
        if best.mesh.kind == PLAIN and best.vertex_count >= 0.8 * self.part_vertices:
            points += [self.triangles(best.mesh.grid + step) for step in (-3, -2, -1, 1, 2, 3)]
        return points + self.points

    def _by_kind(self, best: Point) -> dict[str, list[Point]]:
        """A point and all fits so far that met the original anywhere, by their kinds."""
        met = [best, *(p for p in self.points if 0 < p.p2s < np.inf)]
        return {kind: group for kind in KINDS if (group := [p for p in met if p.mesh.kind == kind])}


def fit_control_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    *,
    target_p2s: float | None = None,
    vertex_count: int | None = None,
    grid: int | None = None,
    kind: str = SMOOTH,
    seed: int = 0,
    count_bytes: Callable[[ControlMesh], int] = estimated_bytes,
) -> Point:
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
