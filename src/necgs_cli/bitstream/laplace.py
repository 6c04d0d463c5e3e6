"""Entropy coding of signed integers: 64 constant frequency tables and a range coder.

The tables are two-sided geometric distributions (a Laplace on the integers) computed with integers alone, so encoder
and decoder agree on every machine. The recipe is part of the format: docs/format.md, "Entropy coding".

constriction's range coder does the coding. Its `Categorical(probabilities, perfect=False)` gives symbol i the interval
that starts at `floor(sum(probabilities[:i]) * (2**24 - n) / sum(probabilities)) + i`; with `frequency - 1` in place
of probabilities every operation is exact in float64 and the interval is the table's own.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from .errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

SCALES = 64
PRECISION = 24  # frequencies of a table add up to 2**24
CORE = 256  # a table covers the bins -CORE..CORE-1
ESCAPE = 2 * CORE  # the symbol for all other bins
_ONE = 1 << 32  # fixed point
_FIRST_MEAN = 42949673  # 0.01
_RATIO = 80061  # 1.2216 in 1/65536: 63 steps lead from 0.01 to 3,000
_CORE_MEAN = 16 * _ONE  # larger means are coded in bins of 2**shift
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


def _means() -> list[int]:
    means = [_FIRST_MEAN]
    for _ in range(SCALES - 1):
        means.append(means[-1] * _RATIO >> 16)
    return means


def _shift(mean: int) -> int:
    """Low bits that are coded flat because the distribution hardly changes over them."""
    shift = 0
    while mean >> shift >= _CORE_MEAN:
        shift += 1
    return shift


_MEANS = _means()
SHIFTS = np.array([_shift(mean) for mean in _MEANS], np.int64)
_BOUNDS_Q16 = np.array([math.isqrt(a * b) >> 16 for a, b in zip(_MEANS, _MEANS[1:], strict=False)], np.int64)


def scale_mean(scale: int) -> float:
    """Mean |x| that table `scale` expects: from 0.01 (0) to about 3,000 (63)."""
    return _MEANS[scale] / _ONE


def scale_for_mean(mean_q16: np.ndarray) -> np.ndarray:
    """The table whose mean |x| is nearest by ratio, by integer comparison alone.

    Args:
        mean_q16: (...) integers, expected |x| in 1/65536.
    Returns:
        (...) uint8.
    """
    return np.searchsorted(_BOUNDS_Q16, np.asarray(mean_q16), side="right").astype(np.uint8)


@functools.cache
def frequencies(scale: int) -> np.ndarray:
    """Table `scale`: frequencies of the bins -256..255 and of the escape, in 1/2**24.

    Returns:
        (513,) int64, all at least 1, adding up to 2**24.
    """
    mean, shift = _MEANS[scale], int(SHIFTS[scale])
    # mean = 2 t / (1 - t^2) for P(x) ~ t^|x|
    ratio = (mean << 32) // (_ONE + math.isqrt(_ONE * _ONE + mean * mean))
    for _ in range(shift):
        ratio = ratio * ratio >> 32
    weights = [1 << 48]
    for _ in range(CORE):
        weights.append(weights[-1] * ratio >> 32)
    escape = (2 * weights[CORE] << 32) // (_ONE - ratio)
    # bins of single integers mirror at 0, bins of 2**shift integers mirror at -1/2
    left = weights[CORE:0:-1] if shift == 0 else weights[CORE - 1 :: -1]
    table = [*left, *weights[:CORE], escape]
    free, total = (1 << PRECISION) - len(table), sum(table)
    counts = [1 + weight * free // total for weight in table]
    counts[CORE] += (1 << PRECISION) - sum(counts)
    return np.array(counts, np.int64)


@functools.cache
def _model(scale: int):
    import constriction

    return constriction.stream.model.Categorical((frequencies(scale) - 1).astype(np.float64), perfect=False)


@functools.cache
def _flat(bits: int | None = None):
    """All symbols alike: `bits` bits, or a size for each symbol given while coding."""
    import constriction

    return constriction.stream.model.Uniform() if bits is None else constriction.stream.model.Uniform(1 << bits)


def _groups(scales: np.ndarray) -> Iterator[tuple[int, np.ndarray | slice]]:
    """The places of each table, tables ascending, places in order."""
    if len(scales) and (scales == scales[0]).all():
        yield int(scales[0]), slice(None)
        return
    order = np.argsort(scales, kind="stable")
    ends = np.cumsum(np.bincount(scales, minlength=SCALES))
    start = 0
    for scale, end in enumerate(ends.tolist()):
        if end > start:
            yield scale, order[start:end]
        start = end


def _bit_length(values: np.ndarray) -> np.ndarray:
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


class LaplaceEncoder:
    """Codes arrays of integers, pass after pass, into one stream."""

    def __init__(self) -> None:
        import constriction

        self._coder = constriction.stream.queue.RangeEncoder()

    def encode(self, values: np.ndarray, scale: np.ndarray | int) -> None:
        """Appends one pass.

        Args:
            values: (...) integers within int32.
            scale: table of each value, 0..63: the same shape, or one for all.
        Raises:
            ValueError: a value or a table out of range.
        """
        values = np.asarray(values)
        if values.size == 0:
            return
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"integers are coded, not {values.dtype}")
        if values.min() < _INT32_MIN or values.max() > _INT32_MAX:
            raise ValueError("values must lie within int32")
        scales = np.asarray(scale)
        if scales.min() < 0 or scales.max() >= SCALES:
            raise ValueError(f"scales are 0..{SCALES - 1}")
        scales = np.broadcast_to(scales, values.shape).ravel().astype(np.uint8)
        flat = values.astype(np.int64).ravel()
        for table, places in _groups(scales):
            self._encode_group(flat[places], table)

    def _encode_group(self, values: np.ndarray, scale: int) -> None:
        shift = int(SHIFTS[scale])
        bins = values >> shift
        inside = (bins >= -CORE) & (bins < CORE)
        self._coder.encode(np.where(inside, bins + CORE, ESCAPE).astype(np.int32), _model(scale))
        if shift:
            self._coder.encode((values & ((1 << shift) - 1)).astype(np.int32), _flat(shift))
        if not inside.all():
            self._encode_escapes(bins[~inside])

    def _encode_escapes(self, bins: np.ndarray) -> None:
        """Exp-Golomb: sign and number of bits, then the bits, the low 16 first."""
        negative = bins < 0
        excess = np.where(negative, -CORE - bins, bins - CORE + 1)  # from 1
        bits = _bit_length(excess) - 1
        rest = excess - (1 << bits)
        self._coder.encode((2 * bits + negative).astype(np.int32), _flat(6))
        low, high = bits > 0, bits > 16
        if low.any():
            sizes = 1 << np.minimum(bits[low], 16)
            self._coder.encode((rest[low] & 0xFFFF).astype(np.int32), _flat(), sizes.astype(np.int32))
        if high.any():
            sizes = 1 << (bits[high] - 16)
            self._coder.encode((rest[high] >> 16).astype(np.int32), _flat(), sizes.astype(np.int32))

    def finish(self) -> bytes:
        """The stream: the shortest bytes that, followed by zeros, name a number in the coder's last interval."""
        words = self._coder.get_compressed()
        count, (lower, size) = self._coder.pos()
        prefix = int.from_bytes(words[:count].astype(">u4").tobytes(), "big")
        if lower + 0xFFFFFFFF >= 1 << 64:  # constriction has already carried into the words before
            prefix -= 1
        lower += prefix << 64
        for kept in range(9):
            drop = 64 - 8 * kept
            number = -(-lower >> drop)
            if number << drop < lower + size:
                break
        return number.to_bytes(4 * count + kept, "big").rstrip(b"\0")


