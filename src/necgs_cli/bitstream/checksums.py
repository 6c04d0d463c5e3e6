"""The two checksums of the format."""

from __future__ import annotations

import binascii
import zlib


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected."""
    return binascii.crc_hqx(data, 0xFFFF)


def crc32(data: bytes, start: int = 0) -> int:
    """CRC-32 of zlib, gzip and PNG; `start` is the CRC of the bytes before."""
    return zlib.crc32(data, start)
