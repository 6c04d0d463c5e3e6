"""Checkpoints of long training: one file beside the output, replaced in one step, tied to its inputs."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

from necgs_cli.outcome import NecgsError


class Checkpoint:
    """The state of a training run on disk.

    Used as a context manager around the training and the writing of its output: then the state is not needed any more.
    """

    def __init__(self, path: Path, resume: bool):
        """Without `resume` no state is read."""
        self.path, self.resume = path, resume
        self.identity = ""

    def identify(self, identity: dict[str, Any]) -> None:
        """Says what is trained, as JSON: a checkpoint of anything else is refused."""
        self.identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None where there is none to resume.

        Raises:
            NecgsError: the checkpoint is damaged, or of other inputs or options.
        """
        import torch

        if not self.resume:
            return None
        if not self.path.exists():
            raise NecgsError(f"{self.path}: no checkpoint to resume; run without --resume")
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            identity = state["identity"]
        except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            raise NecgsError(f"{self.path}: not a readable checkpoint; run without --resume") from error
        if identity != self.identity:
            raise NecgsError(f"{self.path}: made from other inputs or options; run without --resume")
        return state

    def save(self, objective: Any, steps: int, seconds: float) -> None:
        """Writes the state; a crash leaves the checkpoint before it."""
        import torch

        state = {
            "identity": self.identity,
            "objective": objective.state_dict(),
            "steps": steps,
            "seconds": seconds,
        }
        with self._part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._part, self.path)

    @property
    def _part(self) -> Path:
        """Where the next state is written; a killed process may leave it."""
        return self.path.with_name(self.path.name + ".part")

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is None:
            self.path.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)
