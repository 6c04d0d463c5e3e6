"""Drives an objective: schedule position from steps or the clock, checkpoints, measured figures, a clean stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from necgs_cli.progress import Progress
from necgs_cli.training.checkpoint import Checkpoint


class Objective(Protocol):
    """What can be trained."""

    def step(self, fraction: float) -> dict[str, float]:
        """One optimisation step at schedule position `fraction` in [0, 1); returns its figures."""

    def state_dict(self) -> dict:
        """Everything that is needed to go on."""

    def load_state_dict(self, state: dict) -> None:
        """Goes on from there."""

    def export(self) -> tuple[bytes, list[bytes]]:
        """Payloads of the set section and of every model's record."""


@dataclass(frozen=True)
class Length:
    """How long to train: a number of steps, or seconds of work when `seconds` is given."""

    steps: int
    seconds: float | None = None


CHECKPOINT_EVERY = 45.0
"""Seconds between checkpoints."""

OLDEST_CHECKPOINT = 60.0
"""Most seconds of training that a killed process loses, as long as no single step takes longer."""

BEFORE_MEASURING = 15.0
"""A checkpoint older than this is renewed before the distortion is measured, which may take a while."""

MEASURES = 12
"""Times that the distortion is measured through the real decode path."""


class Stopped(Exception):
    """The work was asked to stop; a checkpoint holds what was done."""


def train(
    objective: Objective,
    length: Length,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    measure: Callable[[], dict[str, float]] | None = None,
) -> None:
    """Trains to the end of the schedule.

    Args:
        objective: what to train.
        length: when the schedule ends. Time spent before a resumed checkpoint counts.
        progress: told figures at every step; when it is stopped, a checkpoint is written and `Stopped` raised.
        checkpoint: where to keep the state, None for nowhere.
        measure: gives figures from the real decode path, called now and then.
    Raises:
        Stopped: `progress` was asked to stop.
    """
    done, spent = 0, 0.0
    if checkpoint and (state := checkpoint.load()):
        objective.load_state_dict(state["objective"])
        done, spent = state["steps"], state["seconds"]
        progress.note(f"resumed after {done} steps")
    started = time.monotonic() - spent
    saves = _Saves(checkpoint, objective)
    measured = _position(done, spent, length)
    progress.phase("training", 1.0)
    while (fraction := _position(done, time.monotonic() - started, length)) < 1:
        if progress.stopped():
            saves.save(done, time.monotonic() - started)
            raise Stopped
        figures = objective.step(fraction)
        done += 1
        if measure and fraction - measured >= 1 / MEASURES:
            if saves.age() > BEFORE_MEASURING:
                saves.save(done, time.monotonic() - started)
            figures |= measure()
            measured = fraction
        elapsed = time.monotonic() - started
        progress.update(fraction, **figures, seconds_left=_left(fraction, elapsed, length))
        if saves.due():
            saves.save(done, elapsed)


class _Saves:
    """When checkpoints are written: so that none is older than `OLDEST_CHECKPOINT` when the next step ends."""

    def __init__(self, checkpoint: Checkpoint | None, objective: Objective) -> None:
        self._checkpoint, self._objective = checkpoint, objective
        self._saved = self._looked = time.monotonic()
        self._longest = 0.0  # seconds that one turn of the loop took, a measurement included

    def age(self) -> float:
        """Seconds since the last checkpoint, or since the start."""
        return time.monotonic() - self._saved

    def due(self) -> bool:
        """Asked once a turn."""
        now = time.monotonic()
        self._longest, self._looked = max(self._longest, now - self._looked), now
        return self.age() > min(CHECKPOINT_EVERY, OLDEST_CHECKPOINT - self._longest)

    def save(self, steps: int, seconds: float) -> None:
        if self._checkpoint:
            self._checkpoint.save(self._objective, steps, seconds)
        self._saved = self._looked = time.monotonic()


def _position(steps: int, seconds: float, length: Length) -> float:
    return steps / length.steps if length.seconds is None else seconds / length.seconds


def _left(fraction: float, elapsed: float, length: Length) -> float | None:
    if length.seconds is not None:
        return max(length.seconds - elapsed, 0.0)
    return elapsed * (1 - fraction) / fraction if fraction > 0.01 else None


def checkpoint_path(output: str | Path) -> Path:
    """Where the checkpoint of an output file is kept: beside it."""
    output = Path(output)
    return output.with_name(output.name + ".checkpoint")
