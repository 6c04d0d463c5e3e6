"""The front door: encode meshes into a file, append to it, open it."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from necgs_cli.bitstream.container import ModelRecord, SetSection, append_records, write_container
from necgs_cli.bitstream.errors import DamagedFile, FileBusy
from necgs_cli.decoding import DENSE, SPARSE, open_decoder
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.model_set import DAMAGED, Entry, ModelSet, inspect, open_container
from necgs_cli.options import PRESETS, EncodeOptions
from necgs_cli.outcome import ModelResult, NecgsError, Report, Skipped
from necgs_cli.prepare import FieldTask, Input, Prepared, prepare_all
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.neural import Machine

__all__ = [
    "PRESETS",
    "EncodeOptions",
    "Entry",
    "Mesh",
    "ModelResult",
    "ModelSet",
    "NecgsError",
    "Progress",
    "Report",
    "Skipped",
    "append",
    "encode",
    "inspect",
    "open",
]

INTERRUPTED = 130
COVERED = 2.0
"""An appended model with more than this many times the set's mean error is said not to be covered by the decoder."""
FAR = 64.0
"""Stands for the distance of a model that decodes to nothing."""
TRAINING_SHARE = 0.5
"""Least share of a time budget that is left to training, however long the preparation took."""
FINISH_SECONDS = 0.5
"""Expected seconds a model for the last measurement."""


def open(source: str | Path | BinaryIO | bytes) -> ModelSet:
    """Opens a `.ncgs` file, a binary stream, or bytes.

    Raises:
        NecgsError: it is not readable. OSError: it cannot be opened.
    """
    return ModelSet(open_container(source))


def encode(
    inputs: Sequence[Any],
    output: str | Path | BinaryIO,
    options: EncodeOptions | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compresses meshes into one file.

    Args:
        inputs: paths of mesh files, folders and globs, `trimesh.Trimesh` objects, and pairs (vertices, faces).
        output: path of the file to write, or a binary stream.
        options: see `EncodeOptions`.
        progress: told what happens; a silent one by default.
    Raises:
        NecgsError: nothing could be encoded, the output exists, the work was stopped, or an input is unusable and
            `options.strict` is set.
    """
    from necgs_cli.neural import train_set
    from necgs_cli.training.checkpoint import Checkpoint
    from necgs_cli.training.loop import Stopped, checkpoint_path

    started = time.monotonic()
    options, progress = options or EncodeOptions(), progress or Progress()
    preset, path = options.choice, None if hasattr(output, "write") else Path(output)
    if path and path.exists() and not options.overwrite:
        raise NecgsError(f"{path}: exists already; overwrite it with -f (overwrite=True)")
    machine = _machine(options.device, options.workers, options.seed)
    items = _inputs(inputs)
    fields = FieldTask(preset.resolution, preset.deformation, options.keep_interior, options.seed)
    models, skipped = _prepared(items, fields, machine, options.strict, progress)
    checkpoint = Checkpoint(checkpoint_path(path), _identity(models, options), options.resume) if path else None
    seconds = None
    if options.time_budget is not None:
        left = options.time_budget - (time.monotonic() - started) - FINISH_SECONDS * len(models) / machine.workers
        seconds = max(left, TRAINING_SHARE * options.time_budget)
    try:
        coded = train_set(models, preset, machine, progress, checkpoint, seconds)
    except Stopped:
        raise NecgsError("stopped", INTERRUPTED) from None
    records = _records(coded.kind, coded.section, coded.payloads, models, progress)
    size = _write(output if path is None else path, [coded.section], records)
    if checkpoint:
        checkpoint.remove()
    report = _report(path, models, records, skipped, size, 0, started, progress, dataclasses.asdict(options))
    return dataclasses.replace(report, set_bytes=len(coded.section.payload))


def append(
    path: str | Path,
    inputs: Sequence[Any],
    *,
    device: str = "auto",
    seed: int = 0,
    workers: int | None = None,
    strict: bool = False,
    time_budget: float | None = None,
    keep_interior: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Adds models to a file: features are fitted to the decoder that is there, and no byte that is there changes.

    Args:
        path: the file.
        inputs: as for `encode`.
        device, seed, workers, strict, keep_interior: as in `EncodeOptions`.
        time_budget: seconds for fitting, None for the usual number of steps.
        progress: told what happens.
    Raises:
        NecgsError: the file is damaged or busy, or nothing could be added.
    """
    from necgs_cli.neural import append_features
    from necgs_cli.training.loop import Stopped

    started = time.monotonic()
    progress = progress or Progress()
    section, before = _decoder_of(path)
    items = _inputs(inputs)
    machine = _machine(device, workers, seed)
    resolution = _resolution(section)
    fields = FieldTask(resolution, section.kind == DENSE, keep_interior, seed)
    models, skipped = _prepared(items, fields, machine, strict, progress)
    try:
        payloads = append_features(section, models, None, machine, progress, time_budget)
    except Stopped:
        raise NecgsError("stopped; the file is as it was", INTERRUPTED) from None
    records = _records(section.kind, section, payloads, models, progress)
    try:
        ids = append_records(path, records)
    except (DamagedFile, FileBusy) as error:
        raise NecgsError(f"{path}: {error}", DAMAGED if isinstance(error, DamagedFile) else 1) from error
    set_p2s = sum(before) / len(before) if before else math.nan
    for record in records:
        if record.p2s > COVERED * set_p2s:
            progress.warn(
                f"{record.name}: the set's decoder does not cover this shape well (p2s {record.p2s:.2e},"
                f" {record.p2s / set_p2s:.1f} times the set's); encode the set anew to include it"
            )
    size = os.path.getsize(path)
    report = _report(Path(path), models, records, skipped, size, ids.start, started, progress, {})
    return dataclasses.replace(report, set_bytes=len(section.payload), set_p2s=set_p2s)


def _inputs(inputs: Sequence[Any]) -> list[Input]:
    """All inputs by name: files found, arrays called model_0, model_1, ..."""
    from necgs_cli.meshes.find import find_meshes

    if isinstance(inputs, str | Path):
        inputs = [inputs]
    found: list[Input] = []
    paths = [item for item in inputs if isinstance(item, str | Path)]
    try:
        found += [Input(source.name, source.path) for source in find_meshes(paths)] if paths else []
    except MeshError as error:
        raise NecgsError(str(error)) from error
    arrays = [item for item in inputs if not isinstance(item, str | Path)]
    for i, item in enumerate(arrays):
        found.append(Input(f"model_{i}", tuple(item) if isinstance(item, list) else item))
    if not found:
        raise NecgsError("no meshes found in the inputs")
    return found


def _machine(device: str, workers: int | None, seed: int) -> Machine:
    import torch

    from necgs_cli.neural import Machine, pick_device

    try:
        chosen = pick_device(device)
    except ValueError as error:
        raise NecgsError(str(error)) from error
    workers = workers or _cores()
    torch.set_num_threads(1)  # parallel by model, not within operations: equal sums whatever the number of cores
    return Machine(chosen, workers, seed)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepared(
    items: list[Input], fields: FieldTask, machine: Machine, strict: bool, progress: Progress
) -> tuple[list[Prepared[Any]], list[Skipped]]:
    progress.phase("measuring meshes", len(items))
    models: list[Prepared[Any]] = []
    skipped: list[Skipped] = []
    for done, result in enumerate(prepare_all(items, fields, machine.workers, progress), 1):
        if isinstance(result, Skipped):
            if strict:
                raise NecgsError(f"{result.name}: {result.reason}")
            progress.skip(result.name, result.reason)
            skipped.append(result)
        else:
            models.append(result)
            if result.result.dropped_area > 0.001:
                progress.note(
                    f"{result.name}: {100 * result.result.dropped_area:.1f} % of the surface is hidden; dropped"
                )
        progress.update(done)
    if progress.stopped():
        raise NecgsError("stopped before any training", INTERRUPTED)
    if not models:
        raise NecgsError("none of the inputs is a usable mesh")
    return models, skipped


def _identity(models: list[Prepared[Any]], options: EncodeOptions) -> dict[str, Any]:
    asked = dataclasses.asdict(options)
    for free in ("resume", "overwrite", "strict", "workers", "time_budget", "device"):
        del asked[free]
    return {"options": asked, "models": [[m.name, m.source_bytes, len(m.mesh.faces)] for m in models]}


def _records(
    kind: int, section: SetSection, payloads: list[bytes], models: list[Prepared[Any]], progress: Progress
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
                kind,
                model.name,
                model.placement,
                payload,
                min(found.p2s, FAR),
                min(found.max, FAR),
                _note(model.result.sign),
            )
        )
        progress.update(done)
    return records


