"""Where the adaptive states of a record start: learnt once from training meshes, frozen as part of the format.

The tables are made by `benchmarks/mesh_coder.py train`: meshes are coded one after the other without forgetting; what
the counters and weights then hold is rounded to bytes. Smooth and mechanical shapes have a table each.
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .decisions import INPUTS, SHAPES
from .kernel import Flat, Mode
from .logistic import LIMIT, ONE, SQUASH, STRETCH
from .mixing import WEIGHT_ONE
from .prior_tables import TABLES

_STEP = 64  # stretch units of a stored probability
_COUNT_STEP = 2
_WEIGHT_STEP = 1 << 11


@dataclass(frozen=True)
class State:
    """Counters and weights of all decisions, laid out as in `mixing.Stream`."""

    probabilities: tuple[int, ...]
    counts: tuple[int, ...]
    weights: tuple[int, ...]


def _used_weights() -> Iterator[tuple[int, int]]:
    """Index of each weight that has an input, and how many inputs there are beside it."""
    first = 0
    for shape in SHAPES:
        contexts = len(shape.sizes)
        for _ in range(shape.sets):
            for k in (*range(contexts), *range(INPUTS - 2, INPUTS - 2 + shape.supplied)):
                yield first + k, contexts + shape.supplied
            first += INPUTS


def blank() -> State:
    """Knowing nothing."""
    total = sum(sum(shape.sizes) for shape in SHAPES)
    weights = [0] * (INPUTS * sum(shape.sets for shape in SHAPES))
    for k, inputs in _used_weights():
        weights[k] = WEIGHT_ONE // inputs
    return State((ONE >> 1,) * total, (0,) * total, tuple(weights))


def pack(state: State) -> bytes:
    """A state as text, rounded: a byte for each probability, count and weight."""
    raw = bytes(
        STRETCH[p >> 4] // _STEP + 128 if n else 128 for p, n in zip(state.probabilities, state.counts, strict=True)
    )
    raw += bytes(min(255, -(-n // _COUNT_STEP)) for n in state.counts)
    raw += bytes(max(0, min(255, round(state.weights[k] / _WEIGHT_STEP) + 64)) for k, _ in _used_weights())
    return base64.b85encode(zlib.compress(raw, 9))


def unpack(text: bytes) -> State:
    """The state that `pack` wrote."""
    raw = zlib.decompress(base64.b85decode(text))
    empty = blank()
    total = len(empty.probabilities)
    probabilities = tuple(
        SQUASH[max(-LIMIT, min(LIMIT, (b - 128) * _STEP + _STEP // 2)) + LIMIT] if n else ONE >> 1
        for b, n in zip(raw[:total], raw[total : 2 * total], strict=True)
    )
    counts = tuple(n * _COUNT_STEP for n in raw[total : 2 * total])
    weights = list(empty.weights)
    for (k, _), b in zip(_used_weights(), raw[2 * total :], strict=True):
        weights[k] = (b - 64) * _WEIGHT_STEP
    return State(probabilities, counts, tuple(weights))


@cache
def start(hits: bool) -> State:
    """The start of a record; `hits`: its method tells repeats of coordinates first."""
    return unpack(TABLES[int(hits)]) if TABLES else blank()


_made: dict[tuple[str, bool], tuple[Flat, Flat, Flat]] = {}


def sequences(mode: Mode, hits: bool) -> tuple[Flat, Flat, Flat]:
    """Probabilities, counts and weights of the start, as new sequences of a mode."""
    if (mode.name, hits) not in _made:
        state = start(hits)
        _made[mode.name, hits] = (
            mode.sequence(state.probabilities),
            mode.sequence(state.counts),
            mode.sequence(state.weights),
        )
    probabilities, counts, weights = _made[mode.name, hits]
    return probabilities.copy(), counts.copy(), weights.copy()
