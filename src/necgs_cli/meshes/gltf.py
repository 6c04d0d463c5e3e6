"""glTF 2.0, text or GLB: the default scene's triangles, each instance in its place."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from necgs_cli.meshes.instances import MAX_FACES, Part, join
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed
from necgs_cli.meshes.polygons import strip_triangles

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3}
_NORMALISERS = {"<i1": 127.0, "<u1": 255.0, "<i2": 32767.0, "<u2": 65535.0}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_ATTRIBUTES = {"NORMAL": "normals", "TANGENT": "tangents", "TEXCOORD": "texture coordinates", "COLOR": "vertex colours"}
_ATTRIBUTES |= {"JOINTS": "skins", "WEIGHTS": "skins"}


def parse(path: Path) -> Parsed:
    """Parse a .glb or .gltf file. Raises MeshError if it is damaged, or refers to anything outside its folder."""
    data = path.read_bytes()
    text, binary = _chunks(data) if data[:4] == b"glTF" else (data, None)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MeshError(f"is no glTF file: {str(error)[:100]}") from error
    if not isinstance(document, dict) or "asset" not in document:
        raise MeshError("is no glTF file: it has no 'asset'")
    try:
        reader = _Reader(document, binary, path.absolute().parent)
        vertices, faces = join(reader.parts())
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, MeshError):
            raise
        detail = f"{type(error).__name__}: {ascii(str(error))[1:-1][:100]}"
        raise MeshError(f"is damaged: its description does not hold together ({detail})") from error
    return Parsed(vertices, faces, tuple(reader.dropped), extra_bytes=reader.extra_bytes)


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON text and the binary chunk of a GLB file."""
    if len(data) < 12:
        raise MeshError("is cut off within its header")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise MeshError(f"is glTF version {version}; only version 2 is supported")
    if length > len(data):
        raise MeshError(f"is cut off: it declares {length:,} bytes and has {len(data):,}")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, at)
        if size > length - at - 8:
            raise MeshError(f"is damaged: a chunk declares {size:,} bytes, {length - at - 8:,} are left")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if b"JSON" not in chunks:
        raise MeshError("is damaged: it has no JSON chunk")
    return chunks[b"JSON"], chunks.get(b"BIN\0")


