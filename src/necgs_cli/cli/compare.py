"""`necgs compare`: a set against its originals, and against other tools."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.command import DAMAGED, DONE, SKIPPED
from necgs_cli.cli.console import binary_stdin, make_progress, print_json, print_table, say, verbosity
from necgs_cli.cli.files import refuse_existing, whole_file
from necgs_cli.cli.interrupt import interruptible
from necgs_cli.peers import PEERS
from necgs_cli.progress import NORMAL, printable

SHOWN = 10
"""Models in the table: the worst."""
COLUMNS = (
    "id", "name", "kind", "record_bytes", "source_bytes", "raw_bytes", "longest_side", "p2s", "mean_error", "p99",
    "max_error", "normal_consistency", "cd", "cd_floor", "f1_005", "f1_005_floor", "f1_01", "f1_01_floor",
    "recorded_p2s",
)  # fmt: skip
EPILOG = "\b\nPeers of --against:\n" + "\n".join(f"  {name:<9} {text}" for name, text in PEERS.items())


def _peers(text: str) -> list[str]:
    """Names of peers from `draco,gpcc`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PEERS:
            raise typer.BadParameter(f"{name!r} is no peer: give {', '.join(PEERS)}")
    return names


def compare(
    inputs: Annotated[
        list[str], typer.Argument(metavar="MESHES...", help="The originals, as they were given to encode.")
    ],
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    against: Annotated[
        list[Any] | None,
        typer.Option(
            "--against",
            metavar="PEERS",
            parser=_peers,
            autocompletion=lambda: list(PEERS),
            help="Other tools to hold the set against, by comma: draco,qem-draco,gpcc; see below.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a report, one HTML file, to read offline.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write a row for each model; - is stdout.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1000, metavar="N", help="Points at which each surface is measured.")
    ] = 100_000,
    workers: given.Workers = None,
    force: given.Force = False,
    quiet: given.Quiet = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Measure a set against its originals, worst models first.

    Models are matched by name. Those without a partner are named (exit code 3).

    \b
    Examples:
      necgs compare meshes/ set.ncgs
      necgs compare meshes/ set.ncgs --against draco,qem-draco --report report.html
      necgs compare meshes/ set.ncgs --csv - --samples 20000
    """
    if json and table == "-":
        raise typer.BadParameter("--json and --csv - would both write to stdout")
    level = verbosity(quiet, False)
    refuse_existing([path for path in (report, table and table != "-" and Path(table)) if path], force)
    peers = [name for names in against or [] for name in names]
    source = binary_stdin() if set_file == "-" else set_file
    from necgs_cli import api

    with make_progress(level) as progress, interruptible(progress):
        found = api.compare(inputs, source, peers, report=report, samples=samples, workers=workers, progress=progress)
    if table == "-":
        print(_csv(found), end="")
    elif table:
        with whole_file(Path(table)) as file:
            file.write(_csv(found).encode())
    if json:
        print_json(found)
    elif table != "-":
        print_comparison(found)
    if level >= NORMAL:
        for written in filter(None, (report, table if table != "-" else None)):
            say(f"written: {printable(str(written))}")
    raise typer.Exit(exit_code(found))


def exit_code(found: dict[str, Any]) -> int:
    """4 where a model is damaged, 3 where anything could not be compared, else 0."""
    if any(lost["damaged"] for lost in found["skipped"]):
        return DAMAGED
    return SKIPPED if found["skipped"] or found["missing"] or found["unavailable"] else DONE


def _csv(found: dict[str, Any]) -> str:
    """A row for each model; a column of bytes at equal error for each peer; empty where there is no figure."""
    peers = list(found["summary"]["peers"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"{peer.replace('-', '_')}_bytes_at_equal_error" for peer in peers)])
    for row in found["models"]:
        sizes = [row["peers"][peer]["bytes_at_equal_error"] for peer in peers]
        writer.writerow(["" if value is None else value for value in (*(row[key] for key in COLUMNS), *sizes)])
    # names that are not UTF-8 text cannot be written as such
    return text.getvalue().encode("utf-8", "replace").decode()


def print_comparison(found: dict[str, Any]) -> None:
    """The set's figures, and the worst models."""
    summary, count = found["summary"], found["summary"]["models"]
    whole = summary["ratio_disk"] is not None
    of_file = f"{summary['file_bytes'] / count:,.0f} a model" if whole else "of all models of the set"
    rows = [
        ("models", f"{count:,}", ""),
        ("file", f"{summary['file_bytes']:,}", f"bytes, {of_file}"),
        ("originals", f"{summary['source_bytes']:,}", f"bytes on disk{_times(summary['ratio_disk'])}"),
        (
            "as raw binary",
            f"{summary['raw_bytes']:,}",
            f"bytes{_times(summary['ratio_raw'])}; 12 a vertex and triangle",
        ),
        ("mean distance", _figure(summary["p2s"]), f"p2s{_share(summary['p2s'])}"),
        ("99 % below", _figure(summary["p99"]), f"mean of the models{_share(summary['p99'])}"),
        ("largest", _figure(summary["max_error"]), f"of all models{_share(summary['max_error'])}"),
        ("normals", _figure(summary["normal_consistency"], ".4f"), "mean |cos| of the angle, 1 is equal"),
        *(_peer_row(peer, figures, count) for peer, figures in summary["peers"].items()),
    ]
    print_table(rows, "<><")
    for note in found["notes"]:
        print(f"note: {note}")
    print(f"\nthe worst {SHOWN} of {count:,} models" if count > SHOWN else "")
    print_models(found["models"][:SHOWN])


def _peer_row(peer: str, figures: dict[str, Any], count: int) -> tuple[str, str, str]:
    """A peer's bytes at equal error: beside the file, or beside the records of the models for which it has a figure."""
    reached = figures["reached"]
    if not reached["models"]:
        return peer, "-", "reaches the error of none of the models"
    if figures["ratio"] is not None:
        return peer, f"{figures['bytes']:,.0f}", f"bytes at equal error, {figures['ratio']:,.2f} times this file"
    some = "" if reached["models"] == count else f" for {reached['models']:,} of {count:,} models"
    times = f"{reached['ratio']:,.2f} times their records"
    return peer, f"{reached['bytes']:,.0f}", f"bytes at equal error{some}, {times}"


def print_models(rows: list[dict[str, Any]]) -> None:
    """A row for each model: bytes, ratios, distances."""
    peers = list(rows[0]["peers"]) if rows else []
    header = ("id", "bytes", "x disk", "x raw", "p2s", "p99", "max", "normals", *peers, "name")
    cells = []
    for row in rows:
        sizes = (row["peers"][peer]["bytes_at_equal_error"] for peer in peers)
        ratios = (f"{row[key] / row['record_bytes']:,.1f}" for key in ("source_bytes", "raw_bytes"))
        distances = (_figure(row[key]) for key in ("p2s", "p99", "max_error"))
        cells.append(
            (str(row["id"]), f"{row['record_bytes']:,}", *ratios, *distances, _figure(row["normal_consistency"], ".4f"),
             *(_figure(size, ",.0f") for size in sizes), printable(row["name"]))
        )  # fmt: skip
    print_table(cells, ">" * (len(header) - 1) + "<", header, file=sys.stdout)


def _figure(value: float | None, form: str = ".2e") -> str:
    return "-" if value is None else format(value, form)


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f", {ratio:,.1f} times the file"


def _share(distance: float | None) -> str:
    """A distance of the unit frame (longest side 2) for people."""
    return "" if distance is None else f", {50 * distance:.3f} % of the longest side"
