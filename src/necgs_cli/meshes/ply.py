"""PLY, ascii and binary of both byte orders: any elements and properties, of which positions and faces are kept."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed, to_numbers
from necgs_cli.meshes.polygons import strip_triangles, triangulate

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_STRUCT_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_INDEX_NAMES = ("vertex_indices", "vertex_index")
_MAX_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class _Property:
    name: str
    type: str  # such as "f4"
    count_type: str | None  # such as "u1" for a list; None for a single value


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


# An element's columns: numbers (count,) for a single value; (items, lengths) for a list.
_Column = np.ndarray | tuple[np.ndarray, np.ndarray]


def parse(path: Path) -> Parsed:
    """Parse a PLY file. Raises MeshError if it is damaged; no declared count is believed beyond the file's size."""
    data = path.read_bytes()
    order, elements, start = _parse_header(data)
    reader: _Ascii | _Binary = _Binary(data, start, order) if order else _Ascii(data[start:].split())
    columns: dict[str, dict[str, _Column]] = {}
    wanted = [index for index, element in enumerate(elements) if element.name in ("vertex", "face", "tristrips")]
    for element in elements[: max(wanted, default=-1) + 1]:
        columns[element.name] = reader.read(element)
    if "vertex" not in columns:
        raise MeshError("has no vertices")
    try:
        vertices = np.stack([np.asarray(columns["vertex"][axis], np.float64) for axis in "xyz"], axis=1)
    except KeyError as error:
        raise MeshError(f"its vertices have no coordinate {error}") from error
    return Parsed(vertices, _faces(columns, vertices), tuple(_dropped(elements)))


def _faces(columns: dict[str, dict[str, _Column]], vertices: np.ndarray) -> np.ndarray:
    faces = [np.empty((0, 3), np.int64)]
    for name in ("face", "tristrips"):
        if name not in columns:
            continue
        lists = [columns[name][key] for key in _INDEX_NAMES if key in columns[name]]
        if not lists or not isinstance(lists[0], tuple):
            raise MeshError(f"its element '{name}' has no list of vertex indices")
        items, lengths = lists[0]
        if name == "face":
            faces.append(triangulate(vertices, items.astype(np.int64), lengths))
        else:
            # Each list is a strip of its own, besides the -1 within it: put one between them.
            ends = np.cumsum(lengths)
            faces.append(strip_triangles(np.insert(items.astype(np.int64), ends, -1), -1))
    return np.concatenate(faces)