class _Reader:
    def __init__(self, document: dict[str, Any], binary: bytes | None, folder: Path) -> None:
        self.document, self.binary, self.folder = document, binary, folder
        self.buffers: dict[int, bytes] = {}
        self.primitives: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.dropped: dict[str, None] = {}
        self.extra_bytes = 0
        self.corners = 0  # of all primitives: many may show the same data
        for key, what in (("materials", "materials"), ("images", "textures"), ("animations", "animations")):
            if document.get(key):
                self.dropped[what] = None

    def parts(self) -> list[Part]:
        """Every mesh of the default scene, once for each node that shows it."""
        nodes = self.document.get("nodes", [])
        scenes = self.document.get("scenes", [])
        if scenes:
            roots = _at(scenes, self.document.get("scene", 0), "scene").get("nodes", [])
        else:
            children = {child for node in nodes for child in node.get("children", [])}
            roots = [index for index in range(len(nodes)) if index not in children]
        parts: list[Part] = []
        visited: set[int] = set()
        stack = [(index, np.eye(4)) for index in reversed(roots)]
        while stack:
            index, above = stack.pop()
            if index in visited:
                raise MeshError(f"is damaged: node {index} has two parents or is its own")
            visited.add(index)
            node = _at(nodes, index, "node")
            transform = above @ _local_transform(node)
            if "EXT_mesh_gpu_instancing" in node.get("extensions", {}):
                raise MeshError("uses EXT_mesh_gpu_instancing, which is not supported: export plain nodes")
            if "mesh" in node:
                parts += [Part(*shape, transform) for shape in self._mesh(node["mesh"])]
            stack += [(child, transform) for child in reversed(node.get("children", []))]
        return parts

    def _mesh(self, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        if index not in self.primitives:
            primitives = _at(self.document.get("meshes", []), index, "mesh")["primitives"]
            shapes = [self._primitive(primitive) for primitive in primitives]
            self.primitives[index] = [shape for shape in shapes if shape is not None]
        return self.primitives[index]

    def _primitive(self, primitive: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        for name in _COMPRESSIONS:
            if name in primitive.get("extensions", {}):
                raise MeshError(f"is compressed with {name}, which is not supported: decompress it first")
        attributes = primitive["attributes"]
        for attribute in attributes:
            if attribute != "POSITION":
                self.dropped[_ATTRIBUTES.get(attribute.split("_")[0], "other attributes")] = None
        if primitive.get("targets"):
            self.dropped["morph targets"] = None
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            self.dropped["points" if mode == 0 else "lines"] = None
            return None
        vertices = self._accessor(attributes["POSITION"], "VEC3").astype(np.float64)
        if "indices" in primitive:
            order = self._accessor(primitive["indices"], "SCALAR").ravel().astype(np.int64)
        else:
            order = np.arange(len(vertices))
        self.corners += max(len(vertices), len(order))
        if self.corners > 3 * MAX_FACES:
            raise MeshError(f"is too large: more than {3 * MAX_FACES:,} corners in its primitives")
        if mode == _STRIP:
            return vertices, strip_triangles(order, -1)
        if mode == _FAN:
            return vertices, np.stack([np.full(max(len(order) - 2, 0), order[0]), order[1:-1], order[2:]], axis=1)
        if len(order) % 3:
            raise MeshError(f"is damaged: {len(order)} indices are no whole number of triangles")
        return vertices, order.reshape(-1, 3)

    def _accessor(self, index: int, kind: str) -> np.ndarray:
        """(count, width) numbers, in float64 where the file says that integers are normalised."""
        accessor = _at(self.document["accessors"], index, "accessor")
        if accessor["type"] != kind:
            raise MeshError(f"is damaged: accessor {index} is {accessor['type']}, not {kind}")
        component, count, width = _COMPONENTS[accessor["componentType"]], accessor["count"], _WIDTHS[kind]
        if "bufferView" in accessor:
            values = self._view(accessor["bufferView"], accessor.get("byteOffset", 0), component, count, width)
        else:
            if "sparse" not in accessor or accessor["sparse"]["count"] * 1024 < count:
                raise MeshError(f"is damaged: accessor {index} has no data")
            values = np.zeros((count, width), component)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            places, replacements = sparse["indices"], sparse["values"]
            kind_of_place = _COMPONENTS[places["componentType"]]
            rows = self._view(places["bufferView"], places.get("byteOffset", 0), kind_of_place, sparse["count"], 1)
            values = values.copy()
            values[rows.ravel()] = self._view(
                replacements["bufferView"], replacements.get("byteOffset", 0), component, sparse["count"], width
            )
        if accessor.get("normalized") and component in _NORMALISERS:
            return np.maximum(values / _NORMALISERS[component], -1.0)
        return values

    def _view(self, index: int, offset: int, component: str, count: int, width: int) -> np.ndarray:
        view = _at(self.document["bufferViews"], index, "buffer view")
        for name in _COMPRESSIONS:
            if name in view.get("extensions", {}):
                raise MeshError(f"is compressed with {name}, which is not supported: decompress it first")
        buffer = self._buffer(view["buffer"])
        start, length = view.get("byteOffset", 0), view["byteLength"]
        size = np.dtype(component).itemsize
        stride = view.get("byteStride", size * width)
        if min(start, length, offset, count) < 0 or stride < size * width:
            raise MeshError(f"is damaged: buffer view {index} has impossible bounds")
        needed = offset + (stride * (count - 1) + size * width if count else 0)
        if needed > length or start + length > len(buffer):
            raise MeshError(
                f"is cut off: {count:,} elements of buffer view {index} need the bytes up to {start + needed:,}; "
                f"the view ends at {start + length:,}, the buffer at {len(buffer):,}"
            )
        return np.ndarray((count, width), component, buffer, start + offset, (stride, size))

    def _buffer(self, index: int) -> bytes:
        if index not in self.buffers:
            buffer = _at(self.document["buffers"], index, "buffer")
            data = self._load(buffer["uri"]) if "uri" in buffer else self.binary
            if data is None:
                raise MeshError(f"is damaged: buffer {index} is missing")
            length = buffer["byteLength"]
            if len(data) < length:
                raise MeshError(f"is cut off: buffer {index} declares {length:,} bytes and has {len(data):,}")
            self.buffers[index] = data
        return self.buffers[index]

    def _load(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            head, _, body = uri.partition(",")
            if not head.endswith(";base64"):
                raise MeshError("holds a data URI that is not base64")
            try:
                return base64.b64decode(body, validate=True)
            except binascii.Error as error:
                raise MeshError(f"holds a data URI that is not base64: {error}") from error
        name = unquote(uri)
        folder = self.folder.resolve()
        # Nothing is fetched, and nothing outside the file's own folder is opened, whatever links lead there.
        if ":" in name or "\\" in name or "\0" in name or not (folder / name).resolve().is_relative_to(folder):
            raise MeshError(f"refers to a buffer outside its folder: {uri[:80]}")
        path = folder / name
        if not path.is_file():
            raise MeshError(f"needs the file {name[:80]} beside it, which is not there")
        data = path.read_bytes()
        self.extra_bytes += len(data)
        return data


def _at(items: list[Any], index: int, what: str) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(items):
        raise MeshError(f"is damaged: it refers to {what} {index}, but has {len(items)}")
    return items[index]


def _local_transform(node: dict[str, Any]) -> np.ndarray:
    """A node's (4, 4) transform: its matrix, or translation * rotation * scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    transform = np.eye(4)
    transform[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)), np.float64)
    transform[:3, 3] = np.array(node.get("translation", (0, 0, 0)), np.float64)
    return transform
