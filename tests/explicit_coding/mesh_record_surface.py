"""The Loop surface of a mesh record, written from docs/mesh_coder.md alone."""

from __future__ import annotations

from math import cos, pi

Point = list[float]
Triangle = tuple[int, int, int]
Edge = tuple[int, int]


def edge(a: int, b: int) -> Edge:
    return (a, b) if a < b else (b, a)


def surface(points: list[Point], triangles: list[Triangle], creases: list[Edge]) -> tuple[list[Point], list[Triangle]]:
    """After two steps."""
    for _ in range(2):
        points, triangles, creases = step(points, triangles, creases)
    return points, triangles


def step(
    points: list[Point], triangles: list[Triangle], creases: list[Edge]
) -> tuple[list[Point], list[Triangle], list[Edge]]:
    third: dict[Edge, list[int]] = {}
    for a, b, c in triangles:
        for u, v, w in ((a, b, c), (b, c, a), (c, a, b)):
            third.setdefault(edge(u, v), []).append(w)
    edges = sorted(third)
    marked = {edge(*crease) for crease in creases}
    sharp = [e for e in edges if e in marked or len(third[e]) != 2]
    around: list[list[int]] = [[] for _ in points]
    along: list[list[int]] = [[] for _ in points]
    for lists, chosen in ((around, edges), (along, sharp)):
        for a, b in chosen:
            lists[a].append(b)
            lists[b].append(a)
    moved = [_moved(points, v, around[v], along[v]) for v in range(len(points))]
    is_sharp = set(sharp)
    for a, b in edges:
        if (a, b) in is_sharp:
            moved.append(_sum(points, [(0.5, a), (0.5, b)]))
        else:
            moved.append(_sum(points, [(0.375, a), (0.375, b), *((0.125, w) for w in third[a, b])]))
    number = {e: len(points) + i for i, e in enumerate(edges)}
    quarters: list[list[Triangle]] = [[], [], [], []]
    for a, b, c in triangles:
        ab, bc, ca = number[edge(a, b)], number[edge(b, c)], number[edge(c, a)]
        for quarter, t in zip(quarters, ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)), strict=True):
            quarter.append(t)
    halves = [(v, number[e]) for e in sharp for v in e]
    return moved, [t for quarter in quarters for t in quarter], halves


def _moved(points: list[Point], v: int, around: list[int], along: list[int]) -> Point:
    if not around or len(along) > 2:
        return points[v]
    if len(along) == 2:
        return _sum(points, [(0.75, v), *((0.125, w) for w in along)])
    k = len(around)
    most = max(k, 3)
    w = (0.625 - (0.375 + cos(2 * pi / most) / 4) ** 2) / most
    return _sum(points, [(1 - k * w, v), *((w, other) for other in around)])


def _sum(points: list[Point], terms: list[tuple[float, int]]) -> Point:
    return [sum(weight * points[v][d] for weight, v in terms) for d in range(3)]