def _parse_header(data: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for ascii), elements, and where the data starts."""
    if not data.startswith((b"ply\n", b"ply\r")):
        raise MeshError("is no PLY file: it does not start with 'ply'")
    end = data.find(b"end_header", 0, _MAX_HEADER_BYTES)
    if end < 0:
        raise MeshError("is damaged: its header does not end")
    start = end + len(b"end_header")
    # One line end, and no more: the data's first byte may look like one.
    start += 2 if data[start : start + 2] == b"\r\n" else 1
    order, elements = None, []
    for line in data[:end].decode("latin-1").splitlines()[1:]:
        words = line.split()
        match words:
            case ["format", name, *_] if name in _BYTE_ORDERS:
                order = _BYTE_ORDERS[name]
            case ["element", name, count] if _is_count(count):
                elements.append(_Element(name, int(count)))
            case ["property", "list", count_type, item_type, name] if elements:
                elements[-1].properties.append(_Property(name, _type(item_type), _type(count_type)))
            case ["property", item_type, name] if elements:
                elements[-1].properties.append(_Property(name, _type(item_type), None))
            case [] | ["comment", *_] | ["obj_info", *_]:
                pass
            case _:
                raise MeshError(f"is damaged: its header has the line '{line[:60]}'")
    if order is None:
        raise MeshError("is damaged: its header names no format")
    return order, elements, start


def _type(name: str) -> str:
    if name not in _TYPES:
        raise MeshError(f"is damaged: its header names the type '{name[:40]}'")
    return _TYPES[name]


def _is_count(text: str | bytes) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20  # Python refuses to convert very long numbers


def _dropped(elements: list[_Element]) -> list[str]:
    dropped: dict[str, None] = {}
    for element in elements:
        names = {prop.name for prop in element.properties}
        if element.name == "vertex":
            kinds = {"normals": {"nx", "ny", "nz"}, "vertex colours": {"red", "green", "blue", "alpha", "r", "g", "b"}}
            kinds["texture coordinates"] = {"u", "v", "s", "t", "texture_u", "texture_v"}
            rest = names - {"x", "y", "z"}
        elif element.name in ("face", "tristrips"):
            kinds = {"face normals": {"nx", "ny", "nz"}, "face colours": {"red", "green", "blue", "alpha"}}
            kinds["texture coordinates"] = {"texcoord", "texnumber"}
            rest = names - set(_INDEX_NAMES)
        else:
            if element.count:
                dropped["edges" if element.name == "edge" else f"the element '{element.name}'"] = None
            continue
        for kind, known in kinds.items():
            if rest & known:
                dropped[kind] = None
            rest -= known
        dropped.update(dict.fromkeys(f"the {element.name} property '{name}'" for name in sorted(rest)))
    return list(dropped)


class _Binary:
    def __init__(self, data: bytes, start: int, order: str) -> None:
        self.data, self.at, self.order = data, start, order

    def read(self, element: _Element) -> dict[str, _Column]:
        """Take the next element's columns."""
        smallest = sum(np.dtype(prop.count_type or prop.type).itemsize for prop in element.properties)
        if element.count * smallest > len(self.data) - self.at:
            raise MeshError(
                f"declares {element.count:,} of '{element.name}', which take at least {element.count * smallest:,} "
                f"bytes; {max(len(self.data) - self.at, 0):,} are left in the file"
            )
        if element.count == 0 or not element.properties:
            return {prop.name: _empty(prop) for prop in element.properties}
        return self._read_uniform(element) or self._read_rows(element)

    def _read_uniform(self, element: _Element) -> dict[str, _Column] | None:
        """All rows at once, where every list is as long as the first row's; None where one is not."""
        fields: list[tuple] = []
        at = self.at
        for index, prop in enumerate(element.properties):
            if prop.count_type is None:
                fields.append((f"item{index}", self.order + prop.type))
                at += np.dtype(prop.type).itemsize
            else:
                length, at = self._length(prop.count_type, at)
                fields.append((f"count{index}", self.order + prop.count_type))
                fields.append((f"item{index}", self.order + prop.type, (length,)))
                at += length * np.dtype(prop.type).itemsize
            if at > len(self.data):
                raise MeshError(f"is cut off within '{element.name}'")
        row = np.dtype(fields)
        if element.count * row.itemsize > len(self.data) - self.at:
            return None
        table = np.frombuffer(self.data, row, element.count, self.at)
        columns: dict[str, _Column] = {}
        for index, prop in enumerate(element.properties):
            items = table[f"item{index}"]
            if prop.count_type is None:
                columns[prop.name] = items
                continue
            counts = table[f"count{index}"]
            if (counts != counts[0]).any():
                return None
            columns[prop.name] = items.ravel(), counts.astype(np.int64)
        self.at += element.count * row.itemsize
        return columns

    def _read_rows(self, element: _Element) -> dict[str, _Column]:
        """Row by row: where a row starts is known only once the lists before it are."""
        data, at = self.data, self.at
        plan: list[tuple[struct.Struct | None, int, bytearray, list[int]]] = []
        for prop in element.properties:
            count = struct.Struct(self.order + _STRUCT_CODES[prop.count_type]) if prop.count_type else None
            plan.append((count, np.dtype(prop.type).itemsize, bytearray(), []))
        try:
            for _ in range(element.count):
                for count, size, items, lengths in plan:
                    length = 1
                    if count is not None:
                        (length,) = count.unpack_from(data, at)
                        at += count.size
                        lengths.append(length)
                    stop = at + length * size
                    if length < 0 or stop > len(data):
                        raise MeshError(f"is cut off within '{element.name}'")
                    items += data[at:stop]
                    at = stop
        except struct.error as error:
            raise MeshError(f"is cut off within '{element.name}'") from error
        self.at = at
        columns: dict[str, _Column] = {}
        for prop, (count, _, items, lengths) in zip(element.properties, plan, strict=True):
            numbers = np.frombuffer(bytes(items), self.order + prop.type)
            columns[prop.name] = numbers if count is None else (numbers, np.array(lengths, np.int64))
        return columns

    def _length(self, count_type: str, at: int) -> tuple[int, int]:
        """A list's length at `at`, and where its items start."""
        end = at + np.dtype(count_type).itemsize
        if end > len(self.data):
            raise MeshError("is cut off within a list")
        length = int(np.frombuffer(self.data, self.order + count_type, 1, at)[0])
        if length < 0 or length > len(self.data) - end:
            raise MeshError(f"a list declares {length:,} items; {len(self.data) - end:,} bytes are left in the file")
        return length, end


