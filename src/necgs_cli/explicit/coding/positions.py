"""Coding of integer positions on known connectivity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import field
from .arithmetic import DECODING, FINE, LIMIT, OUT_OF_RANGE, STATUS, WIDE, check, fail, too_wide
from .connectivity import Connectivity
from .decisions import ON_PLANE, VALUE
from .frame import FIRST_SPREADS, conditional, forward_step, learn, normal, share
from .hits import (
    ACROSS,
    GATE_END,
    GATE_START,
    NEIGHBOUR,
    OTHER_PARALLELOGRAM,
    PARALLELOGRAM,
    Memory,
    code_hit,
    new_memory,
    note_known,
    remember,
    suggest,
)
from .kernel import Flat, Mode, Vector, bit_length, entry, inlined, isqrt, kernel
from .mixing import Stream, code_uniform, mix
from .residual import FRACTION, code_coordinate
from .surroundings import Graph, border_vertices, parallelograms

_SIZE_LEVELS = 32
_UNIT = 1024  # deviation of a plain mean parallelogram
_MOST_PARALLELOGRAMS, _MOST_NEIGHBOURS = 4, 6  # that suggest coordinates
_FIELD_SHIFT = field.BITS - FRACTION
_RANGE = 1 << 31  # of positions
# what int64 arithmetic holds
_EXACT_MEAN = 1 << 40
_EXACT_DEVIATION = 1 << 18
_EXACT_SIZE = 1 << 37
_EXACT_SPREAD = 1 << 34
_EXACT_WEIGHT = 1 << 36


@dataclass(frozen=True)
class Method:
    """How positions are predicted.

    Attributes:
        field: by the Gaussian Markov field (smooth shapes), else by parallelograms.
        hits: whether exact repeats of coordinates are told first (mechanical shapes).
    """

    field: bool
    hits: bool


METHODS = (Method(True, False), Method(False, True), Method(True, True), Method(False, False))


class Scene(NamedTuple):
    """What is known of n vertices before and while their positions are coded.

    Attributes:
        first, near: n + 1 and more, the sorted neighbours of each vertex; known: n, how many of them come earlier.
        triples_first, triples: parallelograms as from `surroundings.parallelograms`, flat.
        made: 3n, the gate that each vertex was made at.
        given: 3n, the positions to write.
        x: 3n, the positions coded.
        relative: n, distance from the prediction, over the field's deviation.
        spreads: as in `frame`.
        planes: n, the coordinates that are 0 because the vertex lies on a mirror plane: 1, 2, 4 for x, y, z, added.
    """

    first: Flat
    near: Flat
    known: Flat
    triples_first: Flat
    triples: Flat
    made: Flat
    given: Flat
    x: Flat
    relative: Flat
    spreads: Flat
    planes: Flat


@entry
def code_planes(stream: Stream, first: Flat, near: Flat, border: Flat, axes: int, planes: Flat) -> None:
    """Code on which of the mirror planes the border's vertices lie.

    Args:
        stream: where the bits go to or come from.
        first, near: as of the scene; border: of each vertex, 1 or 0.
        axes: of the planes, as in `planes`: of each vertex, to write, or zeros to fill.
    """
    for i in range(len(planes)):
        told = 0
        for d in range(3):
            if border[i] and axes >> d & 1:
                on = off = 0
                for k in range(first[i], first[i + 1]):
                    j = near[k]
                    if j < i and border[j]:
                        if planes[j] >> d & 1:
                            on = 1
                        else:
                            off = 1
                context = on + 2 * off + (4 if told else 0)
                told += mix(stream, ON_PLANE, 0, context, 0, 0, 0, 0, 0, planes[i] >> d & 1) << d
        planes[i] = told
        if stream.registers[STATUS]:
            return


@kernel
def _repeat_last(x: Flat, i: int) -> Vector:
    """The position before as a prediction."""
    if i == 0:
        return 0, 0, 0
    return x[3 * i - 3] << FRACTION, x[3 * i - 2] << FRACTION, x[3 * i - 1] << FRACTION


@inlined
def _predict_by_field(registers: Flat, scene: Scene, rows: field.Conditionals, i: int) -> tuple[Vector, int]:
    """Prediction of vertex i with FRACTION bits, and its deviation in field units (0: hardly a prediction)."""
    x = scene.x
    start, count = rows.first[i], rows.count[i]
    if count == 0:
        return _repeat_last(x, i), 0
    before, weights = rows.before, rows.weights
    known = scene.known[i]
    reference = 3 * (scene.near[scene.first[i] + known - 1] if known else i - 1)
    rx, ry, rz = x[reference], x[reference + 1], x[reference + 2]
    sx = sy = sz = 0
    sure = 0
    for k in range(start, start + count):
        j = 3 * before[k]
        weight = weights[k]
        sx += weight * (x[j] - rx)
        sy += weight * (x[j + 1] - ry)
        sz += weight * (x[j + 2] - rz)
        sure = max(sure, abs(weight))
    too_wide(registers, sure, _EXACT_WEIGHT // (count + 1))
    mean = (
        (sx >> _FIELD_SHIFT) + (rx << FRACTION),
        (sy >> _FIELD_SHIFT) + (ry << FRACTION),
        (sz >> _FIELD_SHIFT) + (rz << FRACTION),
    )
    return mean, max(1, isqrt(rows.pivots[i]))


@kernel
def _predict_by_parallelograms(scene: Scene, i: int) -> tuple[Vector, int]:
    """As `_predict_by_field`, by the mean parallelogram, or the mean of known neighbours."""
    x, triples = scene.x, scene.triples
    start, end = scene.triples_first[i], scene.triples_first[i + 1]
    sx = sy = sz = 0
    count, deviation = end - start, _UNIT
    if count:
        for k in range(3 * start, 3 * end, 3):
            a, b, c = 3 * triples[k], 3 * triples[k + 1], 3 * triples[k + 2]
            sx += x[a] + x[b] - x[c]
            sy += x[a + 1] + x[b + 1] - x[c + 1]
            sz += x[a + 2] + x[b + 2] - x[c + 2]
    else:
        count, deviation = scene.known[i], _UNIT // 2
        if count == 0:
            return _repeat_last(x, i), 0
        for k in range(scene.first[i], scene.first[i] + count):
            j = 3 * scene.near[k]
            sx += x[j]
            sy += x[j + 1]
            sz += x[j + 2]
    return ((sx << FRACTION) // count, (sy << FRACTION) // count, (sz << FRACTION) // count), deviation


@kernel
def _suggest_positions(scene: Scene, memory: Memory, i: int) -> bool:
    """Suggest the positions that vertex i may share coordinates with; whether it starts a part."""
    x, made, triples, near = scene.x, scene.made, scene.triples, scene.near
    f, v, p = made[3 * i], made[3 * i + 1], made[3 * i + 2]
    memory.number[0] = 0
    if f < 0:
        for k in range(1, min(i, 3) + 1):
            j = 3 * (i - k)
            suggest(memory, x[j], x[j + 1], x[j + 2], k)
        return True
    a, b, c = 3 * f, 3 * v, 3 * p
    suggest(memory, x[a], x[a + 1], x[a + 2], GATE_START)
    suggest(memory, x[b], x[b + 1], x[b + 2], GATE_END)
    if p >= 0:
        suggest(
            memory, x[a] + x[b] - x[c], x[a + 1] + x[b + 1] - x[c + 1], x[a + 2] + x[b + 2] - x[c + 2], PARALLELOGRAM
        )
        suggest(memory, x[c], x[c + 1], x[c + 2], ACROSS)
    start, end = scene.triples_first[i], scene.triples_first[i + 1]
    for k in range(start, min(end, start + _MOST_PARALLELOGRAMS)):
        if triples[3 * k + 2] != p:
            a, b, c = 3 * triples[3 * k], 3 * triples[3 * k + 1], 3 * triples[3 * k + 2]
            suggest(
                memory,
                x[a] + x[b] - x[c],
                x[a + 1] + x[b + 1] - x[c + 1],
                x[a + 2] + x[b + 2] - x[c + 2],
                OTHER_PARALLELOGRAM,
            )
    end = scene.first[i] + scene.known[i]
    for k in range(max(scene.first[i], end - _MOST_NEIGHBOURS), end):
        j = near[k]
        if j != f and j != v:
            suggest(memory, x[3 * j], x[3 * j + 1], x[3 * j + 2], NEIGHBOUR)
    return False


@kernel
def _ratio(total: int, expected: int) -> int:
    """Class 1..5 of the size found so far over the size expected."""
    return 1 + (4 * total > expected) + (2 * total > expected) + (total > expected) + (total > 2 * expected)


@inlined
def _lean(scene: Scene, i: int, axis: int, mean: int, expected: int) -> int:
    """Class 0..8 of how far the mean parallelogram lies from the prediction, on an axis."""
    x, triples = scene.x, scene.triples
    start, end = scene.triples_first[i], scene.triples_first[i + 1]
    if start == end:
        return 4
    total = 0
    for k in range(3 * start, 3 * end, 3):
        total += x[3 * triples[k] + axis] + x[3 * triples[k + 1] + axis] - x[3 * triples[k + 2] + axis]
    apart = total * 16 // (end - start) - (mean >> 4)
    return max(0, min(8, 4 + 2 * apart // expected))


@kernel
def _first_axis(planes: int) -> int:
    """The axis from which on, in a circle, those come first whose coordinates are known."""
    if planes & 1:
        return 2 if planes == 5 else 0
    return 1 if planes & 2 else 2 if planes & 4 else 0


@inlined
def _code_free(stream: Stream, scene: Scene, i: int, mean: Vector, size: int, n: Vector) -> int:
    """Code a vertex by its residuals alone; returns the sum of the sizes found (sixteenths)."""
    registers, x, given = stream.registers, scene.x, scene.given
    writing = not registers[DECODING]
    framed = n[0] != 0 or n[1] != 0 or n[2] != 0
    a = share(scene.spreads)
    around = min(5, scene.known[i]) * 2 + (scene.first[i + 1] - scene.first[i] > 6)
    total = rx = ry = rz = 0
    planes = scene.planes[i]
    start = _first_axis(planes)
    n = (n[start], n[(start + 1) % 3], n[(start + 2) % 3])
    for d in range(3):
        axis = (start + d) % 3
        m, spread = mean[axis], 1 << 16
        lean = 4
        if framed:
            shift, spread = conditional(registers, d, a, n, rx, ry)
            m += shift
        v = 0
        if not planes >> axis & 1:
            expected = max(1, size * spread >> 16)
            if framed:
                lean = _lean(scene, i, axis, mean[axis], expected)
            other = max(1, ((2 * size + total) * spread >> 16) // (2 + d))
            ratio = _ratio(total, size * d) if d else 0
            v = code_coordinate(
                stream,
                VALUE,
                m,
                expected,
                other,
                lean * 3 + d,
                lean,
                ratio * 3 + d,
                around,
                given[3 * i + axis] if writing else 0,
            )
        x[3 * i + axis] = v
        rest = (v << FRACTION) - mean[axis]
        if d == 0:
            rx = rest
        elif d == 1:
            ry = rest
        else:
            rz = rest
        total += abs((v << FRACTION) - m) * (1 << 12) // spread
    if framed:
        learn(registers, scene.spreads, rx, ry, rz, n, size)
    return total


@inlined
def _code_repeating(
    stream: Stream, scene: Scene, memory: Memory, i: int, mean: Vector, size: int, deviation: int
) -> int:
    """Code a vertex whose coordinates may repeat others; returns the sum of the sizes found (sixteenths)."""
    x, given = scene.x, scene.given
    writing = not stream.registers[DECODING]
    is_start = _suggest_positions(scene, memory, i)
    deviation_class = min(11, max(0, bit_length(deviation) - 1))
    total = 0
    for d in range(3):
        if scene.planes[i] >> d & 1:
            x[3 * i + d] = 0
            note_known(stream, memory, d, is_start, 0)
            total += abs(mean[d]) >> 4
            continue
        wanted = given[3 * i + d] if writing else 0
        found, v = code_hit(stream, memory, d, is_start, mean[d], wanted)
        if not found:
            other = max(1, (2 * size + total) // (2 + d)) if d else size
            ratio = _ratio(total, size * d) if d else 0
            v = code_coordinate(stream, VALUE, mean[d], size, other, 0, d, ratio * 3 + d, deviation_class, wanted)
        x[3 * i + d] = v
        total += abs((v << FRACTION) - mean[d]) >> 4
        remember(memory, d, v)
    return total


@inlined
def _code_vertex(
    stream: Stream,
    scene: Scene,
    rows: field.Conditionals,
    memory: Memory,
    i: int,
    by_field: int,
    repeats: int,
    first_size: int,
    typical: int,
) -> int:
    """Code vertex i; returns the typical distance from predictions, updated."""
    registers, relative = stream.registers, scene.relative
    if by_field:
        mean, deviation = _predict_by_field(registers, scene, rows, i)
    else:
        mean, deviation = _predict_by_parallelograms(scene, i)
    known, start = scene.known[i], scene.first[i]
    size = first_size
    n = (0, 0, 0)
    if too_wide(registers, max(abs(mean[0]), abs(mean[1]), abs(mean[2])), _EXACT_MEAN) or too_wide(
        registers, deviation, _EXACT_DEVIATION
    ):
        return typical
    if deviation:
        local = typical
        for k in range(start, start + known):
            local += relative[scene.near[k]]
        size = max(1, local * 1024 // ((known + 1) * deviation))
        too_wide(registers, size, _EXACT_SIZE)
        if by_field:
            n = normal(registers, scene.x, scene.triples, scene.triples_first[i], scene.triples_first[i + 1])
    if registers[STATUS] != FINE:
        return typical
    if n[0] != 0 or n[1] != 0 or n[2] != 0:
        f, v = scene.made[3 * i], scene.made[3 * i + 1]
        if f < 0:
            f, v = scene.near[start], scene.near[start + known - 1]
        sx, sy, sz = forward_step(registers, mean, scene.x, f, v, n, known, size)
        mean = (mean[0] + sx, mean[1] + sy, mean[2] + sz)
    if repeats:
        spread = _code_repeating(stream, scene, memory, i, mean, size, deviation)
    else:
        spread = _code_free(stream, scene, i, mean, size, n)
    too_wide(registers, spread, _EXACT_SPREAD)
    limit = registers[LIMIT]
    for d in range(3 * i, 3 * i + 3):
        if not -limit <= scene.x[d] < limit:
            fail(registers, OUT_OF_RANGE if limit == _RANGE else WIDE)
    if deviation and registers[STATUS] == FINE:
        relative[i] = spread * deviation // (3 * 1024)
        typical += (relative[i] - typical) // min(i + 1, 8)
    return typical


@entry
def code_vertices(
    stream: Stream, scene: Scene, rows: field.Conditionals, memory: Memory, by_field: int, repeats: int, level: int
) -> None:
    """Code all positions; what goes wrong is in the stream's status."""
    registers = stream.registers
    first_size = typical = 16 << code_uniform(stream, _SIZE_LEVELS, level)
    for i in range(len(scene.relative)):
        typical = _code_vertex(stream, scene, rows, memory, i, by_field, repeats, first_size, typical)
        if registers[STATUS] != FINE:
            return


