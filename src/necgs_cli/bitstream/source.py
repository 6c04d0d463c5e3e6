"""Bytes of a file, read where they are needed."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import BinaryIO

from .errors import DamagedFile

MOST_STREAM_BYTES = 4 << 30


class Source:
    """Random access to a path, a binary stream or bytes.

    A stream that cannot seek is read to its end first.

    Args:
        where: path, open binary file or the bytes themselves.
        limit: most bytes taken from a stream that cannot seek.
    """

    def __init__(self, where: str | Path | BinaryIO | bytes, limit: int = MOST_STREAM_BYTES):
        self.label = ""
        self._owned = False
        if isinstance(where, str | os.PathLike):
            self.label = str(where)
            self._file: BinaryIO = open(where, "rb")  # noqa: SIM115 (closed by `close`)
            self._owned = True
        elif isinstance(where, bytes | bytearray | memoryview):
            self._file = io.BytesIO(where)
        else:
            self._file = where
        if not self._file.seekable():
            data = self._read_all(limit)
            self.close()
            self._file = io.BytesIO(data)
        self.size = self._file.seek(0, os.SEEK_END)
        self._lock = threading.Lock()

    def _read_all(self, limit: int) -> bytes:
        parts, total = [], 0
        while part := self._file.read(1 << 20):
            total += len(part)
            if total > limit:
                raise DamagedFile(f"the stream is longer than the limit of {limit:,} bytes")
            parts.append(part)
        return b"".join(parts)

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes at `offset`; fewer where the file ends."""
        count = max(0, min(count, self.size - offset))
        with self._lock:
            self._file.seek(offset)
            return self._file.read(count)

    def close(self) -> None:
        if self._owned:
            self._file.close()
            self._owned = False
