"""The two ways to make records of a set of inputs: by mesh codec and by neural codec."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from necgs_cli.bitstream.container import ModelRecord, SetSection
from necgs_cli.decoding import DENSE, open_decoder
from necgs_cli.mesh_codec import CodedMesh, MeshTask, allocate
from necgs_cli.options import DEFAULT_ERROR, EncodeOptions, ErrorBound
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.prepare import FieldTask, Input, Prepared, Task, prepare_all
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.neural import Machine
    from necgs_cli.training.checkpoint import Checkpoint

INTERRUPTED = 130
FAR = 64.0
"""Stands for the distance of a model that decodes to nothing."""
TRAINING_SHARE = 0.5
"""Least share of a time budget that is left to training, however long the preparation took."""
FINISH_SECONDS = 0.5
"""Expected seconds a model for the last measurement."""
MISSED = 1.01
"""An error above this many times the asked one is reported as missed."""


@dataclass(frozen=True)
class Encoded:
    """Records of a set, ready to be written.

    Attributes:
        models: the inputs that became records, in the same order; signs: how each one's inside was told.
        decision: which codec was used and why.
    """

    models: list[Prepared[Any]]
    records: list[ModelRecord]
    sections: list[SetSection]
    skipped: list[Skipped]
    signs: list[str]
    decision: str


def read_models(
    items: list[Input], task: Task[Any], workers: int, strict: bool, progress: Progress
) -> tuple[list[Prepared[Any]], list[Skipped]]:
    """Reads all inputs and does a task on each; unusable ones are skipped and said.

    Raises:
        NecgsError: none is usable, the first unusable one if `strict`, or the work was stopped.
    """
    models: list[Prepared[Any]] = []
    skipped: list[Skipped] = []
    for done, result in enumerate(prepare_all(items, task, workers, progress), 1):
        if isinstance(result, Skipped):
            if strict:
                raise NecgsError(f"{result.name}: {result.reason}")
            progress.skip(result.name, result.reason)
            skipped.append(result)
        else:
            models.append(result)
        progress.update(done)
    if progress.stopped():
        raise NecgsError("stopped", INTERRUPTED)
    if not models:
        raise NecgsError("none of the inputs is a usable mesh")
    return models, skipped


def encode_meshes(
    items: list[Input], bound: ErrorBound, options: EncodeOptions, workers: int, progress: Progress
) -> Encoded:
    """One explicit record a model, at an asked error.

    Raises:
        NecgsError: see `read_models`.
    """
    progress.phase("fitting control meshes", len(items))
    task = MeshTask(bound, options.policy == "set", options.seed)
    models, skipped = read_models(items, task, workers, options.strict, progress)
    bounds = [bound.of(longest_side(model)) for model in models]
    hulls: list[list[CodedMesh]] = [model.result for model in models]
    chosen = allocate(hulls, bounds) if options.policy == "set" else [hull[-1] for hull in hulls]
    _tell_missed(models, chosen, bounds, options.policy, progress)
    records = [
        ModelRecord(coded.kind, model.name, model.placement, coded.payload, coded.p2s, coded.max_error)
        for model, coded in zip(models, chosen, strict=True)
    ]
    size = sum(len(record.payload) for record in records) / len(records)
    decision = f"mesh records, {size:,.0f} B a model"
    if options.codec == "auto":
        decision += "; a decoder for the set is trained when asked for (--codec neural)"
    return Encoded(models, records, [], skipped, [""] * len(models), decision)


def longest_side(model: Prepared[Any]) -> float:
    """Longest side of a model's bounding box, source units."""
    extent = model.mesh.vertices.max(axis=0) - model.mesh.vertices.min(axis=0)
    return float(extent.max())


def _tell_missed(
    models: list[Prepared[Any]], chosen: list[CodedMesh], bounds: list[float], policy: str | None, progress: Progress
) -> None:
    ratios = [coded.p2s / bound for coded, bound in zip(chosen, bounds, strict=True)]
    if policy == "set":
        mean = sum(ratios) / len(ratios)
        if mean > MISSED:
            progress.warn(f"the asked error is missed: the set's mean is {mean:.2f} times what was asked")
        return
    for model, ratio in zip(models, ratios, strict=True):
        if ratio > MISSED:
            progress.warn(f"{model.name}: the asked error is missed: reached {ratio:.2f} times what was asked")


