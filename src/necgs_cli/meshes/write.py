"""A mesh to bytes, in five formats, front to back, so that a pipe will do."""

from __future__ import annotations

import json
import math
import struct
from typing import BinaryIO

import numpy as np

from necgs_cli.meshes.mesh import Mesh

FORMATS = ("ply", "obj", "stl", "off", "glb")
TOLERANCE = 1e-6  # no coordinate moves by more than this share of the longest side, where the format allows it


def write_mesh(mesh: Mesh, file: BinaryIO, format: str) -> None:
    """Write a mesh in source units, with as many digits as its size and place need.

    PLY is binary, of 32-bit floats where they hold the mesh to a millionth of its longest side, else of 64-bit
    ones. STL is binary, or text where 32-bit floats do not suffice. GLB keeps 32-bit floats relative to a node
    that carries place and scale. OBJ and OFF are text.

    Args:
        mesh: the mesh; no faces make a valid file without any.
        file: open for writing bytes; need not be seekable.
        format: one of `FORMATS`.

    Raises:
        ValueError: if the format is not one of `FORMATS`.
    """
    writers = {"ply": _write_ply, "obj": _write_obj, "stl": _write_stl, "off": _write_off, "glb": _write_glb}
    if format not in writers:
        raise ValueError(f"cannot write the format '{format}' (known: {' '.join(FORMATS)})")
    writers[format](mesh, file)


def _write_ply(mesh: Mesh, file: BinaryIO) -> None:
    name, number = ("float", "<f4") if _fits_float32(mesh.vertices) else ("double", "<f8")
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(mesh.vertices)}",
        *(f"property {name} {axis}" for axis in "xyz"),
        f"element face {len(mesh.faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    file.write(("\n".join(header) + "\n").encode())
    file.write(mesh.vertices.astype(number).tobytes())
    rows = np.empty(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, mesh.faces
    file.write(rows.tobytes())


def _write_obj(mesh: Mesh, file: BinaryIO) -> None:
    number = _number(mesh.vertices)
    file.write(_lines(f"v {number} {number} {number}\n", mesh.vertices))
    file.write(_lines("f %d %d %d\n", mesh.faces + 1))


def _write_off(mesh: Mesh, file: BinaryIO) -> None:
    number = _number(mesh.vertices)
    file.write(f"OFF\n{len(mesh.vertices)} {len(mesh.faces)} 0\n".encode())
    file.write(_lines(f"{number} {number} {number}\n", mesh.vertices))
    file.write(_lines("3 %d %d %d\n", mesh.faces))


def _write_stl(mesh: Mesh, file: BinaryIO) -> None:
    corners = mesh.vertices[mesh.faces]
    normals = _unit_normals(corners)
    if _fits_float32(mesh.vertices):
        facets = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
        facets["normal"], facets["corners"] = normals, corners
        file.write(b"binary STL".ljust(80, b"\0") + struct.pack("<I", len(facets)))
        file.write(facets.tobytes())
        return
    vertex = "vertex " + " ".join([_number(mesh.vertices)] * 3) + "\n"
    facet = "facet normal %.6g %.6g %.6g\nouter loop\n" + 3 * vertex + "endloop\nendfacet\n"
    file.write(b"solid\n")
    file.write(_lines(facet, np.concatenate([normals, corners.reshape(-1, 9)], axis=1)))
    file.write(b"endsolid\n")


def _write_glb(mesh: Mesh, file: BinaryIO) -> None:
    document: dict = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{}]}
    binary = b""
    if len(mesh.faces):
        positions, node = _positions_and_node(mesh.vertices)
        binary = positions.tobytes() + mesh.faces.astype("<u4").tobytes()
        document["scenes"] = [{"nodes": [0]}]
        document["nodes"] = [{"mesh": 0} | node]
        document["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}]
        low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
        bounds = {"min": low, "max": high}
        document["accessors"] = [
            {"bufferView": 0, "componentType": 5126, "count": len(positions), "type": "VEC3"} | bounds,
            {"bufferView": 1, "componentType": 5125, "count": mesh.faces.size, "type": "SCALAR"},
        ]
        split, end = positions.nbytes, len(binary)
        document["bufferViews"] = [
            {"buffer": 0, "byteOffset": 0, "byteLength": split, "target": 34962},
            {"buffer": 0, "byteOffset": split, "byteLength": end - split, "target": 34963},
        ]
        document["buffers"] = [{"byteLength": end}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        chunks += struct.pack("<I4s", len(binary), b"BIN\0")
    file.write(b"glTF" + struct.pack("<II", 2, 12 + len(chunks) + len(binary)) + chunks)
    file.write(binary)


def _positions_and_node(vertices: np.ndarray) -> tuple[np.ndarray, dict]:
    """(n, 3) float32 positions, and the node's translation and scale that put them in place."""
    if _fits_float32(vertices):
        return vertices.astype("<f4"), {}
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centre = low / 2 + high / 2
    half = float((high / 2 - low / 2).max())
    scale = math.ldexp(1.0, math.frexp(half)[1] - 1) if half > 0 else 1.0
    return ((vertices - centre) / scale).astype("<f4"), {"translation": centre.tolist(), "scale": [scale] * 3}


def _fits_float32(vertices: np.ndarray) -> bool:
    if len(vertices) == 0:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        half_step = np.spacing(np.abs(vertices).max().astype(np.float32)).astype(np.float64) / 2
        side = (vertices.max(axis=0) - vertices.min(axis=0)).max()
        return bool(half_step <= TOLERANCE * side)  # False for NaN: the coordinates exceed float32's range


def _number(vertices: np.ndarray) -> str:
    """The %-format with the fewest digits, at least 9, that holds a coordinate to a tenth of the tolerance."""
    if len(vertices) == 0:
        return "%.9g"
    largest = float(np.abs(vertices).max())
    side = float((vertices.max(axis=0) / 2 - vertices.min(axis=0) / 2).max()) * 2
    digits = 8 + math.log10(largest / side) if 0 < side < math.inf else 17
    return f"%.{min(max(math.ceil(digits), 9), 17)}g"


def _lines(line: str, rows: np.ndarray) -> bytes:
    # One format operation for all rows runs in C; so does the conversion to Python numbers.
    return (line * len(rows) % tuple(rows.ravel().tolist())).encode()


def _unit_normals(corners: np.ndarray) -> np.ndarray:
    _, exponent = np.frexp(np.abs(corners).max(axis=(1, 2), keepdims=True))
    points = np.ldexp(corners, -exponent)
    edges = points[:, 1:] - points[:, :1]
    _, exponent = np.frexp(np.abs(edges).max(axis=(1, 2), keepdims=True))
    edges = np.ldexp(edges, -exponent)
    normals = np.cross(edges[:, 0], edges[:, 1])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
