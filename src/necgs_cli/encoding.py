"""The two ways to make records of a set of inputs: by mesh codec and by neural codec."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from necgs_cli.bitstream.container import ModelRecord, SetSection, container_bytes
from necgs_cli.decoding import DENSE, POSED, open_decoder
from necgs_cli.explicit.coding.choice import compile_for_search
from necgs_cli.explicit.point import TILT, tilt_price
from necgs_cli.families import Choice, Families
from necgs_cli.joining import JoinTask
from necgs_cli.kept_records import KeptMeshTask, asked_of
from necgs_cli.mesh_codec import CodedMesh, MeshTask, allocate, allocate_bytes, most_exact_within
from necgs_cli.options import DEFAULT_ERROR, EncodeOptions, ErrorBound, Goal
from necgs_cli.outcome import NO_SURFACE, Missed, NecgsError, Skipped
from necgs_cli.pose_tasks import LEAST_ERROR, Allowed
from necgs_cli.prepare import FieldTask, Input, Prepared, Task, prepare_all
from necgs_cli.progress import Progress
from necgs_cli.references import NOTHING_STORED, Stored

if TYPE_CHECKING:
    from necgs_cli.journal import UnfinishedWork
    from necgs_cli.neural import Machine
    from necgs_cli.training.checkpoint import Checkpoint

INTERRUPTED = 130
TRAINING_SHARE = 0.5
"""Least share of a time budget that is left to training, however long the preparation took."""
FINISH_SECONDS = 0.3
"""Expected seconds a model for the last measurement, one after another."""
MISSED = 1.01
"""An error above this many times the asked one is reported as missed."""
LEAST_PAYLOAD = 16
"""Bytes below which no share of a size is tried."""
FRAMING, NAME_SHARE, FILE_FRAMING = 15.0, 0.6, 40.0
"""Bytes of a file besides payloads: for a model, for a byte of its name, and once. About: for a first share only."""
SHARED_PRICE = 0.8
"""Mean bytes of records told from others, over those of their own: what error is worth in bytes falls alike."""
MOST_DEPENDENCE_BYTES = 3
"""Of a record that is told from another one, to name that."""
SIZE_TRIALS = 8
"""Choices until a file of the asked size is found."""


@dataclass(frozen=True)
class Encoded:
    """Records of a set, ready to be written.

    Attributes:
        models: the inputs that became records, in the same order; signs: how each one's inside was told.
        decision: which codec was used and why.
        missed: what was asked for and not reached.
    """

    models: list[Prepared[Any]]
    records: list[ModelRecord]
    sections: list[SetSection]
    skipped: list[Skipped]
    signs: list[str]
    decision: str
    missed: list[Missed] = field(default_factory=list)


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
    items: list[Input],
    goal: Goal,
    options: EncodeOptions,
    workers: int,
    progress: Progress,
    unfinished: UnfinishedWork | None = None,
    stored: Stored = NOTHING_STORED,
) -> Encoded:
    """One explicit record a model, at an asked error or size; `unfinished` keeps each as soon as it is found.

    Args:
        stored: models of the file that these will join. Records depend on ids as they will be there.

    Raises:
        NecgsError: see `read_models`.
    """
    compile_for_search(len(items), progress.phase)
    progress.phase("fitting control meshes", len(items))
    share = int(goal.most_bytes(len(items)) / len(items) - _framing(items)) if goal.sized else None
    task = MeshTask(goal, None if share is None else max(share, LEAST_PAYLOAD), options.seed)
    journal = unfinished.begin(asked_of(task)) if unfinished else None
    search: Task[list[CodedMesh]] = KeptMeshTask(task, journal) if journal else task
    if stored.coded:
        search = JoinTask(search, goal, stored, options.seed)
    models, skipped = read_models(items, search, workers, options.strict, progress)
    hulls: list[list[CodedMesh]] = [model.result for model in models]
    bounds = [(goal.error or goal.max_error or DEFAULT_ERROR).of(longest_side(model)) for model in models]
    if goal.sized:
        choose: Choice = partial(_chosen_by_size, models, goal=goal)
    elif goal.whole_set:
        choose = partial(allocate, bounds=bounds)
    else:
        choose = _most_exact
    own = choose(hulls)
    allowed = _allowed(models, own, bounds, goal)
    families = Families(models, own, allowed, options.seed, workers, progress, journal, stored)
    families.find()
    chosen, depends = families.records, families.depends
    if goal.whole_set:
        chosen, depends = families.choose_again(hulls, choose)
        alone: list[tuple[int, ...]] = [()] * len(own)
        if _merit(models, own, alone, bounds, goal) < _merit(models, chosen, depends, bounds, goal):
            chosen, depends = own, alone
    records = mesh_records(models, chosen, [tuple(stored.count + of for of in others) for others in depends])
    missed = _missed(models, chosen, goal, container_bytes([], records) if goal.sized else 0)
    for miss in missed:
        progress.warn(str(miss))
    size = sum(len(record.payload) for record in records) / len(records)
    decision = f"mesh records, {size:,.0f} B a model"
    if posed := sum(map(bool, depends)):
        decision += f", {posed} of them told from others"
    return Encoded(models, records, [], skipped, [""] * len(models), decision, missed)


def _allowed(models: list[Prepared[Any]], own: list[CodedMesh], bounds: list[float], goal: Goal) -> list[Allowed]:
    """What records told from others may be in place of models' own."""
    largest = [goal.max_error.of(longest_side(m)) if goal.max_error else math.inf for m in models]
    price = None
    if goal.whole_set:
        means = [sum(c.p2s for c in own) / len(own)] * len(own) if goal.sized else bounds
        felt = sum(c.felt / max(mean, LEAST_ERROR) for c, mean in zip(own, means, strict=True))
        price = SHARED_PRICE * sum(c.bytes for c in own) / max(felt, LEAST_ERROR)
    else:
        means = bounds if goal.error and not goal.sized else [c.p2s for c in own]
    tilts = [TILT if goal.sized else tilt_price(mean) for mean in means]
    return [Allowed(mean, most, price, tilt) for mean, most, tilt in zip(means, largest, tilts, strict=True)]