def encode_neural(
    items: list[Input],
    options: EncodeOptions,
    machine: Machine,
    checkpoint: Checkpoint | None,
    started: float,
    progress: Progress,
) -> Encoded:
    """A decoder for the set, and a feature for each model (the paper, section 3).

    Raises:
        NecgsError: see `read_models`; or the training was stopped.
    """
    from necgs_cli.neural import train_set
    from necgs_cli.training.loop import Stopped

    preset = options.choice
    progress.phase("measuring meshes", len(items))
    task = FieldTask(preset.resolution, preset.deformation, options.keep_interior, options.seed)
    models, skipped = read_models(items, task, machine.workers, options.strict, progress)
    _tell_hidden(models, progress)
    if checkpoint:
        checkpoint.identify(_identity(models, options))
    seconds = None
    if options.time_budget is not None:
        left = options.time_budget - (time.monotonic() - started) - FINISH_SECONDS * len(models) / machine.workers
        seconds = max(left, TRAINING_SHARE * options.time_budget)
    try:
        coded = train_set(models, preset, machine, progress, checkpoint, seconds)
    except Stopped:
        raise NecgsError("stopped", INTERRUPTED) from None
    records = neural_records(coded.section, coded.payloads, models, progress)
    decision = f"neural records, as asked: a decoder of {len(coded.section.payload):,} B for the set"
    return Encoded(models, records, [coded.section], skipped, [m.result.sign for m in models], decision)


def append_neural(
    section: SetSection,
    stored: list[bytes],
    items: list[Input],
    options: EncodeOptions,
    machine: Machine,
    seconds: float | None,
    progress: Progress,
) -> Encoded:
    """Features of new models for a decoder that stays as it is; `stored` are features that it has already.

    Raises:
        NecgsError: see `read_models`; or the fit was stopped.
    """
    from necgs_cli.neural import append_features
    from necgs_cli.training.loop import Stopped

    progress.phase("measuring meshes", len(items))
    task = FieldTask(decoder_resolution(section), section.kind == DENSE, options.keep_interior, options.seed)
    models, skipped = read_models(items, task, machine.workers, options.strict, progress)
    _tell_hidden(models, progress)
    try:
        payloads = append_features(section, stored, models, machine, progress, seconds)
    except Stopped:
        raise NecgsError("stopped; the file is as it was", INTERRUPTED) from None
    records = neural_records(section, payloads, models, progress)
    return Encoded(models, records, [], skipped, [m.result.sign for m in models], "features for the set's decoder")


def _tell_hidden(models: list[Prepared[Any]], progress: Progress) -> None:
    for model in models:
        if model.result.dropped_area > 0.001:
            progress.note(f"{model.name}: {100 * model.result.dropped_area:.1f} % of the surface is hidden; dropped")


def decoder_resolution(section: SetSection) -> int:
    """K of a stored decoder."""
    if section.kind == DENSE:
        from necgs_cli.model.dense_payload import unpack_config

        return unpack_config(section.payload).resolution
    from necgs_cli.model.payload import read_config

    return read_config(section.payload)[0].resolution


def _identity(models: list[Prepared[Any]], options: EncodeOptions) -> dict[str, Any]:
    asked = dataclasses.asdict(options)
    for free in ("resume", "overwrite", "strict", "workers", "time_budget", "device"):
        del asked[free]
    return {"options": asked, "models": [[m.name, m.source_bytes, len(m.mesh.faces)] for m in models]}


def neural_records(
    section: SetSection, payloads: list[bytes], models: list[Prepared[Any]], progress: Progress
) -> list[ModelRecord]:
    """Records with the distortion that a reader will get."""
    from necgs_cli.neural import FINAL_SAMPLES, measure_record, reference

    decoder = open_decoder(section)
    records = []
    progress.phase("verifying", len(models))
    for done, (payload, model) in enumerate(zip(payloads, models, strict=True), 1):
        found = measure_record(decoder, payload, model, reference(model, FINAL_SAMPLES))
        if not math.isfinite(found.p2s):
            progress.warn(f"{model.name}: decodes to an empty surface; give more time or a higher quality")
        records.append(
            ModelRecord(
                section.kind,
                model.name,
                model.placement,
                payload,
                min(found.p2s, FAR),
                min(found.max, FAR),
                "mixed" if "+" in model.result.sign else model.result.sign,
            )
        )
        progress.update(done)
    return records


def default_bound(set_p2s: float) -> ErrorBound:
    """The error for models that join a set: the set's own mean, or the usual one where there is none."""
    return ErrorBound(set_p2s / 2) if math.isfinite(set_p2s) and set_p2s > 0 else DEFAULT_ERROR


def checkpoint_for(path: Path, resume: bool) -> Checkpoint:
    """The checkpoint of an output file."""
    from necgs_cli.training.checkpoint import Checkpoint
    from necgs_cli.training.loop import checkpoint_path

    return Checkpoint(checkpoint_path(path), resume)
