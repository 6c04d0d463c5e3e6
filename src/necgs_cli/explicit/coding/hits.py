"""Coordinates that repeat: a coordinate equal to one that the vertex's surroundings suggest, or to any seen before.

Mechanical shapes put vertices into common planes, so that a new coordinate often equals a neighbour's or closes a
parallelogram exactly. The sources of such suggestions vote; a suggested value is told apart by the set of its sources.
"""

from typing import NamedTuple

from .arithmetic import OUT_OF_RANGE, fail
from .decisions import AGREE, HIT, RANK, SEEN, SETS, TRIES
from .kernel import Flat, Mode, bisect_left, bit_length, kernel
from .mixing import Stream, mix
from .residual import FRACTION, code_coordinate

MOST_SUGGESTIONS = 16
_FIRST_RANK_SIZE = 64

# sources of suggestions: the first four of a vertex at a gate; a start of a part has the vertices before, 1 to 3
PARALLELOGRAM, GATE_START, GATE_END, ACROSS, OTHER_PARALLELOGRAM, NEIGHBOUR = range(6)

# outcomes
_HIT, _SEEN, _NEITHER = range(3)


class Memory(NamedTuple):
    """What the coding of repeats remembers; n vertices at most.

    Attributes:
        values: 3n, the distinct values met so far on each axis, sorted; axis d begins at d * n.
        counts: 3, how many they are.
        rank_sizes: 3, how far ranks were from their predictions.
        previous: 3, outcome on each axis at the vertex before.
        winners: 3, sources that were right on the axes of this vertex.
        suggested: positions suggested for this vertex, 3 each; sources: their sources; number: 1, how many they are.
        votes, voters: the distinct values suggested on an axis, and the sets of their sources.
        skipped: places of values tried in vain among those seen.
    """

    values: Flat
    counts: Flat
    rank_sizes: Flat
    previous: Flat
    winners: Flat
    suggested: Flat
    sources: Flat
    number: Flat
    votes: Flat
    voters: Flat
    skipped: Flat


def new_memory(mode: Mode, vertices: int) -> Memory:
    """Knowing nothing, with room for so many vertices."""
    blank = mode.blank
    return Memory(
        blank(3 * vertices),
        blank(3),
        mode.sequence([_FIRST_RANK_SIZE] * 3),
        blank(3),
        blank(3),
        blank(3 * MOST_SUGGESTIONS),
        blank(MOST_SUGGESTIONS),
        blank(1),
        blank(MOST_SUGGESTIONS),
        blank(MOST_SUGGESTIONS),
        blank(MOST_SUGGESTIONS),
    )


@kernel
def suggest(memory: Memory, x: int, y: int, z: int, source: int) -> None:
    """Suggest a position for the vertex at hand."""
    at = memory.number[0]
    memory.number[0] = at + 1
    memory.suggested[3 * at] = x
    memory.suggested[3 * at + 1] = y
    memory.suggested[3 * at + 2] = z
    memory.sources[at] = source


