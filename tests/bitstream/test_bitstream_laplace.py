import hashlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from reference_decoder import ReferenceDecoder, table

from necgs_cli.bitstream import laplace
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.laplace import LaplaceDecoder, LaplaceEncoder

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
MIXED = st.one_of(st.integers(-3, 3), st.integers(-300, 300), INT32)


@st.composite
def passes(draw):
    """Arrays of values with a table for each, or for all."""
    result = []
    for _ in range(draw(st.integers(0, 4))):
        values = draw(arrays(np.int32, st.integers(0, 60), elements=MIXED))
        scales = draw(st.one_of(st.integers(0, 63), arrays(np.uint8, len(values), elements=st.integers(0, 63))))
        result.append((values, scales))
    return result


def code(sequence) -> bytes:
    encoder = LaplaceEncoder()
    for values, scales in sequence:
        encoder.encode(values, scales)
    return encoder.finish()


@given(passes())
@settings(max_examples=300)
def test_any_int32_in_any_table_and_any_passes_comes_back(sequence):
    decoder = LaplaceDecoder(code(sequence))
    for values, scales in sequence:
        decoded = decoder.decode(scales, None if isinstance(scales, np.ndarray) else len(values))
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, values)


@given(passes())
@settings(max_examples=60)
def test_a_reader_written_from_the_format_decodes_the_same(sequence):
    decoder = ReferenceDecoder(code(sequence))
    for values, scales in sequence:
        listed = np.broadcast_to(scales, values.shape).tolist()
        assert decoder.decode(listed) == values.tolist()


@pytest.mark.parametrize("scale", range(laplace.SCALES))
def test_every_symbol_of_every_table_is_coded_by_its_integer_frequency(scale):
    frequency, shift = table(scale)
    assert laplace.frequencies(scale).tolist() == frequency
    assert laplace.SHIFTS[scale] == shift
    assert sum(frequency) == 1 << 24 and min(frequency) >= 1
    values = np.arange(-257, 257) << shift
    assert ReferenceDecoder(code([(values, scale)])).decode([scale] * len(values)) == values.tolist()


def test_the_tables_never_change():
    tables = np.stack([laplace.frequencies(scale) for scale in range(laplace.SCALES)]).astype("<u4")
    digest = hashlib.sha256(tables.tobytes()).hexdigest()
    assert digest == "ac3bce178833c1f0cdacf35f6109ed20d7c17115730bd068b75a68f7d0fd3bc8"


def test_a_stream_never_changes():
    values = np.array([0, 0, 1, -1, 0, 2, 300, -70000, 5, 0, -(1 << 31), 12345])
    scales = np.array([3, 3, 10, 10, 0, 20, 20, 20, 40, 40, 63, 63], np.uint8)
    assert code([(values, scales), (values[:5], 12)]).hex() == "f1c25c251f9fd63d9b843580f33913ecd4ee09b96ae42ecba9"


def test_a_stream_is_hardly_longer_than_its_cost():
    random = np.random.default_rng(0)
    for scale in (0, 5, 20, 35, 50, 63):
        values = np.rint(random.laplace(0, laplace.scale_mean(scale), 5000)).astype(np.int64)
        assert len(code([(values, scale)])) <= laplace.cost_bits(values, scale) / 8 * 1.0005 + 2


def test_the_end_of_a_stream_takes_no_whole_words():
    assert len(code([(np.zeros(20, np.int64), 0)])) <= 1


def test_values_keep_the_shape_of_their_scales():
    values = np.arange(24).reshape(2, 3, 4)
    scales = np.full((2, 3, 4), 30, np.uint8)
    np.testing.assert_array_equal(LaplaceDecoder(code([(values, scales)])).decode(scales), values)


@pytest.mark.parametrize("values", [[1 << 31], [-(1 << 31) - 1], [0.5], np.array([1 << 63], np.uint64)])
def test_values_that_are_no_int32_are_refused(values):
    with pytest.raises(ValueError):
        LaplaceEncoder().encode(np.array(values), 10)


@pytest.mark.parametrize("scale", [64, 255, -1])
def test_tables_that_do_not_exist_are_refused(scale):
    with pytest.raises(ValueError):
        LaplaceEncoder().encode(np.zeros(1, int), scale)
    with pytest.raises(DamagedFile):
        LaplaceDecoder(b"").decode(scale, 1)


@given(st.binary(max_size=200), st.lists(st.integers(0, 63), max_size=100))
@settings(max_examples=300)
def test_garbage_gives_integers_or_damage(data, scales):
    try:
        values = LaplaceDecoder(data).decode(np.array(scales, np.uint8))
    except DamagedFile:
        return
    assert values.shape == (len(scales),) and values.dtype == np.int32


@given(arrays(np.int32, st.integers(0, 80), elements=MIXED), st.data())
@settings(max_examples=100)
def test_the_best_scale_of_a_group_is_the_cheapest(values, data):
    groups = data.draw(arrays(np.int64, len(values), elements=st.integers(0, 3)))
    best = laplace.best_scales(values, groups, 5)
    for group in range(5):
        chosen = values[groups == group]
        least = min(laplace.cost_bits(chosen, scale) for scale in range(64))
        assert laplace.cost_bits(chosen, int(best[group])) == pytest.approx(least)
    assert laplace.best_scale(values) == laplace.best_scales(values, np.zeros(len(values), int), 1)[0]


def test_a_scale_is_found_for_a_mean_by_integers_alone():
    means = np.array([round(laplace.scale_mean(scale) * 65536) for scale in range(64)])
    np.testing.assert_array_equal(laplace.scale_for_mean(means), np.arange(64))
    np.testing.assert_array_equal(laplace.scale_for_mean(np.array([0, 1 << 60])), [0, 63])
