"""`necgs recover`: what is intact of a damaged set, as a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import binary_stdin, binary_stdout, print_json, say
from necgs_cli.cli.files import refuse_existing
from necgs_cli.progress import printable


def recover(
    broken: Annotated[str, typer.Argument(metavar="BROKEN", help="The damaged .ncgs file; - is stdin.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="RESCUED", help="The file to write; - is stdout.")],
    force: given.Force = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Write what is intact of a damaged set into a new one.

    What was lost is said on stderr. Exit codes: 0 nothing was lost, 3 something was, 4 nothing could be rescued (no
    file is written then).

    \b
    Example:
      necgs recover broken.ncgs -o rescued.ncgs
    """
    if output == "-" and json:
        raise typer.BadParameter("--json and -o - would both write to stdout")
    target = binary_stdout() if output == "-" else Path(output)
    if isinstance(target, Path):
        refuse_existing([target], force)
    source = binary_stdin() if broken == "-" else broken
    from necgs_cli import api

    found = api.recover(source, target, overwrite=force)
    for line in found.lost:
        say(f"lost: {printable(line)}")
    if json:
        print_json(vars(found))
    else:
        lost = f"{len(found.lost):,} lost" if found.lost else "nothing lost"
        summary = f"{len(found.names):,} models rescued, {lost}, {found.file_bytes:,} bytes in {printable(output)}"
        if output == "-":
            say(summary)
        else:
            print(summary)
    raise typer.Exit(found.exit_code)
