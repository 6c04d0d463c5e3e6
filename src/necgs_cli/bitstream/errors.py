"""What can go wrong with a file, in words for its owner."""

from __future__ import annotations


class DamagedFile(Exception):
    """The bytes are not what the format promises.

    Args:
        message: one clear line, without the place.
        offset: bytes from the start of the file where the trouble was seen, if known.
        model: id of the only model that is hurt, if that is known.
    """

    def __init__(self, message: str, offset: int | None = None, model: int | None = None):
        super().__init__(message if offset is None else f"{message} (at byte {offset:,})")
        self.offset, self.model = offset, model


class FileBusy(Exception):
    """Another process is changing the file."""
