"""One model's record, and a section that all models share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import blocks
from .errors import DamagedFile
from .fields import ByteReader, ByteWriter

if TYPE_CHECKING:
    from necgs_cli.meshes.placement import Placement

# kinds of records that this version decodes
KINDS = {
    1: "neural",
    2: "neural-dense",
    3: "loop",
    4: "loop-creased",
    5: "triangles",
    6: "posed",
    7: "mirrored-loop",
    8: "mirrored-loop-creased",
    9: "mirrored-triangles",
}
SECTIONS = {1: "decoder", 2: "dense decoder"}  # kinds of sections that it uses
NOTES = ("", "winding", "flood", "shell", "mixed")  # how inside and outside were told apart
MOST_NAME_BYTES = 4096
LEAST_BYTES = 1 + 1 + 4 + 2  # tag, length, placement, checksum
_EXPONENTS = range(-1100, 1016)  # half sides that float64 can hold
_UNMEASURED = 0xFFFF


@dataclass(frozen=True)
class ModelRecord:
    """A coded model.

    Args:
        kind: what the payload is, 1..63 (`KINDS`).
        name: at most 4,096 bytes of UTF-8 without control characters.
        p2s, max_error: measured on the decoded model, unit frame; NaN where not measured.
        note: one of `NOTES`.
        depends: ids of earlier models that decoding needs.
    """

    kind: int
    name: str
    placement: Placement
    payload: bytes
    p2s: float = math.nan
    max_error: float = math.nan
    note: str = ""
    depends: tuple[int, ...] = ()


@dataclass(frozen=True)
class SetSection:
    """Data that several models share, such as decoder weights. Kinds are 0..63."""

    kind: int
    payload: bytes


def kind_name(kind: int) -> str:
    return KINDS.get(kind, f"unknown ({kind})")


def section_name(kind: int) -> str:
    return SECTIONS.get(kind, f"section {kind}")


def note_name(code: int) -> str:
    return NOTES[code] if code < len(NOTES) else f"unknown ({code})"


def name_bytes(name: str) -> bytes:
    """The name as stored.

    Raises:
        ValueError: empty, too long, not valid Unicode, or with control characters.
    """
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the name {name!r} is not valid Unicode") from None
    if not 0 < len(data) <= MOST_NAME_BYTES:
        raise ValueError(f"a name has 1 to {MOST_NAME_BYTES:,} bytes, not {len(data):,}")
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in name):
        raise ValueError(f"the name {name!r} contains control characters")
    return data


def level_code(value: float) -> int:
    """A distortion as 16 bits: 0 for 0, 65535 for NaN, else round(256 log2(value)) + 32768, in 1..65534."""
    if math.isnan(value):
        return _UNMEASURED
    if value < 0:
        raise ValueError(f"a distortion is not negative: {value}")
    if value == 0:
        return 0
    exponent = 256 * math.log2(value) if value < math.inf else math.inf
    return round(min(max(exponent + 32768, 1), _UNMEASURED - 1))


def level_value(code: int) -> float:
    """The distortion of a code, within 0.14 % of what was measured."""
    if code == _UNMEASURED:
        return math.nan
    return 0.0 if code == 0 else 2.0 ** ((code - 32768) / 256)


def make_record(record: ModelRecord, id: int) -> bytes:
    """The record of model `id` as a block."""
    if record.kind not in blocks.RECORD_KINDS:
        raise ValueError(f"kinds of records are 1..63, not {record.kind}")
    placement = record.placement
    if not (128 <= placement.mantissa <= 255 and _finite(placement.exponent, placement.centre_steps)):
        raise ValueError(f"a placement that 64 bits cannot hold: {placement}")
    writer = ByteWriter()
    writer.zigzag(placement.exponent * 128 + placement.mantissa - 128)
    for step in placement.centre_steps:
        writer.zigzag(step)
    if record.depends:
        writer.varint(len(record.depends))
        for other in record.depends:
            if not 0 <= other < id:
                raise ValueError(f"model {id} depends on model {other}, which does not come before it")
            writer.varint(id - other)
    writer.raw(record.payload)
    return blocks.make_block(record.kind | (blocks.DEPENDS if record.depends else 0), bytes(writer))


def read_head(tag: int, reader: ByteReader, id: int) -> tuple[Placement, tuple[int, ...]]:
    """Reads placement and dependences; what remains in the reader is the payload.

    Args:
        tag: of the record's block; reader: at the start of its body; id: of the model.
    """
    from necgs_cli.meshes.placement import Placement

    size = reader.zigzag()
    exponent, mantissa = size >> 7, 128 + (size & 127)
    centre = (reader.zigzag(), reader.zigzag(), reader.zigzag())
    if not _finite(exponent, centre):
        raise reader.damage(f"model {id} has an impossible placement")
    depends: tuple[int, ...] = ()
    if tag & blocks.DEPENDS:
        count = reader.varint(reader.remaining)
        depends = tuple(id - reader.varint() for _ in range(count))
        if not all(0 <= other < id for other in depends):
            raise reader.damage(f"model {id} depends on a model that does not come before it")
    return Placement(mantissa, exponent, centre), depends


def _finite(exponent: int, centre_steps: tuple[int, ...]) -> bool:
    """Whether every point of the cube lies within float64."""
    farthest = max(map(abs, centre_steps))
    return exponent in _EXPONENTS and exponent + farthest.bit_length() < 1016 and farthest < 1 << 63


def make_section(section: SetSection) -> bytes:
    if section.kind not in blocks.SECTION_KINDS:
        raise ValueError(f"kinds of sections are 0..63, not {section.kind}")
    return blocks.make_block(blocks.SECTION + section.kind, section.payload)


def open_record(data: bytes, offset: int, id: int) -> tuple[int, Placement, tuple[int, ...], bytes]:
    """Takes a record apart: kind, placement, dependences, payload.

    Raises:
        DamagedFile: wrong length, checksum or fields.
    """
    tag, body = blocks.open_block(data, offset, f"model {id}")
    if not blocks.is_record(tag):
        raise DamagedFile(f"model {id} is not a record", offset)
    reader = ByteReader(body, offset)
    placement, depends = read_head(tag, reader, id)
    return tag & ~blocks.DEPENDS, placement, depends, reader.raw(reader.remaining)
