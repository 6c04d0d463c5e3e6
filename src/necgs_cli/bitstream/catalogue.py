"""The catalogue of a segment: what lies in it, where, and what is known of each model without decoding it.

Columns of numbers are stored as differences from their median through `laplace`; names as what differs from the name
before.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from . import blocks, records
from .errors import DamagedFile
from .fields import ByteReader, ByteWriter
from .laplace import LaplaceDecoder, LaplaceEncoder, best_scale

MOST_MODELS = 1 << 20  # of a file
MOST_NAME_BYTES = 1 << 26  # of all names of a file
_STORED, _DEFLATED = 0, 1
_COLUMNS = ("prefix", "suffix", "middle", "tag", "size", "p2s", "max_error", "note")
_MOST = {
    "prefix": records.MOST_NAME_BYTES,
    "suffix": records.MOST_NAME_BYTES,
    "middle": records.MOST_NAME_BYTES,
    "tag": blocks.SECTION - 1,
    "size": blocks.LARGEST,
    "p2s": 0xFFFF,
    "max_error": 0xFFFF,
    "note": 0xFF,
}


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What lies in a segment, in the order of the blocks.

    Args:
        section_tags, section_sizes: of the sections' blocks, sizes in bytes.
        names: (n,) of the models.
        tags, sizes: (n,) int64 of the models' blocks.
        p2s, max_error: (n,) int64 level codes. note: (n,) int64 codes.
    """

    section_tags: Sequence[int]
    section_sizes: Sequence[int]
    names: Sequence[str]
    tags: np.ndarray
    sizes: np.ndarray
    p2s: np.ndarray
    max_error: np.ndarray
    note: np.ndarray

    @property
    def block_bytes(self) -> int:
        return sum(self.section_sizes) + int(self.sizes.sum())


def catalogue_of(sections: Sequence[bytes], models: Sequence[bytes], about: Sequence[records.ModelRecord]) -> Catalogue:
    """The catalogue of these blocks. `about` holds what the blocks of `models` were made of."""

    def column(values: Iterable[int]) -> np.ndarray:
        return np.array(list(values), np.int64)

    for record in about:
        if record.note not in records.NOTES:
            raise ValueError(f"notes are {records.NOTES}, not {record.note!r}")
    return Catalogue(
        [block[0] for block in sections],
        [len(block) for block in sections],
        [record.name for record in about],
        column(block[0] for block in models),
        column(len(block) for block in models),
        column(records.level_code(record.p2s) for record in about),
        column(records.level_code(record.max_error) for record in about),
        column(records.NOTES.index(record.note) for record in about),
    )


