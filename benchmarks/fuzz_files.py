"""Tiny sound files of every kind of record, and ways to break them, for `fuzz.py`."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from necgs_cli.bitstream import blocks
from necgs_cli.bitstream.container import Container, ModelRecord, SetSection, write_container
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.segments import FOOTER_BYTES, HEADER, make_footer, make_segment
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh
from necgs_cli.explicit.mirror import Mirrors
from necgs_cli.explicit.records import decode_record, encode_posed, encode_record
from necgs_cli.meshes.placement import Placement
from necgs_cli.model import contexts
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.model.dense_payload import pack_decoder, pack_feature
from necgs_cli.model.payload import DecoderPayload, FeatureTables, encode_features, step_code

PLACE = Placement(200, -8, (0, -5, 100))
CORNERS = np.array([[-9, -7, -4], [9, -7, -4], [0, 8, -4], [0, 0, 6]])
SIDES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])
QUARTER = np.array([[9, 0, 0], [0, 8, 0], [0, 0, 6], [0, 0, -7], [4, 5, 0]])
QUARTER_SIDES = np.array([(0, 4, 2), (4, 1, 2), (4, 0, 3), (1, 4, 3)])


def explicit_records() -> list[ModelRecord]:
    """A tetrahedron as each explicit kind; with a loose vertex and a triangle without area; and three of them."""
    kinds = (SMOOTH, CREASED, PLAIN)
    meshes = [ControlMesh(CORNERS, SIDES, SIDES[:2, :2] if kind == CREASED else None, kind, 4) for kind in kinds]
    extras = np.concatenate([SIDES, [[0, 0, 1]]])
    meshes.append(ControlMesh(np.concatenate([CORNERS, [[1, 1, 1]]]), extras, None, PLAIN, 4))
    three = np.concatenate([CORNERS + [40 * i, 0, 0] for i in range(3)])
    meshes.append(ControlMesh(three, np.concatenate([SIDES + 4 * i for i in range(3)]), None, PLAIN, 4))
    return [ModelRecord(*_kind(mesh), p2s=1e-3, max_error=1e-2) for mesh in meshes]


def _kind(mesh: ControlMesh) -> tuple[int, str, Placement, bytes]:
    number, payload = encode_record(mesh)
    return number, f"tetrahedron {number}.obj", PLACE, payload


def posed_records() -> list[ModelRecord]:
    """A tetrahedron, a pose of it on a finer grid, and a pose of that on a coarser one."""
    number, payload = encode_record(ControlMesh(CORNERS, SIDES, SIDES[:2, :2], CREASED, 4))
    records, mesh = [ModelRecord(number, "key.obj", PLACE, payload)], decode_record(number, payload)
    for i, (grid, positions) in enumerate(((5, mesh.positions * 3 // 2 + 1), (2, mesh.positions[::-1] // 2))):
        before, mesh = mesh, replace(mesh, positions=positions, grid=grid)
        number, payload = encode_posed(mesh, before)
        records.append(ModelRecord(number, f"pose {i}.obj", PLACE, payload, depends=(i,)))
    return records


def mirrored_records() -> list[ModelRecord]:
    """A quarter of a double pyramid as each mirrored kind, a pose of the whole, and one with parts without images."""
    mirrors = {SMOOTH: Mirrors((0, 1), (300, -40, 0)), CREASED: Mirrors((0,)), PLAIN: Mirrors((0, 1, 2), (0, 0, 9000))}
    records = []
    for kind, planes in mirrors.items():
        creases = QUARTER_SIDES[:2, :2] if kind == CREASED else None
        number, payload = encode_record(ControlMesh(QUARTER, QUARTER_SIDES, creases, kind, 4, planes))
        records.append(ModelRecord(number, f"mirrored {number}.obj", PLACE, payload))
    part = decode_record(records[0].kind, records[0].payload)
    whole = part.whole()
    number, payload = encode_posed(replace(whole, positions=whole.positions * 3 // 2 + 1, grid=5), part)
    records.append(ModelRecord(number, "pose.obj", PLACE, payload, depends=(0,)))
    corners = np.concatenate([QUARTER, CORNERS - [0, 0, 20], CORNERS + [0, 0, 20]])
    sides = np.concatenate([QUARTER_SIDES, SIDES + len(QUARTER), SIDES + len(QUARTER) + len(CORNERS)])
    single = np.arange(len(corners)) >= len(QUARTER)
    number, payload = encode_record(ControlMesh(corners, sides, None, PLAIN, 4, Mirrors((0, 1), (3, 0, 0)), single))
    return [*records, ModelRecord(number, "parts without images.obj", PLACE, payload)]


def sparse_set() -> tuple[SetSection, list[ModelRecord]]:
    """A decoder of one or two channels that keeps few cells, and a feature of it."""
    draw = np.random.default_rng(1)
    config = DecoderConfig(32, (0, 1, 1), (2, 1, 0), (2, 1, 1), (7, 7, 7), deformation=True, keep=24)
    weights = [draw.integers(-9, 10, shape).astype(np.int64) for shape in config.weight_shapes()]
    for level in range(1, config.levels):  # nearly everything is outside, which is quick to decode
        weights[4 * level + 3].reshape(8, -1)[:, 0] = 9
    tables = [
        FeatureTables((step_code(0.1),) * channels, np.full(channels, 20), np.zeros(contexts.CONTEXTS, np.int64))
        for _, channels in config.feature_shapes()
    ]
    payload = DecoderPayload(config, weights, (step_code(0.1),) * len(weights), tables)
    lattices = [(draw.random((c, r, r, r)) < 0.05).astype(np.int32) for r, c in config.feature_shapes()]
    record = ModelRecord(1, "sparse.ply", PLACE, encode_features(payload, lattices))
    return SetSection(1, payload.to_bytes()), [record]


def dense_set() -> tuple[SetSection, list[ModelRecord]]:
    """The paper's decoder with one channel throughout, and a feature of it."""
    draw = np.random.default_rng(2)
    config = DenseConfig(32, 1, (1, 1, 1))
    weights = [draw.integers(-60, 61, shape).astype(np.int8) for shape in config.weight_shapes()]
    weights[-1][0] = 70  # nearly everything is outside
    feature = draw.integers(-90, 91, config.feature_shape).astype(np.int8)
    return SetSection(2, pack_decoder(config, weights)), [ModelRecord(2, "dense", PLACE, pack_feature(config, feature))]


