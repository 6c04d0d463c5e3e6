"""Positions of mesh records, written from docs/mesh_coder.md alone."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from math import isqrt

from mesh_record_stream import Refused, Stream, clamp, cross, dot, minus, unit

Triangle = tuple[int, int, int]
Gate = tuple[int, int, int] | None
Axes = tuple[int, ...]
BY_FIELD, WITH_HITS = (True, False, True, False), (False, True, True, False)
FORWARD = (9, 9, 8, 5, 3, 0)
ONE = 1 << 20


def neighbours_of(triangles: list[Triangle], count: int) -> list[list[int]]:
    found: list[set[int]] = [set() for _ in range(count)]
    for triangle in triangles:
        for u in triangle:
            found[u].update(v for v in triangle if v != u)
    return [sorted(near) for near in found]


def parts_of(neighbours: list[list[int]]) -> list[list[int]]:
    parts: list[list[int]] = []
    met: set[int] = set()
    for start in range(len(neighbours)):
        if start in met:
            continue
        part, left = {start}, [start]
        while left:
            for w in neighbours[left.pop()]:
                if w not in part:
                    part.add(w)
                    left.append(w)
        met |= part
        parts.append(sorted(part))
    return parts


def parallelograms_of(triangles: list[Triangle], count: int) -> list[list[Triangle]]:
    third: dict[tuple[int, int], int] = {}
    for triangle in triangles:
        for i in range(3):
            # a dict keeps the place where an edge came first, and the third vertex that came last
            third[triangle[i], triangle[(i + 1) % 3]] = triangle[(i + 2) % 3]
    found: list[list[Triangle]] = [[] for _ in range(count)]
    for (u, v), i in third.items():
        o = third.get((v, u))
        if i > u and i > v and o is not None and o < i:
            found[i].append((u, v, o))
    return found


def border_of(triangles: list[Triangle]) -> set[int]:
    """The ends of edges that are the side of one triangle."""
    sides = Counter(frozenset((t[i], t[(i + 1) % 3])) for t in triangles for i in range(3))
    return {v for side, times in sides.items() if times == 1 for v in side}


def read_planes(stream: Stream, triangles: list[Triangle], neighbours: list[list[int]], axes: Axes) -> list[set[int]]:
    """Of each vertex the axes on whose planes it lies."""
    border = border_of(triangles)
    planes: list[set[int]] = []
    for i, near in enumerate(neighbours):
        planes.append(set())
        for axis in axes if i in border else ():
            beside = [axis in planes[w] for w in near if w < i and w in border]
            context = any(beside) + 2 * (not all(beside)) + 4 * bool(planes[i])
            if stream.decide("ON_PLANE", context):
                planes[i].add(axis)
    return planes


def order_of(planes: set[int]) -> Axes:
    """The axes as coordinates are coded: in a circle, those on whose planes the vertex lies first."""
    circles = [(d, (d + 1) % 3, (d + 2) % 3) for d in range(3)]
    return next(circle for circle in circles if set(circle[: len(planes)]) == planes)


def conditionals_of(neighbours: list[list[int]], planes: list[set[int]]) -> list[tuple[dict[int, int], int]]:
    """Of each vertex its weights and precision."""
    found: list[tuple[dict[int, int], int]] = [({}, 0)] * len(neighbours)
    for part in parts_of(neighbours):
        if len(part) > 6144 or sum((len(neighbours[v]) + 1) ** 2 for v in part) > 1 << 21:
            raise Refused("too much work")
        for v, conditional in zip(part, _eliminate(_precision(part, neighbours, planes)), strict=True):
            weights, pivot = conditional
            found[v] = {part[j]: w for j, w in weights.items()}, pivot
    return found


def _precision(part: list[int], neighbours: list[list[int]], planes: list[set[int]]) -> list[list[int]]:
    n, rank = len(part), {v: i for i, v in enumerate(part)}
    if n == 1:
        return [[16]]
    q = [[0] * n for _ in range(n)]
    for i, v in enumerate(part):
        q[i][i] += 16 + 1048 * len(neighbours[v])
        for w in neighbours[v]:
            q[i][rank[w]] -= 1048
        for centre in [v, *neighbours[v]]:
            images = {w: 2 ** len(planes[centre] - planes[w]) for w in neighbours[centre]}
            share = -(ONE // sum(images.values()))
            mine = (ONE if centre == v else share * images[v]) >> len(planes[centre])
            for w, times in images.items():
                q[i][rank[w]] += times * (mine * share >> 20)
            q[i][rank[centre]] += mine
    return q


def _eliminate(q: list[list[int]]) -> list[tuple[dict[int, int], int]]:
    found = []
    for k in range(len(q) - 1, -1, -1):
        pivot = least = max(1, q[k][k])
        entries = {j: e for j, e in enumerate(q[k][:k]) if e}
        for j, e in list(entries.items()):
            if abs(e) < least >> 12:
                q[j][j] += abs(e)
                pivot += abs(e)
                del entries[j]
        weights = {j: e * ONE // pivot for j, e in entries.items()}
        for r, w in weights.items():
            row = q[r]
            for s, e in entries.items():
                row[s] -= w * e >> 20
        found.append(({j: -w for j, w in weights.items()}, pivot))
    return found[::-1]


def _moved(a: list[int], b: list[int], c: list[int]) -> list[int]:
    return [x + y - z for x, y, z in zip(a, b, c, strict=True)]


class Positions:
    """Decodes the positions of a mesh."""

    def __init__(
        self, stream: Stream, triangles: list[Triangle], made: list[Gate], method: int, axes: Axes = ()
    ) -> None:
        self.stream, self.made, count = stream, made, len(made)
        self.by_field, self.with_hits = BY_FIELD[method], WITH_HITS[method]
        self.neighbours = neighbours_of(triangles, count)
        self.parallelograms = parallelograms_of(triangles, count)
        self.planes = read_planes(stream, triangles, self.neighbours, axes)
        self.conditionals = conditionals_of(self.neighbours, self.planes) if self.by_field else []
        self.x: list[list[int]] = []
        self.relative = [0] * count
        self.across, self.within, self.weight = 1280, 2048, 8
        self.values: list[list[int]] = [[], [], []]
        self.rank_size, self.before, self.winners = [64] * 3, [0] * 3, [0] * 3

    def decode(self) -> list[list[int]]:
        first_size = typical = 16 << self.stream.uniform(32)
        for i in range(len(self.made)):
            known = [w for w in self.neighbours[i] if w < i]
            m, deviation = self._by_field(i, known) if self.by_field else self._by_parallelograms(i, known)
            size = first_size
            if deviation:
                local = typical + sum(self.relative[w] for w in known)
                size = max(1, local * 1024 // ((len(known) + 1) * deviation))
            n = self._frame(i) if self.by_field and deviation else [0, 0, 0]
            if any(n):
                m = self._step_forward(i, known, m, n, size)
            if self.with_hits:
                found = self._with_hits(i, known, m, size, deviation)
            else:
                found = self._freely(i, known, m, size, n)
            if not all(-(1 << 31) <= x < 1 << 31 for x in self.x[i]):
                raise Refused("a position out of range")
            if deviation:
                self.relative[i] = found * deviation // 3072
                typical += (self.relative[i] - typical) // min(i + 1, 8)
        return self.x

    def _position_before(self, i: int) -> tuple[list[int], int]:
        return [256 * x for x in self.x[i - 1]] if i else [0, 0, 0], 0

    def _by_parallelograms(self, i: int, known: list[int]) -> tuple[list[int], int]:
        points = [_moved(*(self.x[v] for v in triple)) for triple in self.parallelograms[i]]
        deviation = 1024
        if not points:
            points, deviation = [self.x[w] for w in known], 512
        if not points:
            return self._position_before(i)
        return [sum(axis) * 256 // len(points) for axis in zip(*points, strict=True)], deviation

    def _by_field(self, i: int, known: list[int]) -> tuple[list[int], int]:
        weights, precision = self.conditionals[i]
        if not weights:
            return self._position_before(i)
        r = self.x[known[-1] if known else i - 1]
        m = [(sum(w * (self.x[j][d] - r[d]) for j, w in weights.items()) >> 12) + 256 * r[d] for d in range(3)]
        return m, max(1, isqrt(precision))

    def _frame(self, i: int) -> list[int]:
        total = [0, 0, 0]
        for u, v, o in self.parallelograms[i]:
            corner = self.x[u]
            normal = cross(minus(self.x[v], corner), minus(self.x[o], corner))
            total = [a + b for a, b in zip(total, normal, strict=True)]
        return unit(total)

    def _step_forward(self, i: int, known: list[int], m: list[int], n: list[int], size: int) -> list[int]:
        gate = self.made[i]
        f, v = gate[:2] if gate else (known[0], known[-1])
        w = [m[d] - 128 * (self.x[f][d] + self.x[v][d]) for d in range(3)]
        along = dot(w, n) >> 10
        direction = unit([w[d] - (along * n[d] >> 10) for d in range(3)])
        step = size * FORWARD[min(len(known), 5)]
        return [m[d] + (step * direction[d] >> 10) for d in range(3)]

    def _conditional(self, d: int, n: list[int], r: list[int]) -> tuple[int, int]:
        a = clamp(65536 - self.across**2 * 2**16 // self.within**2, -65536, 65280)
        if d == 0:
            shift, variance = 0, 65536 - (a * n[0] * n[0] >> 20)
        elif d == 1:
            first = max(1, 65536 - (a * n[0] * n[0] >> 20))
            both = -(a * n[0] * n[1] >> 20)
            shift, variance = both * r[0] // first, 65536 - (a * n[1] * n[1] >> 20) - both * both // first
        else:
            stiff = a * 2**16 // (65536 - a)
            precision = max(1, 65536 + (stiff * n[2] * n[2] >> 20))
            shift = -(stiff * n[2] * (n[0] * r[0] + n[1] * r[1]) >> 20) // precision
            variance = 2**32 // precision
        return shift, max(2048, isqrt(max(0, variance) * 2**16))

    def _learn(self, r: list[int], n: list[int], size: int) -> None:
        z = dot(r, n) >> 10
        square = max(0, dot(r, r) - z * z) // 2
        self.across += min(1024, 16 * abs(z) // size)
        self.within += min(1024, 16 * isqrt(square) // size)
        self.weight += 1
        if self.weight == 48:
            self.across, self.within, self.weight = self.across // 2, self.within // 2 + 1, 24

    @staticmethod
    def _ratio(total: int, size: int, d: int) -> int:
        e = size * d
        return 1 + (4 * total > e) + (2 * total > e) + (total > e) + (total > 2 * e) if d else 0

    def _freely(self, i: int, known: list[int], m: list[int], size: int, n: list[int]) -> int:
        around = 2 * min(len(known), 5) + (len(self.neighbours[i]) > 6)
        total, framed = 0, any(n)
        order = order_of(self.planes[i])
        turned = [n[axis] for axis in order]
        r: list[int] = []
        coded = [0, 0, 0]
        for d, axis in enumerate(order):
            shift, spread, lean = 0, 65536, 4
            if framed:
                shift, spread = self._conditional(d, turned, r)
            centre = m[axis] + shift
            if axis not in self.planes[i]:
                expected = max(1, size * spread >> 16)
                other = max(1, ((2 * size + total) * spread >> 16) // (2 + d))
                if framed:
                    points = [_moved(*(self.x[v] for v in triple))[axis] for triple in self.parallelograms[i]]
                    apart = 16 * sum(points) // len(points) - (m[axis] >> 4)
                    lean = clamp(4 + 2 * apart // expected, 0, 8)
                bucket = (3 * self._ratio(total, size, d) + d, around)
                coded[axis] = self.stream.coordinate("VALUE", centre, (expected, other), (3 * lean + d, lean), bucket)
            r.append(256 * coded[axis] - m[axis])
            total += abs(256 * coded[axis] - centre) * 4096 // spread
        self.x.append(coded)
        if framed:
            self._learn(r, turned, size)
        return total

    def _suggestions(self, i: int, known: list[int]) -> list[tuple[list[int], int]]:
        gate = self.made[i]
        if gate is None:
            return [(self.x[i - k], k) for k in (1, 2, 3) if k <= i]
        f, v, p = gate
        found = [(self.x[f], 1), (self.x[v], 2), (_moved(self.x[f], self.x[v], self.x[p]), 0), (self.x[p], 3)]
        triples = [triple for triple in self.parallelograms[i][:4] if triple[2] != p]
        found += [(_moved(*(self.x[v] for v in triple)), 4) for triple in triples]
        return found + [(self.x[w], 5) for w in known[-6:] if w not in (f, v)]

    def _with_hits(self, i: int, known: list[int], m: list[int], size: int, deviation: int) -> int:
        suggestions = self._suggestions(i, known)
        start = int(self.made[i] is None)
        total = 0
        coded: list[int] = []
        for d in range(3):
            if d in self.planes[i]:
                coded.append(0)
                total += abs(m[d]) >> 4
                self.winners[d] = sum({1 << source for point, source in suggestions if point[d] == 0})
                continue
            value = self._hit(suggestions, start, d)
            tried = {point[d] for point, _ in suggestions}
            if value is None:
                value = self._seen(sorted(set(self.values[d]) - tried), d, m[d])
            if value is None:
                self.before[d] = 2
                other = max(1, (2 * size + total) // (2 + d)) if d else size
                bucket = (3 * self._ratio(total, size, d) + d, clamp(deviation.bit_length() - 1, 0, 11))
                value = self.stream.coordinate("VALUE", m[d], (size, other), (0, d), bucket)
            coded.append(value)
            total += abs(256 * value - m[d]) >> 4
            if value not in self.values[d]:
                insort(self.values[d], value)
        self.x.append(coded)
        return total

    def _hit(self, suggestions: list[tuple[list[int], int]], start: int, d: int) -> int | None:
        sets: dict[int, int] = {}
        for point, source in suggestions:
            sets[point[d]] = sets.get(point[d], 0) | 1 << source
        likely = self.stream.kinds["HIT"].counters[0]
        ranked = sorted(sets.items(), key=lambda item: -likely[64 * start + item[1]][0])
        for k, (value, voters) in enumerate(ranked):
            tries = min(k, 4)
            agree = (d == 1) + sum(bool(self.winners[e] & voters) for e in range(d))
            last = 4 * (3 * (5 * agree + tries) + self.before[d]) + min(len(ranked) - 1, 3)
            contexts = (64 * start + voters, 4 * voters + agree, 5 * voters + tries, last)
            if self.stream.decide("HIT", *contexts, select=tries):
                self.winners[d], self.before[d] = voters, 0
                return value
        self.winners[d] = 0
        return None

    def _seen(self, left: list[int], d: int, m: int) -> int | None:
        if not left:
            return None
        c = min(len(left).bit_length(), 11)
        won = sum(bool(self.winners[e]) for e in range(d))
        if not self.stream.decide("SEEN", 12 * d + c, 4 * (3 * d + self.before[d]) + won):
            return None
        guess, size = bisect_left(left, m >> 8), self.rank_size[d]
        rank = self.stream.coordinate("RANK", 256 * guess, (max(1, size), 4 * len(left)), (0, d), (d, c))
        self.rank_size[d] += 16 * abs(rank - guess) - size >> 3
        if not 0 <= rank < len(left):
            raise Refused("a rank out of range")
        self.before[d] = 1
        return left[rank]