def write_catalogue(catalogue: Catalogue) -> bytes:
    """The body of the catalogue's block."""
    writer = ByteWriter()
    writer.varint(len(catalogue.section_tags))
    for tag, size in zip(catalogue.section_tags, catalogue.section_sizes, strict=True):
        writer.u8(tag)
        writer.varint(size)
    writer.varint(len(catalogue.names))
    if not len(catalogue.names):
        return bytes(writer)
    prefix, suffix, text, middle = _front_code([records.name_bytes(name) for name in catalogue.names])
    about = (catalogue.tags, catalogue.sizes, catalogue.p2s, catalogue.max_error, catalogue.note)
    numbers = LaplaceEncoder()
    for column in (prefix, suffix, middle, *about):
        median = int(np.sort(column)[len(column) // 2])
        writer.varint(median)
        if len(column) > 1:  # one model is its own median
            scale = best_scale(column - median)
            writer.u8(scale)
            numbers.encode(column - median, scale)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(text) + packer.flush()
    writer.u8(_DEFLATED if len(packed) < len(text) else _STORED)
    writer.counted(min(text, packed, key=len))
    writer.raw(numbers.finish())
    return bytes(writer)


def read_catalogue(body: bytes, offset: int, room: int, most_models: int, most_name_bytes: int) -> Catalogue:
    """Reads a catalogue's body.

    Args:
        offset: of the body in the file, for messages.
        room: bytes in the file behind it: no more models can be than fit there.
        most_models, most_name_bytes: what the limits of a file leave.
    Raises:
        DamagedFile
    """
    reader = ByteReader(body, offset)
    count = reader.varint(reader.remaining // 2)
    sections = [(reader.u8(), reader.varint(blocks.LARGEST)) for _ in range(count)]
    if not all(blocks.is_section(tag) for tag, _ in sections):
        raise reader.damage("the catalogue lists something that is not a section")
    count = reader.varint(min(room // records.LEAST_BYTES, most_models))
    columns = _read_columns(reader, count)
    names = _read_names(columns, count, most_name_bytes, reader)
    if not all(blocks.is_record(tag) for tag in set(columns["tag"].tolist())):
        raise reader.damage("the catalogue lists something that is not a record")
    if count and columns["size"].min() < records.LEAST_BYTES:
        raise reader.damage("the catalogue lists a record without room for one")
    return Catalogue(
        [tag for tag, _ in sections],
        [size for _, size in sections],
        names,
        columns["tag"],
        columns["size"],
        columns["p2s"],
        columns["max_error"],
        columns["note"],
    )


def _read_columns(reader: ByteReader, count: int) -> dict:
    if count == 0:
        return {"text": b"", **{name: np.zeros(0, np.int64) for name in _COLUMNS}}
    parameters = {name: (reader.varint(_MOST[name]), reader.u8() if count > 1 else 0) for name in _COLUMNS}
    method, packed = reader.u8(), reader.counted()
    numbers = LaplaceDecoder(reader.raw(reader.remaining))
    columns: dict = {}
    for name, (median, scale) in parameters.items():
        column = np.full(count, median, np.int64)
        if count > 1:
            column += numbers.decode(scale, count)
        if column.min() < 0 or column.max() > _MOST[name]:
            raise reader.damage(f"the catalogue has an impossible {name}")
        columns[name] = column
    columns["text"] = _unpack(method, packed, int(columns["middle"].sum()), reader)
    return columns


def _unpack(method: int, packed: bytes, size: int, reader: ByteReader) -> bytes:
    if method == _STORED:
        text = packed
    elif method == _DEFLATED:
        if size > MOST_NAME_BYTES:
            raise reader.damage("the names are longer than a file may hold")
        try:
            text = zlib.decompressobj(-15).decompress(packed, size + 1)
        except zlib.error:
            raise reader.damage("the names are damaged") from None
    else:
        raise reader.damage(f"the names are packed in an unknown way ({method})")
    if len(text) != size:
        raise reader.damage("the names have the wrong length")
    return text


def _front_code(names: list[bytes]) -> tuple[np.ndarray, np.ndarray, bytes, np.ndarray]:
    """Lengths shared with the start and the end of the name before, what lies between, and its lengths."""
    before, rows, text = b"", [], b""
    middles = []
    for name in names:
        most = min(len(before), len(name))
        prefix = next((i for i in range(most) if before[i] != name[i]), most)
        most -= prefix
        suffix = next((i for i in range(most) if before[-1 - i] != name[-1 - i]), most)
        middles.append(name[prefix : len(name) - suffix])
        rows.append((prefix, suffix, len(middles[-1])))
        before = name
    text = b"".join(middles)
    prefix, suffix, middle = np.array(rows, np.int64).T
    return prefix, suffix, text, middle


def _read_names(columns: dict, count: int, most_bytes: int, reader: ByteReader) -> list[str]:
    before, names, total = b"", [], 0
    ends = accumulate(columns["middle"].tolist())
    start = 0
    for prefix, suffix, end in zip(columns["prefix"].tolist(), columns["suffix"].tolist(), ends, strict=True):
        size = prefix + suffix + end - start
        total += size
        if prefix + suffix > len(before) or size > records.MOST_NAME_BYTES or total > most_bytes:
            raise reader.damage("a name in the catalogue is impossible")
        before = before[:prefix] + columns["text"][start:end] + before[len(before) - suffix :]
        start = end
        try:
            names.append(before.decode("utf-8"))
        except UnicodeDecodeError:
            raise DamagedFile(f"the name of model {len(names)} of its segment is not UTF-8", reader.position) from None
    return names
