"""Inputs with the same triangles, such as posed bodies and frames of an animation: the triangles are coded once.

One model of a group keeps its own record. Its control mesh is carried over to the others and fitted there; a record
of positions alone, told from the nearest pose coded before, is taken where it is smaller and no less exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.mesh_codec import CodedMesh
from necgs_cli.outcome import NecgsError
from necgs_cli.prepare import Prepared, run_all
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.explicit.control_mesh import ControlMesh
    from necgs_cli.journal import Journal

LONGEST_CHAIN = 4
"""Records that must be decoded at most before a pose can be: random access stays cheap."""
NEAREST = 2
"""Poses coded before, of those nearest, from which a pose is tried to be told."""
INTERRUPTED = 130


@dataclass(frozen=True)
class Pose:
    """A pose with the control mesh of its group.

    Attributes:
        mesh: fitted; p2s, max_error: measured, longest side = 2.
    """

    mesh: ControlMesh
    p2s: float
    max_error: float


@dataclass(frozen=True, eq=False)
class PoseTask:
    """Carries a control mesh over to a pose; run in worker processes.

    Attributes:
        name: of the pose.
        mesh: the control mesh; key: (n, 3) vertices of its original, unit frame.
        vertices: (n, 3) of the pose, unit frame; faces: (m, 3) of both.
        most: p2s and largest error that it may have, longest side = 2.
    """

    name: str
    mesh: ControlMesh
    key: np.ndarray
    vertices: np.ndarray
    faces: np.ndarray
    most: tuple[float, float]
    seed: int

    def run(self) -> Pose | None:
        from necgs_cli.explicit.bound import Bound
        from necgs_cli.explicit.pose import carried, fit_pose
        from necgs_cli.explicit.search import Search

        to_unit = float(np.ptp(self.vertices, axis=0).max()) / 2
        start = carried(self.mesh.positions * self.mesh.step, self.key, self.vertices, self.faces)
        search = Search(self.vertices, self.faces, self.seed)
        point = fit_pose(self.mesh, start, search, Bound(*self.most).scaled(to_unit))
        return Pose(point.mesh, point.p2s / to_unit, point.max_error / to_unit) if point else None

    def about(self) -> list[bytes]:
        """What the result depends on, besides the seed."""
        creases = () if self.mesh.creases is None else self.mesh.creases
        arrays = (self.mesh.positions, self.mesh.faces, creases, self.key, self.vertices, self.faces, self.most)
        return [f"{self.mesh.kind} {self.mesh.grid}".encode(), *(np.asarray(array).tobytes() for array in arrays)]


def run_pose(task: PoseTask, journal: Journal | None) -> Pose | None:
    """The task's result, or the one that a journal keeps; for processes."""
    if journal is None:
        return task.run()
    return _unpacked(journal.recall(task.about(), lambda: _packed(task.run())), task.mesh)


def _packed(pose: Pose | None) -> bytes:
    """What of a pose its group does not tell; nothing for None."""
    writer = ByteWriter()
    if pose:
        writer.f64(pose.p2s)
        writer.f64(pose.max_error)
        writer.u8(pose.mesh.grid)
        writer.raw(pose.mesh.positions.astype("<i4").tobytes())
    return bytes(writer)


def _unpacked(data: bytes, mesh: ControlMesh) -> Pose | None:
    """`mesh` is that of the group."""
    if not data:
        return None
    reader = ByteReader(data)
    p2s, max_error, grid = reader.f64(), reader.f64(), reader.u8()
    positions = np.frombuffer(reader.raw(reader.remaining), "<i4").astype(np.int32).reshape(-1, 3)
    return Pose(replace(mesh, positions=positions, grid=grid), p2s, max_error)


def groups_of_poses(models: Sequence[Prepared[Any]]) -> list[list[int]]:
    """Models with the same triangles in the same order on as many vertices, where there are several."""
    groups: dict[tuple[int, bytes], list[int]] = {}
    for i, model in enumerate(models):
        told = hashlib.sha256(np.ascontiguousarray(model.mesh.faces, "<i8").tobytes()).digest()
        groups.setdefault((len(model.mesh.vertices), told), []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def share_connectivity(
    models: Sequence[Prepared[Any]],
    chosen: Sequence[CodedMesh],
    bounds: Sequence[tuple[float, float]],
    seed: int,
    workers: int,
    progress: Progress,
    journal: Journal | None = None,
) -> tuple[list[CodedMesh], list[tuple[int, ...]]]:
    """Records of positions alone in place of those of poses, where they are smaller.

    Args:
        models: the inputs; chosen: their own records; bounds: p2s and largest error allowed to each, longest side = 2.
        journal: keeps each fit as soon as it is found.
    Returns:
        A record for each model, and the models before it that it depends on.

    Raises:
        NecgsError: the work was stopped.
    """
    records: list[CodedMesh] = list(chosen)
    depends: list[tuple[int, ...]] = [()] * len(chosen)
    for group in groups_of_poses(models):
        key = group[0]
        key_mesh = _decoded(records[key])
        vertices = [models[i].placement.to_unit(models[i].mesh.vertices) for i in group]
        tasks = [
            PoseTask(models[i].name, key_mesh, vertices[0], v, models[i].mesh.faces, bounds[i], seed)
            for i, v in zip(group[1:], vertices[1:], strict=True)
        ]
        progress.phase("fitting poses", len(tasks))
        poses = run_all(tasks, partial(run_pose, journal=journal), workers, progress)
        coded: list[tuple[int, ControlMesh, int]] = [(key, key_mesh, 0)]
        for done, (i, pose) in enumerate(zip(group[1:], poses, strict=False), 1):
            progress.update(done)
            if not isinstance(pose, Pose):
                continue
            record, before, depth = _told_from(pose, coded)
            if record.bytes + _dependence_bytes(i - before) < records[i].bytes:
                records[i], depends[i] = record, (before,)
                coded.append((i, pose.mesh, depth))
        if progress.stopped():
            raise NecgsError("stopped", INTERRUPTED)
    return records, depends


def _dependence_bytes(distance: int) -> int:
    """What a record's frame takes to name one other model so many models before it."""
    return 1 + max(1, -(-distance.bit_length() // 7))


def _decoded(record: CodedMesh) -> ControlMesh:
    """The control mesh of a record, with the numbering of vertices that readers see."""
    from necgs_cli.explicit.records import decode_record

    return decode_record(record.kind, record.payload)


def _told_from(pose: Pose, coded: list[tuple[int, ControlMesh, int]]) -> tuple[CodedMesh, int, int]:
    """The shortest record of a pose among those told from the nearest ones: it, the model it depends on, its depth."""
    from necgs_cli.explicit.coding.choice import mode_for_next
    from necgs_cli.explicit.records import encode_posed

    here = pose.mesh.positions * pose.mesh.step

    def apart(mesh: ControlMesh) -> float:
        moved = mesh.positions * mesh.step - here
        return float(np.abs(moved - moved.mean(axis=0)).sum())

    near = sorted((c for c in coded if c[2] < LONGEST_CHAIN), key=lambda c: apart(c[1]))[:NEAREST]
    mode = mode_for_next(len(near) * len(here))
    found = [(encode_posed(pose.mesh, mesh, mode), i, depth + 1) for i, mesh, depth in near]
    (kind, payload), before, depth = min(found, key=lambda f: len(f[0][1]))
    return CodedMesh(kind, payload, pose.p2s, pose.max_error, len(here)), before, depth
