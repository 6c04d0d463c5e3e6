"""The sparse decoder: cells, contexts, payloads, and the NumPy twin."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.model import cells, contexts
from necgs_cli.model.capacity import sparse_config
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.numpy_decoder import NumpyDecoder
from necgs_cli.model.payload import (
    DecoderPayload,
    FeatureTables,
    decode_features,
    encode_features,
    read_config,
    step_code,
    step_of,
)
from necgs_cli.model.sparse_decoder import SparseDecoder, laplace_bits

CONFIG = DecoderConfig(32, (0, 8, 8), (8, 2, 1), (12, 12, 8), (27, 27, 7))


def random_payload(config=CONFIG, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-9, 10, shape) for shape in config.weight_shapes()]
    steps = tuple(step_code(s) for s in rng.uniform(0.005, 0.05, len(weights)))
    tables = [
        FeatureTables(
            tuple(step_code(s) for s in rng.uniform(0.1, 0.4, channels)),
            rng.integers(10, 30, channels),
            rng.integers(-3, 4, contexts.CONTEXTS),
        )
        for _, channels in config.feature_shapes()
    ]
    return DecoderPayload(config, weights, steps, tables, 0.003)


def random_features(config=CONFIG, seed=0):
    rng = np.random.default_rng(seed)
    return [np.rint(rng.laplace(0, 1.5, (c, r, r, r))).astype(np.int32) for r, c in config.feature_shapes()]


@pytest.mark.parametrize("stencil", [7, 27])
def test_offsets_are_symmetric_so_that_gradients_are_gathers(stencil):
    offsets = cells.offsets(stencil)
    assert (offsets == -offsets[::-1]).all()


@pytest.mark.parametrize(("source", "target"), [(27, 27), (27, 7), (7, 7)])
def test_child_tables_agree_with_positions(source, target):
    rng = np.random.default_rng(1)
    kept = rng.random((8**3, 8)) < 0.4
    chosen = np.flatnonzero(kept)
    rows = np.full(8 * len(kept) + 8, len(chosen))
    rows[chosen] = np.arange(len(chosen))
    lookup = cells.child_lookup(source, target)
    table = cells.child_neighbours(cells.dense_neighbours(8, source), rows, chosen >> 3, chosen & 7, lookup)
    at = cells.lattice_coordinates(8)[chosen >> 3] * 2 + cells.octants()[chosen & 7]
    row_of = {tuple(p): i for i, p in enumerate(at.tolist())}
    expected = [[row_of.get(tuple(q), len(at)) for q in (p + cells.offsets(target)).tolist()] for p in at]
    assert (table == np.array(expected)).all()


def test_convolution_gradients_match_finite_differences():
    from necgs_cli.model.sparse_decoder import SparseConvolution

    torch.manual_seed(0)
    table = torch.from_numpy(cells.dense_neighbours(3, 27))
    x = torch.randn(27, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, w: SparseConvolution.apply(a, table, w), (x, weight))


@given(hnp.arrays(np.int64, (3, 4, 4, 4), elements=st.integers(-30, 30)))
@settings(max_examples=20, deadline=None)
def test_contexts_only_look_at_what_is_decoded(values):
    """Changing a value changes no context of anything coded before it, or of itself."""
    odd = contexts.parity(4)
    order = np.array([(c, int(odd[p]), *p) for c in range(3) for p in np.ndindex(4, 4, 4)])
    rank = {tuple(o[[0, 2, 3, 4]]): (o[0], o[1]) for o in order}
    before = contexts.context(abs(values), odd, 0)
    target = (1, 2, 1, 2)
    changed = values.copy()
    changed[target] += 50
    after = contexts.context(abs(changed), odd, 0)
    for place in np.argwhere(before != after).tolist():
        assert rank[tuple(place)] > rank[target]


def test_contexts_agree_between_numpy_and_torch():
    values = np.abs(random_features()[1]).astype(np.int64)
    above = contexts.above_bin(random_features()[0].astype(np.int64), 8)
    odd = contexts.parity(8)
    ours = contexts.context(values, odd, above)
    t = torch.from_numpy
    assert (contexts.context(t(values).float(), t(odd).float(), t(above).float()).numpy() == ours).all()


@given(st.floats(1e-6, 1e3))
def test_steps_survive_their_code(step):
    assert step_of(step_code(step)) == pytest.approx(step, rel=6e-4)
    assert step_code(step_of(step_code(step))) == step_code(step)


def test_payload_round_trips():
    payload = random_payload()
    data = payload.to_bytes()
    again = DecoderPayload.from_bytes(data)
    assert again.config == payload.config and again.steps == payload.steps
    assert again.rate_weight == pytest.approx(payload.rate_weight, rel=1e-3)
    assert all((a == b).all() for a, b in zip(again.weights, payload.weights, strict=True))
    assert again.to_bytes() == data
    assert read_config(data)[0] == payload.config


@pytest.mark.parametrize("seed", range(3))
def test_features_round_trip_exactly(seed):
    payload, features = random_payload(), random_features(seed=seed)
    again = decode_features(payload, encode_features(payload, features))
    assert all((a == b).all() for a, b in zip(again, features, strict=True))


def test_empty_features_cost_almost_nothing():
    payload = random_payload()
    tables = [FeatureTables(t.steps, t.base * 0, t.delta * 0) for t in payload.tables]
    payload = DecoderPayload(payload.config, payload.weights, payload.steps, tables)
    zeros = [f * 0 for f in random_features()]
    assert len(encode_features(payload, zeros)) < 20


def test_numpy_decoder_says_what_the_trained_decoder_says():
    payload, integers = random_payload(), random_features()
    features = payload.real_features(integers)
    field = NumpyDecoder(payload).predict(features)
    torch.manual_seed(0)
    decoder = SparseDecoder(CONFIG, 1)
    weights = [torch.from_numpy(w) for w in payload.real_weights()]
    with torch.no_grad():
        last = decoder.predict(weights, [torch.from_numpy(f)[None] for f in features])[-1]
    index = last.parents[:, None, 1:] * 2 + torch.from_numpy(cells.octants())
    said = last.values[:, :, 0].clamp(-1, 1).numpy()
    same = np.abs(field.lookup(index.numpy()) - said) < 1e-4
    assert same.mean() > 0.99  # a child at the very threshold may fall to either side


def test_any_bytes_decode_or_are_damaged():
    payload = random_payload()
    good = payload.to_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(good[: rng.integers(1, len(good))])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            DecoderPayload.from_bytes(bytes(data))
        except DamagedFile:
            continue
    for size in (0, 1, 5, 40, 400):
        try:
            lattices = decode_features(payload, rng.bytes(size))
        except DamagedFile:
            continue
        assert [f.shape for f in lattices] == [(c, r, r, r) for r, c in CONFIG.feature_shapes()]


def test_damaged_features_cannot_ask_for_the_whole_volume():
    payload = random_payload(sparse_config(4, 64))
    silent = [w * 0 for w in payload.weights]  # predicts 0 everywhere: every child would stay active
    payload = DecoderPayload(payload.config, silent, payload.steps, payload.tables)
    field = NumpyDecoder(payload).predict(payload.real_features(random_features(payload.config)))
    assert len(field.tsdf) <= 40 * 32**2


def test_laplace_bits_are_a_probability():
    values, scale = torch.arange(-400, 401).double(), torch.tensor(3.0, dtype=torch.float64)
    assert torch.exp2(-laplace_bits(values, scale)).sum().item() == pytest.approx(1, abs=1e-6)


def test_capacity_grows_with_the_set_and_cost_with_the_surface():
    weights = [sum(np.prod(s) for s in sparse_config(n, 128).weight_shapes()) for n in (1, 8, 48, 500)]
    assert weights == sorted(weights) and weights[0] < weights[-1] / 5


@pytest.mark.parametrize("bad", [dict(resolution=48), dict(stencils=(7, 27, 7)), dict(features=(0, 2, 1))])
def test_impossible_configurations_are_refused(bad):
    with pytest.raises(ValueError):
        DecoderConfig(**{**vars(CONFIG), **bad})
