"""Whether a set still is what its encoder promised: checksums, models that decode, and distances to the originals."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from necgs_cli.bitstream.container import Container, DamagedFile, Entry
from necgs_cli.options import ErrorBound
from necgs_cli.outcome import NecgsError
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.decoding import RecordDecoder
    from necgs_cli.meshes.mesh import Mesh

DAMAGED, DISTORTED, MISSING = "damaged", "distorted", "missing"
"""What can be wrong: bytes, distances, or something to compare with."""
EXIT_CODES = {DAMAGED: 4, DISTORTED: 1, MISSING: 3}
"""In the order in which they matter."""
INTERRUPTED = 130

SAMPLES = 30_000
"""Points measured on each surface; see `metrics.surface.Reference`."""
MEAN_TOLERANCE = 1.05
"""A mean of that many samples was within 1.4 % of the recorded one on all example models."""
LARGEST_TOLERANCE = 2.0
"""The largest of a finite number of samples is a guess from below: up to 1.4 times the recorded one on the examples."""
LEAST_DISTANCE = 1e-6
"""Distances below are rounding, whatever was recorded; longest side = 2."""
BOX_MARGIN = 0.25
"""A decoded point lies within the placement's cube [-1, 1]^3, this margin and the recorded largest distance."""
RECORDED_TOLERANCE = 1.003
"""A recorded distance is rounded to steps of 0.27 %."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: DAMAGED, DISTORTED or MISSING.
        id, name: of the model; None and "" for the file as a whole.
        text: what is wrong, in one clause.
    """

    kind: str
    id: int | None
    name: str
    text: str


@dataclass(frozen=True)
class Compared:
    """A model held against its original; distances where the longest side of the original is 2."""

    id: int
    name: str
    p2s: float
    max_error: float
    recorded_p2s: float
    recorded_max_error: float


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes:
        path: of the file, "-" for a stream; file_bytes: its size.
        models: that the file holds; decoded: those that were decoded.
        compared: those that were held against an original.
        problems: all that is wrong, empty if nothing is.
    """

    path: str
    file_bytes: int
    models: int
    decoded: int
    compared: list[Compared] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0 all well, 4 damaged, 1 distortion too large, 3 not all could be compared."""
        kinds = {problem.kind for problem in self.problems}
        return next((code for kind, code in EXIT_CODES.items() if kind in kinds), 0)


