"""How a sparse decoder and its features are written: integers, their tables, and nothing that was learnt elsewhere.

The layout is documented in docs/format.md, "Neural records".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.bitstream.laplace import SCALES, LaplaceDecoder, LaplaceEncoder, best_scales
from necgs_cli.model import contexts
from necgs_cli.model.config import DecoderConfig

MANTISSA_BITS = 10
EXPONENT_BIAS = 42
MOST_WEIGHTS = 1 << 26


def step_code(step: float) -> int:
    """A positive step as 16 bits: 6 of exponent, 10 of mantissa (relative error below 0.05 %)."""
    mantissa, exponent = np.frexp(step)
    whole = round(float(mantissa) * 2 ** (MANTISSA_BITS + 1))
    if whole == 2 ** (MANTISSA_BITS + 1):
        whole, exponent = whole // 2, exponent + 1
    power = int(exponent) - MANTISSA_BITS - 1 + EXPONENT_BIAS
    if not 0 <= power < 64:
        raise ValueError(f"step {step:g} out of range")
    return power << MANTISSA_BITS | whole - 2**MANTISSA_BITS


def step_of(code: int) -> float:
    """The step that a code stands for, an exact binary fraction."""
    mantissa = (code & (1 << MANTISSA_BITS) - 1) + (1 << MANTISSA_BITS)
    return mantissa * 2.0 ** ((code >> MANTISSA_BITS) - EXPONENT_BIAS)


@dataclass(frozen=True, eq=False)
class FeatureTables:
    """How one feature lattice is coded: steps of its channels, and Laplace tables by channel and context.

    Attributes:
        steps: (channels,) codes of the steps.
        base: (channels,) table of the channel; delta: (CONTEXTS,) what the context adds.
    """

    steps: tuple[int, ...]
    base: np.ndarray
    delta: np.ndarray

    def scales(self, channel: int, context: np.ndarray) -> np.ndarray:
        """Laplace table of every cell, uint8."""
        return np.clip(self.base[channel] + self.delta[context], 0, SCALES - 1).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class DecoderPayload:
    """A whole decoder as integers: all that is needed to decode any feature of its set.

    Attributes:
        config: shape of the decoder.
        weights: integers in the shapes of `config.weight_shapes()`.
        steps: code of each tensor's step.
        tables: of each feature lattice of `config.feature_shapes()`.
        rate_weight: lambda of the training, so that appended models are fitted to the same trade.
    """

    config: DecoderConfig
    weights: list[np.ndarray]
    steps: tuple[int, ...]
    tables: list[FeatureTables]
    rate_weight: float = 0.0

    def to_bytes(self) -> bytes:
        """The set section."""
        writer = ByteWriter()
        config = self.config
        writer.u8(config.levels)
        writer.u8(int(config.deformation))
        writer.varint(config.keep)
        writer.u16(step_code(self.rate_weight) if self.rate_weight else 0)
        for value in (*config.channels, *config.features, *config.hidden, *config.stencils):
            writer.varint(value)
        for code in (*self.steps, *(code for table in self.tables for code in table.steps)):
            writer.u16(code)
        coder = LaplaceEncoder()
        for table in self.tables:
            _code_tables(lambda values, scale: _write(coder, values, scale), table.base, table.delta)
        for values in self.weights:
            flat = _by_channel(values)
            scales = best_scales(flat, np.broadcast_to(np.arange(flat.shape[1]), flat.shape).ravel(), flat.shape[1])
            middle = int(np.median(scales))
            coder.encode(np.array([middle]), SCALE_TABLE)
            coder.encode(scales.astype(np.int64) - middle, DELTA_TABLE)
            coder.encode(flat.ravel(), np.broadcast_to(scales, flat.shape).ravel())
        writer.raw(coder.finish())
        return bytes(writer)

    @classmethod
    def from_bytes(cls, data: bytes) -> DecoderPayload:
        """Reads a set section.

        Raises:
            DamagedFile: not a decoder, or one larger than any encoder writes.
        """
        reader = ByteReader(data)
        config, rate_weight = _read_config(reader)
        shapes = config.weight_shapes()
        if sum(int(np.prod(shape)) for shape in shapes) > MOST_WEIGHTS:
            raise reader.damage("a decoder larger than the format allows")
        steps = tuple(reader.u16() for _ in shapes)
        feature_steps = [tuple(reader.u16() for _ in range(channels)) for _, channels in config.feature_shapes()]
        coder = LaplaceDecoder(reader.raw(reader.remaining))
        tables = []
        for codes in feature_steps:
            base, delta = np.zeros(len(codes), np.int64), np.zeros(contexts.CONTEXTS, np.int64)
            base, delta = _code_tables(lambda values, scale: coder.decode(scale, len(values)), base, delta)
            tables.append(FeatureTables(codes, base, delta))
        weights = []
        for shape in shapes:
            columns = shape[-1] if len(shape) > 1 else 1
            middle = int(coder.decode(SCALE_TABLE, 1)[0])
            scales = middle + coder.decode(DELTA_TABLE, columns).astype(np.int64)
            if scales.min() < 0 or scales.max() >= SCALES:
                raise DamagedFile("a weight table out of range")
            rows = int(np.prod(shape)) // columns
            values = coder.decode(np.broadcast_to(scales.astype(np.uint8), (rows, columns)))
            weights.append(values.reshape(shape))
        return cls(config, weights, steps, tables, rate_weight)

    def real_weights(self) -> list[np.ndarray]:
        """float32 weights in the shapes of `config.weight_shapes()`."""
        pairs = zip(self.weights, self.steps, strict=True)
        return [(values * step_of(code)).astype(np.float32) for values, code in pairs]

    def real_features(self, integers: list[np.ndarray]) -> list[np.ndarray]:
        """float32 feature lattices (channels, r, r, r) of decoded integers."""
        out = []
        for values, table in zip(integers, self.tables, strict=True):
            steps = np.array([step_of(code) for code in table.steps])
            out.append((values * steps[:, None, None, None]).astype(np.float32))
        return out


def read_config(data: bytes) -> tuple[DecoderConfig, float]:
    """Only the configuration and lambda of a set section.

    Raises:
        DamagedFile: it is no decoder.
    """
    return _read_config(ByteReader(data))


def _read_config(reader: ByteReader) -> tuple[DecoderConfig, float]:
    levels = reader.u8()
    if not 3 <= levels <= 6:
        raise reader.damage(f"a decoder of {levels} levels")
    deformation, keep, rate_code = bool(reader.u8()), reader.varint(256), reader.u16()
    channels, features, hidden, stencils = (tuple(reader.varint(256) for _ in range(levels)) for _ in range(4))
    try:
        config = DecoderConfig(4 << levels, channels, features, hidden, stencils, deformation, keep)
    except ValueError as error:
        raise reader.damage(str(error)) from None
    return config, step_of(rate_code) if rate_code else 0.0


SCALE_TABLE = 38
"""Table that codes a tensor's middle table number."""
DELTA_TABLE = 22
"""Table that codes differences of table numbers."""

