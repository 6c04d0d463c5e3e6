"""Shapes of known size, and mesh files of them byte by byte, independent of the code under test."""

from __future__ import annotations

import itertools
import json
import struct
import zipfile
from pathlib import Path

import numpy as np


def sphere(level: int = 3, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """An icosphere: (n, 3) float64 vertices, (20 * 4**level, 3) int64 faces."""
    golden = (1 + 5**0.5) / 2
    corners = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)]
    vertices = np.array([np.roll(corner, shift) for shift in range(3) for corner in corners], float)
    distance = np.linalg.norm(vertices[:, None] - vertices[None], axis=-1)
    near = distance < 2.1
    triples = itertools.combinations(range(12), 3)
    faces = np.array([(i, j, k) for i, j, k in triples if near[i, j] and near[j, k] and near[i, k]])
    outward = np.einsum("fx,fx->f", np.cross(*(vertices[faces[:, i]] for i in (1, 2))), vertices[faces[:, 0]]) > 0
    faces[~outward] = faces[~outward][:, ::-1]
    for _ in range(level):
        edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2), axis=1)
        unique, place = np.unique(edges, axis=0, return_inverse=True)
        middle = place.reshape(-1, 3) + len(vertices)
        vertices = np.concatenate([vertices, vertices[unique].mean(axis=1)])
        a, b, c = faces.T
        ab, bc, ca = middle.T
        faces = np.concatenate([np.stack(f, 1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    return vertices * radius, faces


def torus(rings: int = 40, sides: int = 20, major: float = 2.0, minor: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """A torus of quads: (n, 3) float64 vertices, (rings * sides, 4) int64 quads."""
    u, v = np.meshgrid(np.arange(rings) / rings * 2 * np.pi, np.arange(sides) / sides * 2 * np.pi, indexing="ij")
    x, y = (major + minor * np.cos(v)) * np.cos(u), (major + minor * np.cos(v)) * np.sin(u)
    vertices = np.stack([x, y, minor * np.sin(v)], -1).reshape(-1, 3)
    ring, side = (index.ravel() for index in np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij"))
    rows = [(ring + i) % rings * sides + (side + j) % sides for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return vertices, np.stack(rows, 1)


def triangles_of(quads: np.ndarray) -> np.ndarray:
    """(m, 4) quads to (2m, 3) triangles."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def area_of(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Surface of triangles."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def volume_of(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Signed volume of a closed surface, from its own centre so that far places cost no digits."""
    a, b, c = (vertices[faces[:, i]] - vertices.mean(axis=0) for i in range(3))
    return float(np.einsum("fx,fx->f", a, np.cross(b, c)).sum() / 6)


def ply_bytes(vertices: np.ndarray, faces: np.ndarray, order: str = "<", number: str = "f4", counts=None) -> bytes:
    """Binary PLY; `counts` replaces the declared (vertices, faces)."""
    n, m = counts or (len(vertices), len(faces))
    name = {"<": "little", ">": "big"}[order]
    kind = {"f4": "float", "f8": "double"}[number]
    head = f"ply\nformat binary_{name}_endian 1.0\nelement vertex {n}\n"
    head += "".join(f"property {kind} {axis}\n" for axis in "xyz")
    head += f"element face {m}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = np.zeros(len(faces), [("count", "u1"), ("corners", order + "i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    return head.encode() + vertices.astype(order + number).tobytes() + rows.tobytes()


def stl_bytes(vertices: np.ndarray, faces: np.ndarray, header: bytes = b"", count: int | None = None) -> bytes:
    """Binary STL; `count` replaces the declared number of facets."""
    rows = np.zeros(len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["corners"] = vertices[faces]
    return header.ljust(80, b"\0") + struct.pack("<I", len(faces) if count is None else count) + rows.tobytes()


def obj_text(vertices: np.ndarray, faces: np.ndarray, digits: int = 9) -> str:
    """OBJ of any polygons."""
    lines = ["v " + " ".join(f"{x:.{digits}g}" for x in vertex) for vertex in vertices.tolist()]
    return "\n".join(lines + ["f " + " ".join(str(i + 1) for i in face) for face in faces]) + "\n"


def off_text(vertices: np.ndarray, faces: np.ndarray, digits: int = 9) -> str:
    """OFF of any polygons."""
    lines = ["OFF", f"{len(vertices)} {len(faces)} 0"]
    lines += [" ".join(f"{x:.{digits}g}" for x in vertex) for vertex in vertices.tolist()]
    return "\n".join(lines + [f"{len(face)} " + " ".join(map(str, face)) for face in faces]) + "\n"


def gltf_document(vertices: np.ndarray, faces: np.ndarray, nodes: list[dict], uri: str | None) -> tuple[dict, bytes]:
    """glTF of one mesh, shown by `nodes`, and its buffer, which is found at `uri`."""
    binary = vertices.astype("<f4").tobytes() + faces.astype("<u4").tobytes()
    split = 12 * len(vertices)
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(vertices), "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": split},
            {"buffer": 0, "byteOffset": split, "byteLength": len(binary) - split},
        ],
        "buffers": [{"byteLength": len(binary)} | ({"uri": uri} if uri else {})],
    }
    return document, binary


def glb_bytes(vertices: np.ndarray, faces: np.ndarray, nodes: list[dict]) -> bytes:
    """GLB of one mesh, shown by `nodes`, of which the first is the scene's root."""
    document, binary = gltf_document(vertices, faces, nodes, None)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def write_3mf(path: Path, chunks: list[str], items: str) -> None:
    """3MF of one object whose <mesh> is the chunks, placed by the <item> elements."""
    head = '<?xml version="1.0" encoding="UTF-8"?><model unit="millimeter" xmlns="http://schemas.microsoft.com/'
    head += '3dmanufacturing/core/2015/02"><resources><object id="1" type="model"><mesh>'
    tail = f"</mesh></object></resources><build>{items}</build></model>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("3D/3dmodel.model", "w") as part:
        for chunk in (head, *chunks, tail):
            part.write(chunk.encode())


def mesh_3mf(vertices: np.ndarray, faces: np.ndarray) -> list[str]:
    """The <vertices> and the <triangles> of a 3MF mesh."""
    points = "".join(f'<vertex x="{x:.9g}" y="{y:.9g}" z="{z:.9g}"/>' for x, y, z in vertices.tolist())
    corners = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in faces.tolist())
    return [f"<vertices>{points}</vertices>", f"<triangles>{corners}</triangles>"]
