"""The front door: encode meshes into a file, append to it, open it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from necgs_cli.bitstream.container import SetSection, append_records, write_container
from necgs_cli.bitstream.errors import DamagedFile, FileBusy
from necgs_cli.decoding import DENSE, SPARSE
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.model_set import DAMAGED, Entry, ModelSet, inspect, open_container
from necgs_cli.options import CODECS, POLICIES, PRESETS, EncodeOptions, ErrorBound
from necgs_cli.outcome import Missed, ModelResult, NecgsError, Report, Skipped
from necgs_cli.progress import Progress
from necgs_cli.rescue import Recovery, recover
from necgs_cli.verification import Verification, verify

if TYPE_CHECKING:
    from necgs_cli.encoding import Encoded
    from necgs_cli.neural import Machine
    from necgs_cli.prepare import Input
    from necgs_cli.report.set_pictures import Picture
    from necgs_cli.report.view import Look

__all__ = [
    "CODECS",
    "POLICIES",
    "PRESETS",
    "EncodeOptions",
    "Entry",
    "ErrorBound",
    "Mesh",
    "Missed",
    "ModelResult",
    "ModelSet",
    "NecgsError",
    "Progress",
    "Recovery",
    "Report",
    "Skipped",
    "Verification",
    "append",
    "compare",
    "encode",
    "inspect",
    "open",
    "recover",
    "render",
    "verify",
]

MOST_STARTS = 64
"""Stored features that the fit of a new model may start from."""
COVERED = 2.0
"""An appended model with more than this many times the set's mean error is said not to be covered by the decoder."""


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
    from necgs_cli.auto import encode_auto
    from necgs_cli.encoding import encode_neural
    from necgs_cli.journal import UnfinishedWork
    from necgs_cli.training.checkpoint import Checkpoint
    from necgs_cli.training.loop import checkpoint_path

    started = time.monotonic()
    options, progress = options or EncodeOptions(), progress or Progress()
    path = Path(output) if isinstance(output, str | Path) else None
    if path and path.exists() and not options.overwrite:
        raise NecgsError(f"{path}: exists already; overwrite it with -f (overwrite=True)")
    items = _inputs(inputs)
    kept = checkpoint_path(path) if path and (path.is_file() or not path.exists()) else None
    cores = options.workers or _cores()

    def machine() -> Machine:
        return _machine(options.device, cores, options.seed)

    with contextlib.ExitStack() as stack:
        if options.neural:
            checkpoint = stack.enter_context(Checkpoint(kept, options.resume)) if kept else None
            encoded = encode_neural(items, options, machine(), checkpoint, started, progress)
        else:
            unfinished = stack.enter_context(UnfinishedWork(kept, options.resume)) if kept else None
            encoded = encode_auto(items, options, cores, machine, unfinished, started, progress)
        try:
            size = write_container(path or output, encoded.sections, encoded.records)
        except FileBusy as error:
            raise NecgsError(str(error)) from error
    shared = sum(len(section.payload) for section in encoded.sections)
    return dataclasses.replace(
        _report(path, encoded, 0, size, started, progress), set_bytes=shared, options=dataclasses.asdict(options)
    )


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
    error: ErrorBound | None = None,
    max_error: ErrorBound | None = None,
    progress: Progress | None = None,
) -> Report:
    """Adds models to a file; no byte that is there changes.

    Where the file holds a decoder, features are fitted to it as it is; otherwise each model becomes a mesh record, told
    from one of the last models of the file where that is shorter.

    Args:
        path: the file.
        inputs: as for `encode`.
        device, seed, workers, strict, keep_interior: as in `EncodeOptions`.
        time_budget: seconds for fitting features, None for the usual number of steps.
        error, max_error: mean and largest distance of mesh records; without either, the mean of the set's models.
            Ask for mesh records where the file has a decoder.
        progress: told what happens.
    Raises:
        NecgsError: the file is damaged or busy, or nothing could be added.
    """
    from necgs_cli.encoding import append_neural, appended_goal, encode_meshes
    from necgs_cli.references import NOTHING_STORED, Stored

    started = time.monotonic()
    progress = progress or Progress()
    section, features, before = _contents(path)
    stored = NOTHING_STORED
    set_p2s = sum(before) / len(before) if before else math.nan
    options = EncodeOptions(seed=seed, device=device, workers=workers, strict=strict, keep_interior=keep_interior)
    items = _inputs(inputs)
    if section and error is None and max_error is None:
        machine = _machine(device, workers or _cores(), seed)
        encoded = append_neural(section, features, items, options, machine, time_budget, progress)
        _tell_uncovered(encoded, set_p2s, progress)
    else:
        goal = appended_goal(set_p2s, error, max_error)
        with open_container(path) as container:
            stored = Stored.of(container)
        encoded = encode_meshes(items, goal, options, workers or _cores(), progress, stored=stored)
    try:
        ids = append_records(path, encoded.records, known=stored.count)
    except (DamagedFile, FileBusy) as problem:
        raise NecgsError(f"{path}: {problem}", DAMAGED if isinstance(problem, DamagedFile) else 1) from problem
    report = _report(Path(path), encoded, ids.start, os.path.getsize(path), started, progress)
    return dataclasses.replace(report, set_bytes=len(section.payload) if section else 0, set_p2s=set_p2s)


