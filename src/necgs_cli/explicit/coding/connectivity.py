"""Connectivity of a triangle mesh: a cut-border machine over directed edges.

Triangles are conquered one at a time. Every directed edge that lacks its triangle is a gate; the machine works at the
gate whose first vertex has most triangles and says which third vertex the triangle has: the previous or the next
vertex along the border, a new one, another known one, or that there is none (S. Gumhold, W. Strasser, "Real time
compression of triangle mesh connectivity", 1998). Directed edges may be met any number of times, so that non-manifold
meshes need no cutting: what a gate does not reach starts a new part whose corners may be known vertices.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from .arithmetic import DamagedRecord
from .mixing import Coder, Decision, Mixer, code_uniform

MAX_WORK = 1 << 28  # steps of searches, over a record
VALENCE = 10  # triangle counts are told apart up to VALENCE - 1
_V = VALENCE

START = Decision("start", (2,))
KNOWN = Decision("known corner", (2 * 3, 8 * 3))
HAS_BORDER = Decision("has border", (1,))
BORDER = Decision("border", (9, 9 * _V, 9 * 3))
CLOSE = Decision("close", (_V * 2, _V * _V * 2, _V * _V * 2, _V**3 * 2))
NEXT = Decision("next", (_V, _V * _V, _V * _V, _V**3))
NEW = Decision("new", (_V, _V * 8, _V * _V))
ON_BORDER = Decision("on border", (1,))
BEHIND = Decision("behind", (1,))
STEPS = Decision("steps", (64,))
NEAR = Decision("near", (3,))
OPEN = Decision("open", (3,))
DECISIONS = (START, KNOWN, HAS_BORDER, BORDER, CLOSE, NEXT, NEW, ON_BORDER, BEHIND, STEPS, NEAR, OPEN)


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

    def __init__(self, coder: Coder, mixer: Mixer, source: _Source | None, max_vertices: int, max_faces: int) -> None:
        self.coder, self.mixer, self.source = coder, mixer, source
        self.max_vertices, self.max_faces = max_vertices, max_faces
        self.faces: list[tuple[int, int, int]] = []
        self.triangles: list[int] = []  # triangles at each vertex
        self.around: list[set[int]] = []  # neighbours of each vertex, and itself
        self.leaving: list[list[int]] = []  # gates from each vertex: their ends
        self.entering: list[list[int]] = []  # gates to each vertex: their starts
        self.bordering: list[int] = []  # gates at each vertex that were found to be border
        self.gates: list = []
        self.apex: dict[tuple[int, int], int] = {}  # third vertex of the last triangle with a directed edge
        self.work = 0
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
        self.around.append(set())
        self.leaving.append([])
        self.entering.append([])
        self.bordering.append(0)
        self.gates.append(gate)
        if old is not None:
            self.old.append(old)
            self.new[old] = v
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
            self.around[v].update((a, b, c))
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
        corners: list[int] = []
        known_before = 0
        for i in range(3):
            old = None if self.source is None else self.source.faces[k][i]
            known = 0
            if self.faces:
                known = self.ask(KNOWN, (i * 2, i * 8 + known_before), None if old is None else int(old in self.new))
            if known:
                anchors = [c for j, c in enumerate(corners) if known_before >> j & 1]
                corners.append(self._code_known(anchors, None if old is None else self.new[old]))
            else:
                corners.append(self.add_vertex(old, None))
            known_before |= known << i
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
        if p >= 0 and p != v and self.ask(CLOSE, (
                cf * 2 + loop, (cf * _V + cv) * 2 + loop, (cf * _V + cp) * 2 + loop,
                ((cf * _V + cv) * _V + cp) * 2 + loop), int(writing and apex == p)):
            w = p
        if w < 0 and x >= 0 and x != f and x != p and self.ask(
                NEXT, (cv, cv * _V + cf, cv * _V + cx, (cv * _V + cx) * _V + cf), int(writing and apex == x)):
            w = x
        if w < 0:
            since = min(self.since_other.bit_length(), 7)
            if self.ask(NEW, (cf, cv * 8 + since, cf * _V + cv), int(apex == -2)):
                self.since_other += 1
                w = self.add_vertex(self._old_apex(told, f, v), (f, v, self.apex.get((v, f), -1)))
            else:
                w = self._code_other(f, v, apex)
                self.since_other = 0
        if self.source is not None:
            self.source.told[told] = True
        self.add_face(f, v, w)

    def _choose(self, f: int, v: int, p: int, x: int) -> tuple[int, int | None]:
        """The encoder's triangle for a gate, the cheapest to tell; apex None: border, -2: a new vertex."""
        if self.source is None:
            return -1, None
        found = [(k, self.new.get(a, -2)) for k, a in self.source.apexes(self.old[f], self.old[v])]
        if not found:
            return -1, None
        return min(found, key=lambda ka: (ka[1] != p, ka[1] != x, ka[1] != -2, ka[0]))

    def _old_apex(self, told: int, f: int, v: int) -> int | None:
        if self.source is None:
            return None
        return sum(self.source.faces[told]) - self.old[f] - self.old[v]

    def _code_other(self, f: int, v: int, apex: int | None) -> int:
        """A known vertex that is neither neighbour along the border: by steps along the border, or any."""
        ahead, behind = self._walk(v, self.leaving, 0), self._walk(f, self.entering, -1)
        self._spend(len(ahead) + len(behind))
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
        return self._code_known([f, v], apex)

    def _code_known(self, anchors: list[int], target: int | None) -> int:
        """Any known vertex: among the neighbours of the anchors, those with gates, or all."""
        self._spend(sum(len(self.around[a]) for a in anchors))
        near = sorted({w for a in anchors for w in self.around[a]}.difference(anchors))
        if near and self.ask(NEAR, (len(anchors),), None if target is None else int(target in near)):
            return near[code_uniform(self.coder, len(near), None if target is None else near.index(target))]
        self._spend(len(self.leaving))
        open_ = [i for i, gates in enumerate(self.leaving) if gates]
        if open_ and self.ask(OPEN, (len(anchors),), None if target is None else int(bool(self.leaving[target]))):
            return open_[code_uniform(self.coder, len(open_), None if target is None else open_.index(target))]
        return code_uniform(self.coder, len(self.triangles), target)

    def _spend(self, steps: int) -> None:
        """Bound the work that searches among known vertices take."""
        self.work += steps
        if self.work > MAX_WORK:
            raise DamagedRecord("the mesh record asks for too much work")

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
                      max_faces: int) -> Connectivity:
    """Code the triangles of a mesh, none of which repeats a vertex.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        faces: int (m, 3) when encoding.
        max_vertices, max_faces: bounds for the decoder.

    Raises:
        DamagedRecord: when what is read breaks the bounds or makes no sense.
    """
    source = _Source(faces) if faces is not None else None
    machine = _Machine(coder, mixer, source, max_vertices, max_faces)
    has_border = bool(machine.ask(HAS_BORDER, (0,), None if source is None else int(source.has_border())))
    while machine.start_part():
        while (f := machine.focus()) >= 0:
            machine.serve_gate(f, has_border)
    return Connectivity(np.array(machine.faces, np.int64).reshape(-1, 3), len(machine.triangles), machine.gates,
                        machine.old)
