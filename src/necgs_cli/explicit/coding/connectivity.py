"""Connectivity of a triangle mesh: a cut-border machine over directed edges.

Triangles are conquered one at a time. Every directed edge that lacks its triangle is a gate; the machine works at the
gate whose first vertex has most triangles and says which third vertex the triangle has: the previous or the next
vertex along the border, a new one, another known one, or that there is none (S. Gumhold, W. Strasser, "Real time
compression of triangle mesh connectivity", 1998). Directed edges may be met any number of times, so that non-manifold
meshes need no cutting: what a gate does not reach starts a new part whose corners may be known vertices.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import decisions as of
from .arithmetic import DECODING, FINE, OFF_BORDER, STATUS, TOO_MUCH_WORK, check, fail
from .border import (
    FACES,
    NOTHING,
    SINCE_OTHER,
    VERTICES,
    WORK,
    Border,
    add_face,
    add_vertex,
    apex_across,
    focus,
    neighbours,
    new_border,
    shut_gate,
    wait,
    walk_ahead,
    walk_behind,
)
from .decisions import VALENCE
from .kernel import Flat, Mode, bit_length, entry, inlined, kernel
from .mixing import Stream, code_number, code_uniform, mix

MAX_WORK = 1 << 28  # steps of searches, over a record
FRESH, NO_TRIANGLE = -2, -3  # apexes of a gate: a vertex not told yet, border
_TOP = VALENCE - 1


class Source(NamedTuple):
    """The triangles that the encoder still has to tell, in its own numbering; n vertices, m triangles.

    Attributes:
        faces: 3m.
        told: m, whether a triangle has been told; then the first that has not.
        first: n + 1, where the directed edges from a vertex begin.
        ends, owners: 3m, end and triangle of each directed edge, sorted by start, end, triangle.
        renumber: n, the decoder's number of each vertex, or NOTHING.
        old: n, the encoder's number of each of the decoder's vertices.
        has_border: 1, whether some gate will find no triangle.
    """

    faces: Flat
    told: Flat
    first: Flat
    ends: Flat
    owners: Flat
    renumber: Flat
    old: Flat
    has_border: Flat


@dataclass(eq=False)
class Connectivity:
    """Result of the machine, in decoding numbering.

    Attributes:
        faces: int64 (m, 3).
        count: number of vertices.
        made: 3 for each vertex, the gate it was made at as (a, b, apex of the triangle across), or NOTHING thrice.
        order: int64, the encoder's number of each vertex (empty when decoding).
    """

    faces: np.ndarray
    count: int
    made: Flat
    order: np.ndarray


@kernel
def _take_start(source: Source) -> int:
    """The first triangle left, or NOTHING."""
    told = source.told
    count = len(told) - 1
    k = told[count]
    while k < count and told[k]:
        k += 1
    told[count] = k
    return k if k < count else NOTHING


@kernel
def _spend(registers: Flat, border: Border, steps: int) -> None:
    """Bound the work that searches among known vertices, and among the triangles of an edge, take."""
    border.numbers[WORK] += steps
    if border.numbers[WORK] > MAX_WORK:
        fail(registers, TOO_MUCH_WORK)


@inlined
def _choose(registers: Flat, source: Source, border: Border, f: int, v: int, p: int, x: int) -> tuple[int, int]:
    """The encoder's triangle for a gate, the cheapest to tell, and its apex."""
    first, ends, renumber = source.first, source.ends, source.renumber
    a, b = source.old[f], source.old[v]
    low, high = first[a], first[a + 1]
    while low < high:
        middle = low + high >> 1
        if ends[middle] < b:
            low = middle + 1
        else:
            high = middle
    found, found_apex, best = NOTHING, NO_TRIANGLE, 8
    steps = 0
    for at in range(low, first[a + 1]):
        if ends[at] != b:
            break
        steps += 1
        k = source.owners[at]
        if not source.told[k]:
            apex = renumber[source.faces[3 * k] + source.faces[3 * k + 1] + source.faces[3 * k + 2] - a - b]
            if apex < 0:
                apex = FRESH
            cost = 4 * (apex != p) + 2 * (apex != x) + (apex != FRESH)
            if cost < best:
                found, found_apex, best = k, apex, cost
    _spend(registers, border, steps)
    return found, found_apex


@inlined
def _add_told(registers: Flat, source: Source, border: Border, old: int, a: int, b: int, apex: int) -> int:
    """A new vertex, which is the encoder's vertex `old`."""
    v = add_vertex(registers, border, a, b, apex)
    if not registers[DECODING] and v >= 0:
        source.old[v] = old
        source.renumber[old] = v
    return v