class Seed:
    """A sound file: its parts, and its bytes in one segment or two."""

    def __init__(self, sections: Sequence[SetSection], models: Sequence[ModelRecord], appended: int = 0) -> None:
        self.sections, self.models = list(sections), list(models)
        file = io.BytesIO()
        write_container(file, self.sections, self.models[: len(self.models) - appended])
        self.data = file.getvalue()
        if appended:
            first = len(self.models) - appended
            self.data += b"".join(make_segment([], self.models[first:], first))


def seeds() -> tuple[list[Seed], list[int]]:
    """Every kind of record, alone and together, and an appended segment; and how often to break each.

    Those that take longest to decode come least often, so that a million files are tried in hours.
    """
    explicit = explicit_records()
    found = [Seed([], [record]) for record in explicit]
    found.append(Seed([], explicit[1:3], appended=1))
    found.append(Seed([], posed_records(), appended=1))
    mirrored = mirrored_records()
    found += [Seed([], [record]) for record in (*mirrored[:3], mirrored[4])]
    found.append(Seed([], [mirrored[0], mirrored[3]]))
    later = replace(explicit[1], kind=20, depends=(0,))
    found.append(Seed([SetSection(7, b"of a later version")], [explicit[2], later]))
    section, records = sparse_set()
    found.append(Seed([section], records))
    section, records = dense_set()
    found.append(Seed([section], records))
    return found, [8] * len(explicit) + [2, 8, 4, 4, 4, 4, 4, 2, 4, 1]


EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)


