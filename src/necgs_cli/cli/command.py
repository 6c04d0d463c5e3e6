"""The Typer command class of every `necgs` command: exceptions become one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand

from necgs_cli.cli.console import say
from necgs_cli.progress import printable

DONE, FAILED, USAGE, SKIPPED, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Command(TyperCommand):
    """A command whose errors are one line that says what, where and what to do; `--debug` adds the traceback."""

    def invoke(self, ctx: Any) -> Any:
        _never_fail_to_print()
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            _discard_stdout()
            code = FAILED
        except (Exception, KeyboardInterrupt) as error:
            if ctx.params.get("debug"):
                traceback.print_exception(error)
            code = explain(error)
        raise typer.Exit(code)


def explain(error: BaseException) -> int:
    """Say in one line on stderr what went wrong; returns the exit code.

    Errors of the library carry their own `exit_code`; anything that is neither one of those nor the system's is a
    defect of this program and is called so.
    """
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        say(f"{'interrupted' if code == INTERRUPTED else 'error'}: {printable(str(error))}")
        return code
    if isinstance(error, MemoryError):
        say("error: out of memory")
    elif isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        say(f"error: {printable(where)}{error.strerror}")
    else:
        text = printable(f"{type(error).__name__}: {error}")
        say(f"error: a defect of this program, please report it with the output of --debug: {text}")
    return FAILED


def _never_fail_to_print() -> None:
    """Show what a terminal's encoding lacks as escapes rather than stop with UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_stdout() -> None:
    """Point stdout at nothing, so that the flush at exit does not complain about the closed pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
