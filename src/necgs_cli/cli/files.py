"""Writing files: whole or not at all, and never outside the folder that was named."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO


class UnsafePath(Exception):
    """A path that would leave the output folder."""

    exit_code = 1


def refuse_existing(paths: Iterable[Path], force: bool) -> None:
    """Refuse to replace files, before any work is done.

    Raises:
        FileExistsError: for the first path that is a file, unless forced.
        IsADirectoryError: for the first path that is a folder.
    """
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder: a file cannot take its place", str(path))
        if path.is_file() and not force:
            raise FileExistsError(17, "exists already; give -f to replace it", str(path))


def inside(folder: Path, relative: PurePosixPath) -> Path:
    """`folder / relative`, with its folders made.

    Raises:
        UnsafePath: when a link on the way leads out of the folder.
    """
    root = folder.resolve()
    path = root / relative
    if not path.parent.resolve().is_relative_to(root):
        raise UnsafePath(f"{folder / relative} is outside of {folder}: a folder on the way is a link")
    path.parent.mkdir(parents=True, exist_ok=True)
    return folder / relative


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name only when the block ends well: no partial file ever has the final name.

    Pipes and devices are written directly: renaming would replace them.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".necgs-{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
