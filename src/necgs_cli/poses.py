"""Models told from others: poses of the same triangles, frames of an animation, and shapes that are merely alike.

One model of a family keeps a record of its own. Its control mesh is laid onto the others, one after the other from
like to like, and fitted there; a record of positions alone, told from one coded before, is taken where it costs less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.decoding import POSED
from necgs_cli.kept_records import packed, unpacked
from necgs_cli.mesh_codec import CodedMesh, cheapest_hull
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.prepare import Prepared, run_all
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.bitstream.container import Container
    from necgs_cli.explicit.control_mesh import ControlMesh
    from necgs_cli.explicit.search import Search
    from necgs_cli.journal import Journal

LONGEST_CHAIN = 4
"""Records that must be decoded at most before a pose can be: random access stays cheap."""
MOST_NEAR = 6
"""Models coded before, of those most alike, among which the one to tell from is looked for."""
TRIES = 2
"""Models whose control mesh is tried on one before it keeps its own."""
ROOT_VERTICES, SHARED_ROOT_VERTICES, ROOT_FITS = 1.25, 1.5, 2
"""Vertices of a family's first record over those that it needs itself: its control mesh suits the others less.

More where the error is shared over the set: what they are too exact then saves bytes elsewhere.
"""
MOST_STORED = 12
"""Models of a file, the last ones, that are looked at when others join it: decoding them takes time."""
LEAST_ERROR = 1e-12
"""Stands for none where an error is divided by."""
INTERRUPTED = 130

Choice = Callable[[Sequence[Sequence[CodedMesh]]], list[CodedMesh]]


@dataclass(frozen=True)
class Allowed:
    """What a model's record is chosen by.

    Attributes:
        p2s, max_error: not to be exceeded, longest side = 2.
        price: where p2s may be exceeded, for less elsewhere: bytes that so much felt error is worth; else None.
    """

    p2s: float
    max_error: float
    price: float | None = None

    def cost(self, record: CodedMesh) -> float:
        """Bytes, with the price of the felt error where it has one; infinite for what is not allowed."""
        if record.max_error > self.max_error or (self.price is None and record.p2s > self.p2s):
            return np.inf
        return record.bytes + (0 if self.price is None else self.price * record.felt / max(self.p2s, LEAST_ERROR))


@dataclass(frozen=True, eq=False)
class Shape:
    """An original in the unit frame.

    Attributes:
        name: of the model.
        vertices: (n, 3) float64; faces: (m, 3).
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray

    @property
    def to_unit(self) -> float:
        """Half its longest side: what distances at a longest side of 2 are multiplied with."""
        return float(np.ptp(self.vertices, axis=0).max()) / 2

    def parts(self) -> list[bytes]:
        """Everything that it is."""
        return [self.vertices.tobytes(), self.faces.tobytes()]


@dataclass(frozen=True, eq=False)
class _ShapeTask:
    """Work on one original; sent to worker processes.

    Attributes:
        allowed: what its record may be; seed: of the samples.
    """

    shape: Shape
    allowed: Allowed
    seed: int

    @property
    def name(self) -> str:
        """Of the model."""
        return self.shape.name

    def search(self) -> Search:
        """For fits to the original."""
        from necgs_cli.explicit.search import Search

        thorough = self.allowed.price is not None
        return Search(self.shape.vertices, self.shape.faces, self.seed, thorough=thorough)

    def about(self) -> list[bytes]:
        """What the result depends on, besides the seed."""
        return [type(self).__name__.encode(), *self.shape.parts(), repr(self.allowed).encode()]


