"""Coding of one coordinate about a prediction.

The value is told by its side of the prediction, then by buckets of a width that fits the expected size, away from
the prediction, then by its place in the bucket. The probability of each step mixes logistic distributions about the
prediction, of two expected sizes, with counters.
"""

from collections.abc import Sequence

from .arithmetic import HALF, DamagedRecord
from .logistic import ONE, STRETCH, TAIL, TAIL_LIMIT
from .mixing import Coder, Decision, Mixer

FRACTION = 8  # predictions carry 8 fraction bits, expected sizes 4
_CLASSES = 24
_STEPS = 8
_RELATIVE = 6
_LAST_BUCKET = 24
_LARGEST = 1 << 33


class CoordinateKind:
    """Decisions of one kind of coordinate."""

    def __init__(self, name: str) -> None:
        self.side = Decision(f"{name} side", (_CLASSES, 27, 9), supplied=2)
        self.bucket = Decision(f"{name} bucket", (_CLASSES * _STEPS, _RELATIVE * 3 * _STEPS, 12 * _STEPS),
                               supplied=2, sets=_STEPS)
        self.escape = Decision(f"{name} escape", (64,))
        self.decisions = (self.side, self.bucket, self.escape)


VALUE = CoordinateKind("value")  # a position
RANK = CoordinateKind("rank")  # a place among the values seen on an axis
DECISIONS = VALUE.decisions + RANK.decisions


def size_index(size: int) -> int:
    """Quarter octaves of an expected size (in sixteenths), from 0."""
    n = size.bit_length()
    if n < 3:
        return (0, 0, 4, 6)[size]
    return 4 * (n - 1) + (size >> (n - 3) & 3)


def _tail(distance: int, size: int) -> int:
    """P(X > distance) * 2**32 of a logistic X whose mean magnitude is `size`; distance with FRACTION bits."""
    x = distance * 50 // (9 * size)
    return TAIL[(TAIL_LIMIT if x > TAIL_LIMIT else -TAIL_LIMIT if x < -TAIL_LIMIT else x) + TAIL_LIMIT]


def _stretched(part: int, whole: int) -> int:
    p = part * 4096 // (whole + 1)
    return STRETCH[p if p < 4096 else 4095]


def code_coordinate(coder: Coder, mixer: Mixer, kind: CoordinateKind, mean: int, sizes: tuple[int, int],
                    side_contexts: Sequence[int], bucket_contexts: Sequence[int], value: int | None = None) -> int:
    """Code an integer near a prediction.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        kind: what the integer is.
        mean: the prediction, with FRACTION fraction bits.
        sizes: two expectations of the distance from it, in sixteenths, at least 1.
        side_contexts: values below 27 and 9.
        bucket_contexts: values below _RELATIVE * 3 and 12.
        value: the integer to write.

    Returns:
        The integer written or read.

    Raises:
        DamagedRecord: when the integer read is absurdly large.
    """
    size, other = sizes
    base = mean >> FRACTION
    offset = 128 - (mean & 255)  # from the prediction to the border between base and base + 1
    index = size_index(size)
    group = index if index < 20 else 20 + (index & 3)
    above = mixer.code(coder, kind.side, (group, *side_contexts), None if value is None else int(value > base),
                       (_stretched(_tail(offset, size), 1 << 32), _stretched(_tail(offset, other), 1 << 32)))
    if not above:
        offset = -offset
    distance = None if value is None else (value - base - 1 if above else base - value)
    shift = max(0, size.bit_length() - 6)
    width = 256 << shift
    k = 0
    left, left_other = _tail(offset, size), _tail(offset, other)
    a, b = bucket_contexts
    scale, scale_other = 9 * size, 9 * other  # as in _tail, which is written out here for speed
    while True:
        offset += width
        x, y = offset * 50 // scale, offset * 50 // scale_other
        next_left = TAIL[(x if x < TAIL_LIMIT else TAIL_LIMIT) + TAIL_LIMIT]
        next_other = TAIL[(y if y < TAIL_LIMIT else TAIL_LIMIT) + TAIL_LIMIT]
        step = k if k < _STEPS else _STEPS - 1
        more = mixer.code(coder, kind.bucket, (group * _STEPS + step, a * _STEPS + step, b * _STEPS + step),
                          None if distance is None else int(distance >> shift > k),
                          (STRETCH[next_left * 4096 // (left + 1)], STRETCH[next_other * 4096 // (left_other + 1)]),
                          step)
        left, left_other = next_left, next_other
        if not more:
            break
        k += 1
        if k == _LAST_BUCKET:
            k += mixer.code_number(coder, kind.escape, None if distance is None else (distance >> shift) - k)
            break
    found = _code_place(coder, shift, offset - width, size, None if distance is None else distance & (1 << shift) - 1)
    found += k << shift
    if found >= _LARGEST:
        raise DamagedRecord("a position in the mesh record is out of range")
    return base + 1 + found if above else base - found


def _code_place(coder: Coder, shift: int, start: int, size: int, place: int | None) -> int:
    """The place in a bucket of 2**shift integers: most significant bits first, the first with the density's slope."""
    found = 0
    for bit in range(shift - 1, -1, -1):
        half = 256 << bit
        if bit == shift - 1:
            a, b, c = _tail(start, size), _tail(start + half, size), _tail(start + 2 * half, size)
            probability = min(max(((b - c) << 16) // (a - c + 1), ONE >> 3), HALF)
        else:
            probability = HALF
        found = found << 1 | coder.code(None if place is None else place >> bit & 1, probability)
    return found
