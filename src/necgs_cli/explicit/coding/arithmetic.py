"""Binary arithmetic coder with 16-bit probabilities; encoder and decoder share one interface.

`code(bit, probability)` takes the bit to write and returns it, or ignores the bit and returns the one read, so that
a model is written once for both directions.
"""

from .logistic import ONE

HALF = ONE >> 1
_BOTTOM = 1 << 24
_SPILL = 8  # bytes past the end that a sound record may ask for


class DamagedRecord(ValueError):
    """The bytes are not a mesh record."""


class Encoder:
    """Writes bits; the low end of the interval is one long integer, so that carries need no care."""

    decoding = False

    def __init__(self) -> None:
        self._low, self._range, self._shifts = 0, (1 << 32) - 1, 0

    def code(self, bit: int | None, probability: int) -> int:
        """Write `bit`, whose probability of being 1 is `probability` / 2**16."""
        bound = (self._range >> 16) * probability
        if bit:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < _BOTTOM:
            self._range <<= 8
            self._low <<= 8
            self._shifts += 1
        return 1 if bit else 0

    def finish(self) -> bytes:
        """The shortest string that, followed by any number of zero bytes, lies in the final interval."""
        length = self._shifts + 4
        for cut in range(length, -1, -1):
            value = -(-self._low >> 8 * cut)
            if value << 8 * cut < self._low + self._range:
                break
        return value.to_bytes(length - cut, "big")


class Decoder:
    """Reads bits from `data`, which zero bytes follow.

    Raises:
        DamagedRecord: from `code`, when the data end long before the bits do.
    """

    decoding = True

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data) + bytes(_SPILL)
        self._code, self._range, self._next = int.from_bytes(self._data[:4], "big"), (1 << 32) - 1, 4

    def code(self, bit: int | None, probability: int) -> int:
        """Read one bit, whose probability of being 1 is `probability` / 2**16."""
        bound = (self._range >> 16) * probability
        if self._code < bound:
            self._range = bound
            bit = 1
        else:
            self._code -= bound
            self._range -= bound
            bit = 0
        while self._range < _BOTTOM:
            if self._next == len(self._data):
                raise DamagedRecord("the mesh record ends too early")
            self._range <<= 8
            self._code = self._code << 8 | self._data[self._next]
            self._next += 1
        return bit
