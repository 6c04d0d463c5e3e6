"""What can go wrong with a file, in words for its owner."""

from __future__ import annotations


class DamagedFile(Exception):
    """The bytes are not what the format promises.

    Args:
        message: one clear line, without the place.
        offset: bytes from the start of the file where the trouble was seen, if known.
    """

    def __init__(self, message: str, offset: int | None = None):
        super().__init__(message if offset is None else f"{message} (at byte {offset:,})")
        self.offset = offset


class FileBusy(Exception):
    """Another process is changing the file."""
