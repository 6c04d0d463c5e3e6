"""The report of an encode or append: what is said on stderr, the table, and the JSON object."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from necgs_cli.cli.command import DONE, SKIPPED
from necgs_cli.cli.console import print_table, say
from necgs_cli.progress import NORMAL, VERBOSE, format_seconds, printable

if TYPE_CHECKING:
    from necgs_cli.api import ModelResult, Report


def tell_outcome(report: Report, level: int) -> int:
    """Say on stderr what the table leaves out; returns the exit code.

    Skipped inputs and warnings are not repeated: they were shown as soon as they were known.
    """
    if level >= VERBOSE:
        for model in report.models:
            say(_model_line(model))
    if level >= NORMAL:
        say(f"codec: {report.decision}")
        say(_what_is_lost(report.models))
    return SKIPPED if report.skipped or report.missed else DONE


def _what_is_lost(models: list[ModelResult]) -> str:
    """What the method does not keep, once for the whole run."""
    counts = Counter(attribute for model in models for attribute in model.dropped)
    extra = "".join(f", {attribute} ({count} of {len(models)})" for attribute, count in sorted(counts.items()))
    return f"note: shapes are kept, their triangulation is not; not stored: connectivity{extra}"


def _model_line(model: ModelResult) -> str:
    parts = [
        f"{model.id} {printable(model.name)}: {model.kind}, {model.record_bytes:,} B, p2s {model.p2s:.2e},"
        f" max {model.max_error:.2e}, {format_seconds(model.seconds)}"
    ]
    if model.sign:
        parts.append(f"sign by {model.sign}")
    if model.dropped:
        parts.append("dropped " + ", ".join(model.dropped))
    if model.repairs:
        parts.append("repaired: " + ", ".join(model.repairs))
    return printable("; ".join(parts))


def print_encoded(report: Report, to_stderr: bool) -> None:
    """The table that ends `necgs encode`."""
    skipped = f"{len(report.skipped)} skipped" if report.skipped else ""
    models, size = max(len(report.models), 1), max(report.file_bytes, 1)
    rows = [
        ("models", f"{len(report.models):,}", skipped),
        ("bytes in", f"{report.source_bytes:,}", "the source files, as read"),
        ("bytes out", f"{report.file_bytes:,}", f"{report.file_bytes / models:,.0f} a model"),
        ("ratio", f"{report.source_bytes / size:,.1f}", _of_raw(report)),
        ("p2s", f"{report.p2s:.2e}", _error_note(report)),
        ("time", format_seconds(report.seconds), ""),
    ]
    print_table(rows, "<><", file=sys.stderr if to_stderr else None)


def _of_raw(report: Report) -> str:
    """What the ratio is of, and the ratio of the meshes as raw binary."""
    raw = report.raw_bytes / max(report.file_bytes, 1)
    return f"bytes in / bytes out; {raw:,.1f} against raw binary (12 B a vertex and a triangle)"


def print_appended(report: Report, bytes_before: int) -> None:
    """The table that ends `necgs append`: the new models beside the set."""
    added = report.file_bytes - bytes_before
    models = max(len(report.models), 1)
    rows = [
        ("new models", f"{len(report.models):,}", f"{len(report.skipped)} skipped" if report.skipped else ""),
        ("bytes added", f"{added:,}", f"{added / models:,.0f} a model"),
        ("file", f"{report.file_bytes:,}", "bytes"),
        ("p2s, new", f"{report.p2s:.2e}", _error_note(report)),
        ("p2s, set", f"{report.set_p2s:.2e}", "mean of the models before"),
        ("time", format_seconds(report.seconds), ""),
    ]
    print_table(rows, "<><")


def _error_note(report: Report) -> str:
    """The mean distance (unit frame, longest side 2) for people, and which models it leaves out."""
    if report.empty == len(report.models):
        return "nothing decodes to a surface"
    note = f"mean distance to the original: {50 * report.p2s:.3f} % of the longest side"
    return f"{note}; {report.empty:,} decode to no surface" if report.empty else note


def encoded_json(report: Report) -> dict[str, Any]:
    """The documented JSON object of `encode --json` (docs/cli.md)."""
    fields = dataclasses.asdict(report)
    del fields["set_p2s"]  # of an append only
    return fields | {"p2s": report.p2s, "ratio": report.source_bytes / max(report.file_bytes, 1)}


def appended_json(report: Report, bytes_before: int) -> dict[str, Any]:
    """The documented JSON object of `append --json` (docs/cli.md)."""
    added = report.file_bytes - bytes_before
    return dataclasses.asdict(report) | {"p2s": report.p2s, "set_p2s": report.set_p2s, "added_bytes": added}
