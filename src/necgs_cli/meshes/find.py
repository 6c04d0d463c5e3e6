"""From what the user names (files, folders, globs, lists) to the meshes to read, in a stable order."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from necgs_cli.meshes.mesh import MeshError

SUFFIXES = (".ply", ".obj", ".stl", ".off", ".glb", ".gltf", ".3mf")


@dataclass(frozen=True)
class Source:
    """A mesh file, and the name by which its model will be known ('/' separated, Unicode NFC)."""

    name: str
    path: Path


@dataclass(frozen=True)
class _Found:
    source: Source
    folder: str  # what tells equal names apart: the name of the folder that the name is relative to


def find_meshes(inputs: Sequence[str | Path]) -> list[Source]:
    """List the mesh files that the inputs name, each once.

    A folder stands for the meshes in it and below (hidden files and other kinds of file are passed over), a glob
    for the meshes it matches, `@list.txt` for the inputs on its lines (blank lines and lines that start with `#`
    are passed over), and anything else for the file of that name. Inputs keep their order; within a folder or
    glob the order is natural (`img2` before `img10`). Where two names are equal, the name of the folder they were
    found in is put before each.

    Args:
        inputs: paths, globs or `@` lists.

    Returns:
        The sources, with names relative to the folder (or to the glob's fixed part) that named them.

    Raises:
        MeshError: if an input does not exist or holds no mesh, or if two files would get one name.
    """
    found: dict[str, _Found] = {}
    for text in _expand_lists(inputs):
        for item in _find(text):
            found.setdefault(os.path.abspath(item.source.path), item)
    return _with_distinct_names(list(found.values()))


def _expand_lists(inputs: Sequence[str | Path]) -> Iterator[str]:
    for item in inputs:
        text = os.fspath(item)
        if not text.startswith("@"):
            yield text
            continue
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise MeshError(f"cannot read the list {text[1:]}: {_reason(error)}") from error
        yield from (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _find(text: str) -> list[_Found]:
    path = Path(text)
    if path.is_dir():
        return _in_folder(path, path)
    if os.path.lexists(path):
        return [_Found(Source(_name(path.name), path), path.absolute().parent.name)]
    if not glob.has_magic(text):
        raise MeshError(f"there is no file or folder {text}")
    base = _fixed_part(path)
    found: list[_Found] = []
    for match in sorted(map(Path, glob.iglob(text, recursive=True)), key=lambda match: _natural(match.as_posix())):
        if match.is_dir():
            found += _in_folder(match, base, may_be_empty=True)
        elif match.suffix.lower() in SUFFIXES:
            found.append(_found_below(match, base))
    if not found:
        raise MeshError(f"no mesh matches {text} (looked for {' '.join(SUFFIXES)})")
    return found


def _in_folder(folder: Path, base: Path, may_be_empty: bool = False) -> list[_Found]:
    paths: list[Path] = []
    entered: set[tuple[int, int]] = set()  # a link may lead back up: enter no folder twice

    def stop(error: OSError) -> None:
        raise MeshError(f"cannot list the folder {error.filename}: {_reason(error)}") from error

    for root, folders, files in os.walk(folder, followlinks=True, onerror=stop):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        folders.sort(key=_natural)
        meshes = (name for name in files if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES)
        paths.extend(Path(root, name) for name in meshes)
    if not paths and not may_be_empty:
        raise MeshError(f"no mesh in the folder {folder} (looked for {' '.join(SUFFIXES)})")
    return [_found_below(path, base) for path in sorted(paths, key=lambda path: _natural(path.as_posix()))]


def _found_below(path: Path, base: Path) -> _Found:
    return _Found(Source(_name(path.relative_to(base).as_posix()), path), base.absolute().name)


def _fixed_part(pattern: PurePath) -> Path:
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _with_distinct_names(found: list[_Found]) -> list[Source]:
    counts = Counter(item.source.name for item in found)
    sources = [
        replace(item.source, name=_name(f"{item.folder}/{item.source.name}"))
        if counts[item.source.name] > 1
        else item.source
        for item in found
    ]
    seen: dict[str, Path] = {}
    for source in sources:
        if source.name in seen:
            raise MeshError(f"{seen[source.name]} and {source.path} would both be named {source.name}: rename one")
        seen[source.name] = source.path
    return sources


def _name(text: str) -> str:
    # File names that are not UTF-8 reach Python as lone surrogates, which no UTF-8 field can hold.
    return unicodedata.normalize("NFC", os.fsencode(text).decode("utf-8", "replace"))


def _natural(text: str) -> list[list[tuple[int, int, str]]]:
    """Sort key: folder by folder, digits as numbers, case aside at first."""

    parts = [re.findall(r"\d+|\D+", part.casefold()) for part in text.split("/")]
    pieces = [[(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in part] for part in parts]
    return [*pieces, [(2, 0, text)]]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
