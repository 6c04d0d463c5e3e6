"""The border of the triangles conquered so far: vertices, open gates, and the vertex to work at next.

A gate is a directed edge that lacks its triangle. The gates from a vertex form a list, and so do those to it; the
oldest of equal gates is shut first. Vertices that have gates wait in a heap.
"""

from typing import NamedTuple

from .arithmetic import FULL, MANY_TRIANGLES, MANY_VERTICES, NO_AREA, fail
from .kernel import Flat, Mode, inlined, kernel

NOTHING = -1

# numbers
VERTICES, FACES, GATES, HEAP, WORK, SINCE_OTHER, MARK, MAX_VERTICES, MAX_FACES = range(9)

# links of a gate
_NEXT_LEAVING, _LAST_LEAVING, _NEXT_ENTERING, _LAST_ENTERING = range(4)

_KEY = 32  # bits of a vertex number in the heap


class Border(NamedTuple):
    """State of the machine, in decoding numbering; n vertices, m triangles, g gates.

    Attributes:
        numbers: counts and bounds.
        faces: 3m vertices.
        triangles: n, triangles at each vertex.
        shut: n, gates at each vertex that were found to be border.
        made: 3n, the gate that each vertex was made at as (a, b, apex of the triangle across), or NOTHING thrice.
        first_leaving, last_leaving, last_entering: n, gates from and to each vertex, or NOTHING.
        gates: 3g, start, end, apex of the triangle across.
        links: 4g, neighbours of a gate in the two lists that it is in.
        last_corner: n, the youngest corner of a triangle at each vertex; corner 3k + i is vertex i of triangle k.
        next_corner: 3m, the next older corner at the same vertex.
        heap: 6m, vertices with gates by (triangles, number), the largest first; some are out of date.
        marks: n, for searches.
        ahead, behind: 2n and n, room for searches.
    """

    numbers: Flat
    faces: Flat
    triangles: Flat
    shut: Flat
    made: Flat
    first_leaving: Flat
    last_leaving: Flat
    last_entering: Flat
    gates: Flat
    links: Flat
    last_corner: Flat
    next_corner: Flat
    heap: Flat
    marks: Flat
    ahead: Flat
    behind: Flat


def new_border(mode: Mode, vertices: int, faces: int, max_vertices: int, max_faces: int) -> Border:
    """An empty border with room for so many vertices and triangles."""
    blank = mode.blank
    numbers = mode.sequence([0] * MAX_VERTICES + [max_vertices, max_faces])
    corners = 3 * faces
    return Border(
        numbers,
        blank(corners),
        blank(vertices),
        blank(vertices),
        blank(3 * vertices),
        blank(vertices),
        blank(vertices),
        blank(vertices),
        blank(3 * corners),
        blank(4 * corners),
        blank(vertices),
        blank(corners),
        blank(2 * corners),
        blank(vertices),
        blank(2 * vertices),
        blank(vertices),
    )


@inlined
def add_vertex(registers: Flat, border: Border, a: int, b: int, apex: int) -> int:
    """A new vertex, made at the gate a, b; returns its number."""
    numbers = border.numbers
    v = numbers[VERTICES]
    if v >= len(border.triangles):
        fail(registers, MANY_VERTICES if v >= numbers[MAX_VERTICES] else FULL)
        return NOTHING
    numbers[VERTICES] = v + 1
    border.first_leaving[v] = NOTHING
    border.last_leaving[v] = NOTHING
    border.last_entering[v] = NOTHING
    border.last_corner[v] = NOTHING
    made = border.made
    made[3 * v] = a
    made[3 * v + 1] = b
    made[3 * v + 2] = apex
    return v


@inlined
def _open_gate(border: Border, a: int, b: int, apex: int) -> None:
    numbers, gates, links = border.numbers, border.gates, border.links
    gate = numbers[GATES]
    numbers[GATES] = gate + 1
    gates[3 * gate] = a
    gates[3 * gate + 1] = b
    gates[3 * gate + 2] = apex
    last = border.last_leaving[a]
    links[4 * gate + _NEXT_LEAVING] = NOTHING
    links[4 * gate + _LAST_LEAVING] = last
    if last < 0:
        border.first_leaving[a] = gate
    else:
        links[4 * last + _NEXT_LEAVING] = gate
    border.last_leaving[a] = gate
    last = border.last_entering[b]
    links[4 * gate + _NEXT_ENTERING] = NOTHING
    links[4 * gate + _LAST_ENTERING] = last
    if last >= 0:
        links[4 * last + _NEXT_ENTERING] = gate
    border.last_entering[b] = gate


@inlined
def shut_gate(border: Border, gate: int) -> None:
    """Take a gate out of both of its lists."""
    gates, links = border.gates, border.links
    a, b = gates[3 * gate], gates[3 * gate + 1]
    following, last = links[4 * gate + _NEXT_LEAVING], links[4 * gate + _LAST_LEAVING]
    if last < 0:
        border.first_leaving[a] = following
    else:
        links[4 * last + _NEXT_LEAVING] = following
    if following < 0:
        border.last_leaving[a] = last
    else:
        links[4 * following + _LAST_LEAVING] = last
    following, last = links[4 * gate + _NEXT_ENTERING], links[4 * gate + _LAST_ENTERING]
    if last >= 0:
        links[4 * last + _NEXT_ENTERING] = following
    if following < 0:
        border.last_entering[b] = last
    else:
        links[4 * following + _LAST_ENTERING] = last


