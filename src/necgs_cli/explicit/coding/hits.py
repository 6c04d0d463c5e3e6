"""Coordinates that repeat: a coordinate equal to one that the vertex's surroundings suggest, or to any seen before.

Mechanical shapes put vertices into common planes, so that a new coordinate often equals a neighbour's or closes a
parallelogram exactly. The sources of such suggestions vote; a suggested value is told apart by the set of its sources.
"""

from bisect import bisect_left, insort

from .arithmetic import DamagedRecord
from .mixing import Coder, Decision, Mixer
from .residual import FRACTION, RANK, code_coordinate

SOURCES = 6  # gate's parallelogram, its two ends, the apex across, other parallelograms, other neighbours
_SETS = 1 << SOURCES
_AGREE = 4
_TRIES = 5

HIT = Decision("hit", (_SETS * 2, _SETS * _AGREE, _SETS * _TRIES, _AGREE * _TRIES * 3 * 4), sets=_TRIES)
SEEN = Decision("seen", (3 * 12, 3 * 3 * 4))
DECISIONS = (HIT, SEEN)


class SeenValues:
    """The distinct values met so far on each axis, and how far ranks were from their predictions."""

    def __init__(self) -> None:
        self.values: list[list[int]] = [[], [], []]
        self.sets: list[set[int]] = [set(), set(), set()]
        self.rank_sizes = [64, 64, 64]

    def add(self, axis: int, value: int) -> None:
        if value not in self.sets[axis]:
            self.sets[axis].add(value)
            insort(self.values[axis], value)


class HitState:
    """What the coding of hits remembers within a vertex and from the vertex before."""

    def __init__(self) -> None:
        self.previous = [0, 0, 0]  # outcome on each axis at the vertex before: 0 hit, 1 seen, 2 neither
        self.winners: list[int] = []  # sources that were right on the earlier axes

    def start_vertex(self) -> None:
        self.winners = []


def code_hit(coder: Coder, mixer: Mixer, state: HitState, seen: SeenValues, axis: int,
             suggestions: list[tuple[int, int]], is_start: bool, mean: int, value: int | None) -> int | None:
    """Code a coordinate as a suggested or seen value, if it is one.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        state, seen: memory; updated.
        axis: 0..2.
        suggestions: pairs of a value and the number of its source.
        is_start: whether the sources are only the vertices before in coding order.
        mean: a prediction for other values, with FRACTION bits.
        value: the coordinate to write.

    Returns:
        The coordinate, or None when it is neither suggested nor seen.
    """
    votes: dict[int, int] = {}
    for v, source in suggestions:
        votes[v] = votes.get(v, 0) | 1 << source
    likely = mixer.probabilities
    base = HIT.offsets[0] + (_SETS if is_start else 0)
    ranked = sorted(votes.items(), key=lambda item: -likely[base + item[1]])
    outcome = 2
    found: int | None = None
    for tries, (v, sources) in enumerate(ranked):
        tries = min(tries, _TRIES - 1)
        agree = sum(1 for w in state.winners if w & sources) + (1 if len(state.winners) == axis == 1 else 0)
        contexts = (sources + (_SETS if is_start else 0), sources * _AGREE + agree, sources * _TRIES + tries,
                    ((agree * _TRIES + tries) * 3 + state.previous[axis]) * 4 + min(len(votes) - 1, 3))
        if mixer.code(coder, HIT, contexts, None if value is None else int(v == value), (), tries):
            found, outcome = v, 0
            state.winners.append(sources)
            break
    if found is None:
        found = _code_seen(coder, mixer, seen, state, axis, votes, mean, value)
        outcome = 2 if found is None else 1
        state.winners.append(0)
    state.previous[axis] = outcome
    return found


def _code_seen(coder: Coder, mixer: Mixer, seen: SeenValues, state: HitState, axis: int, tried: dict[int, int],
               mean: int, value: int | None) -> int | None:
    """Code a value by its rank among those seen on the axis and not tried yet; None when it was not seen."""
    values = seen.values[axis]
    skipped = sorted(bisect_left(values, v) for v in tried if v in seen.sets[axis])
    left = len(values) - len(skipped)
    if left == 0:
        return None
    contexts = (axis * 12 + min(left.bit_length(), 11),
                (axis * 3 + state.previous[axis]) * 4 + sum(1 for w in state.winners if w))
    is_seen = None if value is None else int(value in seen.sets[axis])
    if not mixer.code(coder, SEEN, contexts, is_seen):
        return None
    guess = _rank(values, skipped, mean >> FRACTION)
    size = seen.rank_sizes[axis]
    rank = code_coordinate(coder, mixer, RANK, guess << FRACTION, (max(1, size), left * 4), (0, axis),
                           (axis, min(11, left.bit_length())),
                           None if value is None else _rank(values, skipped, value))
    seen.rank_sizes[axis] += (abs(rank - guess) * 16 - size) >> 3
    for place in skipped:
        rank += place <= rank
    if not 0 <= rank < len(values):
        raise DamagedRecord("a position in the mesh record is out of range")
    return values[rank]


def _rank(values: list[int], skipped: list[int], value: int) -> int:
    """Number of values below the given one, the skipped places not counted."""
    rank = bisect_left(values, value)
    return rank - sum(1 for place in skipped if place < rank)
