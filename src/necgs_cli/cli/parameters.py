"""The options that several commands share, with one wording each."""

from __future__ import annotations

from typing import Annotated

import typer

from necgs_cli.cli.parse import parse_device, parse_duration, parse_error
from necgs_cli.options import ErrorBound

Device = Annotated[str, typer.Option(metavar="NAME", parser=parse_device, help="Where to compute: auto, cpu or cuda.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of every random choice.")]
Error = Annotated[
    ErrorBound | None,
    typer.Option(
        "--error",
        metavar="E",
        parser=parse_error,
        help="Mean surface distance of mesh records: 0.1% of the longest side (the default of encode), or a length.",
    ),
]
MaxError = Annotated[
    ErrorBound | None,
    typer.Option(
        "--max-error", metavar="E", parser=parse_error, help="Largest surface distance of each mesh record, likewise."
    ),
]
TimeBudget = Annotated[
    float | None,
    typer.Option(
        "--time-budget",
        metavar="TIME",
        parser=parse_duration,
        help="Stop improving after this long: 90, 90s, 10m, 1h30m.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processes that prepare meshes; one a core by default.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first input that cannot be read.")]
KeepInterior = Annotated[bool, typer.Option("--keep-interior", help="Keep surfaces that cannot be seen from outside.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show a line for each model.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout instead of a table.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
