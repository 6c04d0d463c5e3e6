"""The search for a model's records where a journal keeps what it finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.journal import Journal
from necgs_cli.mesh_codec import CodedMesh, MeshTask
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement


@dataclass(frozen=True)
class KeptMeshTask:
    """A search whose result is recalled where the same mesh was searched before; run in worker processes."""

    task: MeshTask
    journal: Journal

    def run(self, mesh: Mesh, placement: Placement) -> list[CodedMesh]:
        """As `MeshTask.run`."""
        about = [mesh.vertices.tobytes(), mesh.faces.tobytes()]
        return unpacked(self.journal.recall(about, lambda: packed(self.task.run(mesh, placement))))


def asked_of(task: MeshTask) -> dict[str, Any]:
    """What the results of a search depend on besides the mesh, as JSON."""
    return {"necgs": version("necgs"), **dataclasses.asdict(task)}


def packed(records: Sequence[CodedMesh]) -> bytes:
    """Records as bytes for a journal."""
    writer = ByteWriter()
    for record in records:
        writer.u8(record.kind)
        writer.counted(record.payload)
        writer.f64(record.p2s)
        writer.f64(record.max_error)
        writer.f64(record.felt)
        writer.varint(record.vertices)
        writer.varint(record.told_from)
        writer.varint(record.check)
    return bytes(writer)


def unpacked(data: bytes) -> list[CodedMesh]:
    """Back from `packed`."""
    reader, records = ByteReader(data), []
    while reader.remaining:
        kind, payload = reader.u8(), reader.counted()
        measured = reader.f64(), reader.f64(), reader.f64(), reader.varint()
        records.append(CodedMesh(kind, payload, *measured, reader.varint(), reader.varint()))
    return records
