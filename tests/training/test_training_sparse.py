"""Joint training of the sparse decoder: it learns, repeats exactly, resumes, and freezes."""

import numpy as np
import pytest
import torch

from necgs_cli.field.fit import fit_field
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.payload import DecoderPayload, decode_features
from necgs_cli.outcome import NecgsError
from necgs_cli.progress import Progress
from necgs_cli.training.checkpoint import Checkpoint
from necgs_cli.training.loop import Length, Stopped, train
from necgs_cli.training.sparse import SparseObjective, SparseSchedule
from necgs_cli.training.targets import TargetLevel

CONFIG = DecoderConfig(32, (0, 8, 8), (8, 2, 1), (16, 16, 12), (27, 27, 7))


def sphere(radius: float):
    import trimesh

    mesh = trimesh.creation.icosphere(3, radius)
    return fit_field(np.array(mesh.vertices), np.array(mesh.faces), 32, deform=True, steps=4)


@pytest.fixture(scope="module")
def fits():
    return [sphere(0.5), sphere(0.8)]


@pytest.fixture(scope="module")
def levels(fits):
    return [TargetLevel([fit.levels[i] for fit in fits]) for i in range(len(fits[0].levels))]


def checkpoint(path, identity, resume):
    checkpoint = Checkpoint(path, resume)
    checkpoint.identify({"a": identity})
    return checkpoint


def objective(levels, workers=1, config=CONFIG, **schedule):
    return SparseObjective(config, levels, 2, SparseSchedule(**schedule), seed=3, workers=workers)


def test_targets_repeat_the_fields(fits, levels):
    rng = np.random.default_rng(0)
    parents = np.concatenate([rng.integers(0, 2, (500, 1)), rng.integers(0, 16, (500, 3))], 1)
    found, moves = levels[-1].lookup(torch.tensor([1, 0]), torch.from_numpy(parents))
    children = parents[:, None, 1:] * 2 + np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(8, 3)
    for row, (place, child) in enumerate(zip(parents[:, 0], children, strict=True)):
        assert found[row].numpy() == pytest.approx(fits[1 - place].levels[-1].lookup(child), abs=1 / 127)
    assert moves.shape == (500, 8, 3)


@pytest.fixture(scope="module")
def trained(levels):
    trained = objective(levels, workers=2, rate_weight=1e-3)
    train(trained, Length(220), Progress())
    return trained


def radius_error(section, record, radius):
    from necgs_cli.bitstream.container import SetSection
    from necgs_cli.decoding import SPARSE, open_decoder
    from necgs_cli.field.marching_cubes import extract_surface

    vertices, _ = extract_surface(open_decoder(SetSection(SPARSE, section)).decode(record))
    return np.abs(np.linalg.norm(vertices, axis=1) - radius).mean()


def test_a_trained_set_decodes_to_its_models(trained):
    section, records = trained.export()
    for record, radius in zip(records, (0.5, 0.8), strict=True):
        assert radius_error(section, record, radius) < 0.012  # a fifth of a lattice step


def test_the_bytes_of_the_loss_are_the_bytes_that_are_written(trained):
    figures = trained.step(0.999)
    section, records = trained.export()
    assert len(section) == pytest.approx(figures["decoder_bytes"], rel=0.1)
    assert np.mean([len(r) for r in records]) == pytest.approx(figures["feature_bytes"], rel=0.2, abs=20)


def test_what_is_exported_is_what_was_trained(levels):
    trained = objective(levels)
    for i in range(10):
        trained.step(i / 10)
    section, records = trained.export()
    stored = DecoderPayload.from_bytes(section)
    for model, record in enumerate(records):
        pairs = zip(decode_features(stored, record), trained.feature_integers(model), strict=True)
        assert all((a == b).all() for a, b in pairs)


def test_the_number_of_threads_changes_nothing(levels):
    one, two = objective(levels, workers=1), objective(levels, workers=2)
    for i in range(4):
        one.step(i / 4)
        two.step(i / 4)
    assert one.export() == two.export()


def test_deformation_is_learnt_where_it_is_asked_for(levels):
    config = DecoderConfig(**{**vars(CONFIG), "deformation": True})
    trained = objective(levels, config=config)
    for i in range(5):
        trained.step(i / 5)
    from necgs_cli.model.numpy_decoder import NumpyDecoder

    section, records = trained.export()
    field = NumpyDecoder(DecoderPayload.from_bytes(section)).decode(records[0])
    assert field.deformation is not None and np.abs(field.deformation).max() > 0


def test_resumed_training_ends_as_if_it_had_not_been_interrupted(levels, tmp_path):
    whole = objective(levels)
    train(whole, Length(12), Progress())

    class StopsAfter(Progress):
        def update(self, done=None, **figures):
            if done and done > 0.5:
                self.stop()

    with pytest.raises(Stopped):
        train(objective(levels), Length(12), StopsAfter(), checkpoint(tmp_path / "c", 1, False))
    resumed = objective(levels)
    train(resumed, Length(12), Progress(), checkpoint(tmp_path / "c", 1, True))
    assert resumed.export() == whole.export()


def test_a_checkpoint_of_something_else_is_refused(levels, tmp_path):
    checkpoint(tmp_path / "c", 1, False).save(objective(levels), 1, 1.0)
    with pytest.raises(NecgsError, match="other inputs"):
        checkpoint(tmp_path / "c", 2, True).load()
    (tmp_path / "c").write_bytes(b"nonsense")
    with pytest.raises(NecgsError, match="not a readable checkpoint"):
        checkpoint(tmp_path / "c", 1, True).load()


def test_a_new_model_is_fitted_without_touching_the_decoder(trained):
    section, _ = trained.export()
    stored = DecoderPayload.from_bytes(section)
    new = sphere(0.65)
    levels = [TargetLevel([level]) for level in new.levels]
    fitted = SparseObjective(CONFIG, levels, 1, SparseSchedule.for_append(stored.rate_weight), frozen=stored)
    train(fitted, Length(120), Progress())
    assert fitted.payload() is stored
    again = fitted.decoder.weights.integers()
    assert all((a.numpy() == b).all() for a, b in zip(again, stored.weights, strict=True))
    assert radius_error(section, fitted.export()[1][0], 0.65) < 0.06
