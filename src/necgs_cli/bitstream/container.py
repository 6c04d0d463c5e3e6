"""The `.ncgs` file: write it, append to it, read any model of it. The bytes are described in docs/format.md."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import blocks, records, storage
from .catalogue import MOST_MODELS, MOST_NAME_BYTES
from .checksums import crc32
from .errors import DamagedFile, FileBusy
from .fields import ByteReader
from .records import KINDS, ModelRecord, SetSection, kind_name
from .segments import FOOTER_BYTES, HEADER, Segment, check_header, make_footer, make_segment, read_segment
from .source import MOST_STREAM_BYTES, Source

if TYPE_CHECKING:
    from necgs_cli.meshes.placement import Placement

__all__ = [
    "Container",
    "DamagedFile",
    "Entry",
    "FileBusy",
    "ModelRecord",
    "SetSection",
    "append_records",
    "container_bytes",
    "write_container",
]


@dataclass(frozen=True)
class Entry:
    """What the file says of a model besides its payload.

    Args:
        known: whether this version knows the kind; if not, the model cannot be decoded.
        bytes_total: of the record, placement and framing included.
        p2s, max_error: as measured by the encoder, unit frame; NaN where not measured.
        depends: ids of the models that decoding needs.
    """

    id: int
    name: str
    kind: int
    kind_name: str
    known: bool
    bytes_total: int
    p2s: float
    max_error: float
    note: str
    placement: Placement
    depends: tuple[int, ...]


def write_container(where: str | Path | BinaryIO, sections: Iterable[SetSection], models: Iterable[ModelRecord]) -> int:
    """Writes a new file. A path is replaced in one step when all is written; a stream is simply written.

    Returns:
        bytes of the file.
    Raises:
        ValueError: something that the format cannot hold.
        FileBusy: another process is appending to the file that would be replaced.
    """
    body, footer = make_segment(sections, list(models), 0)
    data = HEADER + body + footer
    if isinstance(where, str | Path):
        storage.write_whole(where, data)
    else:
        where.write(data)
    return len(data)


def container_bytes(sections: Iterable[SetSection], models: Iterable[ModelRecord]) -> int:
    """Bytes of the file that `write_container` would write."""
    body, footer = make_segment(sections, list(models), 0)
    return len(HEADER) + len(body) + len(footer)


def append_records(
    path: str | Path,
    models: Iterable[ModelRecord],
    sections: Iterable[SetSection] = (),
    *,
    known: int | None = None,
) -> range:
    """Adds models, and sections if any, behind what the file holds; no byte of that changes.

    A crash at any moment leaves the models that were there before, or all. What an earlier crash left behind the last
    complete segment is removed.

    Args:
        known: the models that the caller knew of, where the models depend on others: their ids follow those, even if
            the file has grown meanwhile.

    Returns:
        ids of the new models.
    Raises:
        FileBusy: another process is changing the file.
        DamagedFile: the file is damaged; nothing is written.
        ValueError: something that the format cannot hold.
    """
    models, sections = list(models), list(sections)
    with storage.naming(path), storage.locked(path) as file:
        with Container.open(path) as container:
            _refuse_damage(container)
            first = len(container)
        if known is not None and known != first:
            models = [replace(model, depends=_shifted(model.depends, known, first - known)) for model in models]
        if models or sections:
            body, footer = make_segment(sections, models, first)
            storage.append(file, container.end, body, footer)
    return range(first, first + len(models))


def _shifted(ids: tuple[int, ...], from_id: int, by: int) -> tuple[int, ...]:
    return tuple(id + by if id >= from_id else id for id in ids)


def _refuse_damage(container: Container) -> None:
    """Only a segment that was never finished may be cut away; one with a footer is somebody's models."""
    tail = container.source.read(container.end, container.unfinished_bytes)
    for place in range(len(tail) - FOOTER_BYTES + 1):
        if tail[place] != blocks.FOOTER:
            continue
        footer = tail[place : place + FOOTER_BYTES]
        if footer == make_footer(int.from_bytes(footer[1:5], "little"), place):
            raise DamagedFile("a part of the file is damaged; recover it before you append", container.end)


