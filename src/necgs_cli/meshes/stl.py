"""STL, binary and ascii, told apart by length and content: binary headers may well start with "solid"."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed, to_numbers

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84


def parse(path: Path) -> Parsed:
    """Parse an STL file; every facet has corners of its own. Raises MeshError if it is damaged."""
    data = path.read_bytes()
    declared = int.from_bytes(data[80:84], "little") if len(data) >= _HEADER_BYTES else None
    if declared is not None and len(data) == _HEADER_BYTES + declared * _FACET.itemsize:
        return _parse_binary(data, declared)
    if re.match(rb"\s*solid", data, re.I) and (re.search(rb"\bfacet\b|\bendsolid\b", data, re.I) or declared is None):
        return _parse_ascii(data)
    if declared is None:
        raise MeshError("is no STL file: neither starts with 'solid' nor holds a binary header")
    expected = _HEADER_BYTES + declared * _FACET.itemsize
    if expected > len(data):
        raise MeshError(f"declares {declared:,} facets, which take {expected:,} bytes; the file ends at {len(data):,}")
    if declared == 0:
        raise MeshError("is no STL file: neither text nor facets")
    parsed = _parse_binary(data[:expected], declared)
    surplus = f"{len(data) - expected:,} bytes after the last facet passed over"
    return Parsed(parsed.vertices, parsed.faces, parsed.dropped, (surplus,))


def _parse_binary(data: bytes, count: int) -> Parsed:
    facets = np.frombuffer(data, _FACET, count, _HEADER_BYTES)
    dropped = ("face attributes",) if facets["attribute"].any() else ()
    return _soup(facets["corners"].reshape(-1, 3).astype(np.float64), dropped)


def _parse_ascii(data: bytes) -> Parsed:
    data = data.replace(b"\r", b"\n")
    corners = re.findall(rb"^[ \t]*vertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", data, re.M | re.I)
    opened = len(re.findall(rb"^[ \t]*facet\b", data, re.M | re.I))
    closed = len(re.findall(rb"^[ \t]*end[ \t]*facet\b", data, re.M | re.I))
    if opened != closed or len(corners) != 3 * opened:
        raise MeshError(f"{opened} facets begin, {closed} end, {len(corners)} corners: cut off, or not of triangles")
    vertices = to_numbers([text for corner in corners for text in corner], "corners").reshape(-1, 3)
    return _soup(vertices)


def _soup(vertices: np.ndarray, dropped: tuple[str, ...] = ()) -> Parsed:
    return Parsed(vertices, np.arange(len(vertices)).reshape(-1, 3), dropped)
