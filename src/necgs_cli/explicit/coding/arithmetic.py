"""Binary arithmetic coder with 16-bit probabilities; encoder and decoder share one function.

`code(registers, data, bit, probability)` writes the bit and returns it, or ignores it and returns the one read, so
that a model is written once for both directions. What goes wrong is kept in a register, for the loops above to see.
"""

from .kernel import Flat, Mode, entry, inlined, kernel
from .logistic import ONE

HALF = ONE >> 1
_BOTTOM = 1 << 24
_WORD = 1 << 32
_SPILL = 8  # bytes past the end that a sound record may ask for

# registers
LOW, RANGE, CODE, AT, DECODING, STATUS, LIMIT, BOUNDED = range(8)

# values of STATUS; the first that is set stays
FINE = 0
ENDED, TOO_LARGE, OUT_OF_RANGE, MANY_VERTICES, MANY_TRIANGLES, NO_AREA, OFF_BORDER, TOO_MUCH_WORK = range(1, 9)
FULL = 20  # a sequence is too short for the record: again with longer ones
WIDE = 21  # 64 bits may not do: again in Python

MESSAGES = {
    ENDED: "the mesh record ends too early",
    TOO_LARGE: "a number in the mesh record is too large",
    OUT_OF_RANGE: "a position in the mesh record is out of range",
    MANY_VERTICES: "the mesh record holds more vertices than allowed",
    MANY_TRIANGLES: "the mesh record holds more triangles than allowed",
    NO_AREA: "the mesh record holds a triangle without area",
    OFF_BORDER: "the mesh record points beyond the border",
    TOO_MUCH_WORK: "the mesh record asks for too much work",
}


class DamagedRecord(ValueError):
    """The bytes are not a mesh record."""


class Retry(Exception):
    """The record needs longer sequences (FULL) or integers without bounds (WIDE)."""

    def __init__(self, status: int) -> None:
        self.status = status


def encoder(mode: Mode, capacity: int):
    """Registers and data of an encoder whose bytes go to a sequence of the given length."""
    return mode.sequence([0, _WORD - 1, 0, 0, 0, FINE, mode.limit, mode.bounded]), mode.blank(capacity)


def decoder(mode: Mode, data: bytes):
    """Registers and data of a decoder of `data`, which zero bytes follow."""
    padded = bytes(data) + bytes(_SPILL)
    code = int.from_bytes(padded[:4], "big")
    return mode.sequence([0, _WORD - 1, code, 4, 1, FINE, mode.limit, mode.bounded]), mode.sequence(padded)


@inlined
def fail(registers: Flat, status: int) -> None:
    """Set the status, unless something went wrong before."""
    if registers[STATUS] == FINE:
        registers[STATUS] = status


@inlined
def too_wide(registers: Flat, magnitude: int, bound: int) -> bool:
    """Before arithmetic that int64 holds below the bound only: whether to stop, and leave the record to Python."""
    if magnitude >= bound and registers[BOUNDED]:
        fail(registers, WIDE)
        return True
    return False


def check(registers) -> None:
    """Tell what has gone wrong, if something has.

    Raises:
        DamagedRecord: the bytes are no mesh record, or one larger than allowed.
        Retry: they may be one, but not with these sequences.
    """
    status = int(registers[STATUS])
    if status in MESSAGES:
        raise DamagedRecord(MESSAGES[status])
    if status != FINE:
        raise Retry(status)


@kernel
def _emit(registers: Flat, data: Flat, byte: int) -> None:
    """Write a byte; one of 256 and more carries into those before."""
    at = registers[AT]
    if at >= len(data):
        fail(registers, FULL)
        return
    if byte > 255:
        byte -= 256
        k = at - 1
        while data[k] == 255:
            data[k] = 0
            k -= 1
        data[k] += 1
    data[at] = byte
    registers[AT] = at + 1


@entry
def code(registers: Flat, data: Flat, bit: int, probability: int) -> int:
    """Code a bit whose probability of being 1 is `probability` / 2**16."""
    size = registers[RANGE]
    bound = (size >> 16) * probability
    if registers[DECODING]:
        point = registers[CODE]
        if point < bound:
            size = bound
            bit = 1
        else:
            point -= bound
            size -= bound
            bit = 0
        while size < _BOTTOM:
            at = registers[AT]
            if at == len(data):
                fail(registers, ENDED)
                break
            size <<= 8
            point = point << 8 | data[at]
            registers[AT] = at + 1
        registers[CODE] = point
    else:
        low = registers[LOW]
        if bit:
            size = bound
        else:
            low += bound
            size -= bound
        while size < _BOTTOM:
            size <<= 8
            _emit(registers, data, low >> 24)
            low = (low & 0xFFFFFF) << 8
        registers[LOW] = low
    registers[RANGE] = size
    return bit


def finish(registers, data) -> bytes:
    """The shortest string that, followed by any number of zero bytes, lies in an encoder's final interval."""
    written = int(registers[AT])
    low = (int.from_bytes(bytes(list(map(int, data[:written]))), "big") << 32) + int(registers[LOW])
    size = int(registers[RANGE])
    for cut in range(4, -1, -1):
        value = -(-low >> 8 * cut)
        if value << 8 * cut < low + size:
            break
    return value.to_bytes(written + 4 - cut, "big").rstrip(b"\0")
