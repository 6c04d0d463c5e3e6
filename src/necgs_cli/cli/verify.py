"""`necgs verify`: is a set whole, and is it what was encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import binary_stdin, make_progress, print_json, verbosity
from necgs_cli.cli.interrupt import interruptible
from necgs_cli.cli.parse import parse_error
from necgs_cli.options import ErrorBound
from necgs_cli.progress import NORMAL, format_seconds, printable

if TYPE_CHECKING:
    from necgs_cli.api import Verification


def verify(
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[MESHES]...", help="More originals, as a shell's * gives them.")
    ] = None,
    originals: Annotated[
        list[str] | None,
        typer.Option(
            "--originals", metavar="MESHES...", help="What was encoded, as it was given to encode: compare with it."
        ),
    ] = None,
    max_error: Annotated[
        ErrorBound | None,
        typer.Option(
            "--max-error",
            metavar="E",
            parser=parse_error,
            help="Bound of the largest distance of each model: 1% of the longest side, or a length.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Read structure and checksums only; decode nothing.")] = False,
    quiet: given.Quiet = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Check that a set is whole, that every model decodes, and how far each is from its original.

    Prints a line for each problem, and one of summary. Exit codes: 0 all well, 4 damaged, 1 a distance is larger than
    recorded or asked, 3 a model cannot be compared or an original is not in the set.

    \b
    Examples:
      necgs verify set.ncgs
      necgs verify set.ncgs --originals meshes/ --max-error 2%
      necgs verify set.ncgs --quick --json
    """
    inputs = [*(originals or []), *(more or [])]
    if quick and inputs:
        raise typer.BadParameter("--quick decodes nothing, and so excludes --originals")
    level = verbosity(quiet, False)
    source = binary_stdin() if set_file == "-" else set_file
    from necgs_cli import api
    from necgs_cli.verification import as_json

    with make_progress(level) as progress, interruptible(progress):
        found = api.verify(source, inputs or None, max_error, quick, progress)
    if json:
        print_json(as_json(found))
    else:
        _print_problems(found)
        if level >= NORMAL:
            print(_summary(set_file, found, quick))
    raise typer.Exit(found.exit_code)


def _print_problems(found: Verification) -> None:
    for problem in found.problems:
        which = "" if problem.id is None else f"{problem.id} "
        name = f"{which}{problem.name}".strip()
        print(f"{problem.kind}: {printable(f'{name}: ' if name else '')}{printable(problem.text)}")


def _summary(set_file: str, found: Verification, quick: bool) -> str:
    """The one line that ends the check."""
    if not found.file_bytes:
        return f"{printable(set_file)}: not readable as a set; necgs recover may find intact models in it"
    parts = [f"{found.models:,} models, {found.file_bytes:,} bytes, all checksums read"]
    if not quick:
        parts.append(f"{found.decoded:,} decoded")
    if found.compared:
        mean = sum(row.p2s for row in found.compared) / len(found.compared)
        largest = max(row.max_error for row in found.compared)
        parts.append(f"{len(found.compared):,} compared (mean p2s {mean:.2e}, largest {largest:.2e})")
    count = len(found.problems)
    parts.append("all well" if not count else "1 problem" if count == 1 else f"{count:,} problems")
    return f"{printable(set_file)}: {', '.join(parts)} ({format_seconds(found.seconds)})"
