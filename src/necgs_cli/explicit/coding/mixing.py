"""Adaptive probabilities of binary decisions, mixed in the logistic domain, in integers throughout.

A decision looks at several contexts. Each context owns a counter (probability, times seen); the stretched
probabilities, damped while a context is young, and any probabilities that the caller supplies are weighted and
squashed into the coding probability. Weights follow the coding cost's gradient (logistic mixing as in the PAQ
family, M. Mahoney, "Adaptive weighing of context models for lossless data compression", 2005).
"""

from typing import NamedTuple

from .arithmetic import HALF, TOO_LARGE, code, fail
from .decisions import INPUTS, Decision
from .kernel import Flat, bit_length, entry
from .logistic import LIMIT, ONE, SQUASH, STRETCH

WEIGHT_ONE = 1 << 16
COUNT_LIMIT = 60
RATES = [(1 << 16) * 10 // (10 * n + 16) for n in range(COUNT_LIMIT + 1)]  # step towards the bit, by times seen
CONFIDENCE = [min(256, 256 * (10 * n + 4) // 30) for n in range(COUNT_LIMIT + 1)]
_LEARNING = 3
_LONGEST = 31  # bits of a number


class Stream(NamedTuple):
    """A record on its way: the arithmetic coder and all that adapts, as flat sequences.

    Attributes:
        registers, data: of the arithmetic coder.
        probabilities: of each counter, 16 bits.
        counts: times that each counter has been seen, up to COUNT_LIMIT.
        weights: INPUTS for each weight set, WEIGHT_ONE = 1.
    """

    registers: Flat
    data: Flat
    probabilities: Flat
    counts: Flat
    weights: Flat


@entry
def mix(
    stream: Stream, decision: Decision, select: int, a: int, b: int, c: int, d: int, x: int, y: int, bit: int
) -> int:
    """Code one decision.

    Args:
        stream: where the bit goes to or comes from.
        decision: its kind.
        select: which weight set.
        a, b, c, d: values of the decision's contexts; 0 for those that it lacks.
        x, y: stretched probabilities from elsewhere; 0 where there are none.
        bit: the bit to write; ignored when reading.

    Returns:
        The bit written or read.
    """
    registers, data, probabilities, counts, weights = stream
    w, first_a, first_b, first_c, first_d = decision
    w += select * INPUTS
    a += first_a
    p_a = probabilities[a]
    n_a = counts[a]
    in_a = STRETCH[p_a >> 4] * CONFIDENCE[n_a] >> 8
    total = weights[w] * in_a
    p_b = n_b = in_b = p_c = n_c = in_c = p_d = n_d = in_d = 0
    if first_b >= 0:
        b += first_b
        p_b = probabilities[b]
        n_b = counts[b]
        in_b = STRETCH[p_b >> 4] * CONFIDENCE[n_b] >> 8
        total += weights[w + 1] * in_b
        if first_c >= 0:
            c += first_c
            p_c = probabilities[c]
            n_c = counts[c]
            in_c = STRETCH[p_c >> 4] * CONFIDENCE[n_c] >> 8
            total += weights[w + 2] * in_c
            if first_d >= 0:
                d += first_d
                p_d = probabilities[d]
                n_d = counts[d]
                in_d = STRETCH[p_d >> 4] * CONFIDENCE[n_d] >> 8
                total += weights[w + 3] * in_d
    if x:
        total += weights[w + 4] * x
    if y:
        total += weights[w + 5] * y
    total >>= 16
    if total > LIMIT:
        total = LIMIT
    elif total < -LIMIT:
        total = -LIMIT
    probability = SQUASH[total + LIMIT]
    bit = code(registers, data, bit, probability)
    target = ONE - 1 if bit else 0
    step = (target - probability) * _LEARNING
    weights[w] += in_a * step >> 16
    probabilities[a] = p_a + ((target - p_a) * RATES[n_a] >> 16)
    if n_a < COUNT_LIMIT:
        counts[a] = n_a + 1
    if first_b >= 0:
        weights[w + 1] += in_b * step >> 16
        probabilities[b] = p_b + ((target - p_b) * RATES[n_b] >> 16)
        if n_b < COUNT_LIMIT:
            counts[b] = n_b + 1
        if first_c >= 0:
            weights[w + 2] += in_c * step >> 16
            probabilities[c] = p_c + ((target - p_c) * RATES[n_c] >> 16)
            if n_c < COUNT_LIMIT:
                counts[c] = n_c + 1
            if first_d >= 0:
                weights[w + 3] += in_d * step >> 16
                probabilities[d] = p_d + ((target - p_d) * RATES[n_d] >> 16)
                if n_d < COUNT_LIMIT:
                    counts[d] = n_d + 1
    if x:
        weights[w + 4] += x * step >> 16
    if y:
        weights[w + 5] += y * step >> 16
    return bit


@entry
def code_number(stream: Stream, decision: Decision, value: int) -> int:
    """Code an integer >= 0 as an adaptive Elias-gamma number; `decision` has one context of 64 values.

    More than 31 bits are TOO_LARGE.
    """
    registers = stream.registers
    bits = bit_length(value + 1) - 1
    k = 0
    while mix(stream, decision, 0, k, 0, 0, 0, 0, 0, 1 if k < bits else 0):
        k += 1
        if k > _LONGEST:
            fail(registers, TOO_LARGE)
            return 0
    number = 1
    for shift in range(k - 1, -1, -1):
        number = number << 1 | code(registers, stream.data, (value + 1) >> shift & 1, HALF)
    return number - 1


@entry
def code_uniform(stream: Stream, count: int, value: int) -> int:
    """Code an integer in 0..count-1, all equally likely."""
    registers, data = stream.registers, stream.data
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        probability = ((high - middle) * ONE) // (high - low)
        if code(registers, data, 1 if value >= middle else 0, probability):
            low = middle
        else:
            high = middle
    return low