def verify(
    source: str | Path | BinaryIO | bytes,
    originals: Sequence[str | Path] | str | Path | None = None,
    max_error: ErrorBound | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Checks a file: its checksums, that every model decodes, and how far it is from what was encoded.

    Args:
        source: path, binary stream or bytes of a `.ncgs` file.
        originals: the inputs that were encoded, named as for `encode`; None: distances are taken as recorded.
        max_error: a bound for the largest distance of every model. A length is held against the recorded distances
            by the placement's side, which is at most 2 % larger than the model's.
        quick: read the structure and the checksums only; nothing is decoded.
        progress: told what happens; can stop the work.
    Raises:
        NecgsError: the originals cannot be found, or the work was stopped. OSError: the file cannot be opened.
        ValueError: originals for a quick check.
    """
    started = time.monotonic()
    if quick and originals is not None:
        raise ValueError("a quick check decodes nothing, and so compares with no originals")
    label = str(source) if isinstance(source, str | Path) else "-"
    files = _find(originals) if originals is not None else None
    try:
        container = Container.open(source)
    except DamagedFile as error:
        return Verification(label, 0, 0, 0, problems=[Problem(DAMAGED, None, "", str(error))])
    with container:
        check = _Check(container, files, max_error, progress or Progress())
        check.checksums()
        if not quick:
            check.decode_all()
        check.tell_strangers()
        return Verification(
            label,
            container.source.size,
            len(container),
            check.decoded,
            check.compared,
            check.problems,
            time.monotonic() - started,
        )


def _find(originals: Sequence[str | Path] | str | Path) -> dict[str, Path]:
    """Files of the originals by the names that `encode` gives their models."""
    from necgs_cli.meshes.find import find_meshes
    from necgs_cli.meshes.mesh import MeshError

    inputs = [originals] if isinstance(originals, str | Path) else originals
    try:
        return {found.name: found.path for found in find_meshes(inputs)}
    except MeshError as error:
        raise NecgsError(str(error)) from error


class _Check:
    """The state of one verification."""

    def __init__(
        self, container: Container, files: dict[str, Path] | None, bound: ErrorBound | None, progress: Progress
    ) -> None:
        self.container, self.files, self.bound, self.progress = container, files, bound, progress
        self.problems: list[Problem] = []
        self.compared: list[Compared] = []
        self.decoded = 0
        self._broken: set[int] = set()

    def _add(self, kind: str, id: int | None, text: str) -> None:
        self.problems.append(Problem(kind, id, "" if id is None else self.container.names[id], text))

    def checksums(self) -> None:
        """Every checksum; and the recorded distances, where nothing else is asked to be measured."""
        self.progress.phase("reading checksums")
        for error in self.container.check():
            self._add(DAMAGED, error.model, str(error))
            if error.model is not None:
                self._broken.add(error.model)
        if self.bound is None or self.files is not None:
            return
        for id in range(len(self.container)):
            if id not in self._broken:
                self._hold_recorded(self.container.entry(id), self.bound)

    def _hold_recorded(self, entry: Entry, bound: ErrorBound) -> None:
        if math.isnan(entry.max_error):
            self._add(MISSING, entry.id, "its largest distance was never measured")
            return
        asked = bound.of(2 * entry.placement.half_side)
        if entry.max_error > asked * RECORDED_TOLERANCE:
            self._add(DISTORTED, entry.id, f"recorded largest distance {entry.max_error:.3e}, asked {asked:.3e}")

    def decode_all(self) -> None:
        """Decodes every model whose bytes are whole, through the path that readers use."""
        from necgs_cli.decoding import RecordDecoder, UnknownKind

        decoder = RecordDecoder(self.container)
        self.progress.phase("decoding models", len(self.container))
        for id in range(len(self.container)):
            if self.progress.stopped():
                raise NecgsError("stopped", INTERRUPTED)
            if id not in self._broken:
                try:
                    self._decode(decoder, id)
                except DamagedFile as error:
                    self._add(DAMAGED, id, str(error))
                except UnknownKind as error:
                    self._add(MISSING, id, str(error))
                except MemoryError:
                    self._add(MISSING, id, "does not fit into memory")
            self.progress.update(id + 1)

    def _decode(self, decoder: RecordDecoder, id: int) -> None:
        import numpy as np

        mesh = decoder.mesh(id)
        self.decoded += 1
        entry = self.container.entry(id)
        if not len(mesh.faces):
            self._add(DISTORTED, id, "decodes to an empty surface")
        elif (beyond := float(np.abs(entry.placement.to_unit(mesh.vertices)).max()) - 1) > _allowed_beyond(entry):
            self._add(DISTORTED, id, f"reaches {beyond:.2f} beyond the box that it was placed in (its half side is 1)")
        elif self.files is not None:
            self._compare(entry, mesh)

    def _compare(self, entry: Entry, mesh: Mesh) -> None:
        from necgs_cli.meshes.mesh import MeshError
        from necgs_cli.meshes.read import read_mesh
        from necgs_cli.metrics.surface import Reference

        path = (self.files or {}).get(entry.name)
        if path is None:
            self._add(MISSING, entry.id, "no original of this name")
            return
        try:
            original = read_mesh(path).mesh
            reference = Reference(original.vertices, original.faces, SAMPLES)
        except (MeshError, ValueError) as error:
            self._add(MISSING, entry.id, f"its original {error}")
            return
        found = reference.measure(mesh.vertices, mesh.faces)
        self.compared.append(Compared(entry.id, entry.name, found.p2s, found.max, entry.p2s, entry.max_error))
        self._hold("mean", entry.id, found.p2s, entry.p2s, MEAN_TOLERANCE)
        if self.bound is None:
            self._hold("largest", entry.id, found.max, entry.max_error, LARGEST_TOLERANCE)
        elif found.max > (asked := self.bound.of(reference.longest_side)):
            self._add(DISTORTED, entry.id, f"largest distance {found.max:.3e}, asked {asked:.3e}")

    def _hold(self, what: str, id: int, found: float, recorded: float, tolerance: float) -> None:
        if math.isfinite(recorded) and found > recorded * tolerance + LEAST_DISTANCE:
            self._add(DISTORTED, id, f"{what} distance {found:.3e}, recorded {recorded:.3e}")

    def tell_strangers(self) -> None:
        """Originals that the set does not hold: whoever deletes them would lose them."""
        for name in sorted(set(self.files or ()).difference(self.container.names)):
            self.problems.append(Problem(MISSING, None, name, "is among the originals and not in the set"))


def _allowed_beyond(entry: Entry) -> float:
    return BOX_MARGIN + (entry.max_error if math.isfinite(entry.max_error) else 0.0)


def as_json(found: Verification) -> dict[str, Any]:
    """The documented object of `necgs verify --json`."""
    return {
        "path": found.path,
        "ok": not found.problems,
        "file_bytes": found.file_bytes,
        "models": found.models,
        "decoded": found.decoded,
        "compared": [vars(row) for row in found.compared],
        "problems": [vars(problem) for problem in found.problems],
        "seconds": found.seconds,
    }
