"""Positions of a mesh whose triangles, and another shape of it, are known: poses, frames of an animation.

A record holds, in one arithmetic-coded stream: the method, whether positions or their differences from the known
shape are told, and these. What differs little, or moves in rigid pieces, leaves differences that the field predicts
well.
"""

from collections.abc import Sequence

import numpy as np

from . import connectivity, field
from . import positions as position_coding
from .arithmetic import HALF, DamagedRecord, decoder, encoder, finish
from .connectivity import Connectivity
from .kernel import PYTHON, Mode
from .record import FIRST_ROOM, Coder, with_room
from .surroundings import graph

_RANGE = 1 << 31


def encode_pose(
    positions: np.ndarray,
    reference: np.ndarray,
    faces: np.ndarray,
    *,
    mode: Mode = PYTHON,
    methods: Sequence[int] = tuple(range(len(position_coding.METHODS))),
) -> bytes:
    """Code the positions of a mesh whose other shape is known; as differences where these are more even.

    Args:
        positions: int32 (n, 3).
        reference: int64 (n, 3), the known shape, on the same grid.
        faces: int64 (m, 3), as decoded.
        mode: how to run; the record is the same.
        methods: which of `positions.METHODS` to try.

    Raises:
        ValueError: shapes or numbers are out of range, or no method suits the mesh.
    """
    positions, reference = np.asarray(positions, np.int64), np.asarray(reference, np.int64)
    if positions.shape != reference.shape:
        raise ValueError("a pose has as many vertices as what it is a pose of")
    known = _conquered(mode, faces, len(positions))
    told, differences = positions[known.order], (positions - reference)[known.order]
    moved = _unevenness(differences, known.faces) < _unevenness(told, known.faces)
    if differences.size and (differences.min() < -_RANGE or differences.max() >= _RANGE):
        moved = False
    best: bytes | None = None
    for method in methods:
        try:
            coded = _encode(mode, known, differences if moved else told, method, moved)
        except (field.TooDense, DamagedRecord):  # predictions that leave the range of what can be told
            continue
        if best is None or len(coded) < len(best):
            best = coded
    if best is None:
        raise field.TooDense("the mesh does not suit the methods asked for")
    return best


def _unevenness(vectors: np.ndarray, faces: np.ndarray) -> float:
    """How much vectors (n, 3) at vertices differ from those around: bits that they take, about."""
    ends, others = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    count = np.maximum(np.bincount(ends, minlength=len(vectors)), 1)
    around = np.stack([np.bincount(ends, v[others], len(vectors)) for v in vectors.T.astype(float)], axis=1)
    return float(np.log2(1 + np.abs(vectors - around / count[:, None])).sum())


def _encode(mode: Mode, known: Connectivity, told: np.ndarray, method: int, moved: bool) -> bytes:
    if told.size and np.abs(told).max() >= mode.limit:
        mode = PYTHON

    def attempt(mode: Mode, room: int) -> bytes:
        coder = Coder(mode, *encoder(mode, room))
        _code(coder, known, told, method, moved)
        return finish(coder.stream.registers, coder.stream.data)

    return with_room(attempt, mode, FIRST_ROOM + 8 * len(told))


def decode_pose(data: bytes, reference: np.ndarray, faces: np.ndarray, *, mode: Mode = PYTHON) -> np.ndarray:
    """Positions int32 (n, 3) of a pose; `reference` and `faces` as for `encode_pose`.

    Raises:
        DamagedRecord: the bytes are no pose of that mesh.
    """
    reference = np.asarray(reference, np.int64)
    known = _conquered(mode, faces, len(reference))

    def attempt(mode: Mode, room: int) -> np.ndarray:
        told, moved = _code(Coder(mode, *decoder(mode, data)), known, None, 0, False)
        found = np.zeros_like(reference)
        found[known.order] = told
        return found + reference if moved else found

    try:
        positions = with_room(attempt, mode, FIRST_ROOM + len(data))
    except field.TooDense:
        raise DamagedRecord("the mesh record asks for too much work") from None
    if positions.size and (positions.min() < -_RANGE or positions.max() >= _RANGE):
        raise DamagedRecord("a position in the mesh record is out of range")
    return positions.astype(np.int32)


def _conquered(mode: Mode, faces: np.ndarray, count: int) -> Connectivity:
    """The connectivity in the order in which the machine conquers it: told again to itself, so that both sides agree.

    `order` holds all vertices; those without triangles come last. Triangles that repeat a vertex tell nothing.
    """
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]

    def attempt(mode: Mode, room: int) -> Connectivity:
        coder = Coder(mode, *encoder(mode, room))
        coder.start(hits=False)
        return connectivity.code_connectivity(mode, coder.stream, faces, count, 0, count, len(faces))

    found = with_room(attempt, mode, FIRST_ROOM + 8 * count)
    loose = np.setdiff1d(np.arange(count), faces)
    order = np.concatenate([found.order, loose])
    whole = connectivity.with_loose_vertices(mode, found, len(loose)) if len(loose) else found
    return Connectivity(whole.faces, whole.count, whole.made, order)


def _code(
    coder: Coder, known: Connectivity, told: np.ndarray | None, method: int, moved: bool
) -> tuple[np.ndarray, bool]:
    method = coder.uniform(len(position_coding.METHODS), method)
    moved = coder.flag(moved, HALF)
    coder.start(position_coding.METHODS[method].hits)
    around = graph(known.faces, known.count)
    # the mode may have changed since the connectivity was made
    here = Connectivity(known.faces, known.count, coder.mode.sequence(known.made), known.order)
    chosen = position_coding.METHODS[method]
    return position_coding.code_positions(coder.mode, coder.stream, here, around, chosen, told), moved
