"""The Typer app and the entry point of `necgs`."""

from __future__ import annotations

from typing import Annotated

import typer

from necgs_cli.cli.append import append
from necgs_cli.cli.command import Command
from necgs_cli.cli.compare import EPILOG as COMPARE_EPILOG
from necgs_cli.cli.compare import compare
from necgs_cli.cli.decode import decode
from necgs_cli.cli.encode import EPILOG, encode
from necgs_cli.cli.inspect import inspect
from necgs_cli.cli.recover import recover
from necgs_cli.cli.render import render
from necgs_cli.cli.verify import verify
from necgs_cli.cli.view import view

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 inputs skipped, 4 damaged file, 130 interrupted."
# Help is plain text: rich would double the time of `--help`, and draws boxes that not every terminal can show.
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    help="Compress whole sets of 3D models into one small file.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=SETTINGS,
)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS, epilog=EPILOG)(encode)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(decode)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(append)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(inspect)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(verify)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS, epilog=COMPARE_EPILOG)(compare)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(render)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(view)
app.command(cls=Command, no_args_is_help=True, context_settings=SETTINGS)(recover)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"necgs {version('necgs')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compress whole sets of 3D models into one small file."""


def main() -> None:
    """Run the command line; exits with the documented codes."""
    app(prog_name="necgs")


if __name__ == "__main__":
    main()