@kernel
def _code_known(stream: Stream, border: Border, first: int, second: int, target: int) -> int:
    """Any known vertex: among the neighbours of the anchors `first` and `second`, those with gates, or all."""
    registers, leaving = stream.registers, border.first_leaving
    anchors = (first >= 0) + (second >= 0)
    near = border.ahead
    count = neighbours(border, first, second)
    _spend(registers, border, count)
    if count:
        place = NOTHING
        for i in range(count):
            if near[i] == target:
                place = i
        if mix(stream, of.NEAR, 0, anchors, 0, 0, 0, 0, 0, 1 if place >= 0 else 0):
            return near[code_uniform(stream, count, place)]
    vertices = border.numbers[VERTICES]
    _spend(registers, border, vertices)
    count, place = 0, NOTHING
    for i in range(vertices):
        if leaving[i] >= 0:
            if i == target:
                place = count
            count += 1
    if count and mix(stream, of.OPEN, 0, anchors, 0, 0, 0, 0, 0, 1 if place >= 0 else 0):
        place = code_uniform(stream, count, place)
        v = NOTHING
        while place >= 0:
            v += 1
            if leaving[v] >= 0:
                place -= 1
        return v
    return code_uniform(stream, vertices, target)


@kernel
def _code_other(stream: Stream, border: Border, f: int, v: int, apex: int) -> int:
    """A known vertex that is neither neighbour along the border: by steps along the border, or any."""
    registers = stream.registers
    ahead, behind = walk_ahead(border, v) - 1, walk_behind(border, f) - 1  # the neighbours themselves do not count
    _spend(registers, border, max(ahead, 0) + max(behind, 0))
    far = border.numbers[VERTICES]
    steps_ahead = steps_behind = far
    if not registers[DECODING]:
        for i in range(ahead - 1, -1, -1):
            if border.ahead[i + 1] == apex:
                steps_ahead = i
        for i in range(behind - 1, -1, -1):
            if border.behind[i + 1] == apex:
                steps_behind = i
    steps = min(steps_ahead, steps_behind)
    if mix(stream, of.ON_BORDER, 0, 0, 0, 0, 0, 0, 0, 1 if steps < far else 0):
        backward = mix(stream, of.BEHIND, 0, 0, 0, 0, 0, 0, 0, 1 if steps_behind < steps_ahead else 0)
        k = code_number(stream, of.STEPS, steps)
        if k >= (behind if backward else ahead):
            fail(registers, OFF_BORDER)
            return v
        return border.behind[k + 1] if backward else border.ahead[k + 1]
    return _code_known(stream, border, f, v, apex)


@kernel
def _start_part(stream: Stream, border: Border, source: Source) -> bool:
    """Code whether there is another triangle that no gate leads to, and which."""
    registers, numbers = stream.registers, border.numbers
    reading = registers[DECODING]
    k = NOTHING if reading else _take_start(source)
    some = 1 if numbers[FACES] else 0
    if not mix(stream, of.START, 0, some, 0, 0, 0, 0, 0, 1 if k >= 0 else 0):
        return False
    a = b = c = NOTHING
    anchor_a = anchor_b = NOTHING
    known_before = 0
    for i in range(3):
        old = target = NOTHING
        if not reading:
            old = source.faces[3 * k + i]
            target = source.renumber[old]
        known = 0
        if some:
            known = mix(stream, of.KNOWN, 0, i * 2, i * 8 + known_before, 0, 0, 0, 0, 1 if target >= 0 else 0)
        if known:
            v = _code_known(stream, border, anchor_a, anchor_b, target)
            anchor_a, anchor_b = (v, anchor_b) if anchor_a < 0 else (anchor_a, v)
        else:
            v = _add_told(registers, source, border, old, NOTHING, NOTHING, NOTHING)
        if registers[STATUS] != FINE:
            return False
        a, b, c = b, c, v
        known_before |= known << i
    if not reading:
        source.told[k] = 1
    add_face(registers, border, a, b, c)
    return True


