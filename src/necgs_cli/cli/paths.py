"""Model names, which come from strangers, -> relative file paths that are safe on every system.

The paths depend on the names of the whole set only, so that a model gets the same path however it is selected.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

# endings that a decoded file's own ending replaces; anything else after a dot belongs to the name ("chair v1.5")
SOURCE_ENDINGS = (".obj", ".ply", ".stl", ".off", ".glb", ".gltf", ".3mf")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_MAX_PART_BYTES = 200  # file systems take 255; leaves room for `~12.ply`
_MAX_PATH_BYTES = 2000


def output_paths(names: Sequence[str], ending: str) -> list[PurePosixPath]:
    """One relative path for each model: `a/b.obj` becomes `a/b.ply`.

    Where two names differ by their ending only, all of it is kept (`b.obj.ply`, `b.stl.ply`); what still collides,
    also on systems that ignore case, gets `~2`, `~3`, ... in the order of the ids.

    Args:
        names: all names of the set, by id.
        ending: of the files to write, with its dot.
    """
    safe = [_safe_parts(name, fallback=f"model_{id}") for id, name in enumerate(names)]
    folders = {_key(parts[:depth]) for parts in safe for depth in range(1, len(parts))}
    stems = [(*parts[:-1], _stem(parts[-1])) for parts in safe]
    shared = Counter(map(_key, stems))
    taken: set[tuple[str, ...]] = set()
    paths = []
    for whole, stem in zip(safe, stems, strict=True):
        base = whole if shared[_key(stem)] > 1 else stem
        path, number = (*base[:-1], base[-1] + ending), 1
        while _key(path) in taken or _key(path) in folders:
            number += 1
            path = (*base[:-1], f"{base[-1]}~{number}{ending}")
        taken.add(_key(path))
        paths.append(PurePosixPath(*path))
    return paths


def _safe_parts(name: str, fallback: str) -> tuple[str, ...]:
    """The folders and the file of a name: no root, drive, `..`, control character or name that a system reserves."""
    parts = [part for part in map(_safe_part, re.split(r"[/\\]", name)) if part]
    while len("/".join(parts).encode()) > _MAX_PATH_BYTES:
        parts = parts[1:]
    return tuple(parts) or (fallback,)


def _safe_part(part: str) -> str:
    """One folder or file name; empty where nothing of it can be used."""
    part = "".join("_" if c in '<>:"|?*' or unicodedata.category(c) in _UNPRINTABLE else c for c in part)
    part = part.strip(" ").rstrip(". ")  # Windows drops dots and blanks at the end: `..` and `.` become empty
    encoded = part.encode()
    if len(encoded) > _MAX_PART_BYTES:
        # Keep the ending: it says what the file was, and names cut at the same place still differ by `~2`.
        ending = PurePosixPath(part).suffix.encode()[-16:]
        part = (encoded[: _MAX_PART_BYTES - len(ending)] + ending).decode(errors="ignore")
    return f"_{part}" if _RESERVED.fullmatch(part) else part


_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


def _stem(part: str) -> str:
    for ending in SOURCE_ENDINGS:
        if part.lower().endswith(ending) and len(part) > len(ending):
            return part[: -len(ending)]
    return part


def _key(parts: Sequence[str]) -> tuple[str, ...]:
    """Equal for paths that some file system takes as one: case and Unicode composition are ignored."""
    return tuple(unicodedata.normalize("NFC", part.casefold()) for part in parts)