def compare(
    inputs: Sequence[Any],
    source: str | Path | BinaryIO | bytes,
    against: Sequence[str] = (),
    *,
    report: str | Path | None = None,
    samples: int = 100_000,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures the models of a set against their originals, and what other tools would need for the same error.

    Args:
        inputs: the originals, as they were given to `encode`; models are matched by name.
        source: the set: a path, a binary stream, or bytes.
        against: peers by name, see `peers.PEERS`; one whose tool is missing is skipped.
        report: path of an HTML report to write.
        samples: points drawn on each surface.
        workers: processes, one a core by default.
        progress: told what happens; a silent one by default.
    Returns:
        The object of `necgs compare --json` (docs/cli.md). What does not exist or is infinite is None.
    Raises:
        NecgsError: nothing could be measured, the file is not readable, or the work was stopped.
        ValueError: there is no such peer.
    """
    from necgs_cli.comparison import as_file, compare_models

    items, progress, processes = _inputs(inputs), progress or Progress(), workers or _cores()
    with as_file(source) as path:
        found = compare_models(items, path, against, samples, processes, progress)
        if not isinstance(source, str | Path):
            found["set"] = "-"
        if report:
            from necgs_cli.report.error_scenes import error_scenes
            from necgs_cli.report.html import write_report

            write_report(found, error_scenes(found, items, path, processes, progress), report)
    return found


def render(
    source: str | Path | BinaryIO | bytes,
    models: int | Sequence[int] | None = None,
    *,
    originals: Sequence[Any] = (),
    size: int | None = None,
    look: Look | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Draws models of a set, without a display or a GPU.

    Args:
        source: the set: a path, a binary stream, or bytes.
        models: an id for a picture of that model alone; ids for a sheet; None for a sheet of all.
        originals: as they were given to `encode`: drawn beside the models, with the error.
        size: pixels of one model; 800 alone and 190 on a sheet by default.
        look: where to look from.
        workers: processes, one a core by default.
        progress: told what happens; a silent one by default.
    Raises:
        NecgsError: there is no such model, nothing can be drawn, the sheet would be too large, or the work was stopped.
    """
    from necgs_cli.comparison import as_file
    from necgs_cli.report.set_pictures import draw_models
    from necgs_cli.report.view import Look

    name = Path(source).name if isinstance(source, str | Path) else "a set"
    items = _inputs(originals) if originals else []
    with as_file(source) as path:
        return draw_models(path, name, models, items, size, look or Look(), workers or _cores(), progress or Progress())


def _tell_uncovered(encoded: Encoded, set_p2s: float, progress: Progress) -> None:
    for record in encoded.records:
        if record.p2s > COVERED * set_p2s:
            progress.warn(
                f"{record.name}: the set's decoder does not cover this shape well (p2s {record.p2s:.2e},"
                f" {record.p2s / set_p2s:.1f} times the set's); append it as a mesh record with --error"
            )


def _inputs(inputs: Sequence[Any]) -> list[Input]:
    """All inputs by name: files found, arrays called model_0, model_1, ..."""
    from necgs_cli.meshes.find import find_meshes
    from necgs_cli.prepare import Input

    if isinstance(inputs, str | Path):
        inputs = [inputs]
    paths = [item for item in inputs if isinstance(item, str | Path)]
    try:
        found = [Input(source.name, source.path) for source in find_meshes(paths)] if paths else []
    except MeshError as error:
        raise NecgsError(str(error)) from error
    arrays = [item for item in inputs if not isinstance(item, str | Path)]
    for i, item in enumerate(arrays):
        found.append(Input(f"model_{i}", tuple(item) if isinstance(item, list) else item))
    if not found:
        raise NecgsError("no meshes found in the inputs")
    return found


def _machine(device: str, workers: int, seed: int) -> Machine:
    import torch

    from necgs_cli.neural import Machine, pick_device

    try:
        chosen = pick_device(device)
    except ValueError as error:
        raise NecgsError(str(error)) from error
    torch.set_num_threads(1)  # parallel by model, not within operations: equal sums whatever the number of cores
    return Machine(chosen, workers, seed)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _contents(path: str | Path) -> tuple[SetSection | None, list[bytes], list[float]]:
    """The file's decoder, if any, some of its features, and the distortion of the models that the file holds."""
    with open_container(path) as container:
        try:
            found = [s for s in container.sections if s.kind in (SPARSE, DENSE)]
            entries = [container.entry(i) for i in range(len(container))]
            same = [entry.id for entry in entries if found and entry.kind == found[0].kind]
            stored = [container.payload(id) for id in same[:: max(1, -(-len(same) // MOST_STARTS))]]
        except DamagedFile as error:
            raise NecgsError(f"{path}: {error}", DAMAGED) from error
    return found[0] if found else None, stored, [e.p2s for e in entries if math.isfinite(e.p2s)]


def _report(
    path: Path | None, encoded: Encoded, first_id: int, size: int, started: float, progress: Progress
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
            sign=sign,
            dropped=model.dropped,
            repairs=model.repairs,
        )
        for i, (model, record, sign) in enumerate(zip(encoded.models, encoded.records, encoded.signs, strict=True))
    ]
    return Report(
        path=str(path) if path else "-",
        models=results,
        skipped=encoded.skipped,
        source_bytes=sum(model.source_bytes for model in encoded.models),
        file_bytes=size,
        set_bytes=0,
        seconds=time.monotonic() - started,
        warnings=list(progress.warnings),
        decision=encoded.decision,
        missed=encoded.missed,
        raw_bytes=sum(12 * (len(model.mesh.vertices) + len(model.mesh.faces)) for model in encoded.models),
    )
