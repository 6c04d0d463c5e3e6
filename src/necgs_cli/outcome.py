"""What encoding and appending answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

NO_SURFACE = 64.0
"""Stands for the distances of a model that decodes to nothing."""


class NecgsError(Exception):
    """Something the user can act on, in one clear line.

    Attributes:
        exit_code: what a command ends with: 1 failed, 4 the file is damaged, 130 interrupted.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class ModelResult:
    """One model as it was encoded.

    Attributes:
        id, name, kind: as in the file.
        source_bytes: of the input as read, 0 for arrays.
        record_bytes: of its record, framing included.
        p2s, max_error: mean and largest distance between original and decoded surface, longest side = 2.
        seconds: preparing the model (training is shared and not counted).
        sign: how inside and outside were told apart.
        dropped: attributes of the source that are not stored; repairs: what was mended while reading.
    """

    id: int
    name: str
    kind: str
    source_bytes: int
    record_bytes: int
    p2s: float
    max_error: float
    seconds: float
    sign: str
    dropped: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """An input that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Missed:
    """Something asked for that was not reached.

    Attributes:
        name: of the model, "" where the set as a whole is meant.
        asked: "error", "max error" or "size".
        times: how many times what was asked.
    """

    name: str
    asked: str
    times: float

    def __str__(self) -> str:
        subject = f"{self.name}: " if self.name else ""
        return f"{subject}the asked {self.asked} cannot be met: reached {self.times:.2f} times what was asked"


@dataclass(frozen=True)
class Report:
    """What an encode or append did.

    Attributes:
        path: of the file, "-" for a stream.
        models: those encoded now.
        source_bytes: of their inputs as read; raw_bytes: as raw binary, 12 bytes a vertex and a triangle.
        file_bytes: of the whole file; set_bytes: shared by all models.
        set_p2s: mean distortion of the models that were there before an append, NaN for a new file.
        options: as used.
        decision: which codec was chosen and why, in one line.
        missed: what was asked for and could not be met.
    """

    path: str
    models: list[ModelResult]
    skipped: list[Skipped]
    source_bytes: int
    file_bytes: int
    set_bytes: int
    seconds: float
    warnings: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    set_p2s: float = math.nan
    decision: str = ""
    missed: list[Missed] = field(default_factory=list)
    raw_bytes: int = 0

    @property
    def p2s(self) -> float:
        """Mean p2s of the models that decode to a surface, NaN without any."""
        met = [m.p2s for m in self.models if m.p2s < NO_SURFACE]
        return sum(met) / len(met) if met else math.nan

    @property
    def empty(self) -> int:
        """Models that decode to no surface."""
        return sum(m.p2s >= NO_SURFACE for m in self.models)
