"""A reader of `laplace` streams written from docs/format.md alone: plain integers, no constriction, no NumPy."""

from math import isqrt

ONE = 1 << 32


def table(scale: int) -> tuple[list[int], int]:
    """Frequencies of the 513 symbols, and the number of low bits."""
    mean = 42949673
    for _ in range(scale):
        mean = mean * 80061 // 65536
    shift = 0
    while mean // 2**shift >= 16 * ONE:
        shift += 1
    ratio = mean * ONE // (ONE + isqrt(ONE**2 + mean**2))
    for _ in range(shift):
        ratio = ratio * ratio // ONE
    weight = [2**48]
    for _ in range(256):
        weight.append(weight[-1] * ratio // ONE)
    weights = []
    for place in range(-256, 256):
        distance = abs(place) if shift == 0 else (place if place >= 0 else -1 - place)
        weights.append(weight[distance])
    weights.append(2 * weight[256] * ONE // (ONE - ratio))
    total = sum(weights)
    frequency = [1 + w * (2**24 - 513) // total for w in weights]
    frequency[256] += 2**24 - sum(frequency)
    return frequency, shift


class ReferenceDecoder:
    def __init__(self, data: bytes):
        self.words = [int.from_bytes(data[i : i + 4].ljust(4, b"\0"), "big") for i in range(0, len(data), 4)]
        self.lower, self.range = 0, 2**64 - 1
        self.point = self.word() << 32 | self.word()

    def word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def symbol(self, frequency: list[int]) -> int:
        scale = self.range >> 24
        quantile = ((self.point - self.lower) % 2**64) // scale
        assert quantile < 2**24
        start = symbol = 0
        while start + frequency[symbol] <= quantile:
            start += frequency[symbol]
            symbol += 1
        self.lower = (self.lower + scale * start) % 2**64
        self.range = scale * frequency[symbol]
        if self.range < 2**32:
            self.lower = (self.lower << 32) % 2**64
            self.range <<= 32
            self.point = (self.point << 32) % 2**64 | self.word()
        return symbol

    def flat(self, bits: int) -> int:
        return self.symbol([2 ** (24 - bits)] * 2**bits) if bits else 0

    def decode(self, scales: list[int]) -> list[int]:
        values: list[int] = [0] * len(scales)
        for scale in sorted(set(scales)):
            frequency, shift = table(scale)
            places = [i for i, s in enumerate(scales) if s == scale]
            bins = [self.symbol(frequency) - 256 for _ in places]
            low = [self.flat(shift) for _ in places]
            escaped = [i for i, b in enumerate(bins) if b == 256]
            heads = [self.flat(6) for _ in escaped]
            bits = [head // 2 for head in heads]
            rest = [self.flat(min(b, 16)) for b in bits]
            rest = [r + 2**16 * self.flat(max(b - 16, 0)) for r, b in zip(rest, bits, strict=True)]
            for i, head, b, r in zip(escaped, heads, bits, rest, strict=True):
                excess = 2**b + r
                bins[i] = -256 - excess if head % 2 else 255 + excess
            for place, b, extra in zip(places, bins, low, strict=True):
                values[place] = b * 2**shift + extra
        return values
