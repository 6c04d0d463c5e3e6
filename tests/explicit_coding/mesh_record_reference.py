"""A decoder of mesh records written from docs/mesh_coder.md alone; of ours only the texts of the start tables.

Plain integers, no NumPy, nothing clever: slow, and short enough to be held against the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isqrt

from mesh_record_positions import WITH_HITS, Axes, Gate, Positions, Triangle, neighbours_of, parts_of
from mesh_record_stream import ANY, HALF, RARE, Refused, Stream, clamp, cross, dot, minus, start_table


@dataclass
class Reference:
    """What a record decodes to."""

    positions: list[list[int]]
    triangles: list[Triangle]
    creases: list[tuple[int, int]] = field(default_factory=list)


class Machine:
    """Triangles and open gates."""

    def __init__(self) -> None:
        self.triangles: list[Triangle] = []
        self.gates: list[tuple[int, int, int]] = []  # start, end, what it remembers; in the order of opening
        self.told: list[int] = []
        self.shut: list[int] = []
        self.made: list[Gate] = []

    def new_vertex(self, gate: Gate) -> int:
        self.told.append(0)
        self.shut.append(0)
        self.made.append(gate)
        return len(self.made) - 1

    def first_from(self, v: int) -> tuple[int, int, int] | None:
        return next((gate for gate in self.gates if gate[0] == v), None)

    def last_to(self, v: int) -> tuple[int, int, int] | None:
        return next((gate for gate in reversed(self.gates) if gate[1] == v), None)

    def remembered(self, f: int, v: int) -> int:
        return next(q for a, b, q in reversed(self.gates) if (a, b) == (f, v))

    def add(self, a: int, b: int, c: int) -> None:
        if a == b or b == c or c == a:
            raise Refused("a triangle without area")
        self.triangles.append((a, b, c))
        for u, v, w in ((a, b, c), (b, c, a), (c, a, b)):
            self.told[u] += 1
            gate = next((gate for gate in self.gates if gate[:2] == (u, v)), None)
            if gate:
                self.gates.remove(gate)  # the first of equal ones
            else:
                self.gates.append((v, u, w))

    def focus(self) -> int:
        return max({gate[0] for gate in self.gates}, key=lambda v: (self.told[v], v))

    def walk(self, start: int, onward: Callable[[int], int | None]) -> list[int]:
        met, at = [start], onward(start)
        while at is not None and at not in met:
            met.append(at)
            at = onward(at)
        return met[1:]

    def ahead(self, v: int) -> list[int]:
        return self.walk(v, lambda at: gate[1] if (gate := self.first_from(at)) else None)

    def behind(self, f: int) -> list[int]:
        return self.walk(f, lambda at: gate[0] if (gate := self.last_to(at)) else None)


def read_triangles(stream: Stream, most: int) -> Machine:
    """The machine after all triangles."""
    machine, since = Machine(), 0
    has_border = stream.decide("HAS_BORDER", 0)
    while stream.decide("START", int(bool(machine.triangles))):
        _read_first(stream, machine)
        while machine.gates:
            f = machine.focus()
            since = _serve(stream, machine, f, has_border, since)
            if len(machine.made) > most or len(machine.triangles) > 8 * most:
                raise Refused("too large")
    return machine


def _read_first(stream: Stream, machine: Machine) -> None:
    corners: list[int] = []
    known: list[int] = []
    mask, some = 0, bool(machine.triangles)
    for i in range(3):
        if some and stream.decide("KNOWN", 2 * i, 8 * i + mask):
            corners.append(_read_known(stream, machine, known[:2]))
            known.append(corners[-1])
            mask |= 1 << i
        else:
            corners.append(machine.new_vertex(None))
    machine.add(*corners)


def _read_known(stream: Stream, machine: Machine, anchors: list[int]) -> int:
    near = {v for t in machine.triangles if any(a in t for a in anchors) for v in t} - set(anchors)
    if near and stream.decide("NEAR", len(anchors)):
        return sorted(near)[stream.uniform(len(near))]
    leaving = sorted({gate[0] for gate in machine.gates})
    if leaving and stream.decide("OPEN", len(anchors)):
        return leaving[stream.uniform(len(leaving))]
    return stream.uniform(len(machine.made))


def _serve(stream: Stream, machine: Machine, f: int, has_border: int, since: int) -> int:
    gate = machine.first_from(f)
    assert gate is not None
    v = gate[1]
    before, after = machine.last_to(f), machine.first_from(v)
    p, x = before[0] if before else None, after[1] if after else None
    shut = machine.shut
    cf, cv, cp, cx = (0 if w is None else min(machine.told[w], 9) for w in (f, v, p, x))
    if has_border:
        b = 3 * min(shut[f], 2) + min(shut[v], 2)
        bp = 0 if p is None else min(shut[p], 2)
        if stream.decide("BORDER", b, 10 * b + cf, 3 * b + bp):
            machine.gates.remove(gate)
            shut[f] += 1
            shut[v] += 1
            return since
    if p is not None and p != v:
        loop = int(p == x)
        contexts = (cf, 10 * cf + cv, 10 * cf + cp, 10 * (10 * cf + cv) + cp)
        if stream.decide("CLOSE", *(2 * c + loop for c in contexts)):
            machine.add(f, v, p)
            return since
    if (
        x is not None
        and x not in (f, p)
        and stream.decide("NEXT", cv, 10 * cv + cf, 10 * cv + cx, 10 * (10 * cv + cx) + cf)
    ):
        machine.add(f, v, x)
        return since
    if stream.decide("NEW", cf, 8 * cv + min(since.bit_length(), 7), 10 * cf + cv):
        machine.add(f, v, machine.new_vertex((f, v, machine.remembered(f, v))))
        return since + 1
    machine.add(f, v, _read_other(stream, machine, f, v))
    return 0


def _read_other(stream: Stream, machine: Machine, f: int, v: int) -> int:
    if not stream.decide("ON_BORDER", 0):
        return _read_known(stream, machine, [f, v])
    way = machine.behind(f) if stream.decide("BEHIND", 0) else machine.ahead(v)
    k = stream.number("STEPS")
    if k + 1 >= len(way):
        raise Refused("beyond the border")
    return way[k + 1]


def read_creases(stream: Stream, mesh: Reference) -> list[tuple[int, int]]:
    if not stream.bit(ANY):
        return []
    sides: dict[tuple[int, int], list[list[int]]] = {}
    for triangle in mesh.triangles:
        corner, second, third = (mesh.positions[v] for v in triangle)
        normal = cross(minus(second, corner), minus(third, corner))
        for i in range(3):
            u, v = sorted((triangle[i], triangle[(i + 1) % 3]))
            sides.setdefault((u, v), []).append(normal)
    at = [0] * len(mesh.positions)
    creases = []
    for a, b in sorted(sides):
        angle, ends = _angle(sides[a, b]), 3 * min(at[a], 2) + min(at[b], 2)
        if stream.decide("CREASE", angle, 9 * angle + ends, ends):
            creases.append((a, b))
            at[a] += 1
            at[b] += 1
    return creases


def _angle(normals: list[list[int]]) -> int:
    if len(normals) != 2:
        return 15
    g, h = normals
    size = isqrt(dot(g, g) * dot(h, h))
    if size == 0:
        return 14
    return min(13, isqrt(2 * (256 - clamp(256 * dot(g, h) // size, -255, 256))) // 2)


def add_copies(stream: Stream, mesh: Reference, solid: int) -> None:
    """Reads and adds the copies of parts, of which the first vertices are."""
    parts = parts_of(neighbours_of(mesh.triangles, solid))
    moves = []
    for _ in parts:
        at, step = [0] * 3, [0] * 3
        moves.append([])
        for _ in range(stream.number("COPIES")):
            same = 1
            for d in range(3):
                same = stream.decide("SAME_STEP", d, same)
                if not same:
                    step[d] = stream.number("STEP")
                    if step[d] and stream.bit(HALF):
                        step[d] = -step[d]
            at = [a + s for a, s in zip(at, step, strict=True)]
            moves[-1].append(at)
    triangles, creases = list(mesh.triangles), list(mesh.creases)
    for part, copies in zip(parts, moves, strict=True):
        rank = {v: i for i, v in enumerate(part)}
        for move in copies:
            first = len(mesh.positions)
            mesh.positions += [[x + s for x, s in zip(mesh.positions[v], move, strict=True)] for v in part]
            mesh.triangles += [
                (first + rank[a], first + rank[b], first + rank[c]) for a, b, c in triangles if a in rank
            ]
            mesh.creases += [(first + rank[a], first + rank[b]) for a, b in creases if a in rank]


def decode(data: bytes, most: int = 1 << 16, axes: Axes = ()) -> Reference:
    """A mesh record, without its grid byte and what stands before it."""
    stream = Stream(data)
    method = stream.uniform(4)
    stream.kinds = start_table(WITH_HITS[method])
    extras, copies = stream.bit(RARE), stream.bit(RARE)
    machine = read_triangles(stream, most)
    solid = len(machine.made)
    if extras:
        loose = stream.number("LOOSE")
        if solid + loose > most:
            raise Refused("too large")
        machine.made += [None] * loose
    positions = Positions(stream, machine.triangles, machine.made, method, axes).decode()
    mesh = Reference(positions, machine.triangles)
    mesh.creases = read_creases(stream, mesh)
    if copies:
        add_copies(stream, mesh, solid)
    if extras:
        count, n = stream.number("FLAT"), len(mesh.positions)
        mesh.triangles += [(stream.uniform(n), stream.uniform(n), stream.uniform(n)) for _ in range(count)]
    return mesh


def conquer(triangles: list[Triangle], count: int) -> tuple[list[Triangle], list[Gate], list[int]]:
    """Triangles in the machine's order and numbers, where each vertex was made, and the number that it had."""
    left = [t for t in triangles if len(set(t)) == 3]
    machine = Machine()
    number: dict[int, int] = {}

    def named(old: int, gate: Gate) -> int:
        if old not in number:
            number[old] = machine.new_vertex(gate)
        return number[old]

    while left:
        machine.add(*(named(old, None) for old in left.pop(0)))
        while machine.gates:
            f = machine.focus()
            gate = machine.first_from(f)
            assert gate is not None
            v = gate[1]
            before, after = machine.last_to(f), machine.first_from(v)
            fitting = []
            for place, t in enumerate(left):
                for i in range(3):
                    if number.get(t[i]) == f and number.get(t[(i + 1) % 3]) == v:
                        w = number.get(t[(i + 2) % 3])
                        is_p = w is not None and before is not None and w == before[0]
                        is_x = w is not None and after is not None and w == after[1]
                        fitting.append((4 * (not is_p) + 2 * (not is_x) + (w is not None), place, t[(i + 2) % 3]))
            if not fitting:
                machine.gates.remove(gate)
                continue
            _, place, old = min(fitting)
            left.pop(place)
            machine.add(f, v, named(old, (f, v, machine.remembered(f, v))))
    order = list(number) + [v for v in range(count) if v not in number]
    return machine.triangles, machine.made + [None] * (count - len(number)), order


def scaled(positions: list[list[int]], grid: int, to: int) -> list[list[int]]:
    """Positions on one grid in steps of another."""
    halves, factor = (to - grid) // 2, 1
    if (to - grid) % 2:
        halves, factor = halves - 29, 759250125
    if halves >= 0:
        return [[q * factor << halves for q in position] for position in positions]
    return [[q * factor + (1 << -halves - 1) >> -halves for q in position] for position in positions]


def decode_pose(data: bytes, reference: list[list[int]], triangles: list[Triangle]) -> list[list[int]]:
    """A posed record, without its grid byte; the reference scaled."""
    triangles, made, order = conquer(triangles, len(reference))
    stream = Stream(data)
    method, moved = stream.uniform(4), stream.bit(HALF)
    stream.kinds = start_table(WITH_HITS[method])
    told = Positions(stream, triangles, made, method).decode()
    found = [list(position) for position in reference]
    for old, position in zip(order, told, strict=True):
        found[old] = [a + b for a, b in zip(position, reference[old], strict=True)] if moved else position
    return found
