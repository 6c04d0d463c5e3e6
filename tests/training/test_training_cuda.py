"""Training on CUDA: it computes what a CPU computes, and what it stores is read anywhere.

Tests of the device "cpu" are the same work without a GPU; those that compare two devices need one.
"""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

import necgs_cli
from necgs_cli import neural
from necgs_cli.bitstream.container import SetSection
from necgs_cli.decoding import DENSE, SPARSE, field_surface, open_decoder
from necgs_cli.field.fit import fit_field
from necgs_cli.metrics.surface import Reference
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.model.dense_decoder import DenseDecoder, without_tf32
from necgs_cli.model.dense_payload import unpack_decoder, unpack_feature
from necgs_cli.model.payload import DecoderPayload, decode_features
from necgs_cli.options import EncodeOptions
from necgs_cli.progress import Progress
from necgs_cli.training.checkpoint import Checkpoint
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.loop import Length, Stopped, train
from necgs_cli.training.paper import PaperObjective, PaperOptions, fit_feature
from necgs_cli.training.sparse import SparseObjective, SparseSchedule
from necgs_cli.training.targets import TargetLevel

EXAMPLES = Path(__file__).parents[2] / "examples" / "meshes"
RADII = (0.5, 0.8, 0.65)
SPARSE_CONFIG = DecoderConfig(32, (0, 8, 8), (8, 2, 1), (16, 16, 12), (27, 27, 7))
PAPER = PaperOptions(batch=2, learning_rate=4e-3, ssim_weight=1.0)

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
on_each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
of_each_decoder = pytest.mark.parametrize("decoder", ["sparse", "dense"])


@pytest.fixture(scope="module")
def fits():
    spheres = [trimesh.creation.icosphere(3, radius) for radius in RADII]
    return [fit_field(np.array(s.vertices), np.array(s.faces), 32, deform=True, steps=4) for s in spheres]


@pytest.fixture
def narrow_decoder(monkeypatch):
    """A dense decoder of a few thousand weights: the same code in seconds."""
    small = DenseConfig(32, 4, (16, 12, 8))
    monkeypatch.setattr(DenseConfig, "of", classmethod(lambda cls, resolution: small))


def sparse_objective(fits, device, **asked) -> SparseObjective:
    levels = [TargetLevel([fit.levels[i] for fit in fits], device) for i in range(len(fits[0].levels))]
    schedule = asked.pop("schedule", SparseSchedule(rate_weight=1e-3, learning_rate=1e-2, warm_up_steps=5))
    return SparseObjective(SPARSE_CONFIG, levels, len(fits), schedule, seed=3, device=device, **asked)


def dense_objective(fits, device, options=PAPER) -> PaperObjective:
    return PaperObjective([DenseTarget.of(fit.levels[-1]) for fit in fits], 32, options, device)


def new_objective(decoder: str, fits, device: str):
    return (sparse_objective if decoder == "sparse" else dense_objective)(fits, device)


def losses(objective, steps: int) -> list[float]:
    """Losses of steps where the rate is high and true cells are kept."""
    return [objective.step(0.25)["loss"] for _ in range(steps)]


def assert_equal_gradients(ours, theirs, tolerance: float):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.grad.cpu() - b.grad).norm() <= tolerance * b.grad.norm()


@needs_cuda
def test_cuda_is_chosen_where_there_is_any():
    assert neural.pick_device("auto") == neural.pick_device("cuda") == "cuda"
    assert neural.pick_device("cpu") == "cpu"


@needs_cuda
def test_the_papers_first_step_is_that_of_a_cpu(fits):
    cuda, cpu = dense_objective(fits, "cuda", PaperOptions()), dense_objective(fits, "cpu", PaperOptions())
    with without_tf32():
        figures = cuda.step(0.5)
    assert figures == pytest.approx(cpu.step(0.5), rel=1e-4)
    # float32 sums in another order
    assert_equal_gradients(
        [*cuda.decoder.parameters(), cuda.features], [*cpu.decoder.parameters(), cpu.features], tolerance=1e-3
    )


@needs_cuda
def test_the_sparse_first_step_is_that_of_a_cpu(fits):
    exact = SparseSchedule(noise_until=0)  # each device has its own noise
    # two models: a CPU works on so many together, and means are taken over those
    cuda, cpu = (sparse_objective(fits[:2], device, schedule=exact) for device in ("cuda", "cpu"))
    assert cuda.step(0.5) == pytest.approx(cpu.step(0.5), rel=1e-3)
    # a weight halfway between two integers may be rounded to either
    assert_equal_gradients(cuda.decoder.parameters(), cpu.decoder.parameters(), tolerance=1e-2)


@on_each_device
def test_a_sparse_decoder_learns_and_stores_what_it_learnt(fits, device):
    objective = sparse_objective(fits, device)
    found = losses(objective, 40)
    assert min(found[-5:]) < 0.6 * found[0]
    section, records = objective.export()
    stored = DecoderPayload.from_bytes(section)
    for ours, theirs in zip(objective.payload().weights, stored.weights, strict=True):
        assert np.array_equal(ours, theirs)
    for model, record in enumerate(records):
        pairs = zip(objective.feature_integers(model), decode_features(stored, record), strict=True)
        assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)
        open_decoder(SetSection(SPARSE, section)).decode(record)