@dataclass(frozen=True, eq=False)
class RootTask(_ShapeTask):
    """Finds a record from which others will be told, in place of the model's own.

    Attributes:
        own: the model's own; p2s: mean error of the family's, for which the record is meant.
    """

    own: CodedMesh
    p2s: float

    def run(self) -> list[CodedMesh]:
        from necgs_cli.explicit.bound import Bound
        from necgs_cli.explicit.control_mesh import PLAIN
        from necgs_cli.mesh_codec import MeshTask

        mesh = _decoded(self.own)
        if mesh.kind == PLAIN or not 0 < self.own.p2s < np.inf or not np.isfinite(self.p2s):
            return []
        search, to_unit = self.search(), self.shape.to_unit
        more = ROOT_VERTICES if self.allowed.price is None else SHARED_ROOT_VERTICES
        count = round(more * len(mesh.positions) * self.own.p2s / self.p2s)
        expected = self.p2s * to_unit / more
        search = search.mirrored(mesh.mirrors)
        points = [search.suited(count, mesh.kind, expected) for _ in range(ROOT_FITS)]
        allowed = Bound(self.p2s, self.allowed.max_error).scaled(to_unit)
        good = [p for p in points if allowed.ratio(p) <= 1]
        point = min(good, key=lambda p: p.cost * p.p2s, default=None)
        return [MeshTask.coded(point, 1 / to_unit)] if point else []

    def about(self) -> list[bytes]:
        """As of every task."""
        return [*super().about(), packed([self.own]), repr(self.p2s).encode()]


@dataclass(frozen=True, eq=False)
class PoseTask(_ShapeTask):
    """Lays a control mesh onto another original.

    Attributes:
        coded: control meshes of the same connectivity, the one that is laid on first; told from the nearest of them.
        before: the original of the first, where that has the triangles of this one.
    """

    coded: tuple[ControlMesh, ...]
    before: Shape | None

    def run(self) -> list[CodedMesh]:
        """Records, each with the number among `coded` of the mesh that it is told from as `told_from`."""
        from necgs_cli.explicit.bound import Bound
        from necgs_cli.explicit.coding.choice import mode_for_next
        from necgs_cli.explicit.pose import carried, pose_points
        from necgs_cli.explicit.records import encode_posed

        mesh, to_unit, start = self.coded[0], self.shape.to_unit, None
        if self.before:
            start = carried(mesh.whole().vertices, self.before.vertices, self.shape.vertices, self.shape.faces)
        search = self.search()
        bound = Bound(self.allowed.p2s, self.allowed.max_error).scaled(to_unit)
        points, told_from = pose_points(self.coded, start, search, bound, beyond=self.allowed.price is not None)
        records = []
        for point in points:
            kind, payload = encode_posed(point.mesh, self.coded[told_from], mode_for_next(point.vertex_count))
            errors = point.p2s / to_unit, point.max_error / to_unit
            records.append(CodedMesh(kind, payload, *errors, point.vertex_count, point.tail, told_from))
        return records

    def about(self) -> list[bytes]:
        """As of every task."""
        found = super().about()
        for mesh in self.coded:
            found.append(f"{mesh.kind} {mesh.grid} {mesh.mirrors}".encode())
            arrays = (mesh.positions, mesh.faces, mesh.creases, mesh.single)
            found += [b"" if array is None else array.tobytes() for array in arrays]
        return found + (self.before.parts() if self.before else [])


def run_task(task: RootTask | PoseTask, journal: Journal | None) -> list[CodedMesh] | Skipped:
    """The task's result, or the one that a journal keeps; what went wrong where a defect is met. For processes."""
    try:
        if journal is None:
            return task.run()
        return unpacked(journal.recall(task.about(), lambda: packed(task.run())))
    except (OSError, NecgsError):  # of the disk, not of this model
        raise
    except Exception as error:  # the model has its own record all the same
        return Skipped(task.name, f"a defect of this program, please report it: {type(error).__name__}: {error}")


@dataclass(frozen=True, eq=False)
class _Coded:
    """A model whose record others may be told from.

    Attributes:
        depth: records that must be decoded before it; root: the model at the end of that chain.
    """

    mesh: ControlMesh
    depth: int
    root: int


