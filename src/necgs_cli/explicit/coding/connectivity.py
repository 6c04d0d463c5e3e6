"""Connectivity of a triangle mesh: a cut-border machine over directed edges.

Triangles are conquered one at a time. Every directed edge that lacks its triangle is a gate; the machine works at the
gate whose first vertex has most triangles and says which third vertex the triangle has: the previous or the next
vertex along the border, a new one, another known one, or that there is none (S. Gumhold, W. Strasser, "Real time
compression of triangle mesh connectivity", 1998). Directed edges may be met any number of times, so that non-manifold
meshes need no cutting: what a gate does not reach starts a new part whose corners may be known vertices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from heapq import heappop, heappush

import numpy as np

from .arithmetic import DamagedRecord
from .mixing import Coder, Decision, Mixer, code_uniform

SHAPES = 26  # classes of a possible triangle's shape
VALENCE = 10  # triangle counts are told apart up to VALENCE - 1
_V = VALENCE

START = Decision("start", (2,))
KNOWN = Decision("known corner", (2 * 3, 8 * 3))
HAS_BORDER = Decision("has border", (1,))
BORDER = Decision("border", (9, 9 * _V, 9 * 3))
CLOSE = Decision("close", (_V * 2, _V * _V * 2, _V * _V * 2, _V**3 * 2))
NEXT = Decision("next", (_V, _V * _V, _V * _V, _V**3))
NEW = Decision("new", (_V, _V * 8, _V * _V))
SHAPED_CLOSE = Decision("shaped close", (_V * 2, SHAPES, SHAPES * _V, _V**3, SHAPES * 4))
SHAPED_NEXT = Decision("shaped next", (_V, SHAPES, SHAPES * _V, _V**3, SHAPES * 4))
SHAPED_NEW = Decision("shaped new", (_V, SHAPES, _V * 8, _V * _V))
ON_BORDER = Decision("on border", (1,))
BEHIND = Decision("behind", (1,))
STEPS = Decision("steps", (64,))
DECISIONS = (SHAPED_CLOSE, SHAPED_NEXT, SHAPED_NEW, START, KNOWN, HAS_BORDER, BORDER, CLOSE, NEXT, NEW, ON_BORDER, BEHIND, STEPS)


@dataclass(eq=False)
class Connectivity:
    """Result of the machine, in decoding numbering.

    Attributes:
        faces: int64 (m, 3).
        count: number of vertices.
        gates: for each vertex, the gate it was made at as (a, b, apex of the triangle across or -1), or None.
        order: the encoder's number of each vertex (empty when decoding).
    """

    faces: np.ndarray
    count: int
    gates: list
    order: list[int]


class _Source:
    """The triangles that the encoder still has to tell."""

    def __init__(self, faces: np.ndarray) -> None:
        self.faces = faces.tolist()
        self.told = [False] * len(self.faces)
        self.by_edge: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for k, (a, b, c) in enumerate(self.faces):
            for edge, apex in (((a, b), c), ((b, c), a), ((c, a), b)):
                self.by_edge.setdefault(edge, []).append((k, apex))
        self.first = 0

    def apexes(self, a: int, b: int) -> list[tuple[int, int]]:
        """(triangle, third vertex) of the triangles left that hold the directed edge a, b."""
        return [x for x in self.by_edge.get((a, b), ()) if not self.told[x[0]]]

    def has_border(self) -> bool:
        """Whether some gate will find no triangle: an edge is not run through equally often both ways."""
        return any(len(self.by_edge.get((b, a), ())) != len(found) for (a, b), found in self.by_edge.items())

    def start(self) -> int:
        """The first triangle left, or -1."""
        while self.first < len(self.faces) and self.told[self.first]:
            self.first += 1
        return self.first if self.first < len(self.faces) else -1


class _Machine:
    """Border state shared by both directions."""

    def __init__(self, coder: Coder, mixer: Mixer, source: _Source | None, max_vertices: int, max_faces: int,
                 place: Callable | None = None) -> None:
        self.coder, self.mixer, self.source = coder, mixer, source
        self.max_vertices, self.max_faces = max_vertices, max_faces
        self.place = place
        self.x: list[list[int]] = []
        self.faces: list[tuple[int, int, int]] = []
        self.triangles: list[int] = []  # triangles at each vertex
        self.leaving: list[list[int]] = []  # gates from each vertex: their ends
        self.entering: list[list[int]] = []  # gates to each vertex: their starts
        self.bordering: list[int] = []  # gates at each vertex that were found to be border
        self.gates: list = []
        self.apex: dict[tuple[int, int], int] = {}  # third vertex of the last triangle with a directed edge
        self.since_other = 0  # vertices made since a gate was closed with another known one
        self.heap: list[tuple[int, int]] = []
        self.old: list[int] = []  # encoder's vertex of each vertex
        self.new: dict[int, int] = {}

    # ---- state
    def add_vertex(self, old: int | None, gate: tuple[int, int, int] | None) -> int:
        if len(self.triangles) >= self.max_vertices:
            raise DamagedRecord("the mesh record holds more vertices than allowed")
        v = len(self.triangles)
        self.triangles.append(0)
        self.leaving.append([])
        self.entering.append([])
        self.bordering.append(0)
        self.gates.append(gate)
        if old is not None:
            self.old.append(old)
            self.new[old] = v
        if self.place is not None:
            self.x.append(self.place(v, gate, old))
        return v

    def shut(self, a: int, b: int) -> None:
        self.leaving[a].remove(b)
        self.entering[b].remove(a)

    def link(self, a: int, b: int) -> None:
        """The directed edge a, b has its triangle now: shut its gate, or open the opposite one."""
        if b in self.leaving[a]:
            self.shut(a, b)
        else:
            self.leaving[b].append(a)
            self.entering[a].append(b)

    def add_face(self, a: int, b: int, c: int) -> None:
        if len(self.faces) >= self.max_faces:
            raise DamagedRecord("the mesh record holds more triangles than allowed")
        if a == b or b == c or c == a:
            raise DamagedRecord("the mesh record holds a triangle without area")
        self.faces.append((a, b, c))
        self.apex[a, b], self.apex[b, c], self.apex[c, a] = c, a, b
        for v in (a, b, c):
            self.triangles[v] += 1
        self.link(a, b)
        self.link(b, c)
        self.link(c, a)
        for v in (a, b, c):
            if self.leaving[v]:
                heappush(self.heap, (-self.triangles[v], -v))

    def focus(self) -> int:
        """The vertex with a gate that has most triangles, the youngest of those; -1 when no gate is open."""
        while self.heap:
            count, v = self.heap[0]
            if self.leaving[-v] and self.triangles[-v] == -count:
                return -v
            heappop(self.heap)
        return -1

    # ---- decisions
    def ask(self, decision: Decision, contexts: tuple[int, ...], bit: int | None) -> int:
        return self.mixer.code(self.coder, decision, contexts, bit)

    def start_part(self) -> bool:
        """Code whether there is another triangle that no gate leads to, and which."""
        k = -1 if self.source is None else self.source.start()
        if not self.ask(START, (int(bool(self.faces)),), int(k >= 0)):
            return False
        corners, known_before = [], 0
        for i in range(3):
            old = None if self.source is None else self.source.faces[k][i]
            known = 0
            if self.faces:
                known = self.ask(KNOWN, (i * 2, i * 8 + known_before), None if old is None else int(old in self.new))
            known_before |= known << i
            if known:
                corners.append(code_uniform(self.coder, len(self.triangles), None if old is None else self.new[old]))
            else:
                corners.append(self.add_vertex(old, None))
        if self.source is not None:
            self.source.told[k] = True
        self.add_face(*corners)
        return True

    def serve_gate(self, f: int, has_border: bool) -> None:
        """Code the triangle at a gate of vertex f."""
        v = self.leaving[f][0]
        p = self.entering[f][-1] if self.entering[f] else -1
        x = self.leaving[v][0] if self.leaving[v] else -1
        t = self.triangles
        told, apex = self._choose(f, v, p, x)
        top = VALENCE - 1
        cf, cv = min(t[f], top), min(t[v], top)
        cp, cx = min(t[p], top) if p >= 0 else 0, min(t[x], top) if x >= 0 else 0
        writing = self.source is not None
        if has_border:
            bf, bv = min(self.bordering[f], 2), min(self.bordering[v], 2)
            b = bf * 3 + bv
            bp = (min(self.bordering[p], 2) if p >= 0 else 0)
            if self.ask(BORDER, (b, b * VALENCE + cf, b * 3 + bp), int(apex is None)):
                self.shut(f, v)
                self.bordering[f] += 1
                self.bordering[v] += 1
                if self.leaving[f]:
                    heappush(self.heap, (-t[f], -f))
                return
        w = -1
        loop = int(p == x)
        shaped = self.place is not None
        close_shape = next_shape = 0
        since = min(self.since_other.bit_length(), 7)
        if p >= 0 and p != v:
            if shaped:
                close_shape, flat = self.shape(f, v, p)
                contexts: tuple[int, ...] = (cf * 2 + loop, close_shape, close_shape * _V + cf,
                                             (cf * _V + cv) * _V + cp, close_shape * 4 + flat)
            else:
                contexts = (cf * 2 + loop, (cf * _V + cv) * 2 + loop, (cf * _V + cp) * 2 + loop,
                            ((cf * _V + cv) * _V + cp) * 2 + loop)
            if self.ask(SHAPED_CLOSE if shaped else CLOSE, contexts, int(writing and apex == p)):
                w = p
        if w < 0 and x >= 0 and x != f and x != p:
            if shaped:
                next_shape, flat = self.shape(v, x, f)
                contexts = (cv, next_shape, next_shape * _V + cv, (cv * _V + cx) * _V + cf, next_shape * 4 + flat)
            else:
                contexts = (cv, cv * _V + cf, cv * _V + cx, (cv * _V + cx) * _V + cf)
            if self.ask(SHAPED_NEXT if shaped else NEXT, contexts, int(writing and apex == x)):
                w = x
        if w < 0:
            if shaped:
                contexts = (cf, next_shape, cv * 8 + since, cf * _V + cv)
            else:
                contexts = (cf, cv * 8 + since, cf * _V + cv)
            if self.ask(SHAPED_NEW if shaped else NEW, contexts, int(apex == -2)):
                self.since_other += 1
                w = self.add_vertex(self._old_apex(told, f, v) if writing else None, (f, v, self.apex.get((v, f), -1)))
            else:
                w = self._code_other(f, v, apex)
                self.since_other = 0
        if writing:
            self.source.told[told] = True
        self.add_face(f, v, w)

    def shape(self, corner: int, a: int, b: int) -> tuple[int, int]:
        """Class of the triangle corner, a, b by its angle at `corner` and its fold; and whether it is flat."""
        o, p, q = self.x[corner], self.x[a], self.x[b]
        ux, uy, uz = p[0] - o[0], p[1] - o[1], p[2] - o[2]
        vx, vy, vz = q[0] - o[0], q[1] - o[1], q[2] - o[2]
        length = isqrt((ux * ux + uy * uy + uz * uz) * (vx * vx + vy * vy + vz * vz))
        across = self.apex.get((a, corner), -1)
        if length == 0 or across < 0:
            return SHAPES - 1, 0
        cosine = (ux * vx + uy * vy + uz * vz) * 6 // length
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        r = self.x[across]
        tx, ty, tz = r[0] - o[0], r[1] - o[1], r[2] - o[2]
        mx, my, mz = ty * uz - tz * uy, tz * ux - tx * uz, tx * uy - ty * ux
        dot = nx * mx + ny * my + nz * mz
        other = isqrt((nx * nx + ny * ny + nz * nz) * (mx * mx + my * my + mz * mz))
        bend = 3 if other == 0 else 0 if dot * 16 >= other * 15 else 1 if dot * 2 >= other else 2
        return max(0, min(11, cosine + 6)) + (12 if dot < 0 else 0), bend

    def _choose(self, f: int, v: int, p: int, x: int) -> tuple[int, int | None]:
        """The encoder's triangle for a gate, the cheapest to tell; apex None: border, -2: a new vertex."""
        if self.source is None:
            return -1, None
        found = [(k, self.new.get(a, -2)) for k, a in self.source.apexes(self.old[f], self.old[v])]
        if not found:
            return -1, None
        return min(found, key=lambda ka: (ka[1] != p, ka[1] != x, ka[1] != -2, ka[0]))

    def _old_apex(self, told: int, f: int, v: int) -> int:
        return sum(self.source.faces[told]) - self.old[f] - self.old[v]

    def _code_other(self, f: int, v: int, apex: int | None) -> int:
        """A known vertex that is neither neighbour along the border: by steps along the border, or any."""
        ahead, behind = self._walk(v, self.leaving, 0), self._walk(f, self.entering, -1)
        on_border = along = steps = None
        if self.source is not None:
            near = [way.index(apex) if apex in way else len(self.triangles) for way in (ahead, behind)]
            on_border, along, steps = int(min(near) < len(self.triangles)), int(near[1] < near[0]), min(near)
        if self.ask(ON_BORDER, (0,), on_border):
            way = behind if self.ask(BEHIND, (0,), along) else ahead
            k = self.mixer.code_number(self.coder, STEPS, steps)
            if k >= len(way):
                raise DamagedRecord("the mesh record points beyond the border")
            return way[k]
        return code_uniform(self.coder, len(self.triangles), apex)

    @staticmethod
    def _walk(start: int, gates: list[list[int]], which: int) -> list[int]:
        """Vertices along the border from `start`, its neighbour not counted, until they repeat."""
        way: list[int] = []
        seen = {start}
        at = start
        while gates[at] and gates[at][which] not in seen:
            at = gates[at][which]
            seen.add(at)
            way.append(at)
        return way[1:]


def code_connectivity(coder: Coder, mixer: Mixer, faces: np.ndarray | None, max_vertices: int,
                      max_faces: int, place: Callable | None = None) -> Connectivity:
    """Code the triangles of a mesh, none of which repeats a vertex.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        faces: int (m, 3) when encoding.
        max_vertices, max_faces: bounds for the decoder.
        place: codes the position of a new vertex (number, gate, encoder's number) at once and returns it; triangles
            are then told by their shapes. None: positions come later.

    Raises:
        DamagedRecord: when what is read breaks the bounds or makes no sense.
    """
    source = _Source(faces) if faces is not None else None
    machine = _Machine(coder, mixer, source, max_vertices, max_faces, place)
    has_border = bool(machine.ask(HAS_BORDER, (0,), None if source is None else int(source.has_border())))
    while machine.start_part():
        while (f := machine.focus()) >= 0:
            machine.serve_gate(f, has_border)
    return Connectivity(np.array(machine.faces, np.int64).reshape(-1, 3), len(machine.triangles), machine.gates,
                        machine.old)
