"""Plain fields of the format: little-endian numbers, varints and counted bytes."""

from __future__ import annotations

import struct

from .errors import DamagedFile

VARINT_BYTES = 10  # enough for 64 bits; longer ones are damage


class ByteWriter:
    """Collects fields; `bytes(writer)` is the result."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def u8(self, value: int) -> None:
        self._pack("<B", value)

    def u16(self, value: int) -> None:
        self._pack("<H", value)

    def u32(self, value: int) -> None:
        self._pack("<I", value)

    def f64(self, value: float) -> None:
        self._pack("<d", value)

    def varint(self, value: int) -> None:
        """Unsigned LEB128: seven bits a byte, low ones first, the top bit set on all but the last byte."""
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{value} does not fit an unsigned varint of 64 bits")
        while value > 0x7F:
            self._parts.append(value & 0x7F | 0x80)
            value >>= 7
        self._parts.append(value)

    def zigzag(self, value: int) -> None:
        """Signed integer as a varint: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
        self.varint(value << 1 if value >= 0 else (-value << 1) - 1)

    def raw(self, data: bytes) -> None:
        """Bytes whose length the reader knows."""
        self._parts += data

    def counted(self, data: bytes) -> None:
        """Bytes behind their own length."""
        self.varint(len(data))
        self._parts += data

    def _pack(self, layout: str, value: float) -> None:
        try:
            self._parts += struct.pack(layout, value)
        except struct.error as error:
            raise ValueError(f"{value!r} does not fit the field: {error}") from None


class ByteReader:
    """Reads fields from bytes, never beyond their end.

    Args:
        data: the bytes.
        offset: where `data` starts in the file, for messages.
    """

    def __init__(self, data: bytes, offset: int = 0):
        self._data = data
        self._offset = offset
        self.position = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self.position

    def u8(self) -> int:
        return self.raw(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.raw(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.raw(4), "little")

    def f64(self) -> float:
        return struct.unpack("<d", self.raw(8))[0]

    def varint(self, most: int = (1 << 64) - 1) -> int:
        """Unsigned LEB128 of at most 10 bytes and of value at most `most`."""
        value = 0
        for i in range(VARINT_BYTES):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if value > most:
                    raise self.damage(f"a number of {value:,} where at most {most:,} is possible")
                return value
        raise self.damage("a number without end")

    def zigzag(self) -> int:
        coded = self.varint()
        return (coded >> 1) ^ -(coded & 1)

    def raw(self, count: int) -> bytes:
        if count < 0 or count > self.remaining:
            raise self.damage(f"{count:,} bytes are due where {self.remaining:,} remain")
        start = self.position
        self.position += count
        return bytes(self._data[start : self.position])

    def counted(self, most: int | None = None) -> bytes:
        """Bytes behind their own length, which is at most `most` and what remains."""
        count = self.varint()
        if most is not None and count > most:
            raise self.damage(f"a length of {count:,} bytes where at most {most:,} is possible")
        return self.raw(count)

    def damage(self, message: str) -> DamagedFile:
        return DamagedFile(message, self._offset + self.position)