Pass = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _by_channel(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[:, None]


def _write(coder: LaplaceEncoder, values: np.ndarray, scale) -> np.ndarray:
    coder.encode(values, scale)
    return values


def _code_tables(code, base: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    base = np.asarray(code(base, SCALE_TABLE)).astype(np.int64)
    delta = np.asarray(code(delta, DELTA_TABLE)).astype(np.int64)
    return base, delta


def _code_features(payload: DecoderPayload, lattices: list[np.ndarray], code: Pass) -> None:
    """Runs all passes over one model's lattices; `code` writes or reads a pass, and what it returns is put in place."""
    coarser = None
    for lattice, table in zip(lattices, payload.tables, strict=True):
        edge = lattice.shape[-1]
        odd = contexts.parity(edge)
        above = contexts.above_bin(coarser, edge)
        size = np.zeros(lattice.shape, np.int64)
        for channel in range(len(lattice)):
            first = max(0, channel - 3)
            for half in (0, 1):
                places = odd == half
                context = contexts.context(size[first : channel + 1], odd, above)[-1][places]
                lattice[channel][places] = code(lattice[channel][places], table.scales(channel, context))
                size[channel][places] = np.minimum(np.abs(lattice[channel][places].astype(np.int64)), 1 << 20)
        coarser = lattice


def encode_features(payload: DecoderPayload, lattices: list[np.ndarray]) -> bytes:
    """One model's feature as bytes.

    Args:
        lattices: integers (channels, r, r, r) of every lattice of `config.feature_shapes()`.
    """
    coder = LaplaceEncoder()
    _code_features(payload, [lattice.copy() for lattice in lattices], lambda v, scale: _write(coder, v, scale))
    return coder.finish()


def decode_features(payload: DecoderPayload, data: bytes) -> list[np.ndarray]:
    """The integers of one model's feature, int32 (channels, r, r, r) for each lattice.

    Raises:
        DamagedFile: the bytes are no feature of this decoder.
    """
    coder = LaplaceDecoder(data)
    lattices = [np.zeros((c, r, r, r), np.int32) for r, c in payload.config.feature_shapes()]
    _code_features(payload, lattices, lambda _, scale: coder.decode(scale))
    return lattices
