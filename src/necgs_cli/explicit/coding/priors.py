"""Where the adaptive states of a record start: learnt once from training meshes, frozen as part of the format.

The tables are made by `benchmarks/mesh_coder.py train`: meshes are coded one after the other without forgetting; what
the counters and weights then hold is rounded to bytes. Smooth and mechanical shapes have a table each.
"""

import base64
import zlib
from collections.abc import Sequence
from functools import cache

from .logistic import LIMIT, SQUASH, STRETCH
from .mixing import Decision, State
from .prior_tables import TABLES

_STEP = 64  # stretch units of a stored probability
_COUNT_STEP = 2
_WEIGHT_STEP = 1 << 11


def pack(state: State) -> bytes:
    """A state as text, rounded: a byte for each probability, count and weight."""
    raw = bytes(STRETCH[p >> 4] // _STEP + 128 if n else 128
                for p, n in zip(state.probabilities, state.counts, strict=True))
    raw += bytes(min(255, -(-n // _COUNT_STEP)) for n in state.counts)
    raw += bytes(max(0, min(255, round(w / _WEIGHT_STEP) + 64)) for weights in state.weights for w in weights)
    return base64.b85encode(zlib.compress(raw, 9))


def unpack(text: bytes, decisions: Sequence[Decision]) -> State:
    """The state that `pack` wrote."""
    raw = zlib.decompress(base64.b85decode(text))
    blank = State.blank(decisions)
    total = len(blank.probabilities)
    probabilities = tuple(SQUASH[max(-LIMIT, min(LIMIT, (b - 128) * _STEP + _STEP // 2)) + LIMIT] if n else 1 << 15
                          for b, n in zip(raw[:total], raw[total:2 * total], strict=True))
    counts = tuple(n * _COUNT_STEP for n in raw[total:2 * total])
    weights, at = [], 2 * total
    for old in blank.weights:
        weights.append(tuple((b - 64) * _WEIGHT_STEP for b in raw[at:at + len(old)]))
        at += len(old)
    return State(probabilities, counts, tuple(weights))


@cache
def start(decisions: Sequence[Decision], hits: bool) -> State:
    """The start of a record; `hits`: its method tells repeats of coordinates first."""
    return unpack(TABLES[int(hits)], decisions) if TABLES else State.blank(decisions)