class LaplaceDecoder:
    """Decodes the passes of a `LaplaceEncoder`, in the same order and with the same tables.

    Bytes that no encoder wrote give wrong integers or `DamagedFile`; the work is bounded by what the caller asks for.
    """

    def __init__(self, data: bytes) -> None:
        import constriction

        words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def decode(self, scale: np.ndarray | int, count: int | None = None) -> np.ndarray:
        """Decodes one pass.

        Args:
            scale: (...) table of each value, 0..63; or one table for `count` values.
        Returns:
            int32 of the shape of `scale`, or (count,).
        Raises:
            DamagedFile: not a stream of these passes.
        """
        scales = np.asarray(scale)
        if count is not None:
            scales = np.broadcast_to(scales, (count,))
        if scales.size == 0:
            return np.zeros(scales.shape, np.int32)
        if scales.min() < 0 or scales.max() >= SCALES:
            raise DamagedFile(f"a scale outside 0..{SCALES - 1}")
        values = np.empty(scales.size, np.int64)
        for table, places in _groups(scales.ravel().astype(np.uint8)):
            size = scales.size if isinstance(places, slice) else len(places)
            values[places] = self._decode_group(table, size)
        if values.min() < _INT32_MIN or values.max() > _INT32_MAX:
            raise DamagedFile("a decoded number does not fit 32 bits")
        return values.astype(np.int32).reshape(scales.shape)

    def _decode_group(self, scale: int, count: int) -> np.ndarray:
        shift = int(SHIFTS[scale])
        bins = self._symbols(_model(scale), count) - CORE
        low = self._symbols(_flat(shift), count) if shift else 0
        outside = bins == ESCAPE - CORE
        if outside.any():
            bins[outside] = self._decode_escapes(int(outside.sum()))
        return (bins << shift) + low

    def _decode_escapes(self, count: int) -> np.ndarray:
        heads = self._symbols(_flat(6), count)
        bits, negative = heads >> 1, (heads & 1).astype(bool)
        if bits.max() > 30:
            raise DamagedFile("a decoded number does not fit 32 bits")
        excess = 1 << bits
        low, high = bits > 0, bits > 16
        if low.any():
            excess[low] += self._symbols(_flat(), (1 << np.minimum(bits[low], 16)).astype(np.int32))
        if high.any():
            excess[high] += self._symbols(_flat(), (1 << (bits[high] - 16)).astype(np.int32)) << 16
        return np.where(negative, -CORE - excess, excess + CORE - 1)

    def _symbols(self, model, count: int | np.ndarray) -> np.ndarray:
        try:
            return self._coder.decode(model, count).astype(np.int64)
        except AssertionError:  # constriction's word for data outside every interval
            raise DamagedFile("an entropy-coded stream is damaged") from None


