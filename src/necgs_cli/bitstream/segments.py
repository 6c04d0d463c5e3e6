"""Segments: what one run of the tool adds to a file. Catalogue, sections, records, footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import blocks, records
from .catalogue import MOST_MODELS, MOST_NAME_BYTES, Catalogue, catalogue_of, read_catalogue, write_catalogue
from .checksums import crc16, crc32
from .errors import DamagedFile
from .records import ModelRecord, SetSection
from .source import Source

MAGIC = b"NCGS"
VERSION = 1
HEADER = MAGIC + bytes([VERSION, 0])  # the last byte: flags, none yet
FOOTER_BYTES = 1 + 4 + 2


class Unfinished(DamagedFile):
    """The bytes end before the segment does, or its footer was never written."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A complete segment.

    Args:
        offset, size: of the segment in the file.
        checksum: CRC-32 of all its bytes before the footer, as the footer has it.
        section_offsets, record_offsets: of the blocks in the file.
    """

    offset: int
    size: int
    checksum: int
    catalogue_bytes: int
    catalogue: Catalogue
    section_offsets: Sequence[int]
    record_offsets: Sequence[int]

    @property
    def end(self) -> int:
        return self.offset + self.size


def make_segment(sections: Iterable[SetSection], models: Sequence[ModelRecord], first_id: int) -> tuple[bytes, bytes]:
    """The bytes of a segment: everything before the footer, and the footer."""
    section_blocks = [records.make_section(section) for section in sections]
    record_blocks = [records.make_record(record, first_id + i) for i, record in enumerate(models)]
    if first_id + len(models) > MOST_MODELS:
        raise ValueError(f"a file holds at most {MOST_MODELS:,} models")
    catalogue = catalogue_of(section_blocks, record_blocks, models)
    first = blocks.make_block(blocks.CATALOGUE, write_catalogue(catalogue))
    if sum(len(name.encode()) for name in catalogue.names) > MOST_NAME_BYTES:
        raise ValueError(f"the names of a file have at most {MOST_NAME_BYTES:,} bytes together")
    body = b"".join([first, *section_blocks, *record_blocks])
    return body, make_footer(crc32(body), len(body))


def make_footer(checksum: int, size: int) -> bytes:
    """Tag, CRC-32 of the segment, and a CRC-16 of both and of the segment's length before the footer."""
    start = bytes([blocks.FOOTER]) + checksum.to_bytes(4, "little")
    return start + crc16(start + size.to_bytes(8, "little")).to_bytes(2, "little")


def check_header(source: Source) -> None:
    """Raises:
    DamagedFile: not a file of this format, or of a version that this reader does not know.
    """
    header = source.read(0, len(HEADER))
    if header[: len(MAGIC)] != MAGIC[: len(header)] or not header:
        raise DamagedFile("not a .ncgs file")
    if len(header) < len(HEADER):
        raise DamagedFile("the file ends in its header", len(header))
    if header != HEADER:
        raise DamagedFile(f"the file is of version {header[4]} with flags {header[5]}, newer than this reader")


def read_segment(source: Source, offset: int, most_models: int, most_name_bytes: int) -> Segment:
    """Reads the catalogue and the footer of the segment at `offset`.

    Raises:
        Unfinished: the segment has no valid footer where its end should be.
        DamagedFile: the catalogue is damaged.
    """
    size, catalogue = read_leading_catalogue(source, offset, most_models, most_name_bytes)
    end = offset + size + catalogue.block_bytes
    if end + FOOTER_BYTES > source.size:
        raise Unfinished(f"the file ends {end + FOOTER_BYTES - source.size:,} bytes too early", source.size)
    footer = source.read(end, FOOTER_BYTES)
    checksum = int.from_bytes(footer[1:5], "little")
    if footer != make_footer(checksum, end - offset):
        raise Unfinished("a footer is missing or damaged", end)
    places, place = [], offset + size
    for length in [*catalogue.section_sizes, *catalogue.sizes.tolist()]:
        places.append(place)
        place += length
    count = len(catalogue.section_sizes)
    return Segment(offset, end + FOOTER_BYTES - offset, checksum, size, catalogue, places[:count], places[count:])


def read_leading_catalogue(
    source: Source, offset: int, most_models: int, most_name_bytes: int
) -> tuple[int, Catalogue]:
    """The catalogue at the start of a segment, and the bytes of its block."""
    start = source.read(offset, 4096)
    try:
        tag, _, size = blocks.read_head(start[: blocks.HEAD_BYTES], offset)
    except DamagedFile as error:
        if len(start) < blocks.HEAD_BYTES:
            raise Unfinished("the file ends in a catalogue", source.size) from None
        raise error
    if tag != blocks.CATALOGUE:
        raise DamagedFile("no catalogue where one should start", offset)
    if size > source.size - offset:
        raise Unfinished("the file ends in a catalogue", source.size)
    block = start[:size] if size <= len(start) else source.read(offset, size)
    _, body = blocks.open_block(block, offset, "the catalogue")
    room = source.size - offset - size
    return size, read_catalogue(body, offset, room, most_models, most_name_bytes)