def _merit(
    models: list[Prepared[Any]],
    chosen: list[CodedMesh],
    depends: list[tuple[int, ...]],
    bounds: list[float],
    goal: Goal,
) -> tuple[bool, float]:
    """Of a choice over the set, the less the better: whether it misses what is asked, then its error or its bytes."""
    size = container_bytes([], mesh_records(models, chosen, depends))
    if goal.sized:
        return size > goal.most_bytes(len(models)), sum(c.p2s for c in chosen)
    ratio = sum(c.p2s / bound for c, bound in zip(chosen, bounds, strict=True)) / len(chosen)
    return ratio > MISSED, size


def mesh_records(
    models: list[Prepared[Any]], chosen: list[CodedMesh], depends: list[tuple[int, ...]] | None = None
) -> list[ModelRecord]:
    """The records of chosen points, and the models that each depends on, if any."""
    return [
        ModelRecord(c.kind, model.name, model.placement, c.payload, c.p2s, c.max_error, depends=others)
        for model, c, others in zip(models, chosen, depends or [()] * len(models), strict=True)
    ]


def _framing(items: list[Input]) -> float:
    """Bytes a model that the file holds besides payloads, about."""
    names = sum(len(item.name.encode()) for item in items) / len(items)
    return FRAMING + NAME_SHARE * names + FILE_FRAMING / len(items)


def _most_exact(hulls: Sequence[Sequence[CodedMesh]]) -> list[CodedMesh]:
    return [hull[-1] for hull in hulls]


def _chosen_by_size(models: list[Prepared[Any]], hulls: Sequence[Sequence[CodedMesh]], goal: Goal) -> list[CodedMesh]:
    """The most exact choice whose file has at most the asked size, or the smallest where none has."""
    most = goal.most_bytes(len(models))
    payloads, chosen = most, [min(hull, key=lambda point: point.bytes) for hull in hulls]
    for _ in range(SIZE_TRIALS):
        if goal.whole_set:
            trial = allocate_bytes(hulls, payloads)
        else:
            trial = [most_exact_within(hull, payloads / len(hulls)) for hull in hulls]
        posed = sum(point.kind == POSED for point in trial)
        size = container_bytes([], mesh_records(models, trial)) + MOST_DEPENDENCE_BYTES * posed
        if size <= most:
            return trial
        payloads = min(payloads, sum(point.bytes for point in trial)) - (size - most)
    return chosen


def longest_side(model: Prepared[Any]) -> float:
    """Longest side of a model's bounding box, source units."""
    extent = model.mesh.vertices.max(axis=0) - model.mesh.vertices.min(axis=0)
    return float(extent.max())


def _missed(models: list[Prepared[Any]], chosen: list[CodedMesh], goal: Goal, size: int) -> list[Missed]:
    """What was asked for and not reached."""
    if goal.sized:
        times = size / goal.most_bytes(len(models))
        return [Missed("", "size", times)] if times > 1 else []
    found = []
    if goal.error:
        ratios = [c.p2s / goal.error.of(longest_side(m)) for m, c in zip(models, chosen, strict=True)]
        if goal.whole_set:
            ratios = [sum(ratios) / len(ratios)]
        names = [""] if goal.whole_set else [model.name for model in models]
        found += [Missed(name, "error", r) for name, r in zip(names, ratios, strict=True) if r > MISSED]
    if goal.max_error:
        ratios = [c.max_error / goal.max_error.of(longest_side(m)) for m, c in zip(models, chosen, strict=True)]
        found += [Missed(m.name, "max error", r) for m, r in zip(models, ratios, strict=True) if r > MISSED]
    return found


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
        left = options.time_budget - (time.monotonic() - started) - FINISH_SECONDS * len(models)
        seconds = max(left, TRAINING_SHARE * options.time_budget)
    try:
        coded = train_set(models, preset, machine, progress, checkpoint, seconds)
    except Stopped:
        raise NecgsError("stopped", INTERRUPTED) from None
    records = neural_records(coded.section, coded.payloads, models, machine, progress)
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
    records = neural_records(section, payloads, models, machine, progress)
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
    section: SetSection, payloads: list[bytes], models: list[Prepared[Any]], machine: Machine, progress: Progress
) -> list[ModelRecord]:
    """Records with the distortion that a reader will get."""
    from necgs_cli.neural import FINAL_SAMPLES, measure_record, reference

    decoder = open_decoder(section, machine.device)
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
                min(found.p2s, NO_SURFACE),
                min(found.max, NO_SURFACE),
                "mixed" if "+" in model.result.sign else model.result.sign,
            )
        )
        progress.update(done)
    return records


def appended_goal(set_p2s: float, error: ErrorBound | None, max_error: ErrorBound | None) -> Goal:
    """What models that join a set keep to: where nothing is asked, the set's own mean, or the usual error."""
    if error is None and max_error is None:
        error = ErrorBound(set_p2s / 2) if math.isfinite(set_p2s) and set_p2s > 0 else DEFAULT_ERROR
    return Goal(error, max_error)
