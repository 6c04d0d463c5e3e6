"""3MF: the build items' triangles, components in place, read as a stream so that memory follows the mesh."""

from __future__ import annotations

import zipfile
import zlib
from array import array
from pathlib import Path
from typing import IO
from xml.parsers import expat

import numpy as np

from necgs_cli.meshes.instances import MAX_FACES, Part, join
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.parsed import Parsed

_START_PART = "3D/3dmodel.model"
_RELATIONSHIP = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_CHUNK_BYTES = 1 << 20
# Real models shrink 5 to 20 times; what expands further than this is refused before it takes time or memory.
_FREE_BYTES, _MAX_RATIO, _MAX_BYTES = 256 << 20, 50, 4 << 30
_MAX_DEPTH, _MAX_PARTS = 32, 1 << 16

_Place = tuple[str, str, np.ndarray]  # archive member, object id, (4, 4) transform


class _Object:
    def __init__(self) -> None:
        self.vertices, self.faces = array("d"), array("q")
        self.components: list[_Place] = []


def parse(path: Path) -> Parsed:
    """Parse a 3MF file. Raises MeshError if it is damaged, or expands beyond all measure."""
    try:
        with zipfile.ZipFile(path) as archive:
            package = _Package(archive, path.stat().st_size)
            vertices, faces = join(package.parts())
    except zipfile.BadZipFile as error:
        raise MeshError(f"is no 3MF file: {_shortened(error)}") from error
    except MeshError:
        raise
    except (zlib.error, expat.ExpatError, EOFError, LookupError, RuntimeError, ValueError) as error:
        raise MeshError(f"is damaged: {_shortened(error)}") from error
    return Parsed(vertices, faces, tuple(package.dropped))


class _Package:
    def __init__(self, archive: zipfile.ZipFile, file_bytes: int) -> None:
        self.archive = archive
        self.members = {name.lstrip("/").lower(): name for name in archive.namelist()}
        self.left = min(max(_FREE_BYTES, _MAX_RATIO * file_bytes), _MAX_BYTES)
        self.models: dict[str, _Model] = {}
        self.dropped: dict[str, None] = {}

    def parts(self) -> list[Part]:
        """Every object that the build places, its components in place."""
        start = self._start_part()
        model = self._model(start)
        items = model.items or [(start, name, np.eye(4)) for name in model.objects]
        parts: list[Part] = []
        stack = [(place, np.eye(4), 0) for place in reversed(items)]
        faces = visits = 0
        while stack:
            (member, name, local), above, depth = stack.pop()
            shape = self._model(member).objects.get(name)
            if shape is None:
                raise MeshError(f"is damaged: it refers to object {name[:40]}, which is not there")
            if depth > _MAX_DEPTH:
                raise MeshError("is damaged: its objects are nested too deep, or hold themselves")
            transform = above @ local
            faces, visits = faces + len(shape.faces) // 3, visits + 1
            if faces > MAX_FACES or visits + len(stack) > _MAX_PARTS:
                raise MeshError(f"is too large: more than {MAX_FACES:,} triangles or {_MAX_PARTS:,} parts in place")
            if shape.faces:
                parts.append(Part(_rows(shape.vertices), _rows(shape.faces), transform))
            stack += [(place, transform, depth + 1) for place in reversed(shape.components)]
        return parts

    def _start_part(self) -> str:
        found: list[str] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag.endswith("Relationship") and attributes.get("Type") == _RELATIONSHIP:
                found.append(attributes.get("Target", ""))

        if "_rels/.rels" in self.members:
            parser = _parser()
            parser.StartElementHandler = start
            self._stream("_rels/.rels", parser)
        return found[0] if found else _START_PART

    def _model(self, member: str) -> _Model:
        key = member.lstrip("/").lower()
        if key not in self.models:
            model = _Model(member)
            self._stream(key, model.parser)
            self.dropped |= model.dropped
            self.models[key] = model
        return self.models[key]

    def _stream(self, key: str, parser: expat.XMLParserType) -> None:
        if key not in self.members:
            raise MeshError(f"is damaged: it has no part {key[:80]}")
        with self.archive.open(self.members[key]) as stream:
            while chunk := self._chunk(stream):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)

    def _chunk(self, stream: IO[bytes]) -> bytes:
        # What is counted is what comes out, not what the archive declares.
        chunk = stream.read(_CHUNK_BYTES)
        self.left -= len(chunk)
        if self.left < 0:
            raise MeshError("expands to far more than its size: refused")
        return chunk


class _Model:
    """One .model part: its objects, and what it builds."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.objects: dict[str, _Object] = {}
        self.items: list[_Place] = []
        self.dropped: dict[str, None] = {}
        self.current: _Object | None = None
        self.parser = _parser()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        try:
            if tag == "vertex" and self.current is not None:
                self.current.vertices.extend((float(attributes["x"]), float(attributes["y"]), float(attributes["z"])))
            elif tag == "triangle" and self.current is not None:
                self.current.faces.extend((int(attributes["v1"]), int(attributes["v2"]), int(attributes["v3"])))
                if "pid" in attributes:
                    self.dropped["materials"] = None
            elif tag == "object":
                self.current = self.objects[attributes["id"]] = _Object()
                if "pid" in attributes:
                    self.dropped["materials"] = None
            elif tag == "component" and self.current is not None:
                self.current.components.append(self._place(attributes))
            elif tag == "item":
                self.items.append(self._place(attributes))
            elif tag in ("texture2d", "beamlattice"):
                self.dropped["textures" if tag == "texture2d" else "beam lattices"] = None
        except KeyError as error:
            raise MeshError(f"is damaged: a <{tag}> has no {error}") from error
        except (ValueError, OverflowError) as error:
            raise MeshError(f"is damaged: a <{tag}> holds {_shortened(error)}") from error

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "object":
            self.current = None

    def _place(self, attributes: dict[str, str]) -> _Place:
        member = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "path"), self.member)
        transform = np.eye(4)
        if "transform" in attributes:
            numbers = [float(text) for text in attributes["transform"].split()]
            if len(numbers) != 12:
                raise ValueError(f"a transform of {len(numbers)} numbers")
            transform[:3] = np.array(numbers).reshape(4, 3).T  # 3MF multiplies rows from the left
        return member, attributes["objectid"], transform


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        # No 3MF file needs one, and entities are the classic way to make a small XML file a huge one.
        raise MeshError("is damaged: 3MF parts have no document type declaration")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _shortened(error: Exception) -> str:
    # Errors quote the file, which may hold anything at any length.
    return ascii(str(error))[1:-1][:100]


def _rows(numbers: array) -> np.ndarray:
    return np.frombuffer(numbers, np.float64 if numbers.typecode == "d" else np.int64).reshape(-1, 3)
