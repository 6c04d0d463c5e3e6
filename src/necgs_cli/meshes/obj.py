"""Wavefront OBJ: positions and faces, with relative indices, polygons and continued lines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed, to_integers, to_numbers
from necgs_cli.meshes.polygons import triangulate

_STATEMENT = re.compile(rb"^[ \t]*([vf])[ \t]+([^\r\n]*)", re.M)
_DROPPED = {
    "texture coordinates": rb"vt",
    "normals": rb"vn",
    "materials": rb"usemtl",
    "lines": rb"l",
    "points": rb"p",
    "free-form curves and surfaces": rb"curv|curv2|surf",
}


def parse(path: Path) -> Parsed:
    """Parse an OBJ file. Raises MeshError if it is damaged or no OBJ file."""
    data = path.read_bytes()
    if b"\0" in data:
        raise MeshError("is no OBJ file: it holds binary data")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    # Comments go first: a path at the end of one may well end in a backslash, which continues nothing.
    data = re.sub(rb"#[^\r\n]*", b"", data)
    data = re.sub(rb"\\[ \t]*\r?\n", b" ", data)
    statements = _STATEMENT.findall(data)
    is_vertex = np.array([keyword == b"v" for keyword, _ in statements], bool)
    positions = [text.split() for keyword, text in statements if keyword == b"v"]
    polygons = [text for keyword, text in statements if keyword == b"f"]
    short = next((row for row in positions if len(row) < 3), None)
    if short is not None:
        raise MeshError(f"a vertex has fewer than 3 coordinates: 'v {_shown(b' '.join(short))}'")
    vertices = to_numbers([text for row in positions for text in row[:3]], "vertices").reshape(-1, 3)
    dropped = [what for what, keyword in _DROPPED.items() if re.search(rb"^[ \t]*(?:" + keyword + rb")\s", data, re.M)]
    if any(len(row) >= 6 for row in positions):
        dropped.insert(0, "vertex colours")
    corners, counts = _polygons(polygons, np.cumsum(is_vertex)[~is_vertex], len(vertices))
    return Parsed(vertices, triangulate(vertices, corners, counts), tuple(dropped))


def _polygons(texts: list[bytes], seen: np.ndarray, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners (0-based, one polygon after the other) and corners of each polygon.

    Args:
        texts: what follows each `f`: `v`, `v/vt`, `v//vn` or `v/vt/vn` for each corner.
        seen: number of vertices before each `f`, from which negative indices count.
        vertices: number of vertices in the file.
    """
    joined = re.sub(rb"/\S*", b"", b"\n".join(texts))
    counts = np.array([len(text.split()) for text in joined.split(b"\n")] if texts else [], np.int64)
    corners = to_integers(joined.split(), "face indices")
    absolute = np.where(corners > 0, corners - 1, corners + np.repeat(seen, counts))
    wrong = np.flatnonzero((corners == 0) | (absolute < 0) | (absolute >= vertices))
    if len(wrong):
        face = int(np.searchsorted(np.cumsum(counts), wrong[0], side="right"))
        raise MeshError(f"face {face + 1} refers to vertex {corners[wrong[0]]}, but there are {vertices} vertices")
    return absolute, counts


def _shown(text: bytes) -> str:
    return text[:40].decode("ascii", "replace")
