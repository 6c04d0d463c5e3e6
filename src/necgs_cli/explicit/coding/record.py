"""Mesh records: the bytes of a triangle mesh with integer coordinates, without loss.

A record holds, in one arithmetic-coded stream: the method, three flags, connectivity, number of loose vertices,
positions, creases, copies of repeated parts, triangles that repeat a vertex. The encoder tries the methods and keeps
the shortest stream. Decoding takes integer arithmetic only, and so gives the same integers on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import connectivity, field, hits, parts, priors, residual
from . import creases as crease_coding
from . import positions as position_coding
from .arithmetic import DamagedRecord, Decoder, Encoder
from .mixing import Coder, Decision, Mixer, code_uniform

RARE = 1 << 11  # probability, of 2**16, of what most records lack
LOOSE = Decision("loose vertices", (64,))
FLAT = Decision("flat triangles", (64,))
DECISIONS = (connectivity.DECISIONS + residual.DECISIONS + hits.DECISIONS + crease_coding.DECISIONS + parts.DECISIONS
             + (LOOSE, FLAT))


def _place(decisions: tuple[Decision, ...]) -> None:
    counters = sets = 0
    for d in decisions:
        counters, sets = d.place(counters, sets)


_place(DECISIONS)


@dataclass(eq=False)
class _Mesh:
    """The encoder's mesh, sorted into what is coded in which way. Vertex numbers are the caller's."""

    positions: np.ndarray
    faces: np.ndarray  # of the different parts
    creases: np.ndarray  # on them
    loose: np.ndarray  # vertices without triangles
    flat: np.ndarray  # triangles that repeat a vertex
    parts: list[parts.Part]


def encode_mesh(positions: np.ndarray, faces: np.ndarray, *, creases: np.ndarray | None = None,
                methods: Sequence[int] = tuple(range(len(position_coding.METHODS)))) -> tuple[bytes, np.ndarray]:
    """Code a triangle mesh without loss, up to the numbering of vertices and the rotation and order of triangles.

    Args:
        positions: int32 (n, 3).
        faces: int (m, 3), any triangles: several parts, borders, non-manifold edges, repeats.
        creases: int (k, 2), pairs of vertices that are edges, in any order; None: no creases.
        methods: which of `positions.METHODS` to try.

    Returns:
        The record, and `order`, int64 (n,): the number that each decoded vertex had here.

    Raises:
        ValueError: when shapes or numbers are out of range, a crease is no edge, or no method suits the mesh.
    """
    q, f, edges = _checked(positions, faces, creases)
    proper = (f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])
    solid, flat = f[proper], f[~proper]
    loose = np.setdiff1d(np.arange(len(q)), solid)
    known = crease_coding.edge_list(solid)
    if len(np.setdiff1d(edges @ [len(q), 1], known @ [len(q), 1])):
        raise ValueError("a crease is no edge of a triangle")
    meshes = [_Mesh(q, solid, edges, loose, flat, [])]
    different = parts.find_parts(q, solid, edges)
    if any(p.copies for p in different):
        rows = np.sort(np.concatenate([p.rows for p in different]))
        kept = np.zeros(len(q), bool)
        kept[solid[rows].ravel()] = True
        meshes.append(_Mesh(q, solid[rows], edges[kept[edges[:, 0]]], loose, flat, different))
    best: tuple[bytes, np.ndarray] | None = None
    for mesh in meshes:
        for method in methods:
            try:
                coded = _encode(mesh, method)
            except field.TooDense:
                continue
            if best is None or len(coded[0]) < len(best[0]):
                best = coded
    if best is None:
        raise field.TooDense("the mesh does not suit the methods asked for")
    return best


def decode_mesh(data: bytes, *, max_vertices: int = 1 << 18, max_faces: int | None = None
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode a mesh record.

    Args:
        data: the record, nothing else.
        max_vertices: a record with more is refused.
        max_faces: likewise; None: 8 times as many as vertices.

    Returns:
        Positions int32 (n, 3), triangles int64 (m, 3), creases int64 (k, 2).

    Raises:
        DamagedRecord: when the bytes are no mesh record, or it is larger than allowed.
    """
    try:
        q, f, edges, _ = _code(Decoder(data), None, None, max_vertices, max_faces or 8 * max_vertices)
    except field.TooDense:
        raise DamagedRecord("the mesh record asks for too much work") from None
    return q.astype(np.int32), f, edges


def _checked(positions: np.ndarray, faces: np.ndarray, creases: np.ndarray | None
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


def _encode(mesh: _Mesh, method: int) -> tuple[bytes, np.ndarray]:
    coder = Encoder()
    order = _code(coder, mesh, method, len(mesh.positions), 1 << 62)[3]
    return coder.finish(), order


def _flag(coder: Coder, value: bool | None, probability: int = RARE) -> bool:
    return bool(coder.code(None if value is None else int(value), probability))


def _code(coder: Coder, mesh: _Mesh | None, method: int | None, max_vertices: int, max_faces: int
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code a record; `mesh` and `method` when encoding. Returns positions, faces, creases, the encoder's order."""
    method = code_uniform(coder, len(position_coding.METHODS), method)
    mixer = Mixer(priors.start(DECISIONS, position_coding.METHODS[method].hits))
    has_extras = _flag(coder, None if mesh is None else bool(len(mesh.loose) or len(mesh.flat)))
    has_copies = _flag(coder, None if mesh is None else bool(mesh.parts))
    conn = connectivity.code_connectivity(coder, mixer, None if mesh is None else mesh.faces, max_vertices, max_faces)
    order = np.array(conn.order, np.int64)
    loose = 0
    if has_extras:
        loose = mixer.code_number(coder, LOOSE, None if mesh is None else len(mesh.loose))
        if conn.count + loose > max_vertices:
            raise DamagedRecord("the mesh record holds more vertices than allowed")
        if mesh is not None:
            order = np.concatenate([order, mesh.loose])
    part_graph = parts.graph(conn.faces, conn.count)
    conn = connectivity.Connectivity(conn.faces, conn.count + loose, conn.gates + [None] * loose, conn.order)
    q = position_coding.code_positions(coder, mixer, conn, position_coding.METHODS[method],
                                 None if mesh is None else mesh.positions[order])
    renumber = np.full(0 if mesh is None else len(mesh.positions), -1, np.int64)
    if mesh is not None:
        renumber[order] = np.arange(len(order))
    edges = crease_coding.code_creases(coder, mixer, q, conn.faces,
                                 None if mesh is None else np.sort(renumber[mesh.creases], axis=1))
    faces = conn.faces
    if has_copies:
        parts_found = field.connected_parts(part_graph)
        pairs = None if mesh is None else parts.match(mesh.parts, order, parts_found)
        offsets = parts.code_copies(coder, mixer, len(parts_found), None if pairs is None else pairs[0],
                                    max_vertices)
        q, faces, edges = parts.repeat(parts_found, offsets, (q, faces, edges), max_vertices, max_faces)
        if pairs is not None:
            order = np.concatenate([order, *pairs[1]])
    if has_extras:
        flat = None
        if mesh is not None:
            renumber[order] = np.arange(len(order))
            flat = renumber[mesh.flat]
        count = mixer.code_number(coder, FLAT, None if flat is None else len(flat))
        if len(faces) + count > max_faces or (count and not len(q)):
            raise DamagedRecord("the mesh record holds more triangles than allowed")
        corners = [code_uniform(coder, len(q), None if flat is None else int(flat[k // 3, k % 3]))
                   for k in range(3 * count)]
        faces = np.concatenate([faces, np.array(corners, np.int64).reshape(-1, 3)])
    return q, faces, edges, order
