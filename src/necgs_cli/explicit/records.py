"""Explicit records: a control mesh as the payload of a record, and back. Decoding needs NumPy alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.explicit.coding import DamagedRecord, decode_mesh, decode_pose, encode_mesh, encode_pose
from necgs_cli.explicit.coding.field import TooDense, connected_parts
from necgs_cli.explicit.coding.kernel import PYTHON, Mode
from necgs_cli.explicit.coding.surroundings import graph
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh
from necgs_cli.explicit.mirror import PLANE_BITS, WHOLE, Mirrors

KIND_NUMBERS = {SMOOTH: 3, CREASED: 4, PLAIN: 5}
"""Kinds of records in the file."""

MIRRORED = 4
"""Added to the kind of a record that holds a part of its mesh, and the planes at which that is mirrored."""

POSED = 6
"""Kind of the records that hold positions alone: the rest is that of the model they depend on."""

ALONE = 8
"""In the first byte of a mirrored record: some parts are not mirrored."""

LIKELY_METHODS = {SMOOTH: (0, 2), CREASED: (0, 2), PLAIN: (0, 1, 2)}
"""Methods of the coder to try: the others hardly ever won in the tests (decisions/mesh_coder.md)."""

MOST_VERTICES = {SMOOTH: 1 << 16, CREASED: 1 << 16, PLAIN: 1 << 20}
"""A reader refuses more: two Loop steps make 16 triangles of each."""

MOST_GRID = 60

MOST_PLACE = 1 << PLANE_BITS
"""A mirror plane crosses the unit frame."""


def encode_record(mesh: ControlMesh, mode: Mode = PYTHON) -> tuple[int, bytes]:
    """Kind and payload of a control mesh: its mirrors, the grid, the coded mesh; the same in every mode.

    Raises:
        ValueError: it is larger than the format allows, or is counted from planes without mirrors.
    """
    if len(mesh.positions) > _most_vertices(mesh.kind, mesh.mirrors) or not 0 <= mesh.grid <= MOST_GRID:
        raise ValueError("a control mesh larger than the format allows")
    if any(place for axis, place in enumerate(mesh.mirrors.places) if axis not in mesh.mirrors.axes):
        raise ValueError("a control mesh counted from a plane at which it is not mirrored")
    coded = partial(encode_mesh, mesh.positions, mesh.faces, creases=mesh.creases, axes=mesh.mirrors.axes, mode=mode)
    try:
        data, order = coded(methods=LIKELY_METHODS[mesh.kind])
    except TooDense:  # for the field; the others take any mesh
        data, order = coded()
    number, head = KIND_NUMBERS[mesh.kind], b""
    if mesh.mirrors.axes:
        number, head = number + MIRRORED, _mirror_bytes(mesh, order)
    return number, head + bytes([mesh.grid]) + data


def kind_of(number: int) -> str:
    """The kind of control mesh in records of a kind that holds its own."""
    return next(name for name, known in KIND_NUMBERS.items() if number in (known, known + MIRRORED))


def decode_record(number: int, payload: bytes, mode: Mode = PYTHON) -> ControlMesh:
    """The control mesh of a record of kind `number`, equal in every integer on every machine and in every mode.

    Raises:
        DamagedFile: the payload is none.
    """
    kind = kind_of(number)
    reader = ByteReader(payload)
    mirrors, alone = (WHOLE, None) if number == KIND_NUMBERS[kind] else _read_mirrors(reader)
    grid = reader.u8()
    if grid > MOST_GRID:
        raise DamagedFile("a mesh record without a valid grid")
    data, most = reader.raw(reader.remaining), _most_vertices(kind, mirrors)
    try:
        positions, faces, creases = decode_mesh(data, max_vertices=most, axes=mirrors.axes, mode=mode)
    except DamagedRecord as error:
        raise DamagedFile(str(error)) from None
    single = None if alone is None else _vertices_of(alone, faces, len(positions))
    return ControlMesh(positions, faces, creases if kind == CREASED else None, kind, grid, mirrors, single)


def _most_vertices(kind: str, mirrors: Mirrors) -> int:
    """That a record may hold: mirrors double them."""
    return MOST_VERTICES[kind] >> len(mirrors.axes)


def _mirror_bytes(mesh: ControlMesh, order: np.ndarray) -> bytes:
    """The axes as bits of one byte, where the plane of each is, and which parts they leave alone: a bit for each.

    `order` (n,) is the number here of each decoded vertex.
    """
    writer, axes = ByteWriter(), mesh.mirrors.axes
    writer.u8(sum(1 << axis for axis in axes) + (0 if mesh.single is None else ALONE))
    for axis in axes:
        writer.zigzag(mesh.mirrors.places[axis])
    if mesh.single is not None:
        decoded = np.empty(len(order), np.int64)
        decoded[order] = np.arange(len(order))
        alone = [mesh.single[order[members[0]]] for members in _parts(decoded[mesh.faces], len(order))]
        writer.counted(np.packbits(np.array(alone, bool), bitorder="little").tobytes())
    return bytes(writer)


def _parts(faces: np.ndarray, vertex_count: int) -> list[np.ndarray]:
    """The vertices of each connected part with triangles, in the order of their first vertices."""
    return [members for members in connected_parts(PYTHON, graph(faces, vertex_count)) if len(members) > 1]


def _vertices_of(alone: bytes, faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """Which vertices (n,) bool are of the parts whose bits are set.

    Raises:
        DamagedFile: there are more or fewer parts than bits.
    """
    parts = _parts(faces, vertex_count)
    bits = np.unpackbits(np.frombuffer(alone, np.uint8), bitorder="little")
    if len(alone) != -(-len(parts) // 8) or bits[len(parts) :].any():
        raise DamagedFile("a mirrored mesh record with bits for parts that it does not have")
    single = np.zeros(vertex_count, bool)
    for members, bit in zip(parts, bits, strict=False):
        single[members] = bit
    return single


def _read_mirrors(reader: ByteReader) -> tuple[Mirrors, bytes | None]:
    """The planes, and the bits of the parts that they leave alone, where there are such."""
    flags = reader.u8()
    axes = tuple(axis for axis in range(3) if flags >> axis & 1)
    if not axes or flags >= 2 * ALONE:
        raise DamagedFile("a mirrored mesh record without valid axes")
    places = [0, 0, 0]
    for axis in axes:
        places[axis] = reader.zigzag()
        if abs(places[axis]) > MOST_PLACE:
            raise DamagedFile("a mirrored mesh record with a plane out of range")
    x, y, z = places
    return Mirrors(axes, (x, y, z)), reader.counted() if flags & ALONE else None


def encode_posed(mesh: ControlMesh, reference: ControlMesh, mode: Mode = PYTHON) -> tuple[int, bytes]:
    """Kind and payload of a control mesh whose triangles, creases and kind are those of another one, as decoded.

    Both are taken as wholes, counted from the same origin.

    Raises:
        ValueError: they are not as many vertices, or out of range.
    """
    mesh, reference = mesh.whole(), reference.whole()
    known = _on_grid(reference, mesh.grid)
    try:
        methods = LIKELY_METHODS[mesh.kind]
        data = encode_pose(mesh.positions, known, reference.faces, methods=methods, mode=mode)
    except TooDense:
        data = encode_pose(mesh.positions, known, reference.faces, mode=mode)
    return POSED, bytes([mesh.grid]) + data


def decode_posed(payload: bytes, reference: ControlMesh, mode: Mode = PYTHON) -> ControlMesh:
    """The control mesh of a record of kind POSED.

    Args:
        reference: the control mesh of the model that it depends on.

    Raises:
        DamagedFile: the payload is none.
    """
    if not payload or payload[0] > MOST_GRID:
        raise DamagedFile("a mesh record without a valid grid")
    grid, reference = payload[0], reference.whole()
    try:
        positions = decode_pose(payload[1:], _on_grid(reference, grid), reference.faces, mode=mode)
    except DamagedRecord as error:
        raise DamagedFile(str(error)) from None
    return replace(reference, positions=positions, grid=grid)


ROOT_OF_TWO, ROOT_BITS = 759250125, 29
"""sqrt(2) * 2**ROOT_BITS, rounded."""


def _on_grid(mesh: ControlMesh, grid: int) -> np.ndarray:
    """Positions int64 (n, 3) of a mesh in steps of another grid, in integers: the same on every machine."""
    finer = grid - mesh.grid
    scaled, halves = mesh.positions.astype(np.int64), finer // 2
    if finer % 2:
        scaled, halves = scaled * ROOT_OF_TWO, halves - ROOT_BITS
    return scaled << halves if halves >= 0 else scaled + (1 << -halves - 1) >> -halves
