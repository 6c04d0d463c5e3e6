"""The entropy coder of mesh records, written from docs/mesh_coder.md alone: plain integers, no NumPy."""

from __future__ import annotations

import base64
import zlib
from math import isqrt

from necgs_cli.explicit.coding.prior_tables import TABLES

LIMIT = 2815
RARE, ANY, HALF = 1 << 11, 1 << 14, 1 << 15

# values of the contexts, weight sets, whether stretches are given
KINDS: dict[str, tuple[tuple[int, ...], int, bool]] = {
    "START": ((2,), 1, False),
    "KNOWN": ((6, 24), 1, False),
    "HAS_BORDER": ((1,), 1, False),
    "BORDER": ((9, 90, 27), 1, False),
    "CLOSE": ((20, 200, 200, 2000), 1, False),
    "NEXT": ((10, 100, 100, 1000), 1, False),
    "NEW": ((10, 80, 100), 1, False),
    "ON_BORDER": ((1,), 1, False),
    "BEHIND": ((1,), 1, False),
    "STEPS": ((64,), 1, False),
    "NEAR": ((3,), 1, False),
    "OPEN": ((3,), 1, False),
    "VALUE side": ((24, 27, 9), 1, True),
    "VALUE bucket": ((192, 144, 96), 8, True),
    "VALUE escape": ((64,), 1, False),
    "RANK side": ((24, 27, 9), 1, True),
    "RANK bucket": ((192, 144, 96), 8, True),
    "RANK escape": ((64,), 1, False),
    "HIT": ((128, 256, 320, 240), 5, False),
    "SEEN": ((36, 36), 1, False),
    "CREASE": ((16, 144, 9), 1, False),
    "COPIES": ((64,), 1, False),
    "SAME_STEP": ((3, 3), 1, False),
    "STEP": ((64,), 1, False),
    "LOOSE": ((64,), 1, False),
    "FLAT": ((64,), 1, False),
    "ON_PLANE": ((8,), 1, False),
}
RATES = [655360 // (10 * n + 16) for n in range(61)]
CONFIDENCE = [min(256, 256 * (10 * n + 4) // 30) for n in range(61)]


class Refused(Exception):
    """No record that a reader takes."""


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))


def _exponentials() -> list[int]:
    term, factor = 1 << 80, 0
    for k in range(1, 12):
        factor += term
        term = -term // (256 * k)
    found = [1 << 64]
    while len(found) < 4096:
        found.append(found[-1] * factor >> 80)
    return found


E = _exponentials()


def squash(x: int) -> int:
    half = 2**80 // (2**64 + E[abs(x)])
    return min(half, 65512) if x >= 0 else max(65536 - half, 24)


SQUASH = {x: squash(x) for x in range(-LIMIT, LIMIT + 1)}


def _stretches() -> list[int]:
    found, x = [], -LIMIT
    for i in range(4096):
        while x < LIMIT and SQUASH[x] < 16 * i + 8:
            x += 1
        found.append(x)
    return found


STRETCH = _stretches()
UPPER = [E[4 * j] * 2**32 // (2**64 + E[4 * j]) for j in range(1024)]


def tail(x: int, size: int) -> int:
    place = clamp(50 * x // (9 * size), -1023, 1023)
    return UPPER[place] if place >= 0 else 2**32 - UPPER[-place]


class Kind:
    """Counters and weights of a kind of decision."""

    def __init__(self, sizes: tuple[int, ...], sets: int, given: bool) -> None:
        self.counters = [[[32768, 0] for _ in range(size)] for size in sizes]
        self.weights = [[0] * (len(sizes) + 2 * given) for _ in range(sets)]


def start_table(hits: bool) -> dict[str, Kind]:
    raw = zlib.decompress(base64.b85decode(TABLES[int(hits)]))
    kinds = {name: Kind(*shape) for name, shape in KINDS.items()}
    counters = [counter for kind in kinds.values() for context in kind.counters for counter in context]
    total = len(counters)
    for counter, probability, count in zip(counters, raw[:total], raw[total : 2 * total], strict=True):
        counter[1] = 2 * count
        if count:
            counter[0] = SQUASH[clamp((probability - 128) * 64 + 32, -LIMIT, LIMIT)]
    rest = list(raw[2 * total :])
    for kind in kinds.values():
        for weights in kind.weights:
            weights[:] = [(byte - 64) * 2048 for byte in rest[: len(weights)]]
            del rest[: len(weights)]
    assert not rest
    return kinds


class Stream:
    """A record's bits, and the decisions that they make."""

    def __init__(self, data: bytes) -> None:
        self.data = data + bytes(8)
        self.range, self.point, self.at = 2**32 - 1, int.from_bytes(self.data[:4], "big"), 4
        self.kinds: dict[str, Kind] = {}

    def bit(self, probability: int) -> int:
        bound = (self.range >> 16) * probability
        bit = int(self.point < bound)
        if bit:
            self.range = bound
        else:
            self.point -= bound
            self.range -= bound
        while self.range < 1 << 24:
            if self.at == len(self.data):
                raise Refused("ended")
            self.range <<= 8
            self.point = self.point << 8 | self.data[self.at]
            self.at += 1
        return bit

    def uniform(self, count: int) -> int:
        low, high = 0, count
        while high - low > 1:
            middle = (low + high) // 2
            if self.bit((high - middle) * 2**16 // (high - low)):
                low = middle
            else:
                high = middle
        return low

    def decide(self, name: str, *contexts: int, x: int = 0, y: int = 0, select: int = 0) -> int:
        kind = self.kinds[name]
        weights = kind.weights[select]
        counters = [values[c] for values, c in zip(kind.counters, contexts, strict=True)]
        inputs = [STRETCH[probability >> 4] * CONFIDENCE[count] >> 8 for probability, count in counters]
        if len(weights) > len(inputs):
            inputs += [x, y]
        total = sum(weight * value for weight, value in zip(weights, inputs, strict=True)) >> 16
        probability = SQUASH[clamp(total, -LIMIT, LIMIT)]
        bit = self.bit(probability)
        target = 65535 if bit else 0
        for i, value in enumerate(inputs):
            weights[i] += value * ((target - probability) * 3) >> 16
        for counter in counters:
            counter[0] += (target - counter[0]) * RATES[counter[1]] >> 16
            counter[1] = min(counter[1] + 1, 60)
        return bit

    def number(self, name: str) -> int:
        k = 0
        while self.decide(name, k):
            k += 1
            if k == 32:
                raise Refused("a number too large")
        value = 1
        for _ in range(k):
            value = 2 * value + self.bit(HALF)
        return value - 1

    def coordinate(
        self, kind: str, m: int, sizes: tuple[int, int], side: tuple[int, int], bucket: tuple[int, int]
    ) -> int:
        size = sizes[0]
        base, offset = m >> 8, 128 - m % 256
        n = size.bit_length()
        index = 4 * (n - 1) + (size >> (n - 3)) % 4 if n > 2 else 2 * size if n == 2 else 0
        group = index if index < 20 else 20 + index % 4
        left = [tail(offset, s) for s in sizes]
        x, y = (STRETCH[one * 4096 // (2**32 + 1)] for one in left)
        above = self.decide(f"{kind} side", group, *side, x=x, y=y)
        if not above:
            offset = -offset
            left = [tail(offset, s) for s in sizes]
        shift = max(0, n - 6)
        width = 256 << shift
        k = 0
        while True:
            offset += width
            following = [tail(offset, s) for s in sizes]
            step = min(k, 7)
            x, y = (STRETCH[b * 4096 // (a + 1)] for a, b in zip(left, following, strict=True))
            contexts = (8 * group + step, 8 * bucket[0] + step, 8 * bucket[1] + step)
            if not self.decide(f"{kind} bucket", *contexts, x=x, y=y, select=step):
                break
            left = following
            k += 1
            if k == 24:
                k += self.number(f"{kind} escape")
                break
        distance = (k << shift) + self.place(shift, offset - width, size)
        if k >= max(1, 2**33 >> shift):
            raise Refused("a coordinate out of range")
        return base + 1 + distance if above else base - distance

    def place(self, shift: int, start: int, size: int) -> int:
        if shift == 0:
            return 0
        half = 256 << shift - 1
        a, b, c = (tail(start + i * half, size) for i in range(3))
        found = self.bit(clamp((b - c) * 2**16 // (a - c + 1), 2**13, 2**15))
        for _ in range(shift - 1):
            found = 2 * found + self.bit(HALF)
        if found >= 2**33:
            raise Refused("a coordinate out of range")
        return found


def unit(v: list[int]) -> list[int]:
    length = isqrt(dot(v, v))
    return [x * 2**10 // length for x in v] if length else [0, 0, 0]


def dot(a: list[int], b: list[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


def cross(a: list[int], b: list[int]) -> list[int]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def minus(a: list[int], b: list[int]) -> list[int]:
    return [x - y for x, y in zip(a, b, strict=True)]
