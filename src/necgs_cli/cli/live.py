"""The live display of long work on a terminal: phase, bar, figures, time."""

from __future__ import annotations

import os
import time
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from necgs_cli.progress import VERBOSE, PhaseState, Progress, format_figure, format_seconds, printable


def terminal_can_redraw() -> bool:
    """Whether the terminal on stderr understands cursor movement."""
    return os.environ.get("TERM", "") not in ("dumb", "unknown")


class LiveProgress(Progress):
    """Redraws two lines at the foot of a terminal, a few times a second; notes and warnings scroll above them.

    Args:
        stream: the terminal.
        verbosity: VERBOSE shows notes, and each phase's time when it ends.
    """

    def __init__(self, stream: TextIO, verbosity: int) -> None:
        super().__init__()
        self._verbosity = verbosity
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._spinner = Spinner("line")
        self._state = PhaseState("")
        self._started = time.monotonic()
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=5, transient=True)

    def phase(self, name: str, total: float | None = None) -> None:
        self._end_phase()
        self._state = PhaseState(name, total)
        self._started = time.monotonic()
        self._live.start()

    def update(self, done: float | None = None, **figures: float | str | None) -> None:
        self._state.update(done, figures)

    def note(self, text: str) -> None:
        if self._verbosity >= VERBOSE:
            self._print(text)

    def warn(self, text: str) -> None:
        super().warn(text)
        self._print(f"warning: {text}")

    def skip(self, name: str, reason: str) -> None:
        super().skip(name, reason)
        self._print(f"skipped {name}: {reason}")

    def close(self) -> None:
        self._end_phase()
        self._live.stop()
        self._state = PhaseState("")

    def _end_phase(self) -> None:
        if self._state.name and self._verbosity >= VERBOSE:
            self._print(f"{self._state.line()}  {format_seconds(time.monotonic() - self._started)}")

    def _print(self, text: str) -> None:
        self._console.print(Text(printable(text)), soft_wrap=True)

    def _render(self) -> Group:
        state = self._state
        head = Table.grid(padding=(0, 1))
        name = printable(state.name) + (" (stopping)" if self.stopped() else "")
        cells: list[RenderableType] = [self._spinner, Text(name, style="bold")]
        if state.total and state.done is not None:
            cells.append(ProgressBar(total=state.total, completed=min(state.done, state.total), width=24))
            cells.append(Text(f"{100 * state.done / state.total:.0f} %"))
        cells.append(Text(format_seconds(time.monotonic() - self._started), style="dim"))
        head.add_row(*cells)
        figures = "  ".join(format_figure(key, value) for key, value in state.figures.items())
        return Group(head, Text(f"  {figures}", overflow="crop", no_wrap=True))