@inlined
def _serve_gate(stream: Stream, border: Border, source: Source, f: int, has_border: int) -> None:
    """Code the triangle at the oldest gate of vertex f."""
    registers, numbers, gates, t = stream.registers, border.numbers, border.gates, border.triangles
    gate = border.first_leaving[f]
    v = gates[3 * gate + 1]
    before, after = border.last_entering[f], border.first_leaving[v]
    p = gates[3 * before] if before >= 0 else NOTHING
    x = gates[3 * after + 1] if after >= 0 else NOTHING
    told, apex = NOTHING, NO_TRIANGLE
    if not registers[DECODING]:
        told, apex = _choose(registers, source, border, f, v, p, x)
    cf, cv = min(t[f], _TOP), min(t[v], _TOP)
    if has_border:
        shut = border.shut
        b = min(shut[f], 2) * 3 + min(shut[v], 2)
        bp = min(shut[p], 2) if p >= 0 else 0
        if mix(stream, of.BORDER, 0, b, b * VALENCE + cf, b * 3 + bp, 0, 0, 0, 1 if apex == NO_TRIANGLE else 0):
            shut_gate(border, gate)
            shut[f] += 1
            shut[v] += 1
            wait(border, f)
            return
    w = NOTHING
    if p >= 0 and p != v:
        loop = 1 if p == x else 0
        cp = min(t[p], _TOP)
        if mix(
            stream,
            of.CLOSE,
            0,
            cf * 2 + loop,
            (cf * VALENCE + cv) * 2 + loop,
            (cf * VALENCE + cp) * 2 + loop,
            ((cf * VALENCE + cv) * VALENCE + cp) * 2 + loop,
            0,
            0,
            1 if apex == p else 0,
        ):
            w = p
    if w < 0 and x >= 0 and x != f and x != p:
        cx = min(t[x], _TOP)
        if mix(
            stream,
            of.NEXT,
            0,
            cv,
            cv * VALENCE + cf,
            cv * VALENCE + cx,
            (cv * VALENCE + cx) * VALENCE + cf,
            0,
            0,
            1 if apex == x else 0,
        ):
            w = x
    if w < 0:
        since = min(bit_length(numbers[SINCE_OTHER]), 7)
        if mix(stream, of.NEW, 0, cf, cv * 8 + since, cf * VALENCE + cv, 0, 0, 0, 1 if apex == FRESH else 0):
            numbers[SINCE_OTHER] += 1
            old = NOTHING
            if told >= 0:
                faces = source.faces
                old = faces[3 * told] + faces[3 * told + 1] + faces[3 * told + 2] - source.old[f] - source.old[v]
            w = _add_told(registers, source, border, old, f, v, apex_across(border, f, v))
        else:
            w = _code_other(stream, border, f, v, apex)
            numbers[SINCE_OTHER] = 0
        if registers[STATUS] != FINE:
            return
    if told >= 0:
        source.told[told] = 1
    add_face(registers, border, f, v, w)


@entry
def code_triangles(stream: Stream, border: Border, source: Source) -> None:
    """Code all triangles, into `border`; what goes wrong is in the stream's status."""
    registers = stream.registers
    has_border = mix(stream, of.HAS_BORDER, 0, 0, 0, 0, 0, 0, 0, source.has_border[0])
    while _start_part(stream, border, source):
        f = focus(border)
        while f >= 0 and registers[STATUS] == FINE:
            _serve_gate(stream, border, source, f, has_border)
            f = focus(border)
        if registers[STATUS] != FINE:
            return


def new_source(mode: Mode, faces: np.ndarray | None, vertices: int) -> Source:
    """The encoder's triangles, int64 (m, 3) on so many vertices; None when decoding."""
    if faces is None:
        none = mode.blank(1)
        return Source(none, none, none, none, none, none, none, none)
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    starts, ends = edges[order].T
    there, back = starts * vertices + ends, ends * vertices + starts
    back.sort()
    return Source(
        mode.sequence(faces.ravel()),
        mode.blank(len(faces) + 1),
        mode.sequence(np.searchsorted(starts, np.arange(vertices + 1))),
        mode.sequence(ends),
        mode.sequence(order // 3),
        mode.sequence(np.full(vertices, NOTHING)),
        mode.blank(vertices),
        mode.sequence([0 if np.array_equal(there, back) else 1]),
    )


def code_connectivity(
    mode: Mode, stream: Stream, faces: np.ndarray | None, vertices: int, room: int, max_vertices: int, max_faces: int
) -> Connectivity:
    """Code the triangles of a mesh, none of which repeats a vertex.

    Args:
        mode: how to run; stream: where the bits go to or come from.
        faces: int64 (m, 3) on `vertices` vertices, when encoding.
        room: when decoding, the vertices to have memory for.
        max_vertices, max_faces: bounds for the decoder.

    Raises:
        DamagedRecord, Retry: as from `arithmetic.check`.
    """
    if faces is None:
        vertices = min(room, max_vertices)
        border = new_border(mode, vertices, min(2 * room, max_faces), max_vertices, max_faces)
    else:
        border = new_border(mode, vertices, len(faces), vertices, len(faces))
    source = new_source(mode, faces, vertices)
    mode(code_triangles)(stream, border, source)
    check(stream.registers)
    numbers = border.numbers
    count = int(numbers[VERTICES])
    found = np.array(border.faces[: 3 * int(numbers[FACES])], np.int64).reshape(-1, 3)
    order = np.zeros(0, np.int64) if faces is None else np.array(source.old[:count], np.int64)
    return Connectivity(found, count, border.made[: 3 * count], order)


def with_loose_vertices(mode: Mode, connectivity: Connectivity, count: int) -> Connectivity:
    """The same with so many more vertices, which no triangle has and no gate made."""
    made = np.concatenate([np.asarray(connectivity.made, np.int64), np.full(3 * count, NOTHING)])
    return Connectivity(connectivity.faces, connectivity.count + count, mode.sequence(made), connectivity.order)
