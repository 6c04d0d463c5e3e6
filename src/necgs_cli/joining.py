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
from necgs_cli.pose_tasks import Allowed, PoseTask, Shape, run_task
from necgs_cli.prepare import Task
from necgs_cli.references import LONGEST_CHAIN, Stored, dependence_bytes, near_of

CLEARLY = 0.65
"""Of the bytes that a like shape takes by itself at the same error, up to which no record of its own is looked for."""


@dataclass(frozen=True, eq=False)
class JoinTask:
    """Finds records of a model that joins a file; run in worker processes.

    Attributes:
        search: finds records of its own, where it must.
        goal: what is asked for; stored: the file's models.
        seed: of the samples.
    """

    search: Task[list[CodedMesh]]
    goal: Goal
    stored: Stored
    seed: int

    def run(self, mesh: Mesh, placement: Placement) -> list[CodedMesh]:
        """One record told from the stored model with the id `told_from`, or records of its own."""
        told = self._told(mesh, placement)
        return [told] if told else self.search.run(mesh, placement)

    def _told(self, mesh: Mesh, placement: Placement) -> CodedMesh | None:
        from necgs_cli.explicit.likeness import ALIKE, differences, fingerprint

        if self.goal.error is None or not self.stored.coded:
            return None
        side = float(np.ptp(mesh.vertices, axis=0).max())
        largest = self.goal.max_error.of(side) if self.goal.max_error else np.inf
        allowed = Allowed(self.goal.error.of(side), largest)
        shape = Shape("", placement.to_unit(mesh.vertices), mesh.faces)
        apart = differences(fingerprint(shape.vertices, shape.faces), np.stack(self.stored.fingerprints))
        numbers, coded = list(self.stored.coded), self.stored.coded
        alike = [numbers[k] for k in np.argsort(apart, kind="stable") if apart[k] < ALIKE]
        for of in [k for k in alike if coded[k].depth < LONGEST_CHAIN][:TRIES]:
            near = near_of(of, alike, coded)
            found = run_task(PoseTask(shape, allowed, self.seed, tuple(coded[k].mesh for k in near), None), None)
            if isinstance(found, Skipped) or not found:
                continue
            best = min(found, key=allowed.cost)
            size, p2s = self.stored.alone[coded[of].root]
            most = CLEARLY * size * p2s / allowed.p2s
            if allowed.cost(best) + dependence_bytes(-near[best.told_from]) <= most:
                return dataclasses.replace(best, told_from=self.stored.count + near[best.told_from])
        return None