@inlined
def apex_across(border: Border, a: int, b: int) -> int:
    """The third vertex of the youngest triangle across the open gate a, b."""
    gates, links = border.gates, border.links
    gate = border.last_leaving[a]
    while gates[3 * gate + 1] != b:
        gate = links[4 * gate + _LAST_LEAVING]
    return gates[3 * gate + 2]


@inlined
def _link(border: Border, a: int, b: int, apex: int) -> None:
    """The directed edge a, b has its triangle now: shut its gate, or open the opposite one."""
    gates, links = border.gates, border.links
    gate = border.first_leaving[a]
    while gate >= 0 and gates[3 * gate + 1] != b:
        gate = links[4 * gate + _NEXT_LEAVING]
    if gate >= 0:
        shut_gate(border, gate)
    else:
        _open_gate(border, b, a, apex)


@inlined
def add_face(registers: Flat, border: Border, a: int, b: int, c: int) -> None:
    """A new triangle: its gates and its place in the heap."""
    numbers, faces = border.numbers, border.faces
    k = 3 * numbers[FACES]
    if k >= len(faces):
        fail(registers, MANY_TRIANGLES if numbers[FACES] >= numbers[MAX_FACES] else FULL)
        return
    if a == b or b == c or c == a:
        fail(registers, NO_AREA)
        return
    numbers[FACES] += 1
    faces[k] = a
    faces[k + 1] = b
    faces[k + 2] = c
    triangles, last_corner, next_corner = border.triangles, border.last_corner, border.next_corner
    for i in range(k, k + 3):
        v = faces[i]
        triangles[v] += 1
        next_corner[i] = last_corner[v]
        last_corner[v] = i
    _link(border, a, b, c)
    _link(border, b, c, a)
    _link(border, c, a, b)
    for i in range(k, k + 3):
        wait(border, faces[i])


@inlined
def wait(border: Border, v: int) -> None:
    """Put a vertex into the heap, if it has gates."""
    if border.first_leaving[v] < 0:
        return
    heap = border.heap
    key = border.triangles[v] << _KEY | v
    at = border.numbers[HEAP]
    border.numbers[HEAP] = at + 1
    while at:
        parent = at - 1 >> 1
        if heap[parent] >= key:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = key


@inlined
def _drop_top(border: Border) -> None:
    """Take the largest key out of the heap."""
    heap = border.heap
    count = border.numbers[HEAP] - 1
    border.numbers[HEAP] = count
    key = heap[count]
    at, child = 0, 1
    while child < count:
        if child + 1 < count and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= key:
            break
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    heap[at] = key


@inlined
def focus(border: Border) -> int:
    """The vertex with a gate that has most triangles, the youngest of those; NOTHING when no gate is open."""
    heap, triangles = border.heap, border.triangles
    while border.numbers[HEAP]:
        key = heap[0]
        v = key & (1 << _KEY) - 1
        if triangles[v] == key >> _KEY and border.first_leaving[v] >= 0:
            return v
        _drop_top(border)
    return NOTHING


@kernel
def walk_ahead(border: Border, start: int) -> int:
    """Vertices along the gates from `start`, until they repeat, in `ahead`; returns their number."""
    gates, first_leaving, marks, way = border.gates, border.first_leaving, border.marks, border.ahead
    border.numbers[MARK] += 1
    mark = border.numbers[MARK]
    marks[start] = mark
    count = 0
    gate = first_leaving[start]
    while gate >= 0:
        at = gates[3 * gate + 1]
        if marks[at] == mark:
            break
        marks[at] = mark
        way[count] = at
        count += 1
        gate = first_leaving[at]
    return count


@kernel
def walk_behind(border: Border, start: int) -> int:
    """As `walk_ahead`, against the gates, in `behind`."""
    gates, last_entering, marks, way = border.gates, border.last_entering, border.marks, border.behind
    border.numbers[MARK] += 1
    mark = border.numbers[MARK]
    marks[start] = mark
    count = 0
    gate = last_entering[start]
    while gate >= 0:
        at = gates[3 * gate]
        if marks[at] == mark:
            break
        marks[at] = mark
        way[count] = at
        count += 1
        gate = last_entering[at]
    return count


@kernel
def _gather(border: Border, v: int, near: Flat, count: int) -> int:
    """Append the different neighbours of v to the first `count` entries of `near`; returns how many entries it has.

    Corners that show no neighbour which younger ones do not show leave the list for good, so that searches at
    vertices of many equal triangles stay short.
    """
    faces, next_corner, marks = border.faces, border.next_corner, border.marks
    border.numbers[MARK] += 1
    mark = border.numbers[MARK]
    marks[v] = mark
    before, corner = NOTHING, border.last_corner[v]
    while corner >= 0:
        first = corner - corner % 3
        useful = False
        for i in range(first, first + 3):
            w = faces[i]
            if marks[w] != mark:
                marks[w] = mark
                near[count] = w
                count += 1
                useful = True
        following = next_corner[corner]
        if useful:
            before = corner
        else:
            next_corner[before] = following
        corner = following
    return count


@kernel
def neighbours(border: Border, first: int, second: int) -> int:
    """The sorted neighbours of one or two vertices (NOTHING: none), themselves left out, in `ahead`; their number."""
    near = border.ahead
    count = 0
    if first >= 0:
        count = _gather(border, first, near, count)
    if second >= 0:
        count = _gather(border, second, near, count)
    part = near[:count]
    part.sort()
    kept, last = 0, NOTHING
    for i in range(count):
        v = part[i]
        if v != last and v != first and v != second:
            near[kept] = v
            kept += 1
            last = v
    return kept
