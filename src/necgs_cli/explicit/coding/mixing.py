"""Adaptive probabilities of binary decisions, mixed in the logistic domain, in integers throughout.

A decision looks at several contexts. Each context owns a counter (probability, times seen); the stretched
probabilities, damped while a context is young, and any probabilities that the caller supplies are weighted and
squashed into the coding probability. Weights follow the coding cost's gradient (logistic mixing as in the PAQ
family, M. Mahoney, "Adaptive weighing of context models for lossless data compression", 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add, mul

from .arithmetic import HALF, DamagedRecord, Decoder, Encoder
from .logistic import LIMIT, ONE, SQUASH, STRETCH

Coder = Encoder | Decoder
WEIGHT_ONE = 1 << 16
COUNT_LIMIT = 60
_RATES = [(1 << 16) * 10 // (10 * n + 16) for n in range(COUNT_LIMIT + 1)]  # step towards the bit, by times seen
_CONFIDENCE = [min(256, 256 * (10 * n + 4) // 30) for n in range(COUNT_LIMIT + 1)]
_LEARNING = 3


class Decision:
    """One kind of binary decision: where its counters and mixing weights lie in a `Mixer`."""

    def __init__(self, name: str, sizes: Sequence[int], supplied: int = 0, sets: int = 1) -> None:
        """Args:
        name: for reports.
        sizes: number of values of each context.
        supplied: number of stretched probabilities that the caller adds.
        sets: number of weight sets, one of which the caller selects.
        """
        self.name, self.sizes, self.supplied, self.sets = name, tuple(sizes), supplied, sets
        self.offsets: tuple[int, ...] = ()
        self.first_set = 0

    def place(self, counters: int, sets: int) -> tuple[int, int]:
        """Take counters and weight sets from the given numbers on; returns the next free ones."""
        offsets = []
        for size in self.sizes:
            offsets.append(counters)
            counters += size
        self.offsets, self.first_set = tuple(offsets), sets
        return counters, sets + self.sets


@dataclass(frozen=True)
class State:
    """Where a mixer starts: counters and weights of all decisions.

    Attributes:
        probabilities: of each counter, 16 bits.
        counts: times that each counter has been seen, up to COUNT_LIMIT.
        weights: of each weight set, WEIGHT_ONE = 1.
    """

    probabilities: tuple[int, ...]
    counts: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...]

    @classmethod
    def blank(cls, decisions: Sequence[Decision]) -> "State":
        """Knowing nothing."""
        total = sum(sum(d.sizes) for d in decisions)
        weights: list[tuple[int, ...]] = []
        for d in decisions:
            inputs = len(d.sizes) + d.supplied
            weights += [(WEIGHT_ONE // inputs,) * inputs] * d.sets
        return cls((ONE >> 1,) * total, (0,) * total, tuple(weights))


class Mixer:
    """The adaptive state of one record: counters and weights of all decisions."""

    def __init__(self, start: State) -> None:
        self.probabilities = list(start.probabilities)
        self.counts = list(start.counts)
        self.weights = [list(w) for w in start.weights]

    def code(self, coder: Coder, decision: Decision, contexts: Sequence[int], bit: int | None = None,
             supplied: Sequence[int] = (), select: int = 0) -> int:
        """Code one decision.

        Args:
            coder: where the bit goes to or comes from.
            decision: its kind.
            contexts: a value for each of the decision's contexts.
            bit: the bit to write; ignored when reading.
            supplied: stretched probabilities from elsewhere.
            select: which weight set.

        Returns:
            The bit written or read.
        """
        probabilities, counts = self.probabilities, self.counts
        weights = self.weights[decision.first_set + select]
        slots = list(map(add, decision.offsets, contexts))
        inputs = [STRETCH[probabilities[s] >> 4] * _CONFIDENCE[counts[s]] >> 8 for s in slots]
        inputs += supplied
        total = sum(map(mul, weights, inputs)) >> 16
        probability = SQUASH[(LIMIT if total > LIMIT else -LIMIT if total < -LIMIT else total) + LIMIT]
        if coder.code(bit, probability):
            bit, target = 1, ONE - 1
        else:
            bit = target = 0
        step = (target - probability) * _LEARNING
        weights[:] = [w + (x * step >> 16) for w, x in zip(weights, inputs)]  # noqa: B905 (both are this short)
        for s in slots:
            n = counts[s]
            p = probabilities[s]
            probabilities[s] = p + ((target - p) * _RATES[n] >> 16)
            if n < COUNT_LIMIT:
                counts[s] = n + 1
        return bit

    def code_number(self, coder: Coder, decision: Decision, value: int | None = None) -> int:
        """Code an integer >= 0 as an adaptive Elias-gamma number; `decision` has one context of 64 values.

        Raises:
            DamagedRecord: when the number read has more than 31 bits.
        """
        length = 0 if value is None else (value + 1).bit_length() - 1
        k = 0
        while self.code(coder, decision, (k,), int(k < length)):
            k += 1
            if k > 31:
                raise DamagedRecord("a number in the mesh record is too large")
        number = 1
        for shift in range(k - 1, -1, -1):
            number = number << 1 | coder.code(None if value is None else (value + 1) >> shift & 1, HALF)
        return number - 1


def code_uniform(coder: Coder, count: int, value: int | None = None) -> int:
    """Code an integer in 0..count-1, all equally likely."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        probability = ((high - middle) * ONE) // (high - low)
        if coder.code(None if value is None else int(value >= middle), probability):
            low = middle
        else:
            high = middle
    return low