@kernel
def remember(memory: Memory, axis: int, value: int) -> None:
    """Add a coordinate to those seen."""
    values = memory.values
    first = axis * (len(values) // 3)
    last = first + memory.counts[axis]
    at = bisect_left(values, value, first, last)
    if at < last and values[at] == value:
        return
    values[at + 1 : last + 1] = values[at:last]
    values[at] = value
    memory.counts[axis] += 1


@kernel
def _count_votes(stream: Stream, memory: Memory, axis: int, is_start: int) -> int:
    """Collect the values suggested on an axis, the likeliest set of sources first; returns their number."""
    votes, voters, likely = memory.votes, memory.voters, stream.probabilities
    suggested, sources = memory.suggested, memory.sources
    count = 0
    for k in range(memory.number[0]):
        value = suggested[3 * k + axis]
        at = 0
        while at < count and votes[at] != value:
            at += 1
        if at == count:
            votes[at] = value
            voters[at] = 0
            count += 1
        voters[at] |= 1 << sources[k]
    base = HIT.a + (SETS if is_start else 0)
    for k in range(1, count):
        value, sources_of = votes[k], voters[k]
        likelihood = likely[base + sources_of]
        at = k
        while at and likely[base + voters[at - 1]] < likelihood:
            votes[at] = votes[at - 1]
            voters[at] = voters[at - 1]
            at -= 1
        votes[at] = value
        voters[at] = sources_of
    return count


@kernel
def _below(skipped: Flat, count: int, place: int) -> int:
    """Number of skipped places below the given one."""
    below = 0
    for k in range(count):
        if skipped[k] < place:
            below += 1
    return below


@kernel
def _code_seen(stream: Stream, memory: Memory, axis: int, tried: int, mean: int, value: int) -> tuple[bool, int]:
    """Code a value by its rank among those seen on the axis and not tried yet, if it is one; whether, and which."""
    values, skipped = memory.values, memory.skipped
    first = axis * (len(values) // 3)
    last = first + memory.counts[axis]
    skips = 0
    for k in range(tried):
        at = bisect_left(values, memory.votes[k], first, last)
        if at < last and values[at] == memory.votes[k]:
            place = skips
            while place and skipped[place - 1] > at - first:
                skipped[place] = skipped[place - 1]
                place -= 1
            skipped[place] = at - first
            skips += 1
    left = last - first - skips
    if left == 0:
        return False, 0
    size_class = min(bit_length(left), 11)
    winners = 0
    for d in range(axis):
        if memory.winners[d]:
            winners += 1
    at = bisect_left(values, value, first, last)
    known = 1 if at < last and values[at] == value else 0
    if not mix(
        stream, SEEN, 0, axis * 12 + size_class, (axis * 3 + memory.previous[axis]) * 4 + winners, 0, 0, 0, 0, known
    ):
        return False, 0
    guess = bisect_left(values, mean >> FRACTION, first, last) - first
    guess -= _below(skipped, skips, guess)
    at -= first
    size = memory.rank_sizes[axis]
    rank = code_coordinate(
        stream,
        RANK,
        guess << FRACTION,
        max(1, size),
        left * 4,
        0,
        axis,
        axis,
        size_class,
        at - _below(skipped, skips, at),
    )
    memory.rank_sizes[axis] += (abs(rank - guess) * 16 - size) >> 3
    for k in range(skips):
        if skipped[k] <= rank:
            rank += 1
    if rank < 0 or rank >= last - first:
        fail(stream.registers, OUT_OF_RANGE)
        return True, 0
    return True, values[first + rank]


@kernel
def note_known(stream: Stream, memory: Memory, axis: int, is_start: int, value: int) -> None:
    """Take in a coordinate that is known without being told: the sources that suggest it are right."""
    count = _count_votes(stream, memory, axis, is_start)
    memory.winners[axis] = 0
    for k in range(count):
        if memory.votes[k] == value:
            memory.winners[axis] = memory.voters[k]


@kernel
def code_hit(stream: Stream, memory: Memory, axis: int, is_start: int, mean: int, value: int) -> tuple[bool, int]:
    """Code a coordinate as a suggested or seen value, if it is one.

    Args:
        stream: where it goes to or comes from.
        memory: with what is suggested; updated.
        axis: 0..2.
        is_start: whether the sources are only the vertices before in coding order.
        mean: a prediction for other values, with FRACTION bits.
        value: the coordinate to write.

    Returns:
        Whether it is one, and the coordinate.
    """
    votes, voters, winners, previous = memory.votes, memory.voters, memory.winners, memory.previous
    count = _count_votes(stream, memory, axis, is_start)
    start = SETS if is_start else 0
    before = previous[axis]
    for k in range(count):
        sources = voters[k]
        tries = min(k, TRIES - 1)
        agree = 1 if axis == 1 else 0
        for d in range(axis):
            if winners[d] & sources:
                agree += 1
        if mix(
            stream,
            HIT,
            tries,
            sources + start,
            sources * AGREE + agree,
            sources * TRIES + tries,
            ((agree * TRIES + tries) * 3 + before) * 4 + min(count - 1, 3),
            0,
            0,
            1 if votes[k] == value else 0,
        ):
            winners[axis] = sources
            previous[axis] = _HIT
            return True, votes[k]
    is_seen, found = _code_seen(stream, memory, axis, count, mean, value)
    winners[axis] = 0
    previous[axis] = _SEEN if is_seen else _NEITHER
    return is_seen, found
