"""How fits of one kind come to an asked error: from each one follow the vertices and the grid of the next."""

from collections.abc import Iterator

import numpy as np

from .bound import Bound
from .control_mesh import CREASED, PLAIN, SMOOTH
from .fits import LEAST_VERTICES, MOST_VERTICES, Fits
from .point import Point

MOST_FITS = 6
ENOUGH, ENOUGH_MECHANICAL = 0.94, 0.9  # of the asked error, from which another fit saves less than it takes
LEAST_LESSONS = 2  # fits of smooth shapes after which importance is worth its while
COARSER_GRID = (0.8, 0.9)  # shares of the asked error from which and up to which a coarser grid is tried
FINER_GRID = {SMOOTH: 1.06, CREASED: 1.25, PLAIN: 1.5}  # error over the asked one up to which the grid is refined
FINER_AT_FIRST = (0.9, 2.0)  # the same between which finer grids are looked at, of a mechanical kind's first fit
JUST_ABOVE = 1.015  # error over the asked one up to which some more vertices cost less than a finer grid
FARTHER = 1.15  # outside what is too little and what is enough, from where on the middle is taken: lessons move both
APART = 1.15  # times the vertices of another fit, from which both tell how error falls
SAVES = 0.97  # bytes that the next fit is expected to take, over those at which the bound is kept: no fit is made above
USUAL_FALL = {SMOOTH: 0.85, CREASED: 1.0, PLAIN: 1.25}  # exponents with which errors fall on mechanical shapes, from
FAR_ABOVE = 1.5  # times the asked error on
LEVEL, MORE = 0.2, 1.35  # exponent of the error's fall over so many times the vertices, below which it is given up


def reaching(fits: Fits, bound: Bound, first: Point, own: Point | None, found: list[Point]) -> Iterator[float]:
    """Fits of the kind of a `first` one, until one just keeps to a bound or none is expected to for less.

    Args:
        fits: of the original; own: its triangles, where they were tried; found: each fit is added to these.
    Yields:
        Before each fit, the bytes at which one is expected to keep to the bound.
    """
    enough = ENOUGH_MECHANICAL if fits.mechanical else ENOUGH
    kind, most = first.mesh.kind, min(MOST_VERTICES, fits.part_vertices)
    point, vertex_count = first, first.vertex_count
    tried: list[Point] = []
    passed: list[Point] = []
    while True:
        if tried:
            point = fits.suited(vertex_count, kind, bound.expected_mean, point.mesh.grid)
        tried.append(point)
        found.append(point)
        if not np.isfinite(point.p2s):  # thinner than the grid: only a much finer one, of the own triangles, helps
            return
        if fits.mechanical and len(tried) == 1:
            point = _on_finer_grids(fits, bound, tried)
            found += tried[1:]
        ratio = bound.ratio(point)
        lessons_done = fits.mechanical or fits.lessons > LEAST_LESSONS
        if enough <= ratio <= 1 and lessons_done:
            return
        finer = JUST_ABOVE < ratio <= FINER_GRID[kind] and (passed or not fits.mechanical)
        if finer or COARSER_GRID[0] <= ratio <= COARSER_GRID[1]:
            other = fits.on_grid_beside(point, 1 if ratio > 1 else -1)  # cheaper than other vertices
            tried.append(other)
            found.append(other)
            if lessons_done and enough <= bound.ratio(other) <= 1:
                return
            if other.bytes * bound.ratio(other) < point.bytes * ratio:  # go on from there
                point, ratio = other, bound.ratio(other)
        passed.append(point)
        if len(passed) == MOST_FITS:
            return
        far = fits.mechanical and ratio > FAR_ABOVE and not fits.thorough
        slope = _slope(passed, bound, USUAL_FALL[kind] if far else 1.0)
        missed = all(bound.ratio(p) > 1 for p in tried)
        if fits.mechanical and missed and any(_is_level(fewer, point, bound) for fewer in passed):
            return
        count = round(point.vertex_count * (ratio / 0.98) ** (1 / np.clip(slope, 0.5, 2.0)))
        count = _bracketed(count, tried, bound, own if own and own.mesh.kind == kind else None)
        vertex_count = int(np.clip(count, LEAST_VERTICES, most))
        if fits.has(vertex_count, kind):
            vertex_count = _between(tried, bound, most)
            if fits.has(vertex_count, kind):
                if ratio < COARSER_GRID[0]:  # what vertices cannot save, topology needs them
                    found.append(fits.on_grid_beside(point, -1))
                return
        expected = point.bytes * count / point.vertex_count
        least = min((p.bytes for p in tried if bound.ratio(p) <= 1), default=np.inf)
        if expected > SAVES * least and lessons_done and not fits.thorough:
            return
        yield expected


def _on_finer_grids(fits: Fits, bound: Bound, tried: list[Point]) -> Point:
    """A first fit on the finest grid that pays; those that were looked at are tried.

    Where flat parts lie on planes across the axes, a grid moves these as a whole, and a finer one costs little.
    """
    (point,) = tried
    while FINER_AT_FIRST[0] < bound.ratio(point) <= FINER_AT_FIRST[1]:
        other = fits.on_grid_beside(point, 1)
        tried.append(other)
        if other.bytes * bound.ratio(other) >= point.bytes * bound.ratio(point):
            break
        point = other
    return point


def _is_level(few: Point, many: Point, bound: Bound) -> bool:
    """Whether the error hardly falls from a fit with few vertices to one with many."""
    times = many.vertex_count / few.vertex_count
    return times > MORE and bool(np.log(bound.ratio(few) / bound.ratio(many)) < LEVEL * np.log(times))


def _slope(passed: list[Point], bound: Bound, usual: float) -> float:
    """Exponent of the error's fall with the vertices, from the last two fits; the usual one where they do not tell."""
    if len(passed) < 2:
        return usual
    (n0, e0), (n1, e1) = ((p.vertex_count, bound.ratio(p)) for p in passed[-2:])
    if max(n0, n1) < APART * min(n0, n1) or passed[-1].mesh.grid != passed[-2].mesh.grid:
        return usual
    return float(-np.log(e1 / e0) / np.log(n1 / n0))


def _bracketed(count: int, tried: list[Point], bound: Bound, own: Point | None) -> int:
    """A count between what is too little and what is enough; their middle on a logarithmic scale if it is not."""
    enough = {p.vertex_count for p in tried if bound.ratio(p) <= 1}
    few = max({p.vertex_count for p in tried} - enough, default=0)
    above = [n for n in enough | ({own.vertex_count} if own else set()) if n > few]
    if not few or not above or few < FARTHER * count < FARTHER**2 * min(above):
        return count
    return round((few * min(above)) ** 0.5)


def _between(tried: list[Point], bound: Bound, most: int) -> int:
    """Vertices between what is too little and what is enough."""
    enough = {p.vertex_count for p in tried if bound.ratio(p) <= 1}
    few = {p.vertex_count for p in tried} - enough
    return (max(few, default=LEAST_VERTICES) + min(enough, default=most)) // 2
