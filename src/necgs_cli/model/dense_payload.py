"""Payloads of the paper's configuration: decoder weights and features as entropy-coded integers (no torch).

Decoder payload: u8 version, varint resolution, varint feature channels, a varint for the channels of each block, then
one entropy-coded stream. Feature payload: the stream alone. A stream holds first the table of every group of values,
as the difference from the group before (the first from `FIRST_TABLE`), in table `TABLE_OF_DIFFERENCES`, then all
values. A group is one output channel of a kernel, one bias vector, or one channel of a feature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.bitstream.laplace import SCALES, LaplaceDecoder, LaplaceEncoder, costs
from necgs_cli.model.dense_config import MAX_CHANNELS, RESOLUTIONS, DenseConfig

VERSION = 1
LIMIT = 127
"""Largest integer of the 8-bit quantiser."""

FIRST_TABLE = 32
TABLE_OF_DIFFERENCES = 25
"""Mean |difference| of about 1.5 between the tables of neighbouring groups."""


def pack_decoder(config: DenseConfig, integers: Sequence[np.ndarray]) -> bytes:
    """The payload of a decoder.

    Args:
        config: shape of the decoder.
        integers: int8 arrays of the shapes `config.weight_shapes()`.
    """
    if [array.shape for array in integers] != config.weight_shapes():
        raise ValueError("decoder weights do not fit the decoder's configuration")
    writer = ByteWriter()
    writer.u8(VERSION)
    for number in (config.resolution, config.features, *config.channels):
        writer.varint(number)
    writer.raw(_encode(np.concatenate([array.ravel() for array in integers]), _group_sizes(config)))
    return bytes(writer)


def unpack_config(payload: bytes) -> DenseConfig:
    """Only the shape of a packed decoder.

    Raises:
        DamagedFile: no decoder of this version.
    """
    return _read_config(ByteReader(payload))


def unpack_decoder(payload: bytes) -> tuple[DenseConfig, list[np.ndarray]]:
    """A decoder from its payload: its shape and int8 arrays as given to `pack_decoder`.

    Raises:
        DamagedFile: no decoder of this version.
    """
    reader = ByteReader(payload)
    config = _read_config(reader)
    flat = _decode(reader.raw(reader.remaining), _group_sizes(config))
    shapes = config.weight_shapes()
    parts = np.split(flat, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
    return config, [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def pack_feature(config: DenseConfig, feature: np.ndarray) -> bytes:
    """The payload of one model's feature, int8 of the shape `config.feature_shape`."""
    if feature.shape != config.feature_shape:
        raise ValueError("the feature does not fit the decoder")
    return _encode(feature.ravel(), _feature_groups(config))


def unpack_feature(config: DenseConfig, payload: bytes) -> np.ndarray:
    """A feature from its payload, as given to `pack_feature`.

    Raises:
        DamagedFile: not a feature of this decoder.
    """
    return _decode(payload, _feature_groups(config)).reshape(config.feature_shape)


def _read_config(reader: ByteReader) -> DenseConfig:
    version = reader.u8()
    if version != VERSION:
        raise reader.damage(f"a dense decoder of version {version}; this program reads version {VERSION}")
    resolution = reader.varint(max(RESOLUTIONS))
    if resolution not in RESOLUTIONS:
        raise reader.damage(f"a dense decoder of resolution {resolution}")
    features = reader.varint(MAX_CHANNELS)
    blocks = len(DenseConfig.of(resolution).channels)
    try:
        return DenseConfig(resolution, features, tuple(reader.varint(MAX_CHANNELS) for _ in range(blocks)))
    except ValueError as error:
        raise reader.damage(str(error)) from None


def _group_sizes(config: DenseConfig) -> np.ndarray:
    """Number of values in each group of the decoder's stream: kernels by output channel, biases whole."""
    sizes: list[int] = []
    for shape in config.weight_shapes():
        sizes += [math.prod(shape[1:])] * shape[0] if len(shape) > 1 else [shape[0]]
    return np.array(sizes)


def _feature_groups(config: DenseConfig) -> np.ndarray:
    channels, *lattice = config.feature_shape
    return np.full(channels, math.prod(lattice))


def _encode(values: np.ndarray, sizes: np.ndarray) -> bytes:
    tables = _cheapest_tables(values, sizes)
    encoder = LaplaceEncoder()
    encoder.encode(np.diff(tables, prepend=FIRST_TABLE), TABLE_OF_DIFFERENCES)
    encoder.encode(values, np.repeat(tables, sizes))
    return encoder.finish()


def _decode(data: bytes, sizes: np.ndarray) -> np.ndarray:
    decoder = LaplaceDecoder(data)
    tables = FIRST_TABLE + np.cumsum(decoder.decode(TABLE_OF_DIFFERENCES, len(sizes)), dtype=np.int64)
    if tables.min() < 0 or tables.max() >= SCALES:
        raise DamagedFile("an entropy-coded stream is damaged")
    values = decoder.decode(np.repeat(tables, sizes).astype(np.uint8))
    if np.abs(values.astype(np.int64)).max() > LIMIT:
        raise DamagedFile("a quantised value beyond 8 bits")
    return values.astype(np.int8)


def _cheapest_tables(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The table of each group, by the costs of its histogram: there are only 255 different values."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    symbols = 2 * LIMIT + 1
    histogram = np.bincount(group * symbols + values + LIMIT, minlength=len(sizes) * symbols)
    bits = costs(np.tile(np.arange(-LIMIT, LIMIT + 1), (SCALES, 1)), np.arange(SCALES)[:, None].repeat(symbols, 1))
    return np.argmin(histogram.reshape(-1, symbols) @ bits.T, axis=1)