@on_each_device
def test_a_dense_decoder_learns_and_stores_what_it_learnt(fits, device, narrow_decoder):
    objective = dense_objective(fits, device)
    found = losses(objective, 40)
    assert min(found[-5:]) < 0.7 * found[0]
    section, records = objective.export()
    config, integers = unpack_decoder(section)
    assert all(np.array_equal(a, b) for a, b in zip(objective.decoder.quantised_integers(), integers, strict=True))
    reader = DenseDecoder.from_integers(config, integers)
    for model, record in enumerate(records):
        feature = torch.from_numpy(unpack_feature(config, record)).float()[None] / 127
        with torch.no_grad(), without_tf32():
            ours = objective.decoder(feature.to(device)).cpu()
            assert (ours - reader(feature)).abs().max() < 1e-4
        assert objective.decode(model).resolution == 32


@on_each_device
def test_bfloat16_learns(fits, device, narrow_decoder):
    objective = dense_objective(fits, device, dataclasses.replace(PAPER, bf16=True))
    found = losses(objective, 40)
    assert min(found[-5:]) < 0.7 * found[0]
    assert all(parameter.dtype == torch.float32 for parameter in objective.decoder.parameters())


@on_each_device
def test_a_new_model_is_fitted_to_a_sparse_decoder(fits, device):
    trained = sparse_objective(fits[:2], device)
    losses(trained, 30)
    section, records = trained.export()
    stored = DecoderPayload.from_bytes(section)
    fitted = sparse_objective(fits[2:], device, schedule=SparseSchedule.for_append(1e-3), frozen=stored)
    fitted.start_from([stored.real_features(decode_features(stored, record)) for record in records])
    found = losses(fitted, 15)
    assert min(found) < found[0] and fitted.export()[0] == section


@on_each_device
def test_a_new_model_is_fitted_to_a_dense_decoder(fits, device, narrow_decoder):
    trained = dense_objective(fits[:2], device)
    losses(trained, 10)
    config, integers = unpack_decoder(trained.export()[0])
    decoder = DenseDecoder.from_integers(config, integers).to(device)
    found: list[float] = []
    feature = fit_feature(
        decoder,
        DenseTarget.of(fits[2].levels[-1]),
        10,
        options=PAPER,
        on_step=lambda done, figures: bool(found.append(figures["loss"])),
    )
    assert min(found) < found[0] and feature.shape == config.feature_shape
    assert all(np.array_equal(a, b) for a, b in zip(integers, decoder.quantised_integers(), strict=True))


class StopsHalfway(Progress):
    def update(self, done=None, **figures):
        if done and done > 0.5:
            self.stop()


@of_each_decoder
@pytest.mark.parametrize(
    "first, then",
    [
        ("cpu", "cpu"),
        pytest.param("cuda", "cuda", marks=needs_cuda),
        pytest.param("cuda", "cpu", marks=needs_cuda),
        pytest.param("cpu", "cuda", marks=needs_cuda),
    ],
)
def test_training_goes_on_from_a_checkpoint_on_any_device(fits, decoder, first, then, narrow_decoder, tmp_path):
    stopped, resumed = new_objective(decoder, fits, first), new_objective(decoder, fits, then)
    with pytest.raises(Stopped):
        train(stopped, Length(12), StopsHalfway(), Checkpoint(tmp_path / "c", resume=False))
    kept = Checkpoint(tmp_path / "c", resume=True)
    resumed.load_state_dict(kept.load()["objective"])
    assert resumed.export() == stopped.export()
    train(resumed, Length(12), Progress(), kept)
    assert resumed.export() != stopped.export()


def test_noise_of_another_kind_of_device_does_not_stop_a_resumed_training(fits):
    objective = sparse_objective(fits, "cpu")
    state = copy.deepcopy(objective.state_dict()) | {"noise": torch.zeros(16, dtype=torch.uint8)}
    objective.load_state_dict(state)
    objective.step(0)


@needs_cuda
@of_each_decoder
def test_a_set_is_encoded_and_appended_to(decoder, narrow_decoder, monkeypatch, tmp_path):
    monkeypatch.setattr(neural, "APPEND_STEPS", 20)
    preset = "paper" if decoder == "dense" else "fast"
    # more than are read in this process: others do it beside a CUDA context
    names = ["goblet.ply", "key.glb", "cow.off", "hand.ply", "fish.ply"]
    path, new = tmp_path / "set.ncgs", EXAMPLES / "cat.ply"
    options = EncodeOptions(codec="neural", preset=preset, resolution=32, device="cuda", time_budget=4.0)
    report = necgs_cli.encode([EXAMPLES / name for name in names], path, options)
    before = path.read_bytes()
    added = necgs_cli.append(path, [new], device="cuda")
    assert path.read_bytes()[: len(before)] == before
    assert [model.id for model in added.models] == [len(names)]
    with necgs_cli.open(path) as models:
        for result in (*report.models, *added.models):
            assert result.kind == {"sparse": "neural", "dense": "neural-dense"}[decoder]
            original = trimesh.load(EXAMPLES / result.name, force="mesh", process=False)
            decoded = models[result.id]
            if len(decoded.faces):
                found = Reference(original.vertices, original.faces, 5000).measure(decoded.vertices, decoded.faces)
                assert found.p2s == pytest.approx(result.p2s, rel=0.2)


@needs_cuda
def test_what_is_measured_on_cuda_is_what_a_reader_on_a_cpu_gets(fits):
    objective = dense_objective(fits, "cuda")
    losses(objective, 60)
    section, records = objective.export()
    readers = [open_decoder(SetSection(DENSE, section), device) for device in ("cuda", "cpu")]
    for record, radius in zip(records, RADII, strict=True):
        surfaces = [field_surface(reader.decode(record))[0] for reader in readers]
        errors = [np.abs(np.linalg.norm(surface, axis=1) - radius).mean() for surface in surfaces]
        assert errors[0] == pytest.approx(errors[1], rel=1e-3)
