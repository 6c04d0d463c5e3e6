"""Whether a decoder for the set pays besides mesh records, and the file that holds the smaller record of each model.

Mesh records come first, as they take seconds. A decoder is trained only where its predicted size is below theirs, and
kept only where the measured one is.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from necgs_cli.bitstream.container import ModelRecord
from necgs_cli.encoding import Encoded, encode_meshes, encode_neural
from necgs_cli.model.capacity import predicted_bytes
from necgs_cli.options import EncodeOptions
from necgs_cli.outcome import NecgsError
from necgs_cli.prepare import Input
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from necgs_cli.journal import UnfinishedWork
    from necgs_cli.neural import Machine

WITHIN = 1.01
"""Error over that of the mesh record up to which a neural record may stand in for it."""


def encode_auto(
    items: list[Input],
    options: EncodeOptions,
    workers: int,
    machine: Callable[[], Machine],
    unfinished: UnfinishedWork | None,
    started: float,
    progress: Progress,
) -> Encoded:
    """Mesh records, and a decoder for the set where that makes the file smaller within the time budget.

    Raises:
        NecgsError: nothing could be encoded, or the work was stopped.
    """
    encoded = encode_meshes(items, options.goal, options, workers, progress, unfinished)
    if options.codec == "mesh" or options.goal.sized:
        return encoded
    size = sum(len(record.payload) for record in encoded.records)
    count = len(encoded.records)
    mean = max(sum(record.p2s for record in encoded.records) / count, 1e-9)
    predicted = predicted_bytes(count, mean)
    about = f"a decoder for these {count} and its features would take about {predicted / count:,.0f} B a model"
    if predicted >= size:
        return dataclasses.replace(encoded, decision=f"{encoded.decision}; {about}")
    if options.time_budget is None:
        return dataclasses.replace(encoded, decision=f"{encoded.decision}; {about}: give --time-budget to try")
    left = max(options.time_budget - (time.monotonic() - started), 1.0)
    neural_options = dataclasses.replace(
        options, codec="neural", error=None, max_error=None, policy=None, quality=None, time_budget=left
    )
    try:
        neural = encode_neural(items, neural_options, machine(), None, time.monotonic(), progress)
    except NecgsError as error:
        if progress.stopped():
            raise
        progress.warn(f"no decoder: {error}")
        return encoded
    return smaller_of_each(encoded, neural)


def smaller_of_each(mesh: Encoded, neural: Encoded) -> Encoded:
    """The file of the smaller records where that pays for the decoder; otherwise the mesh records."""
    found = {record.name: record for record in neural.records}
    signs = dict(zip((record.name for record in neural.records), neural.signs, strict=True))
    needed = {other for record in mesh.records for other in record.depends}
    records = [
        record if i in needed else _smaller(record, found.get(record.name)) for i, record in enumerate(mesh.records)
    ]
    decoder = sum(len(section.payload) for section in neural.sections)
    size = decoder + sum(len(record.payload) for record in records)
    before, count = sum(len(record.payload) for record in mesh.records), len(records)
    chosen = sum(a is not b for a, b in zip(records, mesh.records, strict=True))
    if chosen == 0 or size >= before:
        reason = f"with the trained decoder {size / count:,.0f}" if chosen else "no neural record was smaller"
        return dataclasses.replace(mesh, decision=f"{mesh.decision}; {reason}")
    decision = f"{chosen} neural records and {count - chosen} mesh records, {size / count:,.0f} B a model;"
    kept = [a is b for a, b in zip(records, mesh.records, strict=True)]
    return dataclasses.replace(
        mesh,
        records=records,
        sections=neural.sections,
        signs=["" if same else signs[record.name] for same, record in zip(kept, records, strict=True)],
        decision=f"{decision} mesh records alone would take {before / count:,.0f}",
    )


def _smaller(mesh: ModelRecord, neural: ModelRecord | None) -> ModelRecord:
    """The neural record where it is smaller and as exact."""
    if neural is None or len(neural.payload) >= len(mesh.payload) or neural.p2s > WITHIN * mesh.p2s:
        return mesh
    return neural
