"""What the commands print: results on stdout, everything else on stderr; plain columns, JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, TextIO

import typer

from necgs_cli.progress import NORMAL, QUIET, VERBOSE, PlainProgress, Progress


def say(text: str) -> None:
    """Print one line for the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def verbosity(quiet: bool, verbose: bool) -> int:
    """The verbosity that `-q` and `-v` ask for."""
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other")
    return QUIET if quiet else VERBOSE if verbose else NORMAL


def make_progress(level: int) -> Progress:
    """The display for long work: live on a terminal, a plain line now and then elsewhere."""
    if level > QUIET and sys.stderr.isatty():
        from necgs_cli.cli.live import LiveProgress, terminal_can_redraw

        if terminal_can_redraw():
            return LiveProgress(sys.stderr, level)
    return PlainProgress(sys.stderr, level)


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; numbers that JSON lacks (NaN, infinity) become null."""
    print(json.dumps(_finite(value), indent=2, allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def print_table(
    rows: Iterable[Sequence[str]], align: str, header: Sequence[str] = (), file: TextIO | None = None
) -> None:
    """Print rows in aligned columns; put the column of free text last, where its width disturbs nothing.

    Args:
        rows: the cells, as text.
        align: one `<` or `>` a column.
        header: the columns' titles; without it the table has no head.
        file: stdout where None.
    """
    file = sys.stdout if file is None else file
    rows = [list(row) for row in rows]
    everything = [list(header), *rows] if header else rows
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    # The last column is not padded: no trailing blanks, and long names make no other line longer.
    if align[-1] == "<":
        widths[-1] = len(header[-1]) if header else 0

    def line(cells: Sequence[str]) -> str:
        padded = (f"{cell:{side}{width}}" for cell, side, width in zip(cells, align, widths, strict=True))
        return "  ".join(padded).rstrip()

    lines = [line(row) for row in rows]
    if header:
        rule = "─" if (getattr(file, "encoding", None) or "").lower().startswith("utf") else "-"
        lines[:0] = [line(header), "  ".join(rule * width for width in widths)]
    print("\n".join(lines), file=file)


def binary_stdout() -> BinaryIO:
    """stdout for bytes.

    Raises:
        typer.BadParameter: when stdout is a terminal.
    """
    if sys.stdout.isatty():
        raise typer.BadParameter("refusing to write binary data to a terminal: redirect stdout or give -o FILE")
    return sys.stdout.buffer


def binary_stdin() -> BinaryIO:
    """stdin for bytes.

    Raises:
        typer.BadParameter: when stdin is a terminal.
    """
    if sys.stdin.isatty():
        raise typer.BadParameter("'-' reads the set from stdin, which is a terminal: pipe a .ncgs file into it")
    return sys.stdin.buffer
