"""Explicit records: a control mesh as the payload of a record, and back. Decoding needs NumPy alone."""

from __future__ import annotations

import numpy as np

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.explicit.coding import DamagedRecord, decode_mesh, decode_pose, encode_mesh, encode_pose
from necgs_cli.explicit.coding.field import TooDense
from necgs_cli.explicit.coding.kernel import PYTHON, Mode
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh

KIND_NUMBERS = {SMOOTH: 3, CREASED: 4, PLAIN: 5}
"""Kinds of records in the file."""

POSED = 6
"""Kind of the records that hold positions alone: the rest is that of the model they depend on."""

LIKELY_METHODS = {SMOOTH: (0, 2), CREASED: (0, 2), PLAIN: (0, 1, 2, 3)}
"""Methods of the coder to try: without the field, smooth kinds never won in the tests (decisions/mesh_coder.md)."""

MOST_VERTICES = {SMOOTH: 1 << 16, CREASED: 1 << 16, PLAIN: 1 << 20}
"""A reader refuses more: two Loop steps make 16 triangles of each."""

MOST_GRID = 60


def encode_record(mesh: ControlMesh, mode: Mode = PYTHON) -> tuple[int, bytes]:
    """Kind and payload of a control mesh: the grid in one byte, then the coded mesh; the same in every mode.

    Raises:
        ValueError: it is larger than the format allows.
    """
    if len(mesh.positions) > MOST_VERTICES[mesh.kind] or not 0 <= mesh.grid <= MOST_GRID:
        raise ValueError("a control mesh larger than the format allows")
    try:
        methods = LIKELY_METHODS[mesh.kind]
        data, _ = encode_mesh(mesh.positions, mesh.faces, creases=mesh.creases, methods=methods, mode=mode)
    except TooDense:  # for the field; the others take any mesh
        data, _ = encode_mesh(mesh.positions, mesh.faces, creases=mesh.creases, mode=mode)
    return KIND_NUMBERS[mesh.kind], bytes([mesh.grid]) + data


def decode_record(number: int, payload: bytes, mode: Mode = PYTHON) -> ControlMesh:
    """The control mesh of a record of kind `number`, equal in every integer on every machine and in every mode.

    Raises:
        DamagedFile: the payload is none.
    """
    kind = next(name for name, known in KIND_NUMBERS.items() if known == number)
    if not payload or payload[0] > MOST_GRID:
        raise DamagedFile("a mesh record without a valid grid")
    try:
        positions, faces, creases = decode_mesh(payload[1:], max_vertices=MOST_VERTICES[kind], mode=mode)
    except DamagedRecord as error:
        raise DamagedFile(str(error)) from None
    return ControlMesh(positions, faces, creases if kind == CREASED else None, kind, payload[0])


def encode_posed(mesh: ControlMesh, reference: ControlMesh, mode: Mode = PYTHON) -> tuple[int, bytes]:
    """Kind and payload of a control mesh whose triangles, creases and kind are those of another one, as decoded.

    Raises:
        ValueError: they are not as many vertices, or out of range.
    """
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
    grid = payload[0]
    try:
        positions = decode_pose(payload[1:], _on_grid(reference, grid), reference.faces, mode=mode)
    except DamagedRecord as error:
        raise DamagedFile(str(error)) from None
    return ControlMesh(positions, reference.faces, reference.creases, reference.kind, grid)


ROOT_OF_TWO, ROOT_BITS = 759250125, 29
"""sqrt(2) * 2**ROOT_BITS, rounded."""


def _on_grid(mesh: ControlMesh, grid: int) -> np.ndarray:
    """Positions int64 (n, 3) of a mesh in steps of another grid, in integers: the same on every machine."""
    finer = grid - mesh.grid
    scaled, halves = mesh.positions.astype(np.int64), finer // 2
    if finer % 2:
        scaled, halves = scaled * ROOT_OF_TWO, halves - ROOT_BITS
    return scaled << halves if halves >= 0 else scaled + (1 << -halves - 1) >> -halves