def break_bytes(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """One to three changes: bits, bytes, extremes in place of numbers, cuts, splices with another file, repeats."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at = draw.randrange(len(out) + 1)
        size = draw.choice((1, 2, 4, 8, 16))
        what = draw.randrange(8)
        if what == 0 and at < len(out):
            out[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            out[at : at + size] = draw.randbytes(size)
        elif what == 2:
            out[at : at + size] = varint(draw.choice(EXTREMES) + draw.choice((0, 0, -1, 1)))
        elif what == 3:
            del out[at : at + size]
        elif what == 4:
            del out[at:]
        elif what == 5:
            start = draw.randrange(len(other) + 1)
            out[at : at + size] = other[start : start + draw.choice((size, len(other)))]
        elif what == 6:
            out[at:at] = out[at : at + draw.choice((size, 64, len(out)))]
        else:
            out[at:at] = bytes([draw.choice((0, 0xFF, 0x55))]) * draw.choice((size, 64, 1024))
    return bytes(out)


def varint(value: int) -> bytes:
    """As in the format, but of any size."""
    value, out = max(value, 0), bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def mend_checksums(data: bytes) -> bytes:
    """The same bytes with the checksums that they need to be believed, as far as blocks can be told."""
    out, at, start = bytearray(data), len(HEADER), len(HEADER)
    out[: len(HEADER)] = HEADER
    while at < len(out):
        if out[at] == blocks.FOOTER:
            footer = make_footer(blocks.crc32(bytes(out[start:at])), at - start)
            out[at : at + FOOTER_BYTES] = footer
            at = start = at + FOOTER_BYTES
            continue
        try:
            tag, head, size = blocks.read_head(bytes(out[at : at + blocks.HEAD_BYTES]), at)
        except DamagedFile:
            break
        if at + size > len(out):
            break
        body = bytes(out[at + head : at + size - blocks.checksum_bytes(tag)])
        out[at + size - blocks.checksum_bytes(tag) : at + size] = checksum(bytes(out[at : at + head]) + body, tag)
        at += size
    return bytes(out)


def checksum(data: bytes, tag: int) -> bytes:
    """Of a block without its checksum."""
    value = blocks.crc16(data) if blocks.checksum_bytes(tag) == 2 else blocks.crc32(data)
    return value.to_bytes(blocks.checksum_bytes(tag), "little")


def break_payload(draw: random.Random, seed: Seed, other: Seed) -> bytes:
    """A sound container around a broken payload: what only the decoders can find out."""
    sections, models = list(seed.sections), list(seed.models)
    if sections and draw.random() < 0.4:
        i = draw.randrange(len(sections))
        sections[i] = replace(sections[i], payload=break_bytes(draw, sections[i].payload, other.models[0].payload))
    else:
        i = draw.randrange(len(models))
        models[i] = replace(models[i], payload=break_bytes(draw, models[i].payload, other.models[0].payload))
    return Seed(sections, models).data


def break_fields(draw: random.Random, seed: Seed, other: Seed) -> bytes:
    """A sound container around impossible fields: placements at the ends of float64, other kinds, strange names."""
    models = [*seed.models, *other.models[:1]]
    i = draw.randrange(len(models))
    far = draw.choice((0, 1 << 20, (1 << 62) - 1, -(1 << 62)))
    exponent = draw.choice((-1100, -1074, -1000, 0, 950))
    changes: list[dict] = [
        {"placement": Placement(draw.randrange(128, 256), exponent, (far, 0, -far))},
        {"kind": draw.randrange(1, 64)},
        {"name": draw.choice(("../../x", "/etc/passwd", "C:\\x", "\u202e", "a" * 4096, "con", "~"))},
        {"depends": tuple(range(i))},
        {"p2s": draw.choice((0.0, 1e300, float("inf"), float("nan")))},
    ]
    if far and exponent > 900:
        changes = changes[1:]  # the writer refuses it, as it should
    models[i] = replace(models[i], **draw.choice(changes))
    return Seed([*seed.sections, *draw.choice(([], other.sections, seed.sections))], models).data


def broken_file(draw: random.Random, sound: Sequence[Seed], weights: Sequence[int]) -> bytes:
    """A broken file, the same for the same draws."""
    seed, other = draw.choices(sound, weights, k=2)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: break_bytes(draw, seed.data, other.data),
        lambda: mend_checksums(break_bytes(draw, seed.data, other.data)),
        lambda: break_payload(draw, seed, other),
        lambda: break_fields(draw, seed, other),
    )
    return draw.choices(ways, (8, 3, 4, 1))[0]()


def golden_seed(path) -> Seed:
    """A file from disk as a seed."""
    with Container.open(path) as container:
        entries = [container.entry(id) for id in range(len(container))]
        models = [ModelRecord(e.kind, e.name, e.placement, container.payload(e.id), depends=e.depends) for e in entries]
        return Seed(container.sections, models)