@dataclass(frozen=True, eq=False)
class Stored:
    """Models that a file holds already, from which new ones may be told.

    Attributes:
        count: models in the file; new ones are numbered from 0, those of the file up to -1.
        coded: some of them, by their number; fingerprints: of these, in their order.
        alone: bytes and p2s of the records at the ends of their chains, by their numbers.
    """

    count: int
    coded: dict[int, _Coded]
    fingerprints: list[np.ndarray]
    alone: dict[int, tuple[int, float]]

    @classmethod
    def of(cls, container: Container) -> Stored:
        """The last smooth mesh records of a container; those that cannot be decoded are passed over."""
        from necgs_cli.bitstream.errors import DamagedFile
        from necgs_cli.decoding import EXPLICIT, RecordDecoder
        from necgs_cli.explicit.control_mesh import PLAIN
        from necgs_cli.explicit.likeness import fingerprint

        count, decoder = len(container), RecordDecoder(container)
        coded: dict[int, _Coded] = {}
        fingerprints = []
        alone: dict[int, tuple[int, float]] = {}
        for id in range(count - 1, -1, -1):
            if len(coded) == MOST_STORED:
                break
            try:
                if container.entry(id).kind not in EXPLICIT:
                    continue
                chain, mesh = decoder.chain(id), decoder.control_mesh(id)
            except DamagedFile:
                continue
            if mesh.kind != PLAIN:
                end = chain[-1]
                coded[id - count] = _Coded(mesh, len(chain) - 1, end.id - count)
                alone[end.id - count] = end.bytes_total, end.p2s
                fingerprints.append(fingerprint(*mesh.surface()))
        return cls(count, coded, fingerprints, alone)


NOTHING_STORED = Stored(0, {}, [], {})


