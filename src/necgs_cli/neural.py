"""The neural codec: trains a decoder for a set, or a new model's feature for an existing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from necgs_cli.bitstream.container import SetSection
from necgs_cli.decoding import DENSE, SPARSE, FieldDecoder, field_surface, open_decoder
from necgs_cli.options import Preset
from necgs_cli.prepare import Prepared
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.field.fit import FieldFit
    from necgs_cli.metrics.surface import Distances, Reference
    from necgs_cli.training.checkpoint import Checkpoint
    from necgs_cli.training.loop import Objective

PROBE_MODELS = 4
PROBE_SAMPLES = 8_000
FINAL_SAMPLES = 30_000
APPEND_STEPS = 180


@dataclass(frozen=True)
class Coded:
    """A coded set: its decoder, and the payload of every record in the order of the models."""

    kind: int
    section: SetSection
    payloads: list[bytes]


@dataclass(frozen=True)
class Machine:
    """What to compute on."""

    device: str
    workers: int
    seed: int


def pick_device(asked: str) -> str:
    """The torch device for "auto", "cpu" or "cuda".

    Raises:
        ValueError: CUDA is asked for and there is none, or another word is given.
    """
    import torch

    if asked not in ("auto", "cpu", "cuda"):
        raise ValueError(f"{asked!r} is no device: give auto, cpu or cuda")
    if asked == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available")
    return "cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu"


def train_set(
    models: Sequence[Prepared[FieldFit]],
    preset: Preset,
    machine: Machine,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    seconds: float | None = None,
) -> Coded:
    """Trains decoder and features of a set.

    Args:
        models: at least one.
        preset: what to train, and how long where `seconds` is None.
        checkpoint: where the state is kept.
        seconds: length of the training.
    Raises:
        training.loop.Stopped: `progress` was asked to stop.
    """
    from necgs_cli.training.loop import Length, train

    if preset.decoder == "dense":
        objective, steps, kind = *_dense_objective(models, preset, machine), DENSE
    else:
        objective, steps, kind = *_sparse_objective(models, preset, machine), SPARSE
    measure = _probe(models, kind, objective, machine.device)
    train(objective, Length(steps, seconds), progress, checkpoint, measure)
    section, payloads = objective.export()
    return Coded(kind, SetSection(kind, section), payloads)


def _sparse_objective(models: Sequence[Prepared[FieldFit]], preset: Preset, machine: Machine) -> tuple[Objective, int]:
    from necgs_cli.model.capacity import sparse_config
    from necgs_cli.training.sparse import SparseObjective, SparseSchedule

    config = sparse_config(len(models), preset.resolution, preset.width, preset.deformation)
    schedule = SparseSchedule(rate_weight=preset.rate_weight)
    levels = _levels(models, machine.device)
    objective = SparseObjective(
        config, levels, len(models), schedule, machine.seed, machine.device, workers=machine.workers
    )
    steps = max(preset.least_steps, preset.epochs * len(models) // schedule.batch)
    return objective, steps


def _levels(models: Sequence[Prepared[FieldFit]], device: str):
    from necgs_cli.training.targets import TargetLevel

    count = len(models[0].result.levels)
    return [TargetLevel([m.result.levels[i] for m in models], device) for i in range(count)]


def _dense_objective(models: Sequence[Prepared[FieldFit]], preset: Preset, machine: Machine) -> tuple[Objective, int]:
    from necgs_cli.training.dense_targets import DenseTarget
    from necgs_cli.training.paper import PaperObjective

    targets = [DenseTarget.of(m.result.levels[-1]) for m in models]
    objective = PaperObjective(targets, preset.resolution, device=machine.device, seed=machine.seed)
    return objective, objective.total_steps


def reference(model: Prepared[Any], samples: int) -> Reference:
    """What a decoded model is measured against."""
    from necgs_cli.metrics.surface import Reference

    return Reference(model.mesh.vertices, model.mesh.faces, samples)


def measure_record(decoder: FieldDecoder, payload: bytes, model: Prepared[Any], against: Reference) -> Distances:
    """Distances of a record, decoded as a reader decodes it."""
    vertices, faces = field_surface(decoder.decode(payload))
    return against.measure(model.placement.to_source(vertices), faces)


def _probe(
    models: Sequence[Prepared[FieldFit]], kind: int, objective: Objective, device: str
) -> Callable[[], dict[str, float]]:
    """Measures a few models of the set through the real decode path."""
    chosen = range(0, len(models), max(1, -(-len(models) // PROBE_MODELS)))
    references = {i: reference(models[i], PROBE_SAMPLES) for i in chosen}

    def measure() -> dict[str, float]:
        section, payloads = objective.export()
        decoder = open_decoder(SetSection(kind, section), device)
        found = [measure_record(decoder, payloads[i], models[i], references[i]).p2s for i in chosen]
        size = len(section) / len(models) + sum(map(len, payloads)) / len(payloads)
        return {"p2s": sum(found) / len(found), "bytes_per_model": size}

    return measure


def append_features(
    section: SetSection,
    stored: Sequence[bytes],
    models: Sequence[Prepared[FieldFit]],
    machine: Machine,
    progress: Progress,
    seconds: float | None = None,
) -> list[bytes]:
    """Payloads of new models for a decoder that stays as it is (the paper, section 3.2: only features are fitted).

    Args:
        section: the set's decoder; stored: payloads of some of its records, to start from.
    """
    from necgs_cli.training.loop import Length, train

    if section.kind == DENSE:
        return _append_dense(section, models, machine, progress)
    from necgs_cli.model.payload import DecoderPayload, decode_features
    from necgs_cli.training.sparse import SparseObjective, SparseSchedule

    payload = DecoderPayload.from_bytes(section.payload)
    schedule = SparseSchedule.for_append(payload.rate_weight)
    objective = SparseObjective(
        payload.config,
        _levels(models, machine.device),
        len(models),
        schedule,
        machine.seed,
        machine.device,
        workers=machine.workers,
        frozen=payload,
    )
    if stored:
        objective.start_from([payload.real_features(decode_features(payload, data)) for data in stored])
    steps = APPEND_STEPS * -(-len(models) // schedule.batch)
    train(objective, Length(steps, seconds), progress)
    return objective.export()[1]


def _append_dense(
    section: SetSection, models: Sequence[Prepared[FieldFit]], machine: Machine, progress: Progress
) -> list[bytes]:
    from necgs_cli.model.dense_decoder import DenseDecoder
    from necgs_cli.model.dense_payload import pack_feature, unpack_decoder
    from necgs_cli.training.dense_targets import DenseTarget
    from necgs_cli.training.loop import Stopped
    from necgs_cli.training.paper import fit_feature

    decoder = DenseDecoder.from_integers(*unpack_decoder(section.payload)).to(machine.device)
    payloads = []
    for done, model in enumerate(models):
        progress.phase(f"fitting {model.name}", APPEND_STEPS)

        def on_step(step: int, figures: dict[str, float]) -> bool:
            progress.update(step, loss=figures["loss"])
            return progress.stopped()

        target = DenseTarget.of(model.result.levels[-1])
        feature = fit_feature(decoder, target, APPEND_STEPS, seed=machine.seed + done, on_step=on_step)
        if progress.stopped():
            raise Stopped
        payloads.append(pack_feature(decoder.config, feature))
    return payloads
