"""All kinds of binary decisions of a record: their contexts, and where their counters and weights lie."""

from collections.abc import Sequence
from typing import NamedTuple

INPUTS = 6  # places in a weight set: four contexts, two probabilities that the caller supplies
VALENCE = 10  # triangle counts are told apart up to VALENCE - 1
CLASSES = 24  # of expected sizes
STEPS_TOLD = 8  # buckets told apart
RELATIVE = 6
SOURCES = 6  # of suggested coordinates
SETS = 1 << SOURCES
AGREE = 4
TRIES = 5
ANGLES = 16
ENDS = 9


class Decision(NamedTuple):
    """Where a kind of decision has its first weight, and the first counter of each context (-1: no such context)."""

    weights: int
    a: int
    b: int
    c: int
    d: int


class Shape(NamedTuple):
    """The contexts of a kind of decision.

    Attributes:
        name: for reports.
        sizes: number of values of each context.
        supplied: number of stretched probabilities that the caller adds.
        sets: number of weight sets, one of which the caller selects.
    """

    name: str
    sizes: tuple[int, ...]
    supplied: int
    sets: int


SHAPES: list[Shape] = []
"""Of all decisions, in the order of their counters and weights."""


def _decision(name: str, sizes: Sequence[int], supplied: int = 0, sets: int = 1) -> Decision:
    counters = [sum(sum(shape.sizes) for shape in SHAPES)]
    for size in sizes[:-1]:
        counters.append(counters[-1] + size)
    first = sum(shape.sets for shape in SHAPES) * INPUTS
    SHAPES.append(Shape(name, tuple(sizes), supplied, sets))
    a, b, c, d = counters + [-1] * (4 - len(counters))
    return Decision(first, a, b, c, d)


class Coordinate(NamedTuple):
    """Decisions of one kind of coordinate."""

    side: Decision
    bucket: Decision
    escape: Decision


def _coordinate(name: str) -> Coordinate:
    return Coordinate(
        _decision(f"{name} side", (CLASSES, 27, 9), supplied=2),
        _decision(
            f"{name} bucket",
            (CLASSES * STEPS_TOLD, RELATIVE * 3 * STEPS_TOLD, 12 * STEPS_TOLD),
            supplied=2,
            sets=STEPS_TOLD,
        ),
        _decision(f"{name} escape", (64,)),
    )


_V = VALENCE
START = _decision("start", (2,))
KNOWN = _decision("known corner", (2 * 3, 8 * 3))
HAS_BORDER = _decision("has border", (1,))
BORDER = _decision("border", (9, 9 * _V, 9 * 3))
CLOSE = _decision("close", (_V * 2, _V * _V * 2, _V * _V * 2, _V**3 * 2))
NEXT = _decision("next", (_V, _V * _V, _V * _V, _V**3))
NEW = _decision("new", (_V, _V * 8, _V * _V))
ON_BORDER = _decision("on border", (1,))
BEHIND = _decision("behind", (1,))
STEPS = _decision("steps", (64,))
NEAR = _decision("near", (3,))
OPEN = _decision("open", (3,))
VALUE = _coordinate("value")  # a position
RANK = _coordinate("rank")  # a place among the values seen on an axis
HIT = _decision("hit", (SETS * 2, SETS * AGREE, SETS * TRIES, AGREE * TRIES * 3 * 4), sets=TRIES)
SEEN = _decision("seen", (3 * 12, 3 * 3 * 4))
CREASE = _decision("crease", (ANGLES, ANGLES * ENDS, ENDS))
COPIES = _decision("copies", (64,))
SAME_STEP = _decision("same step", (3, 3))
STEP = _decision("step", (64,))
LOOSE = _decision("loose vertices", (64,))
FLAT = _decision("flat triangles", (64,))
ON_PLANE = _decision("on plane", (8,))
