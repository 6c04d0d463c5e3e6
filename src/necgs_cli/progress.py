"""How long work reports itself: phases, figures, notes and warnings; and how it is asked to stop.

Library code calls a `Progress` and never prints. The base class is silent, which suits Python callers;
`PlainProgress` writes a line now and then, which suits pipes and logs. The live display of a terminal lives with the
commands, in `cli/live.py`.
"""

from __future__ import annotations

import time
from typing import TextIO

QUIET, NORMAL, VERBOSE = -1, 0, 1


class Progress:
    """The silent progress: remembers what was said and whether to stop, and shows nothing. Base of the visible ones.

    Attributes:
        warnings: every text given to `warn`, in order.
        skips: the (name, reason) of every input given to `skip`, in order.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.skips: list[tuple[str, str]] = []
        # A plain flag, not an Event: it is set in a signal handler, where taking a lock could deadlock.
        self._stop = False

    def phase(self, name: str, total: float | None = None) -> None:
        """Begin the next phase of the work.

        Args:
            name: what happens now, as a short noun phrase ("reading meshes", "training").
            total: the amount of work in this phase in the unit of `update(done)`; 1 where `done` is a share, None
                where it is unknown.
        """

    def update(self, done: float | None = None, **figures: float | str | None) -> None:
        """Report how far the phase is. Cheap enough to call at every step.

        Args:
            done: work done so far in this phase; None leaves it as it was.
            **figures: current values by name. Known names are those of `FIGURES`; others are shown as they are.
                A figure keeps its last value until it is given again; None removes it.
        """

    def note(self, text: str) -> None:
        """Say one line that only a reader who wants detail needs."""

    def warn(self, text: str) -> None:
        """Say one line that the user should see, as soon as it is known."""
        self.warnings.append(text)

    def skip(self, name: str, reason: str) -> None:
        """Say that the input `name` is left out, and why in one clause, as soon as it is known."""
        self.skips.append((name, reason))

    def stop(self) -> None:
        """Ask the work to stop cleanly at its next step (from a signal handler or another thread)."""
        self._stop = True

    def stopped(self) -> bool:
        """Whether the work was asked to stop: leave a checkpoint where it is worth keeping, then return or raise."""
        return self._stop

    def close(self) -> None:
        """End the last phase and release the display."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class PlainProgress(Progress):
    """Plain lines on a stream, for pipes and logs: one at each phase and one at most every `interval` seconds.

    Args:
        stream: where the lines go (stderr for the commands).
        verbosity: QUIET shows only skipped inputs, NORMAL shows phases, figures and warnings, VERBOSE shows notes too.
        interval: least time between two lines of figures, in seconds.
    """

    def __init__(self, stream: TextIO, verbosity: int = NORMAL, interval: float = 10.0) -> None:
        super().__init__()
        self._stream = stream
        self._verbosity = verbosity
        self._interval = interval
        self._state = PhaseState("")
        self._next_line = 0.0

    def phase(self, name: str, total: float | None = None) -> None:
        self._state = PhaseState(name, total)
        self._next_line = time.monotonic() + self._interval
        if self._verbosity >= NORMAL:
            self._write(name if total in (None, 1) else f"{name} ({total:g})")

    def update(self, done: float | None = None, **figures: float | str | None) -> None:
        self._state.update(done, figures)
        now = time.monotonic()
        if self._verbosity >= NORMAL and now >= self._next_line:
            self._next_line = now + self._interval
            self._write(self._state.line())

    def note(self, text: str) -> None:
        if self._verbosity >= VERBOSE:
            self._write(text)

    def warn(self, text: str) -> None:
        super().warn(text)
        if self._verbosity >= NORMAL:
            self._write(f"warning: {text}")

    def skip(self, name: str, reason: str) -> None:
        super().skip(name, reason)
        self._write(f"skipped {name}: {reason}")

    def _write(self, text: str) -> None:
        print(printable(text), file=self._stream, flush=True)


class PhaseState:
    """What a display knows about the running phase: its name, how far it is, and the figures."""

    def __init__(self, name: str, total: float | None = None) -> None:
        self.name = name
        self.total = total
        self.done: float | None = None
        self.figures: dict[str, float | str] = {}

    def update(self, done: float | None, figures: dict[str, float | str | None]) -> None:
        """Take over new values; a figure given as None is removed."""
        if done is not None:
            self.done = done
        for name, value in figures.items():
            if value is None:
                self.figures.pop(name, None)
            else:
                self.figures[name] = value

    def line(self) -> str:
        """The phase in one line of text."""
        parts = [self.name]
        if self.done is not None and self.total == 1:  # a share of the phase, not a count
            parts.append(f"{100 * self.done:.0f} %")
        elif self.done is not None and self.total:
            parts.append(f"{self.done:g}/{self.total:g}")
        elif self.done is not None:
            parts.append(f"{self.done:g}")
        parts += [format_figure(name, value) for name, value in self.figures.items()]
        return "  ".join(parts)


# name -> (shown as, unit); the figures that the library reports
FIGURES = {
    "loss": ("loss", ""),
    "bytes_per_model": ("B/model", "bytes"),
    "p2s": ("p2s", ""),
    "seconds_left": ("left", "seconds"),
    "file_bytes": ("file", "bytes"),
    "model": ("model", ""),
}


def format_figure(name: str, value: float | str) -> str:
    """One figure as `label value`, for the lines and for the live display."""
    label, unit = FIGURES.get(name, (name.replace("_", " "), ""))
    if isinstance(value, str):
        return f"{label} {value}"
    if unit == "bytes":
        return f"{label} {value:,.0f}"
    if unit == "seconds":
        return f"{label} {format_seconds(value)}"
    return f"{label} {value:.4g}"


def printable(text: str) -> str:
    """`text` for one line of a terminal: control characters and lone surrogates as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def format_seconds(seconds: float) -> str:
    """A duration for people: `0.42 s`, `12.3 s`, `4 min 05 s`, `1 h 07 min`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
