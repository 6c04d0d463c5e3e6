"""The front door: encode meshes into a file, append to it, open it."""

from __future__ import annotations

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
from necgs_cli.outcome import ModelResult, NecgsError, Report, Skipped
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.encoding import Encoded
    from necgs_cli.neural import Machine
    from necgs_cli.prepare import Input

__all__ = [
    "CODECS",
    "POLICIES",
    "PRESETS",
    "EncodeOptions",
    "Entry",
    "ErrorBound",
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
    from necgs_cli.encoding import checkpoint_for, encode_meshes, encode_neural

    started = time.monotonic()
    options, progress = options or EncodeOptions(), progress or Progress()
    path = Path(output) if isinstance(output, str | Path) else None
    if path and path.exists() and not options.overwrite:
        raise NecgsError(f"{path}: exists already; overwrite it with -f (overwrite=True)")
    items = _inputs(inputs)
    checkpoint = checkpoint_for(path, options.resume) if path and options.neural else None
    if options.neural:
        machine = _machine(options.device, options.workers, options.seed)
        encoded = encode_neural(items, options, machine, checkpoint, started, progress)
    else:
        encoded = encode_meshes(items, options.bound, options, options.workers or _cores(), progress)
    try:
        size = write_container(path or output, encoded.sections, encoded.records)
    except FileBusy as error:
        raise NecgsError(str(error)) from error
    if checkpoint:
        checkpoint.remove()
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
    progress: Progress | None = None,
) -> Report:
    """Adds models to a file; no byte that is there changes.

    Where the file holds a decoder, features are fitted to it as it is; otherwise each model becomes a mesh record.

    Args:
        path: the file.
        inputs: as for `encode`.
        device, seed, workers, strict, keep_interior: as in `EncodeOptions`.
        time_budget: seconds for fitting features, None for the usual number of steps.
        error: of mesh records; None for the mean of the set's models. Asks for mesh records where the file has a
            decoder.
        progress: told what happens.
    Raises:
        NecgsError: the file is damaged or busy, or nothing could be added.
    """
    from necgs_cli.encoding import append_neural, default_bound, encode_meshes

    started = time.monotonic()
    progress = progress or Progress()
    section, stored, before = _contents(path)
    set_p2s = sum(before) / len(before) if before else math.nan
    options = EncodeOptions(seed=seed, device=device, workers=workers, strict=strict, keep_interior=keep_interior)
    items = _inputs(inputs)
    if section and error is None:
        encoded = append_neural(section, stored, items, options, _machine(device, workers, seed), time_budget, progress)
        _tell_uncovered(encoded, set_p2s, progress)
    else:
        encoded = encode_meshes(items, error or default_bound(set_p2s), options, workers or _cores(), progress)
    try:
        ids = append_records(path, encoded.records)
    except (DamagedFile, FileBusy) as problem:
        raise NecgsError(f"{path}: {problem}", DAMAGED if isinstance(problem, DamagedFile) else 1) from problem
    report = _report(Path(path), encoded, ids.start, os.path.getsize(path), started, progress)
    return dataclasses.replace(report, set_bytes=len(section.payload) if section else 0, set_p2s=set_p2s)


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


def _machine(device: str, workers: int | None, seed: int) -> Machine:
    import torch

    from necgs_cli.neural import Machine, pick_device

    try:
        chosen = pick_device(device)
    except ValueError as error:
        raise NecgsError(str(error)) from error
    torch.set_num_threads(1)  # parallel by model, not within operations: equal sums whatever the number of cores
    return Machine(chosen, workers or _cores(), seed)


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
    )
