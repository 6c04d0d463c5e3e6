"""Models told from others: poses of the same triangles, frames of an animation, and shapes that are merely alike.

One model of a family keeps a record of its own. Its control mesh is laid onto the others, one after the other from
like to like, and fitted there; a record of positions alone, told from one coded before, is taken where it costs less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.decoding import POSED
from necgs_cli.mesh_codec import CodedMesh, cheapest_hull
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.pose_tasks import Allowed, PoseTask, RootTask, Shape, decoded, pose_check, run_task
from necgs_cli.prepare import Prepared, run_all
from necgs_cli.progress import Progress
from necgs_cli.references import LONGEST_CHAIN, NOTHING_STORED, Coded, Stored, dependence_bytes, near_of

if TYPE_CHECKING:
    from necgs_cli.journal import Journal

TRIES = 2
"""Models whose control mesh is tried on one before it keeps its own."""
MOST_TEACHERS, MODELS_A_TEACHER, SHARED_MODELS_A_TEACHER = 6, 6, 3
"""Models from which a family's first one learns, and for how many there is one: a small family has not the time.

More where the error is shared over the set, as more fits are made of each model there.
"""
MISMATCH = "a record does not decode to what was measured: a defect of this program, please report it"
INTERRUPTED = 130

Choice = Callable[[Sequence[Sequence[CodedMesh]]], list[CodedMesh]]


class Families:
    """Finds who is told from whom: always a later model from an earlier one.

    Attributes:
        records, depends: the record that each model has in the end, and what it depends on (numbers as in `Stored`).
        options: of each model: other records of its own with what they depend on.

    Args:
        models: the inputs; own: their own records; allowed: what each record is chosen by.
        seed: of the samples; journal: keeps each fit as soon as it is found; stored: what the models join.
    """

    def __init__(
        self,
        models: Sequence[Prepared[Any]],
        own: Sequence[CodedMesh],
        allowed: Sequence[Allowed],
        seed: int,
        workers: int,
        progress: Progress,
        journal: Journal | None = None,
        stored: Stored = NOTHING_STORED,
    ):
        self._own, self._allowed, self._seed = list(own), list(allowed), seed
        self._workers, self._progress, self._journal = workers, progress, journal
        self._models = models
        self._triangles = _equal_triangles(models)
        self._alike = self._earlier_alike()
        self._coded = dict(stored.coded)
        self.records = list(own)
        self._own_depends: list[tuple[int, ...]] = [()] * len(own)
        for i, record in enumerate(own):
            if record.kind == POSED:  # told from a stored one (`joining`)
                self._alike[i], self._own_depends[i] = [], (record.told_from - stored.count,)
                if not self._follows(i, record, *self._own_depends[i]):
                    raise NecgsError(f"{models[i].name}: {MISMATCH}")
        self.depends = list(self._own_depends)
        self.options: list[list[tuple[CodedMesh, int]]] = [[] for _ in own]

    def find(self) -> None:
        """Fills `records`, `depends` and `options`.

        Raises:
            NecgsError: the work was stopped.
        """
        wanted = {of for alike in self._alike for of in alike}
        self._start(sorted(i for i in wanted if not self._alike[i] and not self.depends[i]))
        left = [i for i, alike in enumerate(self._alike) if alike]
        tried: dict[int, list[int]] = {i: [] for i in left}
        while left:
            ready = [(i, self._near(i, of)) for i in left if (of := self._next(i, tried[i])) is not None]
            found = self._all([self._task(i, near) for i, near in ready], "fitting like shapes")
            for (i, near), records in zip(ready, found, strict=True):
                tried[i].append(near[0])
                self._take(i, records, near)
            for i in list(left):
                if self.depends[i] or len(tried[i]) >= TRIES or self._exhausted(i, tried[i]):
                    left.remove(i)
                    self._coded.setdefault(i, Coded(decoded(self._own[i]), 0, i))
        self._undo_losses()

    def _shape(self, i: int) -> Shape:
        model = self._models[i]
        return Shape(model.name, model.placement.to_unit(model.mesh.vertices), model.mesh.faces)

    def _earlier_alike(self) -> list[list[int]]:
        """For each model the earlier ones with the same triangles, then those of like shape, the most alike first."""
        from necgs_cli.explicit.likeness import ALIKE, differences, fingerprint

        if len(self._models) == 1:
            return [[]]
        shapes = (self._shape(i) for i in range(len(self._models)))
        fingerprints = np.stack([fingerprint(shape.vertices, shape.faces) for shape in shapes])
        alike: list[list[int]] = []
        for i, mine in enumerate(self._triangles):
            same, apart = self._triangles[:i] == mine, differences(fingerprints[i], fingerprints[:i])
            chosen = np.flatnonzero(same | (apart < ALIKE))
            alike.append(chosen[np.lexsort((apart[chosen], ~same[chosen]))].tolist())
        return alike

    def _start(self, roots: list[int]) -> None:
        """Better records for the first ones of families."""
        tasks = []
        for i in roots:
            family = [k for k, alike in enumerate(self._alike) if i in alike]
            p2s = float(np.mean([self._own[k].p2s for k in (i, *family)]))
            each = self._allowed[i].price is None
            most = min(MOST_TEACHERS, len(family) // (MODELS_A_TEACHER if each else SHARED_MODELS_A_TEACHER))
            teachers = tuple(self._shape(family[k]) for k in evenly_spaced(len(family), most))
            tasks.append(RootTask(self._shape(i), self._allowed[i], self._seed, self._own[i], p2s, teachers))
        for i, better in zip(roots, self._all(tasks, "fitting the first of their kind"), strict=True):
            self.records[i] = better[0] if better else self._own[i]
            self._coded[i] = Coded(decoded(self.records[i]), 0, i)

    def _next(self, i: int, tried: list[int]) -> int | None:
        """Whose control mesh is tried next on a model; None where that has no record yet."""
        for of in self._alike[i]:
            if of not in self._coded:
                return None
            if of not in tried and self._coded[of].depth < LONGEST_CHAIN:
                return of
        return None

    def _exhausted(self, i: int, tried: list[int]) -> bool:
        return all(of in self._coded for of in self._alike[i]) and self._next(i, tried) is None

    def _near(self, i: int, of: int) -> list[int]:
        return near_of(of, self._alike[i], self._coded)

    def _task(self, i: int, near: list[int]) -> PoseTask:
        coded, of = tuple(self._coded[k].mesh for k in near), near[0]
        before = self._shape(of) if self._triangles[i] == self._triangles[of] else None
        return PoseTask(self._shape(i), self._allowed[i], self._seed, coded, before)

    def _all(self, tasks: Sequence[RootTask | PoseTask], phase: str) -> list[list[CodedMesh]]:
        if tasks:
            self._progress.phase(phase, len(tasks))
        results: list[list[CodedMesh]] = []
        for result in run_all(tasks, partial(run_task, journal=self._journal), self._workers, self._progress):
            if isinstance(result, Skipped):
                self._progress.warn(f"{result.name} keeps a record of its own: {result.reason}")
            results.append([] if isinstance(result, Skipped) else result)
            self._progress.update(len(results))
        if self._progress.stopped():
            raise NecgsError("stopped", INTERRUPTED)
        return results

    def _take(self, i: int, found: list[CodedMesh], near: list[int]) -> None:
        """Chooses among a model's own record and those that were found."""
        self.options[i] += [(record, near[record.told_from]) for record in found]
        choices = [
            (self._allowed[i].cost(record) + dependence_bytes(i - of), n)
            for n, (record, of) in enumerate(self.options[i])
        ]
        for cost, n in sorted(choices):
            record, of = self.options[i][n]
            if cost < self._allowed[i].cost(self._own[i]) and self._follows(i, record, of):
                self.records[i], self.depends[i] = record, (of,)
                break

    def _follows(self, i: int, record: CodedMesh, of: int) -> bool:
        """A record that is told from another one joins the chain of that, if it decodes to what was measured."""
        chain = self._coded[of]
        mesh = decoded(record, chain.mesh)
        if pose_check(mesh) != record.check:
            self._progress.warn(f"{self._models[i].name}: {MISMATCH}")
            return False
        self._coded[i] = Coded(mesh, chain.depth + 1, chain.root)
        return True

    def _undo_losses(self) -> None:
        """Where a family gains less than the better record of its first one costs, all have their own again."""
        for root in {coded.root for coded in self._coded.values()}:
            family = [i for i, coded in self._coded.items() if coded.root == root and i >= 0]
            now, before = (sum(self._allowed[i].cost(r[i]) for i in family) for r in (self.records, self._own))
            if now >= before:
                for i in family:
                    self.records[i], self.depends[i] = self._own[i], self._own_depends[i]

    def choose_again(
        self, hulls: Sequence[Sequence[CodedMesh]], choose: Choice
    ) -> tuple[list[CodedMesh], list[tuple[int, ...]]]:
        """A new choice over the set, among all records of the models from which no other is told.

        Args:
            hulls: of each model's own records, from `cheapest_hull`.
            choose: one of each of such hulls.
        Returns:
            Records, and what each depends on.
        """
        needed = {of for others in self.depends for of in others}
        told_from: dict[int, int] = {}
        open_hulls: list[Sequence[CodedMesh]] = []
        for i, hull in enumerate(hulls):
            if i in needed:
                open_hulls.append([self.records[i]])
                told_from.update((id(self.records[i]), of) for of in self.depends[i])
                continue
            options = [
                (record, of)
                for record, of in self.options[i]
                if of in needed and record.max_error <= self._allowed[i].max_error
            ]
            told_from.update((id(record), of) for record, of in options)
            open_hulls.append(cheapest_hull([*hull, *(record for record, _ in options)]))
        chosen = choose(open_hulls)
        depends: list[tuple[int, ...]] = [(told_from[id(r)],) if id(r) in told_from else () for r in chosen]
        for i, (record, others) in enumerate(zip(chosen, depends, strict=True)):
            if others and i not in needed and not self._follows(i, record, *others):
                chosen[i], depends[i] = self.records[i], self.depends[i]
        return chosen, depends


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most so many of the numbers below a count, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _equal_triangles(models: Sequence[Prepared[Any]]) -> np.ndarray:
    """A number for each model (n,), equal for those with the same triangles in the same order on as many vertices."""
    numbers: dict[tuple[int, bytes], int] = {}
    for_models = []
    for mesh in (model.mesh for model in models):
        told = hashlib.sha256(np.ascontiguousarray(mesh.faces, "<i8").tobytes()).digest()
        for_models.append(numbers.setdefault((len(mesh.vertices), told), len(numbers)))
    return np.array(for_models)