def code_positions(
    mode: Mode,
    stream: Stream,
    connectivity: Connectivity,
    graph: Graph,
    method: Method,
    positions: np.ndarray | None,
    axes: Sequence[int] = (),
) -> np.ndarray:
    """Code the positions of a mesh's vertices.

    Args:
        mode: how to run; stream: where the bits go to or come from.
        connectivity: as decoded; graph: its edges.
        method: how to predict.
        positions: int64 (n, 3) in decoding numbering, when encoding.
        axes: across which the mesh is mirrored, at planes where the coordinate is 0.

    Returns:
        int64 (n, 3).

    Raises:
        TooDense: the field does not suit the connectivity.
        DamagedRecord, Retry: as from `arithmetic.check`.
    """
    n = connectivity.count
    ends = np.repeat(np.arange(n), np.diff(graph.first))
    known = np.bincount(ends[graph.near < ends], minlength=n)
    triples_first, triples = parallelograms(connectivity.faces, n)
    flat = mode.sequence
    level, given = 0, mode.blank(1)
    if positions is not None:
        level, given = _first_level(positions, connectivity.faces), flat(positions.ravel())
    planes = _planes(mode, stream, connectivity, graph, positions, axes) if axes else mode.blank(n)
    scene = Scene(
        flat(graph.first),
        flat(graph.near),
        flat(known),
        flat(triples_first),
        flat(triples.ravel()),
        connectivity.made,
        given,
        mode.blank(3 * n),
        mode.blank(n),
        flat(FIRST_SPREADS),
        planes,
    )
    if method.field:
        rows = field.conditionals(mode, graph, planes)
    else:
        rows = field.Conditionals(*(mode.blank(1) for _ in field.Conditionals._fields))
    memory: Memory = new_memory(mode, n if method.hits else 1)
    mode(code_vertices)(stream, scene, rows, memory, int(method.field), int(method.hits), level)
    check(stream.registers)
    return np.array(scene.x, np.int64).reshape(-1, 3)


def _planes(
    mode: Mode,
    stream: Stream,
    connectivity: Connectivity,
    graph: Graph,
    positions: np.ndarray | None,
    axes: Sequence[int],
) -> Flat:
    """Code the planes of a scene; arguments as for `code_positions`."""
    border, told = border_vertices(connectivity.faces, connectivity.count), mode.blank(connectivity.count)
    if positions is not None:
        on = positions[:, list(axes)] == 0
        told = mode.sequence(border * (on @ [1 << axis for axis in axes]))
    flat = mode.sequence
    mode(code_planes)(stream, flat(graph.first), flat(graph.near), flat(border), sum(1 << a for a in axes), told)
    check(stream.registers)
    return told


def _first_level(positions: np.ndarray, faces: np.ndarray) -> int:
    """Size level for the first vertices: about the mean edge, or the mean coordinate without edges."""
    sizes = np.abs(positions[faces[:, 0]] - positions[faces[:, 1]]) if len(faces) else np.abs(positions)
    return int(sizes.mean()).bit_length() if sizes.size else 0
