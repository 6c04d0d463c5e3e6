"""OFF text files: any vertex columns after the position, polygons, colours for each face."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import numpy as np

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed, to_integers, to_numbers
from necgs_cli.meshes.polygons import triangulate

# Some writers put the counts on the keyword's line, with or without a space between.
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\r\n]*+)*+(ST)?(C)?(N)?(4)?(n)?OFF(?![A-Za-z])")


def parse(path: Path) -> Parsed:
    """Parse an OFF file. Raises MeshError if it is damaged, binary or of another dimension than 3."""
    data = path.read_bytes()
    header = _HEADER.match(data)
    if header is None:
        raise MeshError("is no OFF file: it does not begin with 'OFF'")
    if header[4] or header[5]:
        raise MeshError("is an OFF file of another dimension than 3")
    body = data[header.end() :]
    if re.match(rb"[ \t]*BINARY", body) or b"\0" in body:
        raise MeshError("is a binary OFF file, which is not supported")
    rows = [line.split() for line in re.sub(rb"#[^\r\n]*", b"", body).splitlines()]
    rows = [row for row in rows if row]
    if not rows or len(rows[0]) < 2:
        raise MeshError("lacks the counts of vertices and faces")
    counts = to_integers(rows[0][:2], "counts")
    vertex_count, face_count = int(counts[0]), int(counts[1])
    if min(vertex_count, face_count) < 0 or vertex_count + face_count > len(rows) - 1:
        raise MeshError(
            f"declares {vertex_count:,} vertices and {face_count:,} faces, but holds {len(rows) - 1:,} lines of them"
        )
    return _parse_rows(rows[1 : 1 + vertex_count], rows[1 + vertex_count :][:face_count], header)


def _parse_rows(positions: list[list[bytes]], polygons: list[list[bytes]], header: re.Match[bytes]) -> Parsed:
    if any(len(row) < 3 for row in positions):
        raise MeshError("a vertex has fewer than 3 coordinates")
    vertices = to_numbers([text for row in positions for text in row[:3]], "vertices").reshape(-1, 3)
    sizes = to_integers([row[0] for row in polygons], "corner counts")
    lengths = np.array([len(row) for row in polygons], np.int64)
    if (sizes < 0).any() or (sizes >= lengths).any():
        raise MeshError("a face has fewer indices than it declares")
    corners = to_integers(
        list(chain.from_iterable(row[1 : 1 + size] for row, size in zip(polygons, sizes.tolist(), strict=True))),
        "face indices",
    )
    held = {"texture coordinates": header[1], "vertex colours": header[2], "normals": header[3]}
    dropped = [what for what, present in held.items() if present]
    if (lengths > sizes + 1).any():
        dropped.append("face colours")
    return Parsed(vertices, triangulate(vertices, corners, sizes), tuple(dropped))