class _Ascii:
    def __init__(self, tokens: list[bytes]) -> None:
        self.tokens, self.at = tokens, 0

    def read(self, element: _Element) -> dict[str, _Column]:
        """Take the next element's columns."""
        left = len(self.tokens) - self.at
        width = len(element.properties)
        if element.count * width > left:
            raise MeshError(
                f"declares {element.count:,} of '{element.name}', which take at least {element.count * width:,} "
                f"numbers; {left:,} are left in the file"
            )
        if element.count == 0 or not element.properties:
            return {prop.name: _empty(prop) for prop in element.properties}
        return self._read_uniform(element) or self._read_rows(element)

    def _read_uniform(self, element: _Element) -> dict[str, _Column] | None:
        """All rows at once, where every list is as long as the first row's; None where one is not."""
        places, width = [], 0
        for prop in element.properties:
            length = 1
            if prop.count_type is not None:
                text = self.tokens[self.at + width] if self.at + width < len(self.tokens) else b""
                length, width = int(text) if _is_count(text) else 0, width + 1
            places.append((width, length))
            width += length
        if element.count * width > len(self.tokens) - self.at:
            return None
        tokens = self.tokens[self.at : self.at + element.count * width]
        lists = [at for prop, at in zip(element.properties, places, strict=True) if prop.count_type]
        if any(set(tokens[place - 1 :: width]) != {b"%d" % length} for place, length in lists):
            return None
        table = to_numbers(tokens, f"'{element.name}' rows").reshape(-1, width)
        self.at += element.count * width
        columns: dict[str, _Column] = {}
        for prop, (place, length) in zip(element.properties, places, strict=True):
            items = table[:, place : place + length].ravel()
            columns[prop.name] = (items, np.full(element.count, length)) if prop.count_type else items
        return columns

    def _read_rows(self, element: _Element) -> dict[str, _Column]:
        # Where a row starts is known only once the lists before it are: row by row, then numbers all at once.
        plan: list[tuple[_Property, list[bytes], list[int]]] = [(prop, [], []) for prop in element.properties]
        for _ in range(element.count):
            for prop, items, lengths in plan:
                if prop.count_type is None:
                    items += self._take(1)
                    continue
                (text,) = self._take(1)
                if not _is_count(text):
                    raise MeshError(f"a list of '{element.name}' starts with '{text[:20].decode('ascii', 'replace')}'")
                lengths.append(int(text))
                items += self._take(lengths[-1])
        columns: dict[str, _Column] = {}
        for prop, items, lengths in plan:
            numbers = to_numbers(items, f"'{element.name}' rows")
            columns[prop.name] = numbers if prop.count_type is None else (numbers, np.array(lengths, np.int64))
        return columns

    def _take(self, count: int) -> list[bytes]:
        taken = self.tokens[self.at : self.at + count]
        if len(taken) < count:
            raise MeshError("is cut off within its last element")
        self.at += count
        return taken


def _empty(prop: _Property) -> _Column:
    items = np.empty(0, prop.type)
    return items if prop.count_type is None else (items, np.empty(0, np.int64))
