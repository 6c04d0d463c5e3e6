"""Fits that give records from which others are told, and the records told from them: each a task for one original."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from necgs_cli.explicit.point import TILT
from necgs_cli.kept_records import packed, unpacked
from necgs_cli.mesh_codec import CodedMesh
from necgs_cli.outcome import NecgsError, Skipped

if TYPE_CHECKING:
    from necgs_cli.explicit.control_mesh import ControlMesh
    from necgs_cli.explicit.lessons import Teacher
    from necgs_cli.explicit.point import Point
    from necgs_cli.explicit.search import Search
    from necgs_cli.journal import Journal

ROOT_VERTICES, SHARED_ROOT_VERTICES, ROOT_FITS = 1.25, 1.5, 2
"""Vertices of a family's first record over those that it needs itself: its control mesh suits the others less.

More where the error is shared over the set: what they are too exact then saves bytes elsewhere.
"""
LESSONS = 2
"""Fits of a family's first one that learn from the others."""
LEAST_ERROR = 1e-12
"""Stands for none where an error is divided by."""


@dataclass(frozen=True)
class Allowed:
    """What a model's record is chosen by.

    Attributes:
        p2s, max_error: not to be exceeded, longest side = 2.
        price: where p2s may be exceeded, for less elsewhere: bytes that so much felt error is worth; else None.
        tilt_price: mean error that counts as much as normals at right angles.
    """

    p2s: float
    max_error: float
    price: float | None = None
    tilt_price: float = TILT

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

    def search(self, shape: Shape | None = None) -> Search:
        """For fits to the original, or to another one."""
        from necgs_cli.explicit.search import Search

        of = shape or self.shape
        thorough, tilt = self.allowed.price is not None, self.allowed.tilt_price
        return Search(of.vertices, of.faces, self.seed, thorough=thorough, tilt_price=tilt)

    def about(self) -> list[bytes]:
        """What the result depends on, besides the seed."""
        return [type(self).__name__.encode(), *self.shape.parts(), repr(self.allowed).encode()]


@dataclass(frozen=True, eq=False)
class RootTask(_ShapeTask):
    """Finds a record from which others will be told, in place of the model's own.

    Attributes:
        own: the model's own; p2s: mean error of the family's, for which the record is meant.
        family: some of those that are like it, from which it learns where they need vertices.
    """

    own: CodedMesh
    p2s: float
    family: tuple[Shape, ...]

    def run(self) -> list[CodedMesh]:
        from necgs_cli.explicit.bound import Bound
        from necgs_cli.explicit.control_mesh import PLAIN
        from necgs_cli.mesh_codec import MeshTask

        mesh = decoded(self.own)
        if mesh.kind == PLAIN or not 0 < self.own.p2s < np.inf or not np.isfinite(self.p2s):
            return []
        search, to_unit = self.search(), self.shape.to_unit
        more = ROOT_VERTICES if self.allowed.price is None else SHARED_ROOT_VERTICES
        count = round(more * len(mesh.positions) * self.own.p2s / self.p2s)
        expected = self.p2s * to_unit / more
        search = search.mirrored(mesh.mirrors)
        allowed = Bound(self.p2s, self.allowed.max_error).scaled(to_unit)
        fitted = partial(search.suited, count, mesh.kind, expected)
        points = [fitted() for _ in range(ROOT_FITS)]
        merits = [p.cost * p.p2s for p in points]
        if self.family and not search.mechanical:
            points, merits = self._taught(search, points[-1], fitted, allowed.mean)
        good = [n for n, p in enumerate(points) if allowed.ratio(p) <= 1]
        best = min(good, key=lambda n: merits[n], default=None)
        return [] if best is None else [MeshTask.coded(points[best], 1 / to_unit)]

    def _taught(
        self, search: Search, first: Point, fitted: Callable[[], Point], mean: float
    ) -> tuple[list[Point], list[float]]:
        """A first fit and those that learn from the others, and for each its bytes times what it misses on these."""
        from necgs_cli.explicit.lessons import errors_on_others

        teachers = [self._teacher(shape) for shape in self.family]
        points, merits = [first], []
        for left in reversed(range(LESSONS + 1)):
            lesson = errors_on_others(points[-1].mesh, teachers, search.manner, mean, self.seed)
            merits.append(points[-1].bytes * lesson.felt)
            if not left or not len(lesson.places):
                break
            search.learn(lesson.places, lesson.errors)
            points.append(fitted())
        return points, merits

    def _teacher(self, shape: Shape) -> Teacher:
        from necgs_cli.explicit.lessons import Teacher
        from necgs_cli.explicit.pose import carried

        moved = None
        if np.array_equal(shape.faces, self.shape.faces):
            moved = partial(carried, before=self.shape.vertices, after=shape.vertices, faces=shape.faces)
        return Teacher(self.search(shape).target, moved)

    def about(self) -> list[bytes]:
        """As of every task."""
        family = [part for shape in self.family for part in shape.parts()]
        return [*super().about(), packed([self.own]), repr(self.p2s).encode(), *family]


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
            errors = point.p2s / to_unit, point.max_error / to_unit, point.felt / to_unit
            check = pose_check(point.mesh)
            records.append(CodedMesh(kind, payload, *errors, point.vertex_count, told_from, check))
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


def pose_check(mesh: ControlMesh) -> int:
    """A checksum of the positions, in the order in which they are decoded."""
    return zlib.crc32(mesh.positions.astype("<i4").tobytes())


def decoded(record: CodedMesh, reference: ControlMesh | None = None) -> ControlMesh:
    """The control mesh of a record, with the numbering of vertices that readers see."""
    from necgs_cli.explicit.records import decode_posed, decode_record

    return decode_posed(record.payload, reference) if reference else decode_record(record.kind, record.payload)
