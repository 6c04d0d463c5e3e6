"""`necgs append`: more models into an existing file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import make_progress, print_json, verbosity
from necgs_cli.cli.interrupt import interruptible
from necgs_cli.cli.results import appended_json, print_appended, tell_outcome


def append(
    set_file: Annotated[Path, typer.Argument(metavar="SET", exists=True, dir_okay=False, help="The .ncgs file.")],
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Mesh files, folders, quoted globs, or @list.txt with one a line."),
    ],
    error: given.Error = None,
    max_error: given.MaxError = None,
    time_budget: given.TimeBudget = None,
    device: given.Device = "auto",
    seed: given.Seed = 0,
    workers: given.Workers = None,
    strict: given.Strict = False,
    keep_interior: given.KeepInterior = False,
    quiet: given.Quiet = False,
    verbose: given.Verbose = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Add meshes to an existing set.

    The bytes that the set holds are never rewritten. New models keep to its mean error, or to --error. Where it has a
    decoder they are fitted to that: a shape unlike the set's may come out worse than the others, which is said.

    \b
    Examples:
      necgs append set.ncgs new.obj
      necgs append set.ncgs more/ --error 0.05%
    """
    level = verbosity(quiet, verbose)
    bytes_before = set_file.stat().st_size
    from necgs_cli import api

    with make_progress(level) as progress, interruptible(progress):
        report = api.append(
            set_file,
            inputs,
            device=device,
            seed=seed,
            workers=workers,
            strict=strict,
            time_budget=time_budget,
            keep_interior=keep_interior,
            error=error,
            max_error=max_error,
            progress=progress,
        )
    code = tell_outcome(report, level)
    if json:
        print_json(appended_json(report, bytes_before))
    else:
        print_appended(report, bytes_before)
    raise typer.Exit(code)
