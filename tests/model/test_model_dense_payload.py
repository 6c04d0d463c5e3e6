"""Payloads of the paper's configuration: exact, bounded, and honest about damage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.model.dense_payload import pack_decoder, pack_feature, unpack_config, unpack_decoder, unpack_feature

SMALL = DenseConfig(32, 4, (3, 5, 2))


def integers(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    return np.clip(np.rint(rng.laplace(0, spread, shape)), -127, 127).astype(np.int8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 30), spread=st.floats(0, 200))
def test_decoder_and_feature_come_back_exactly(seed, spread):
    rng = np.random.default_rng(seed)
    weights = [integers(rng, shape, spread) for shape in SMALL.weight_shapes()]
    config, decoded = unpack_decoder(pack_decoder(SMALL, weights))
    assert config == SMALL and all(np.array_equal(a, b) for a, b in zip(weights, decoded, strict=True))
    feature = integers(rng, SMALL.feature_shape, spread)
    assert np.array_equal(unpack_feature(SMALL, pack_feature(SMALL, feature)), feature)


def test_size_follows_the_spread_of_each_output_channel():
    rng = np.random.default_rng(0)
    config = DenseConfig.of(32)
    weights = [np.zeros(shape, np.int8) for shape in config.weight_shapes()]
    assert len(pack_decoder(config, weights)) < 2600  # 0.013 bits a weight is the least that a table takes
    weights[2][::2] = integers(rng, weights[2][::2].shape, 20)
    ideal = weights[2].size / 2 * np.log2(2 * np.e * 20) / 8
    assert len(pack_decoder(config, weights)) < 1.01 * ideal + 2600


def test_config_is_read_without_the_weights():
    payload = pack_decoder(SMALL, [np.zeros(shape, np.int8) for shape in SMALL.weight_shapes()])
    assert unpack_config(payload[:7]) == SMALL


@pytest.mark.parametrize("head", [b"", b"\x02", b"\x01\x21", b"\x01\x20\x00", b"\x01\x80\x02\x10" + b"\x40" * 6,
                                  b"\x01" + b"\xff" * 12])  # fmt: skip
def test_impossible_decoders_are_damage(head):
    with pytest.raises(DamagedFile):
        unpack_decoder(head)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_integers_of_the_right_shape_or_damage(data):
    try:
        feature = unpack_feature(SMALL, data)
    except DamagedFile:
        return
    assert feature.shape == SMALL.feature_shape and feature.dtype == np.int8