class Container:
    """An open file. Reads the catalogue at once, everything else when asked for.

    Names come from whoever wrote the file: they may hold `..`, slashes or control characters. Never use one as a path
    or print one to a terminal as it is.

    Attributes:
        names: of the models, by id.
        end: bytes up to the end of the last complete segment.
        unfinished_bytes: bytes behind that, which an interrupted append or damage left.
        unfinished_reason: why they are not a segment, or "".
    """

    def __init__(self, source: Source):
        self.source = source
        check_header(source)
        self.names: list[str] = []
        self.segments: list[Segment] = []
        self._firsts: list[int] = []
        self.end = len(HEADER)
        self.unfinished_reason = ""
        self._sections: list[SetSection] | None = None
        self._walk()
        self.unfinished_bytes = source.size - self.end

    @classmethod
    def open(cls, where: str | Path | BinaryIO | bytes, limit: int = MOST_STREAM_BYTES) -> Container:
        """Opens a path, a binary stream or bytes.

        Args:
            limit: most bytes taken from a stream that cannot seek.
        Raises:
            DamagedFile: not a readable file of this format.
        """
        source = Source(where, limit)
        try:
            return cls(source)
        except BaseException:
            source.close()
            raise

    def _walk(self) -> None:
        """Reads catalogue after catalogue. The first must be there; what is wrong behind it ends the file."""
        name_bytes = MOST_NAME_BYTES
        while self.end < self.source.size or not self.segments:
            try:
                segment = read_segment(self.source, self.end, MOST_MODELS - len(self.names), name_bytes)
            except DamagedFile as error:
                if not self.segments:
                    raise
                self.unfinished_reason = str(error)
                return
            self._firsts.append(len(self.names))
            self.segments.append(segment)
            self.names += segment.catalogue.names
            name_bytes -= sum(len(name.encode()) for name in segment.catalogue.names)
            self.end = segment.end

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.source.close()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sections(self) -> list[SetSection]:
        """All sections, in the order of the file.

        Raises:
            DamagedFile: one of them is damaged.
        """
        if self._sections is None:
            self._sections = [
                SetSection(tag - blocks.SECTION, self._section(tag, offset, size))
                for segment in self.segments
                for tag, offset, size in _section_places(segment)
            ]
        return self._sections

    def _section(self, tag: int, offset: int, size: int) -> bytes:
        found, body = blocks.open_block(self.source.read(offset, size), offset, "a section")
        if found != tag:
            raise DamagedFile("a section is not what the catalogue says", offset)
        return body

    def _place(self, id: int) -> tuple[Segment, int]:
        """Segment of a model, and its number there."""
        if not 0 <= id < len(self):
            raise IndexError(f"the file holds models 0 to {len(self) - 1}, not {id}")
        # segments without models share the first id of the next: take the last
        k = bisect.bisect_right(self._firsts, id) - 1
        return self.segments[k], id - self._firsts[k]

    def entry(self, id: int) -> Entry:
        """What the file says of model `id`; the record's checksum is not looked at.

        Raises:
            IndexError: no such model. DamagedFile: the start of its record is damaged.
        """
        segment, i = self._place(id)
        catalogue = segment.catalogue
        tag, size = int(catalogue.tags[i]), int(catalogue.sizes[i])
        kind = tag & ~blocks.DEPENDS
        _, _, placement, depends = self._head(id)
        return Entry(
            id=id,
            name=catalogue.names[i],
            kind=kind,
            kind_name=kind_name(kind),
            known=kind in KINDS,
            bytes_total=size,
            p2s=records.level_value(int(catalogue.p2s[i])),
            max_error=records.level_value(int(catalogue.max_error[i])),
            note=records.note_name(int(catalogue.note[i])),
            placement=placement,
            depends=depends,
        )

    def _head(self, id: int) -> tuple[int, int, Placement, tuple[int, ...]]:
        """Bytes of a record's frame and of its placement and dependences, and these two."""
        segment, i = self._place(id)
        offset, size = segment.record_offsets[i], int(segment.catalogue.sizes[i])
        data = self.source.read(offset, min(size, 128))
        tag, head, found = blocks.read_head(data, offset)
        if found != size or tag != segment.catalogue.tags[i]:
            raise DamagedFile(f"the record of model {id} is not what the catalogue says", offset)
        if tag & blocks.DEPENDS:
            data = self.source.read(offset, size)
        reader = ByteReader(data[head : size - blocks.checksum_bytes(tag)], offset + head)
        placement, depends = records.read_head(tag, reader, id)
        return head + blocks.checksum_bytes(tag), reader.position, placement, depends

    def payload(self, id: int) -> bytes:
        """The payload of model `id`.

        Raises:
            IndexError: no such model. DamagedFile: its record is damaged.
        """
        segment, i = self._place(id)
        offset, size = segment.record_offsets[i], int(segment.catalogue.sizes[i])
        kind, _, _, payload = records.open_record(self.source.read(offset, size), offset, id)
        if kind != segment.catalogue.tags[i] & ~blocks.DEPENDS:
            raise DamagedFile(f"the record of model {id} is not what the catalogue says", offset)
        return payload

    def find(self, name: str) -> list[int]:
        """Ids of the models of that name, usually one."""
        return [id for id, other in enumerate(self.names) if other == name]

    def sizes(self) -> list[tuple[str, int]]:
        """Where the bytes of the file are: (label, bytes), which add up to the file.

        A block whose start is damaged counts as payload.
        """
        rows = [("header", len(HEADER))]
        frames = placements = payloads = section_frames = 0
        for segment in self.segments:
            for tag, offset, size in _section_places(segment):
                frame = self._section_frame(tag, offset, size)
                rows.append((records.section_name(tag - blocks.SECTION), size - frame))
                section_frames += frame
        for id in range(len(self)):
            segment, i = self._place(id)
            try:
                frame, placement, _, _ = self._head(id)
            except DamagedFile:
                frame = placement = 0
            frames += frame
            placements += placement
            payloads += int(segment.catalogue.sizes[i]) - frame - placement
        rows += [
            ("section framing", section_frames),
            ("record payloads", payloads),
            ("placements", placements),
            ("record framing", frames),
            ("catalogues", sum(segment.catalogue_bytes for segment in self.segments)),
            ("footers", FOOTER_BYTES * len(self.segments)),
            ("unfinished", self.unfinished_bytes),
        ]
        return [row for row in rows if row[1]]

    def _section_frame(self, tag: int, offset: int, size: int) -> int:
        try:
            _, head, found = blocks.read_head(self.source.read(offset, blocks.HEAD_BYTES), offset)
        except DamagedFile:
            return 0
        return head + blocks.checksum_bytes(tag) if found == size else 0

    def check(self) -> list[DamagedFile]:
        """Reads every byte and compares every checksum.

        Returns:
            all that is wrong, with the model where it is one record; empty if nothing is.
        """
        found = []
        for id in range(len(self)):
            try:
                self.entry(id)
                self.payload(id)
            except DamagedFile as error:
                error.model = id
                found.append(error)
        try:
            _ = self.sections
        except DamagedFile as error:
            found.append(error)
        for segment in self.segments:
            checksum, place, end = 0, segment.offset, segment.end - FOOTER_BYTES
            while place < end:
                part = self.source.read(place, min(1 << 20, end - place))
                checksum = crc32(part, checksum)
                place += len(part)
            if checksum != segment.checksum:
                found.append(DamagedFile("a segment is damaged: its checksum is wrong", segment.offset))
        if self.unfinished_bytes:
            found.append(DamagedFile(self.unfinished_reason))
        return found


def _section_places(segment: Segment) -> Iterable[tuple[int, int, int]]:
    catalogue: Sequence = segment.catalogue.section_tags
    return zip(catalogue, segment.section_offsets, segment.catalogue.section_sizes, strict=True)
