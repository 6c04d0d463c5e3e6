"""Coding of one coordinate about a prediction.

The value is told by its side of the prediction, then by buckets of a width that fits the expected size, away from
the prediction, then by its place in the bucket. The probability of each step mixes logistic distributions about the
prediction, of two expected sizes, with counters.
"""

from .arithmetic import DECODING, HALF, OUT_OF_RANGE, code, fail
from .decisions import STEPS_TOLD, Coordinate
from .kernel import bit_length, inlined, kernel
from .logistic import ONE, STRETCH, TAIL, TAIL_LIMIT
from .mixing import Stream, code_number, mix

FRACTION = 8  # predictions carry 8 fraction bits, expected sizes 4
_ONE = 1 << FRACTION
_LAST_BUCKET = 24
_LARGEST = 1 << 33


@inlined
def _size_group(size: int) -> int:
    """Quarter octaves of an expected size (in sixteenths) from 1, the large ones cyclic."""
    n = bit_length(size)
    if n > 2:
        index = 4 * (n - 1) + (size >> (n - 3) & 3)
    elif size > 1:
        index = 2 * size
    else:
        index = 0
    return index if index < 20 else 20 + (index & 3)


@inlined
def _tail(distance: int, scale: int) -> int:
    """P(X > distance) * 2**32 of a logistic X of mean magnitude scale / 9; distance with FRACTION bits."""
    x = distance * 50 // scale
    if x > TAIL_LIMIT:
        x = TAIL_LIMIT
    elif x < -TAIL_LIMIT:
        x = -TAIL_LIMIT
    return TAIL[x + TAIL_LIMIT]


@kernel
def _code_place(stream: Stream, shift: int, start: int, scale: int, place: int) -> int:
    """The place in a bucket of 2**shift integers: most significant bits first, the first with the density's slope."""
    if shift == 0:
        return 0
    registers, data = stream.registers, stream.data
    half = _ONE << shift - 1
    a, b, c = _tail(start, scale), _tail(start + half, scale), _tail(start + 2 * half, scale)
    probability = min(max(((b - c) << 16) // (a - c + 1), ONE >> 3), HALF)
    found = code(registers, data, place >> shift - 1 & 1, probability)
    for bit in range(shift - 2, -1, -1):
        found = found << 1 | code(registers, data, place >> bit & 1, HALF)
    return found


@kernel
def code_coordinate(
    stream: Stream,
    kind: Coordinate,
    mean: int,
    size: int,
    other: int,
    side_b: int,
    side_c: int,
    bucket_b: int,
    bucket_c: int,
    value: int,
) -> int:
    """Code an integer near a prediction; OUT_OF_RANGE when the one read is absurdly large.

    Args:
        stream: where it goes to or comes from.
        kind: what the integer is, VALUE or RANK.
        mean: the prediction, with FRACTION fraction bits.
        size, other: two expectations of the distance from it, in sixteenths, at least 1.
        side_b, side_c: contexts below 27 and 9.
        bucket_b, bucket_c: contexts below RELATIVE * 3 and 12.
        value: the integer to write.

    Returns:
        The integer written or read.
    """
    side, bucket, escape = kind
    base = mean >> FRACTION
    offset = _ONE // 2 - (mean & _ONE - 1)  # from the prediction to the border between base and base + 1
    group = _size_group(size)
    scale, scale_other = 9 * size, 9 * other
    left, left_other = _tail(offset, scale), _tail(offset, scale_other)
    above = mix(
        stream,
        side,
        0,
        group,
        side_b,
        side_c,
        0,
        STRETCH[left * 4096 // ((1 << 32) + 1)],
        STRETCH[left_other * 4096 // ((1 << 32) + 1)],
        1 if value > base else 0,
    )
    if above:
        distance = value - base - 1
    else:
        distance = base - value
        offset = -offset
        left, left_other = _tail(offset, scale), _tail(offset, scale_other)
    shift = bit_length(size) - 6
    if shift < 0:
        shift = 0
    width = _ONE << shift
    group *= STEPS_TOLD
    bucket_b *= STEPS_TOLD
    bucket_c *= STEPS_TOLD
    buckets = distance >> shift
    k = 0
    while True:
        offset += width
        next_left, next_other = _tail(offset, scale), _tail(offset, scale_other)
        step = k if k < STEPS_TOLD else STEPS_TOLD - 1
        if not mix(
            stream,
            bucket,
            step,
            group + step,
            bucket_b + step,
            bucket_c + step,
            0,
            STRETCH[next_left * 4096 // (left + 1)],
            STRETCH[next_other * 4096 // (left_other + 1)],
            1 if buckets > k else 0,
        ):
            break
        left, left_other = next_left, next_other
        k += 1
        if k == _LAST_BUCKET:
            if stream.registers[DECODING]:
                buckets = k
            k += code_number(stream, escape, buckets - k)
            break
    found = _code_place(stream, shift, offset - width, scale, distance & (1 << shift) - 1)
    if k >= max(1, _LARGEST >> shift) or found >= _LARGEST:
        fail(stream.registers, OUT_OF_RANGE)
        return base
    found += k << shift
    return base + 1 + found if above else base - found
