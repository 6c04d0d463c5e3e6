"""What is intact in a damaged file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from . import blocks, records
from .catalogue import MOST_MODELS, MOST_NAME_BYTES, Catalogue
from .errors import DamagedFile
from .records import ModelRecord, SetSection
from .segments import FOOTER_BYTES, HEADER, check_header, make_footer, read_leading_catalogue
from .source import MOST_STREAM_BYTES, Source

_WINDOW = 1024
_EFFORT = 1024  # bytes read for each byte of the file when looking for a catalogue
_MOST_EFFORT = 1 << 34


@dataclass
class Salvage:
    """What came out of a damaged file.

    Args:
        sections, models: intact, in the order of the file, ready for `write_container`.
        lost: one line for each thing that is gone, with its name where that is known.
    """

    sections: list[SetSection] = field(default_factory=list)
    models: list[ModelRecord] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def salvage(where: str | Path | BinaryIO | bytes, limit: int = MOST_STREAM_BYTES) -> Salvage:
    """Collects everything whose bytes are intact.

    Where a catalogue is damaged its models are called `recovered_0007` and so on, without measured errors. A model
    that needs a lost one is lost too.

    Args:
        where: path, binary stream or bytes; limit: most bytes taken from a stream that cannot seek.
    """
    source = Source(where, limit)
    try:
        return _Salvor(source).run()
    finally:
        source.close()


class _Salvor:
    def __init__(self, source: Source):
        self.source = source
        self.result = Salvage()
        self.places: list[int | None] = []  # by old id: number among the salvaged models
        self.known_from = 0  # old ids before this one cannot be told: a part without a count lies between
        self.effort = min(_EFFORT * source.size, _MOST_EFFORT)

    def run(self) -> Salvage:
        try:
            check_header(self.source)
        except DamagedFile as error:
            self.result.lost.append(f"the header: {error}")
        offset: int | None = min(len(HEADER), self.source.size)
        while offset is not None and offset < self.source.size:
            try:
                size, catalogue = self._catalogue(offset)
            except DamagedFile as error:
                self.result.lost.append(f"names and measured errors of some models: {error}")
                offset = self._walk(offset)
            else:
                offset = self._follow(catalogue, offset, size)
        return self.result

    def _catalogue(self, offset: int) -> tuple[int, Catalogue]:
        return read_leading_catalogue(self.source, offset, MOST_MODELS - len(self.places), MOST_NAME_BYTES)

    def _follow(self, catalogue: Catalogue, start: int, size: int) -> int | None:
        """Takes what a catalogue lists; returns where the next segment starts."""
        offset = start + size
        for length in catalogue.section_sizes:
            self._section(offset, length)
            offset += length
        for i, length in enumerate(catalogue.sizes.tolist()):
            about = {
                "name": catalogue.names[i],
                "p2s": records.level_value(int(catalogue.p2s[i])),
                "max_error": records.level_value(int(catalogue.max_error[i])),
                "note": records.note_name(int(catalogue.note[i])),
            }
            self._record(offset, length, about)
            offset += length
        if self._is_footer(offset, start):
            return offset + FOOTER_BYTES
        if offset < self.source.size:
            self.result.lost.append(f"a footer (at byte {offset:,})")
        return self._next_catalogue(offset)

    def _is_footer(self, offset: int, start: int) -> bool:
        footer = self.source.read(offset, FOOTER_BYTES)
        return footer == make_footer(int.from_bytes(footer[1:5], "little"), offset - start)

    def _walk(self, start: int) -> int | None:
        """Takes blocks by their own lengths behind a catalogue that cannot be read."""
        offset = start
        while offset < self.source.size:
            if self._is_footer(offset, start):
                return offset + FOOTER_BYTES
            try:
                tag, _, size = blocks.read_head(self.source.read(offset, blocks.HEAD_BYTES), offset)
            except DamagedFile:
                break
            if size > self.source.size - offset:
                break
            if blocks.is_section(tag):
                self._section(offset, size)
            elif blocks.is_record(tag):
                self._record(offset, size, {"name": f"recovered_{len(self.places):04}"})
            elif offset != start:
                break
            offset += size
        self.known_from = len(self.places)
        return self._next_catalogue(start + 1)

    def _next_catalogue(self, offset: int) -> int | None:
        """The next place where a catalogue starts whose checksum is right."""
        while offset < self.source.size:
            if self.effort < 0:
                self.result.lost.append(f"the rest of the file, too damaged to search (at byte {offset:,})")
                return None
            self.effort -= _WINDOW
            found = self.source.read(offset, _WINDOW).find(blocks.CATALOGUE)
            if found < 0:
                offset += _WINDOW
                continue
            offset += found
            try:
                size = blocks.read_head(self.source.read(offset, blocks.HEAD_BYTES), offset)[2]
                if size <= self.source.size - offset:
                    self.effort -= size
                    self._catalogue(offset)
                    return offset
            except DamagedFile:
                pass
            offset += 1
        return None

    def _section(self, offset: int, size: int) -> None:
        try:
            tag, body = blocks.open_block(self.source.read(offset, size), offset, "a section")
        except DamagedFile as error:
            self.result.lost.append(str(error))
            return
        if blocks.is_section(tag):
            self.result.sections.append(SetSection(tag - blocks.SECTION, body))

    def _record(self, offset: int, size: int, about: dict) -> None:
        id, name = len(self.places), about["name"]
        self.places.append(None)
        try:
            kind, placement, depends, payload = records.open_record(self.source.read(offset, size), offset, id)
        except DamagedFile as error:
            self.result.lost.append(f"{name!r}: {error}")
            return
        needs = [self.places[other] if other >= self.known_from else None for other in depends]
        if None in needs:
            self.result.lost.append(f"{name!r}: it needs a model that is lost")
            return
        model = ModelRecord(kind, name, placement, payload, depends=tuple(n for n in needs if n is not None))
        self.places[id] = len(self.result.models)
        self.result.models.append(replace(model, **_writable(about)))


def _writable(about: dict) -> dict:
    """Names and notes of a hostile or newer file, so that they can be written again."""
    name = "".join(c if c >= " " and not "\x7f" <= c <= "\x9f" else "_" for c in about["name"]) or "_"
    return {**about, "name": name, "note": about.get("note", "") if about.get("note") in records.NOTES else ""}