def near_of(of: int, alike: Sequence[int], coded: Mapping[int, _Coded]) -> list[int]:
    """Models from which one may be told, of the connectivity of `of`: that one, and those most like it."""
    known = ((k, coded[k]) for k in alike if k != of and k in coded)
    same = [k for k, c in known if c.root == coded[of].root and c.depth < LONGEST_CHAIN]
    return [of, *same[:MOST_NEAR]]


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
        self._alike = self._earlier_alike(stored)
        self._coded = dict(stored.coded)
        self.records = list(own)
        self._own_depends: list[tuple[int, ...]] = [()] * len(own)
        for i, record in enumerate(own):
            if record.kind == POSED:  # told from a stored one already (`joining`)
                self._alike[i], self._own_depends[i] = [], (record.told_from - stored.count,)
                self._follow(i, record, *self._own_depends[i])
        self.depends = list(self._own_depends)
        self.options: list[list[tuple[CodedMesh, int]]] = [[] for _ in own]

    def find(self) -> None:
        """Fills `records`, `depends` and `options`.

        Raises:
            NecgsError: the work was stopped.
        """
        wanted = {of for alike in self._alike for of in alike}
        self._start(sorted(i for i in wanted if i >= 0 and not self._alike[i] and not self.depends[i]))
        left = [i for i, alike in enumerate(self._alike) if alike]
        tried: dict[int, list[int]] = {i: [] for i in left}
        while left:
            ready = [(i, of) for i in left if (of := self._next(i, tried[i])) is not None]
            found = self._all([self._task(i, of) for i, of in ready], "fitting like shapes")
            for (i, of), records in zip(ready, found, strict=True):
                tried[i].append(of)
                self._take(i, records, self._near(i, of))
            for i in list(left):
                if self.depends[i] or len(tried[i]) >= TRIES or self._exhausted(i, tried[i]):
                    left.remove(i)
                    self._coded.setdefault(i, _Coded(_decoded(self._own[i]), 0, i))
        self._undo_losses()

    def _shape(self, i: int) -> Shape:
        model = self._models[i]
        return Shape(model.name, model.placement.to_unit(model.mesh.vertices), model.mesh.faces)

    def _earlier_alike(self, stored: Stored) -> list[list[int]]:
        """For each model the earlier ones with the same triangles, then those of like shape, the most alike first."""
        from necgs_cli.explicit.likeness import ALIKE, differences, fingerprint

        shapes = (self._shape(i) for i in range(len(self._models)))
        new = [fingerprint(shape.vertices, shape.faces) for shape in shapes]
        fingerprints = np.stack([*stored.fingerprints, *new])
        numbers = np.array([*stored.coded, *range(len(new))])
        triangles = np.concatenate([np.full(len(stored.coded), -1), self._triangles])  # of stored ones: not known
        alike: list[list[int]] = []
        for i, mine in enumerate(self._triangles):
            place = len(stored.coded) + i
            same, apart = triangles[:place] == mine, differences(fingerprints[place], fingerprints[:place])
            chosen = np.flatnonzero(same | (apart < ALIKE))
            alike.append(numbers[chosen[np.lexsort((apart[chosen], ~same[chosen]))]].tolist())
        return alike

    def _start(self, roots: list[int]) -> None:
        """Better records for the first ones of families."""
        tasks = []
        for i in roots:
            family = [own.p2s for own, alike in zip(self._own, self._alike, strict=True) if i in alike]
            p2s = float(np.mean([self._own[i].p2s, *family]))
            tasks.append(RootTask(self._shape(i), self._allowed[i], self._seed, self._own[i], p2s))
        for i, better in zip(roots, self._all(tasks, "fitting the first of their kind"), strict=True):
            self.records[i] = better[0] if better else self._own[i]
            self._coded[i] = _Coded(_decoded(self.records[i]), 0, i)

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

    def _task(self, i: int, of: int) -> PoseTask:
        coded = tuple(self._coded[k].mesh for k in self._near(i, of))
        before = self._shape(of) if of >= 0 and self._triangles[i] == self._triangles[of] else None
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
        choices = [(self._allowed[i].cost(record) + dependence_bytes(i - of), n)
                   for n, (record, of) in enumerate(self.options[i])]
        if choices and min(choices)[0] < self._allowed[i].cost(self._own[i]):
            record, of = self.options[i][min(choices)[1]]
            self.records[i], self.depends[i] = record, (of,)
            self._follow(i, record, of)

    def _follow(self, i: int, record: CodedMesh, of: int) -> None:
        """A record that is told from another one joins the chain of that."""
        chain = self._coded[of]
        self._coded[i] = _Coded(_decoded(record, chain.mesh), chain.depth + 1, chain.root)

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
            options = [(record, of) for record, of in self.options[i]
                       if (of in needed or of < 0) and record.max_error <= self._allowed[i].max_error]
            told_from.update((id(record), of) for record, of in options)
            open_hulls.append(cheapest_hull([*hull, *(record for record, _ in options)]))
        chosen = choose(open_hulls)
        return chosen, [(told_from[id(record)],) if id(record) in told_from else () for record in chosen]


def _equal_triangles(models: Sequence[Prepared[Any]]) -> np.ndarray:
    """A number for each model (n,), equal for those with the same triangles in the same order on as many vertices."""
    numbers: dict[tuple[int, bytes], int] = {}
    for_models = []
    for mesh in (model.mesh for model in models):
        told = hashlib.sha256(np.ascontiguousarray(mesh.faces, "<i8").tobytes()).digest()
        for_models.append(numbers.setdefault((len(mesh.vertices), told), len(numbers)))
    return np.array(for_models)


def dependence_bytes(distance: int) -> int:
    """What a record's frame takes to name one other model so many models before it."""
    return 1 + max(1, -(-distance.bit_length() // 7))


def _decoded(record: CodedMesh, reference: ControlMesh | None = None) -> ControlMesh:
    """The control mesh of a record, with the numbering of vertices that readers see."""
    from necgs_cli.explicit.records import decode_posed, decode_record

    return decode_posed(record.payload, reference) if reference else decode_record(record.kind, record.payload)