def _note(sign: str) -> str:
    return "mixed" if "+" in sign else sign


def _write(output: Path | BinaryIO, sections: list[SetSection], records: list[ModelRecord]) -> int:
    try:
        return write_container(output, sections, records)
    except FileBusy as error:
        raise NecgsError(str(error)) from error


def _decoder_of(path: str | Path) -> tuple[SetSection, list[float]]:
    """The file's decoder, and the distortion of the models that it holds."""
    with open_container(path) as container:
        try:
            found = [s for s in container.sections if s.kind in (SPARSE, DENSE)]
            before = [container.entry(i).p2s for i in range(len(container))]
        except DamagedFile as error:
            raise NecgsError(f"{path}: {error}", DAMAGED) from error
    if not found:
        raise NecgsError(f"{path}: holds no decoder that a model could be fitted to")
    return found[0], [p2s for p2s in before if math.isfinite(p2s)]


def _resolution(section: SetSection) -> int:
    if section.kind == DENSE:
        from necgs_cli.model.dense_payload import unpack_config

        return unpack_config(section.payload).resolution
    from necgs_cli.model.payload import read_config

    return read_config(section.payload)[0].resolution


def _report(
    path: Path | None,
    models: list[Prepared[Any]],
    records: list[ModelRecord],
    skipped: list[Skipped],
    size: int,
    first_id: int,
    started: float,
    progress: Progress,
    options: dict[str, Any],
) -> Report:
    from necgs_cli.bitstream.records import kind_name

    results = [
        ModelResult(
            id=first_id + i,
            name=model.name,
            kind=kind_name(record.kind),
            source_bytes=model.source_bytes,
            record_bytes=len(record.payload),
            p2s=record.p2s,
            max_error=record.max_error,
            seconds=model.seconds,
            sign=model.result.sign,
            dropped=model.dropped,
            repairs=model.repairs,
        )
        for i, (model, record) in enumerate(zip(models, records, strict=True))
    ]
    return Report(
        path=str(path) if path else "-",
        models=results,
        skipped=skipped,
        source_bytes=sum(model.source_bytes for model in models),
        file_bytes=size,
        set_bytes=0,
        seconds=time.monotonic() - started,
        warnings=list(progress.warnings),
        options=options,
    )
