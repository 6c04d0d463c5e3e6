"""Models that join a file: told from one that it holds at once, where a record of their own can hardly be smaller."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from necgs_cli.families import TRIES
from necgs_cli.mesh_codec import CodedMesh
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement
from necgs_cli.options import Goal
from necgs_cli.outcome import Skipped
from necgs_cli.pose_tasks import LEAST_ERROR, Allowed, PoseTask, Shape, run_task
from necgs_cli.prepare import Task
from necgs_cli.references import LONGEST_CHAIN, Stored, dependence_bytes, near_of

CLEARLY = 0.65
"""Of the bytes that a like shape takes by itself at the same error, up to which no record of its own is looked for."""


@dataclass(frozen=True, eq=False)
class JoinTask:
    """Finds records of a model that joins a file; run in worker processes.

    Attributes:
        search: finds records of its own.
        goal: what is asked for; stored: the file's models.
        seed: of the samples.
    """

    search: Task[list[CodedMesh]]
    goal: Goal
    stored: Stored
    seed: int

    def run(self, mesh: Mesh, placement: Placement) -> list[CodedMesh]:
        """One record told from the stored model with the id `told_from`, or records of its own."""
        side = float(np.ptp(mesh.vertices, axis=0).max())
        largest = self.goal.max_error.of(side) if self.goal.max_error else np.inf
        shape = Shape("", placement.to_unit(mesh.vertices), mesh.faces)
        own = [] if self.goal.error else self.search.run(mesh, placement)
        p2s = self.goal.error.of(side) if self.goal.error else own[-1].p2s
        allowed = Allowed(max(p2s, LEAST_ERROR), largest)
        told, alone = self._told(shape, allowed)
        if told and not own and self._cost(told, allowed) <= CLEARLY * alone:
            return [told]
        own = own or self.search.run(mesh, placement)
        return [told] if told and self._cost(told, allowed) < allowed.cost(own[-1]) else own

    def _cost(self, told: CodedMesh, allowed: Allowed) -> float:
        return allowed.cost(told) + dependence_bytes(self.stored.count - told.told_from)

    def _told(self, shape: Shape, allowed: Allowed) -> tuple[CodedMesh | None, float]:
        """The cheapest record told from a stored one, and the bytes that like shapes take by themselves."""
        from necgs_cli.explicit.likeness import ALIKE, differences, fingerprint

        apart = differences(fingerprint(shape.vertices, shape.faces), np.stack(self.stored.fingerprints))
        numbers, coded = list(self.stored.coded), self.stored.coded
        alike = [numbers[k] for k in np.argsort(apart, kind="stable") if apart[k] < ALIKE]
        told: list[CodedMesh] = []
        alone = 0.0
        for of in [k for k in alike if coded[k].depth < LONGEST_CHAIN][:TRIES]:
            near = near_of(of, alike, coded)
            found = run_task(PoseTask(shape, allowed, self.seed, tuple(coded[k].mesh for k in near), None), None)
            size, p2s = self.stored.alone[coded[of].root]
            alone = max(alone, size * p2s / allowed.p2s)
            if not isinstance(found, Skipped):
                told += [dataclasses.replace(f, told_from=self.stored.count + near[f.told_from]) for f in found]
            if any(self._cost(f, allowed) <= CLEARLY * alone for f in told):
                break
        return min(told, key=lambda f: self._cost(f, allowed), default=None), alone
