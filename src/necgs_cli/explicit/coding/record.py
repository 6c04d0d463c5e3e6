"""Mesh records: the bytes of a triangle mesh with integer coordinates, without loss.

A record holds, in one arithmetic-coded stream: the method, three flags, connectivity, number of loose vertices,
positions, creases, copies of repeated parts, triangles that repeat a vertex. The encoder tries the methods and keeps
the shortest stream. Decoding takes integer arithmetic only, and so gives the same integers on every machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from . import connectivity, field, parts, priors
from . import creases as crease_coding
from . import positions as position_coding
from .arithmetic import WIDE, DamagedRecord, Retry, check, code, decoder, encoder, finish
from .decisions import FLAT, LOOSE
from .kernel import PYTHON, Mode
from .mixing import Stream, code_number, code_uniform
from .surroundings import Graph, graph

RARE = 1 << 11  # probability, of 2**16, of what most records lack
FIRST_ROOM = 64
_GROWTH = 4

T = TypeVar("T")


@dataclass(eq=False)
class _Mesh:
    """The encoder's mesh, sorted into what is coded in which way. Vertex numbers are the caller's."""

    positions: np.ndarray
    faces: np.ndarray  # of the different parts
    creases: np.ndarray  # on them
    loose: np.ndarray  # vertices without triangles
    flat: np.ndarray  # triangles that repeat a vertex
    parts: list[parts.Part]


def encode_mesh(
    positions: np.ndarray,
    faces: np.ndarray,
    *,
    creases: np.ndarray | None = None,
    methods: Sequence[int] = tuple(range(len(position_coding.METHODS))),
    axes: Sequence[int] = (),
    mode: Mode = PYTHON,
) -> tuple[bytes, np.ndarray]:
    """Code a triangle mesh without loss, up to the numbering of vertices and the rotation and order of triangles.

    Args:
        positions: int32 (n, 3).
        faces: int (m, 3), any triangles: several parts, borders, non-manifold edges, repeats.
        creases: int (k, 2), pairs of vertices that are edges, in any order; None: no creases.
        methods: which of `positions.METHODS` to try.
        axes: across which the mesh will be mirrored, at planes where the coordinate is 0.
        mode: how to run; the record is the same.

    Returns:
        The record, and `order`, int64 (n,): the number that each decoded vertex had here.

    Raises:
        ValueError: when shapes or numbers are out of range, a crease is no edge, or no method suits the mesh.
    """
    q, f, edges = _checked(positions, faces, creases)
    proper = (f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])
    solid, flat = f[proper], f[~proper]
    loose = np.setdiff1d(np.arange(len(q)), solid)
    known = graph(solid, len(q)).edges
    if not np.isin(edges @ [len(q), 1], known @ [len(q), 1]).all():
        raise ValueError("a crease is no edge of a triangle")
    meshes = [_Mesh(q, solid, edges, loose, flat, [])]
    different = parts.find_parts(q, solid, edges, mode)
    if any(p.copies for p in different):
        rows = np.sort(np.concatenate([p.rows for p in different]))
        kept = np.zeros(len(q), bool)
        kept[solid[rows].ravel()] = True
        meshes.append(_Mesh(q, solid[rows], edges[kept[edges[:, 0]]], loose, flat, different))
    best: tuple[bytes, np.ndarray] | None = None
    for mesh in meshes:
        for method in methods:
            try:
                coded = _encode(mode, mesh, method, axes)
            except (field.TooDense, DamagedRecord):  # predictions that leave the range of what can be told
                continue
            if best is None or len(coded[0]) < len(best[0]):
                best = coded
    if best is None:
        raise field.TooDense("the mesh does not suit the methods asked for")
    return best


def decode_mesh(
    data: bytes,
    *,
    max_vertices: int = 1 << 18,
    max_faces: int | None = None,
    axes: Sequence[int] = (),
    mode: Mode = PYTHON,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode a mesh record.

    Args:
        data: the record, nothing else.
        max_vertices: a record with more is refused.
        max_faces: likewise; None: 8 times as many as vertices.
        axes: as it was coded.
        mode: how to run; the result is the same.

    Returns:
        Positions int32 (n, 3), triangles int64 (m, 3), creases int64 (k, 2).

    Raises:
        DamagedRecord: when the bytes are no mesh record, or it is larger than allowed.
    """

    def attempt(mode: Mode, room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        stream = Coder(mode, *decoder(mode, data))
        q, f, edges, _ = _code(stream, None, 0, axes, room, max_vertices, max_faces or 8 * max_vertices)
        return q.astype(np.int32), f, edges

    try:
        return with_room(attempt, mode, FIRST_ROOM + len(data))
    except field.TooDense:
        raise DamagedRecord("the mesh record asks for too much work") from None


def with_room(attempt: Callable[[Mode, int], T], mode: Mode, room: int) -> T:
    """The result of `attempt(mode, room)`, with more room until it suffices, and in Python where 64 bits do not."""
    while True:
        try:
            return attempt(mode, room)
        except Retry as retry:
            if retry.status == WIDE:
                mode = PYTHON
            else:
                room *= _GROWTH


def _checked(
    positions: np.ndarray, faces: np.ndarray, creases: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    q = np.asarray(positions).astype(np.int64).reshape(-1, 3)
    f = np.asarray(faces).astype(np.int64).reshape(-1, 3)
    edges = np.zeros((0, 2), np.int64)
    if creases is not None:
        edges = np.sort(np.asarray(creases).astype(np.int64).reshape(-1, 2), axis=1)
    if q.size and (q.min() < -(1 << 31) or q.max() >= 1 << 31):
        raise ValueError("positions must fit 32 bits")
    for indices in (f, edges):
        if indices.size and (indices.min() < 0 or indices.max() >= len(q)):
            raise ValueError("an index points to no vertex")
    return q, f, edges


def _encode(mode: Mode, mesh: _Mesh, method: int, axes: Sequence[int]) -> tuple[bytes, np.ndarray]:
    n = len(mesh.positions)
    if mesh.positions.size and np.abs(mesh.positions).max() >= mode.limit:
        mode = PYTHON

    def attempt(mode: Mode, room: int) -> tuple[bytes, np.ndarray]:
        coder = Coder(mode, *encoder(mode, room))
        order = _code(coder, mesh, method, axes, n, n, 1 << 62)[3]
        return finish(coder.stream.registers, coder.stream.data), order

    return with_room(attempt, mode, FIRST_ROOM + 8 * n)


class Coder:
    """A stream and the way to run the kernels on it."""

    def __init__(self, mode: Mode, registers, data) -> None:
        self.mode = mode
        blank = mode.blank(0)
        self.stream = Stream(registers, data, blank, blank, blank)

    def start(self, hits: bool) -> None:
        """Start the adaptive states."""
        probabilities, counts, weights = priors.sequences(self.mode, hits)
        self.stream = self.stream._replace(probabilities=probabilities, counts=counts, weights=weights)

    def flag(self, value: bool, probability: int = RARE) -> bool:
        return bool(self.mode(code)(self.stream.registers, self.stream.data, int(value), probability))

    def uniform(self, count: int, value: int) -> int:
        return int(self.mode(code_uniform)(self.stream, count, value))

    def number(self, decision, value: int) -> int:
        found = int(self.mode(code_number)(self.stream, decision, value))
        check(self.stream.registers)
        return found


def _code(
    coder: Coder, mesh: _Mesh | None, method: int, axes: Sequence[int], room: int, max_vertices: int, max_faces: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code a record; `mesh` and `method` when encoding. Returns positions, faces, creases, the encoder's order."""
    mode = coder.mode
    method = coder.uniform(len(position_coding.METHODS), method)
    coder.start(position_coding.METHODS[method].hits)
    stream = coder.stream
    has_extras = coder.flag(mesh is not None and bool(len(mesh.loose) or len(mesh.flat)))
    has_copies = coder.flag(mesh is not None and bool(mesh.parts))
    conn = connectivity.code_connectivity(
        mode,
        stream,
        None if mesh is None else mesh.faces,
        0 if mesh is None else len(mesh.positions),
        room,
        max_vertices,
        max_faces,
    )
    order, solid_count = conn.order, conn.count
    if has_extras:
        loose = coder.number(LOOSE, 0 if mesh is None else len(mesh.loose))
        if conn.count + loose > max_vertices:
            raise DamagedRecord("the mesh record holds more vertices than allowed")
        conn = connectivity.with_loose_vertices(mode, conn, loose)
        if mesh is not None:
            order = np.concatenate([order, mesh.loose])
    around = graph(conn.faces, conn.count)
    q = position_coding.code_positions(
        mode,
        stream,
        conn,
        around,
        position_coding.METHODS[method],
        None if mesh is None else mesh.positions[order],
        axes,
    )
    renumber = np.full(0 if mesh is None else len(mesh.positions), -1, np.int64)
    if mesh is not None:
        renumber[order] = np.arange(len(order))
    edges = crease_coding.code_creases(
        mode, stream, q, conn.faces, around, None if mesh is None else np.sort(renumber[mesh.creases], axis=1)
    )
    faces = conn.faces
    if has_copies:
        parts_found = field.connected_parts(mode, Graph(around.first[: solid_count + 1], around.near))
        pairs = None if mesh is None else parts.match(mesh.parts, order, parts_found)
        offsets = parts.code_copies(mode, stream, len(parts_found), None if pairs is None else pairs[0], max_vertices)
        q, faces, edges = parts.repeat(parts_found, offsets, (q, faces, edges), max_vertices, max_faces)
        if pairs is not None:
            order = np.concatenate([order, *pairs[1]])
    if has_extras:
        flat = None
        if mesh is not None:
            renumber[order] = np.arange(len(order))
            flat = renumber[mesh.flat]
        faces = np.concatenate([faces, _code_flat(coder, flat, len(q), max_faces - len(faces))])
    check(stream.registers)
    return q, faces, edges, order


def _code_flat(coder: Coder, flat: np.ndarray | None, vertices: int, most: int) -> np.ndarray:
    """Code the triangles that repeat a vertex, int64 (k, 3), at most so many."""
    count = coder.number(FLAT, 0 if flat is None else len(flat))
    if count > most or (count and not vertices):
        raise DamagedRecord("the mesh record holds more triangles than allowed")
    corners = [coder.uniform(vertices, 0 if flat is None else int(flat[k // 3, k % 3])) for k in range(3 * count)]
    return np.array(corners, np.int64).reshape(-1, 3)
