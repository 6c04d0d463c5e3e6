"""What long work has found, kept in one file beside the output: entries are appended whole, synced, told from damage.

The file is a header of text that says what is asked for, then entries in the order in which they were finished:
`MARK`, varint length, key (16 bytes), value, CRC-32 of key and value. Processes append without waiting for each other;
what a crash tears is passed over, up to the next mark, and worked out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from necgs_cli.bitstream.checksums import crc32
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.fields import ByteReader, ByteWriter
from necgs_cli.bitstream.storage import naming, sync, write_all, write_whole
from necgs_cli.outcome import NecgsError

TITLE = "necgs: results of an unfinished encode; --resume goes on with them"
MARK = b"\x00\xffKEPT\xff\x00"
KEY_BYTES = 16


@dataclass(frozen=True)
class Journal:
    """An open journal; sent to worker processes.

    Attributes:
        path: of the file.
        header: what it begins with.
        begun: its bytes when this run began; entries up to there can be recalled.
    """

    path: Path
    header: bytes
    begun: int

    def recall(self, about: list[bytes], work: Callable[[], bytes]) -> bytes:
        """The result that is kept about something, or that of `work`, which is kept from then on."""
        told = hashlib.sha256(self.header)
        for part in about:
            told.update(len(part).to_bytes(8, "little") + part)
        key = told.digest()[:KEY_BYTES]
        kept = _entries(self).get(key)
        return self._keep(key, work()) if kept is None else kept

    def _keep(self, key: bytes, value: bytes) -> bytes:
        """Returns the value when it is on the disk."""
        entry = ByteWriter()
        entry.raw(MARK)
        entry.counted(key + value)
        entry.u32(crc32(key + value))
        with naming(self.path), open(self.path, "r+b", buffering=0, opener=_append_only) as file:
            write_all(file, bytes(entry))
            sync(file)
        return value


def _append_only(path: str, flags: int) -> int:
    """Opens an existing file so that every write goes to its end, wherever other processes have moved that."""
    return os.open(path, flags | os.O_APPEND)


@lru_cache(maxsize=1)
def _entries(journal: Journal) -> dict[bytes, bytes]:
    """The values by key that a run began with."""
    with open(journal.path, "rb") as file:
        data = file.read(journal.begun)
    found, reader = {}, ByteReader(data)
    start = data.find(MARK, len(journal.header))
    while start >= 0:
        reader.position = start + len(MARK)
        try:
            body = reader.counted()
            if reader.u32() == crc32(body):
                found[body[:KEY_BYTES]] = body[KEY_BYTES:]
        except DamagedFile:
            pass  # torn: killed within the write
        start = data.find(MARK, start + 1)
    return found


class UnfinishedWork:
    """The journal of an output file: begun with the work, and removed at its end or where nothing was kept.

    Used as a context manager around the work and the writing of its output.
    """

    def __init__(self, path: Path, resume: bool):
        """Without `resume` what is there is replaced."""
        self.path, self.resume = path, resume
        self._header = b""

    def begin(self, asked: dict[str, Any]) -> Journal:
        """Opens the journal.

        Args:
            asked: what results depend on besides the models themselves, as JSON.
        Raises:
            NecgsError: there is nothing to resume, or it belongs to something else.
        """
        header = f"{TITLE}\n{json.dumps(asked, sort_keys=True)}\n".encode()
        if not self.resume:
            write_whole(self.path, header)
        elif not self.path.exists():
            raise NecgsError(f"{self.path}: no checkpoint to resume; run without --resume")
        with open(self.path, "rb") as file:
            if file.read(len(header)) != header:
                raise NecgsError(f"{self.path}: made from other inputs or options; run without --resume")
        self._header = header
        return Journal(self.path, header, self.path.stat().st_size)

    def __enter__(self) -> UnfinishedWork:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        with contextlib.suppress(OSError):
            if kind is None or self.path.stat().st_size == len(self._header):
                self.path.unlink()
