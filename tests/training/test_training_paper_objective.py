"""Training the paper's configuration: it learns, repeats itself by seed, and stores what it says."""

import copy

import numpy as np
import pytest
import torch

from necgs_cli.field.marching_cubes import extract_surface
from necgs_cli.field.sparse_field import SparseField
from necgs_cli.model.dense_decoder import DenseDecoder, to_sparse_field
from necgs_cli.model.dense_payload import unpack_decoder, unpack_feature
from necgs_cli.training import paper
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.paper import PaperObjective, PaperOptions, fit_feature

FAST = PaperOptions(batch=2, learning_rate=4e-3, ssim_weight=1.0)


def ellipsoid(axes: tuple[float, float, float], resolution: int = 32) -> SparseField:
    at = (torch.arange(resolution) + 0.5) * 2 / resolution - 1
    x, y, z = torch.meshgrid(at, at, at, indexing="ij")
    length = torch.sqrt((x / axes[0]) ** 2 + (y / axes[1]) ** 2 + (z / axes[2]) ** 2)
    tsdf = ((length - 1) * min(axes) * resolution / 4).clamp(-1, 1)
    return to_sparse_field(torch.stack([tsdf, *[torch.zeros_like(tsdf)] * 3]))


@pytest.fixture(scope="module")
def targets() -> list[DenseTarget]:
    return [DenseTarget.of(ellipsoid(axes)) for axes in ((0.8, 0.5, 0.4), (0.4, 0.8, 0.5), (0.5, 0.4, 0.8))]


@pytest.fixture(scope="module", autouse=True)
def narrow_decoder():
    """A few thousand weights: seconds instead of minutes, the same code."""
    small = paper.DenseConfig(32, 4, (16, 12, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper.DenseConfig, "of", classmethod(lambda cls, resolution: small))
        yield


@pytest.fixture(scope="module")
def converged(narrow_decoder, targets) -> PaperObjective:
    return trained(targets, 80)


def trained(targets: list[DenseTarget], steps: int, seed: int = 0) -> PaperObjective:
    objective = PaperObjective(targets, 32, FAST, seed=seed)
    for index in range(steps):
        objective.step(index / steps)
    return objective


def test_training_finds_the_shapes_through_the_real_decode_path(converged):
    for id, axes in enumerate(((0.8, 0.5, 0.4), (0.4, 0.8, 0.5), (0.5, 0.4, 0.8))):
        vertices, _ = extract_surface(converged.decode(id))
        assert np.abs(vertices).max(axis=0) == pytest.approx(axes, abs=0.08)


def test_exported_payloads_decode_to_what_decode_says(targets):
    objective = trained(targets, 3)
    decoder_payload, features = objective.export()
    config, integers = unpack_decoder(decoder_payload)
    decoder = DenseDecoder.from_integers(config, integers)
    assert len(features) == 3
    for id, payload in enumerate(features):
        ours, readers = objective.decode(id), decoder.decode(unpack_feature(config, payload))
        assert np.array_equal(ours.brick_map, readers.brick_map)
        assert np.array_equal(ours.tsdf, readers.tsdf) and np.array_equal(ours.deformation, readers.deformation)


def test_equal_seeds_give_equal_bytes_and_others_do_not(targets):
    assert trained(targets, 4).export() == trained(targets, 4).export()
    assert trained(targets, 4).export() != trained(targets, 4, seed=1).export()


def test_a_resumed_training_ends_with_the_same_bytes(targets):
    whole = PaperObjective(targets, 32, FAST)
    resumed = PaperObjective(targets, 32, FAST, seed=9)
    for index in range(6):
        if index == 3:
            resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
        figures = whole.step(index / 6)
    for index in range(3, 6):
        again = resumed.step(index / 6)
    assert again == figures and resumed.export() == whole.export() and resumed.steps_done == 6


def test_an_epoch_visits_every_model_once(targets):
    objective = PaperObjective(targets, 32, FAST)
    assert objective.total_steps == 400 * 2
    for _ in range(3):
        assert sorted(objective._next_batch() + objective._next_batch()) == [0, 1, 2]


def test_parts_of_a_batch_add_up_to_the_batch(targets, monkeypatch):
    whole = PaperObjective(targets, 32, FAST)
    expected = whole.step(0.5)
    monkeypatch.setattr(paper, "CPU_MEMORY", 1.0)
    parts = PaperObjective(targets, 32, FAST)
    got = parts.step(0.5)
    assert got == pytest.approx(expected, rel=1e-4)
    for a, b in zip(whole.decoder.parameters(), parts.decoder.parameters(), strict=True):
        assert (a.grad - b.grad).norm() <= 1e-4 * a.grad.norm()  # float32 sums in another order: 2e-5 at most


def test_append_fits_a_feature_and_leaves_the_decoder_alone(converged):
    config, integers = unpack_decoder(converged.export()[0])
    decoder = DenseDecoder.from_integers(config, integers)
    new = DenseTarget.of(ellipsoid((0.7, 0.5, 0.45)))
    losses: list[float] = []

    def on_step(done: int, figures: dict[str, float]) -> bool:
        losses.append(figures["loss"])
        return done == 25

    feature = fit_feature(decoder, new, 30, options=FAST, on_step=on_step)
    assert len(losses) == 25 and min(losses) < 0.8 * losses[0]
    assert feature.dtype == np.int8 and feature.shape == config.feature_shape
    assert all(np.array_equal(a, b) for a, b in zip(integers, decoder.quantised_integers(), strict=True))
