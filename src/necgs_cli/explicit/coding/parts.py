"""Connected parts that repeat: the same triangles at the same integer offsets, somewhere else."""

from dataclasses import dataclass, field

import numpy as np

from .arithmetic import HALF, DamagedRecord, check, code
from .decisions import COPIES, SAME_STEP, STEP
from .field import connected_parts
from .kernel import PYTHON, Mode
from .mixing import Stream, code_number, mix
from .surroundings import graph


@dataclass(eq=False)
class Part:
    """A part of the encoder's mesh: vertices in a canonical order, and the rows of `faces` that it owns."""

    vertices: np.ndarray
    rows: np.ndarray
    corner: np.ndarray
    copies: list["Part"] = field(default_factory=list)


def find_parts(positions: np.ndarray, faces: np.ndarray, creases: np.ndarray, mode: Mode = PYTHON) -> list[Part]:
    """The different connected parts of a mesh, each with its copies (equal but for a translation).

    Args:
        positions: int64 (n, 3).
        faces: int64 (m, 3).
        creases: int64 (k, 2), sorted pairs.
        mode: how to run.
    """
    members = [p for p in connected_parts(mode, graph(faces, len(positions))) if len(p) > 1]
    if len(members) < 2:
        return [Part(p, np.arange(len(faces)), positions[p].min(axis=0)) for p in members]
    label = np.full(len(positions), -1, np.int64)
    for k, vertices in enumerate(members):
        label[vertices] = k
    rows = _rows_of_parts(label[faces[:, 0]], len(members))
    rank = np.zeros(len(positions), np.int64)
    different: dict[bytes, Part] = {}
    for k, vertices in enumerate(members):
        corner = positions[vertices].min(axis=0)
        local = positions[vertices] - corner
        sort = np.lexsort((vertices, local[:, 2], local[:, 1], local[:, 0]))
        part = Part(vertices[sort], rows[k], corner)
        rank[part.vertices] = np.arange(len(vertices))
        f = rank[faces[rows[k]]]
        f = np.take_along_axis(f, (f.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
        f = f[np.lexsort(f.T[::-1])]
        c = np.sort(rank[creases[label[creases[:, 0]] == k]], axis=1)
        c = c[np.lexsort(c.T[::-1])]
        key = b"".join(a.astype("<i8").tobytes() + b"|" for a in (local[sort], f, c))
        first = different.setdefault(key, part)
        if first is not part:
            first.copies.append(part)
    return list(different.values())


def match(
    different: list[Part], order: np.ndarray, decoded: list[np.ndarray]
) -> tuple[list[list[list[int]]], list[np.ndarray]]:
    """The copies of each decoded part, when encoding.

    Args:
        different: from `find_parts`.
        order: int64, the encoder's number of each decoded vertex.
        decoded: the connected parts of the decoded mesh, as decoded vertices.

    Returns:
        For each decoded part the translations of its copies; and the encoder's vertices of all copies, in order.
    """
    canonical = {v: (part, r) for part in different for r, v in enumerate(part.vertices.tolist())}
    offsets, vertices = [], []
    for members in decoded:
        ranks = [canonical[v][1] for v in order[members].tolist()]
        part = canonical[int(order[members[0]])][0]
        copies = sorted(part.copies, key=lambda copy: copy.corner.tolist())
        offsets.append([(copy.corner - part.corner).tolist() for copy in copies])
        vertices += [copy.vertices[ranks] for copy in copies]
    return offsets, vertices


def repeat(
    decoded: list[np.ndarray],
    offsets: list[list[list[int]]],
    mesh: tuple[np.ndarray, np.ndarray, np.ndarray],
    max_vertices: int,
    max_faces: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Append the copies of parts to a mesh of positions, triangles, creases.

    Raises:
        DamagedRecord: when it grows beyond the bounds or the range of positions.
    """
    q, faces, creases = mesh
    label, rank = np.full(len(q), -1, np.int64), np.zeros(len(q), np.int64)
    for k, members in enumerate(decoded):
        label[members] = k
        rank[members] = np.arange(len(members))
    faces_of, creases_of = (_rows_of_parts(label[pairs[:, 0]], len(decoded)) for pairs in (faces, creases))
    out_q, out_f, out_c = [q], [faces], [creases]
    vertices, triangles = len(q), len(faces)
    for k, members in enumerate(decoded):
        if not offsets[k]:
            continue
        own_faces, own_creases = rank[faces[faces_of[k]]], rank[creases[creases_of[k]]]
        for offset in offsets[k]:
            triangles += len(own_faces)
            if vertices + len(members) > max_vertices or triangles > max_faces:
                raise DamagedRecord("the mesh record repeats parts beyond what is allowed")
            if max(map(abs, offset)) > 1 << 32:
                raise DamagedRecord("a position in the mesh record is out of range")
            out_q.append(q[members] + np.array(offset, np.int64))
            out_f.append(own_faces + vertices)
            out_c.append(own_creases + vertices)
            vertices += len(members)
    q = np.concatenate(out_q)
    if q.size and (q.min() < -(1 << 31) or q.max() >= 1 << 31):
        raise DamagedRecord("a position in the mesh record is out of range")
    return q, np.concatenate(out_f), np.concatenate(out_c)


def _rows_of_parts(label: np.ndarray, count: int) -> list[np.ndarray]:
    """For each of `count` parts the rows with its label, in order; in one pass, whatever the number of parts."""
    return np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])


def code_copies(
    mode: Mode, stream: Stream, part_count: int, offsets: list[list[list[int]]] | None, max_copies: int
) -> list[list[list[int]]]:
    """Code how often each part is repeated, and where.

    Args:
        mode: how to run; stream: where the bits go to or come from.
        part_count: number of different parts.
        offsets: for each part the translation (3 integers) of each copy, when encoding.
        max_copies: bound for the decoder, over all parts.

    Returns:
        The same offsets.

    Raises:
        DamagedRecord: when more copies than allowed are read; and as from `arithmetic.check`, with Retry.
    """
    found: list[list[list[int]]] = []
    total = 0
    for k in range(part_count):
        count = mode(code_number)(stream, COPIES, 0 if offsets is None else len(offsets[k]))
        check(stream.registers)
        total += count
        if total > max_copies:
            raise DamagedRecord("the mesh record repeats more parts than allowed")
        at, step = [0, 0, 0], [0, 0, 0]
        copies = []
        for i in range(count):
            same = 1
            for d in range(3):
                wanted = 0 if offsets is None else offsets[k][i][d] - at[d]
                same = mode(mix)(stream, SAME_STEP, 0, d, same, 0, 0, 0, 0, int(wanted == step[d]))
                if not same:
                    step[d] = _code_signed(mode, stream, wanted)
            check(stream.registers)
            at = [a + s for a, s in zip(at, step, strict=True)]
            copies.append(at)
        found.append(copies)
    return found


def _code_signed(mode: Mode, stream: Stream, value: int) -> int:
    magnitude = mode(code_number)(stream, STEP, abs(value))
    if magnitude and mode(code)(stream.registers, stream.data, int(value < 0), HALF):
        return -magnitude
    return magnitude
