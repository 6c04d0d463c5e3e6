"""Blocks, the unit of the file: tag, length, body, checksum.

A record's checksum has 16 bits, because at 300 bytes a model every byte counts (the footer's 32 bits cover the records
a second time); sections and catalogues have 32.
"""

from __future__ import annotations

from .checksums import crc16, crc32
from .errors import DamagedFile
from .fields import VARINT_BYTES, ByteReader, ByteWriter

RECORD_KINDS = range(1, 64)  # tag = kind, plus DEPENDS
DEPENDS = 0x40  # the record names others that it needs
SECTION_KINDS = range(0, 64)  # tag = SECTION + kind
SECTION = 0x80
CATALOGUE = 0xFE
FOOTER = 0xFF
HEAD_BYTES = 1 + VARINT_BYTES  # no block's head is longer
LARGEST = (1 << 31) - 1  # bytes of a block


def is_record(tag: int) -> bool:
    return tag < SECTION and tag & ~DEPENDS in RECORD_KINDS


def is_section(tag: int) -> bool:
    return tag - SECTION in SECTION_KINDS


def checksum_bytes(tag: int) -> int:
    return 2 if tag < SECTION else 4


def make_block(tag: int, body: bytes) -> bytes:
    writer = ByteWriter()
    writer.u8(tag)
    writer.counted(body)
    data = bytes(writer)
    checksum = crc16(data) if checksum_bytes(tag) == 2 else crc32(data)
    data += checksum.to_bytes(checksum_bytes(tag), "little")
    if len(data) > LARGEST:
        raise ValueError(f"a block of {len(data):,} bytes; the format holds {LARGEST:,}")
    return data


def read_head(data: bytes, offset: int) -> tuple[int, int, int]:
    """Reads the start of a block.

    Args:
        data: at least `HEAD_BYTES` bytes of the block, or all there are.
        offset: of the block in the file.
    Returns:
        tag, bytes of the head, bytes of the whole block.
    """
    reader = ByteReader(data, offset)
    tag = reader.u8()
    length = reader.varint(LARGEST)
    return tag, reader.position, reader.position + length + checksum_bytes(tag)


def open_block(data: bytes, offset: int, what: str) -> tuple[int, bytes]:
    """Takes a whole block apart.

    Args:
        data: exactly the block; offset: its place in the file; what: its name in messages.
    Returns:
        tag, body.
    Raises:
        DamagedFile: wrong length or checksum.
    """
    tag, head, size = read_head(data, offset)
    if size != len(data):
        raise DamagedFile(f"{what} is damaged: its length is wrong", offset)
    end = size - checksum_bytes(tag)
    checksum = crc16(data[:end]) if checksum_bytes(tag) == 2 else crc32(data[:end])
    if checksum != int.from_bytes(data[end:], "little"):
        raise DamagedFile(f"{what} is damaged: its checksum is wrong", offset)
    return tag, data[head:end]
