"""Writing that a crash cannot undo: new files appear whole, appended bytes count only once they are safe."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import FileBusy


def sync(file: BinaryIO) -> None:
    """Returns when the bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Within the block, an error of the system says the file; where a disk is full, it does not by itself."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_whole(path: str | Path, data: bytes) -> None:
    """Makes or replaces a file: all of it is there under its name, or nothing has changed.

    The bytes go to a new name in the same folder, which is then renamed. A device or pipe is simply written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with naming(path), open(path, "wb") as file:
            file.write(data)
        return
    temporary = path.with_name(f".ncgs-{os.urandom(6).hex()}.tmp")
    try:
        with naming(path), open(temporary, "xb") as file:
            file.write(data)
            sync(file)
        with contextlib.ExitStack() as stack:
            if path.exists():
                # an append that is under way would be lost with the old file
                stack.enter_context(locked(path))
                os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
                if os.name == "nt":
                    stack.close()  # an open file cannot be replaced there
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems refuse, and need no such call
            os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for reading and writing, unbuffered, with its lock held.

    Raises:
        FileBusy: another process holds the lock.
    """
    with open(path, "r+b", buffering=0) as file:
        _lock(file, path)
        here, there = os.fstat(file.fileno()), os.stat(path)
        if (here.st_ino, here.st_dev) != (there.st_ino, there.st_dev):
            raise FileBusy(f"{path} was replaced by another process just now; try again")
        yield file


def _lock(file: BinaryIO, path: str | Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0x7FFFFFFE)  # others cannot read a locked byte: one that hardly any file reaches
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            file.seek(0)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise FileBusy(f"{path} is being changed by another process; try again when it has finished") from None


def write_all(file: BinaryIO, data: bytes) -> None:
    """Writes all of `data` to an unbuffered file, which may take it in parts."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def append(file: BinaryIO, end: int, body: bytes, footer: bytes) -> None:
    """Puts a segment behind the first `end` bytes, whatever lay there.

    The footer, which makes the segment count, is written when the body is on the disk. If anything goes wrong the file
    is cut back to `end` bytes; if even that fails, readers pass over the segment because it has no footer.
    """
    try:
        file.truncate(end)
        file.seek(end)
        write_all(file, body)
        sync(file)
        write_all(file, footer)
        sync(file)
    except BaseException:
        with contextlib.suppress(OSError):
            file.truncate(end)
            sync(file)
        raise