@functools.cache
def _cost_table() -> np.ndarray:
    """(64, 513) float64 bits of each symbol, flat bits included."""
    tables = np.stack([frequencies(scale) for scale in range(SCALES)])
    bits = PRECISION - np.log2(tables) + SHIFTS[:, None]
    bits[:, ESCAPE] += 6
    return bits


def costs(values: np.ndarray, scale: np.ndarray | int) -> np.ndarray:
    """Bits of each value under its table.

    Args:
        values: integers; scale: tables, of a shape that broadcasts with that of the values.
    Returns:
        float64 of the shape of both.
    """
    scales = np.asarray(scale)
    bins = np.asarray(values).astype(np.int64) >> SHIFTS[scales]
    inside = (bins >= -CORE) & (bins < CORE)
    symbols = bins + CORE
    all_inside = bool(inside.all())
    if not all_inside:
        symbols[~inside] = ESCAPE
    bits = _cost_table().take(symbols + scales * np.int64(ESCAPE + 1))
    if not all_inside:
        excess = np.where(bins < 0, -CORE - bins, bins - CORE + 1)
        bits = bits + np.where(inside, 0, _bit_length(np.maximum(excess, 1)) - 1)
    return bits


def cost_bits(values: np.ndarray, scale: np.ndarray | int) -> float:
    """Bits that `values` need under `scale` (the stream ends on a whole byte)."""
    return float(costs(values, scale).sum())


def best_scales(values: np.ndarray, groups: np.ndarray, group_count: int) -> np.ndarray:
    """The cheapest table of each group of values.

    Args:
        values: (n,) integers within int32; groups: (n,) group of each value, 0..group_count-1.
    Returns:
        (group_count,) uint8; 0 for empty groups.
    """
    # equal values of a group cost the same: count them once
    keys, counts = np.unique(
        np.ravel(groups).astype(np.int64) << 33 | np.ravel(values).astype(np.int64) + (1 << 32), return_counts=True
    )
    values, groups = (keys & ((1 << 33) - 1)) - (1 << 32), keys >> 33
    together = max(1, (1 << 16) // max(1, len(values)))  # tables at a time, so that arrays stay in the cache
    bits = []
    for first in range(0, SCALES, together):
        scales = np.arange(first, min(SCALES, first + together))[:, None]
        places = (scales - first) * group_count + groups
        weights = costs(values, scales) * counts
        sums = np.bincount(places.ravel(), weights.ravel(), len(scales) * group_count)
        bits.append(sums.reshape(-1, group_count))
    return np.argmin(np.concatenate(bits), axis=0).astype(np.uint8)


def best_scale(values: np.ndarray) -> int:
    """The cheapest table for all values."""
    values = np.ravel(values)
    return int(best_scales(values, np.zeros(len(values), np.int64), 1)[0])
