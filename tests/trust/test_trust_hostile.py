"""Files made to do harm: each is refused, or read, within bounds of time and memory whatever it claims."""

import importlib
import io
import json
import os
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trust_bounds import bounded
from trust_sets import record, set_bytes, shapes

import necgs_cli
from necgs_cli.bitstream import blocks
from necgs_cli.bitstream.container import Container, DamagedFile, SetSection
from necgs_cli.bitstream.fields import ByteWriter
from necgs_cli.bitstream.recovery import salvage
from necgs_cli.bitstream.segments import HEADER, make_footer
from necgs_cli.explicit.coding import connectivity, parts
from necgs_cli.explicit.coding.arithmetic import encoder, finish
from necgs_cli.explicit.coding.decisions import LOOSE
from necgs_cli.explicit.coding.kernel import PYTHON
from necgs_cli.explicit.coding.record import Coder
from necgs_cli.explicit.records import MOST_VERTICES, decode_record
from necgs_cli.meshes.placement import Placement

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
from fuzz_files import mend_checksums, varint  # noqa: E402

BOX = record("box", shapes()["box.ply"])


def file_of(catalogue: bytes, *more: bytes) -> bytes:
    """A file of one segment with any catalogue's body, and checksums that are right."""
    body = blocks.make_block(blocks.CATALOGUE, catalogue) + b"".join(more)
    return HEADER + body + make_footer(zlib.crc32(body), len(body))


def catalogue(models: int, columns=(), method: int = 0, packed: bytes = b"", sections: int = 0) -> bytes:
    """A catalogue's body with any claims: columns are pairs of median and table."""
    writer = ByteWriter()
    writer.varint(sections)
    writer.varint(models)
    for median, table in columns:
        writer.varint(median)
        if models > 1:
            writer.u8(table)
    if columns:
        writer.u8(method)
        writer.counted(packed)
    return bytes(writer)


PLAIN_COLUMNS = ((0, 0), (0, 0), (1, 0), (5, 0), (12, 0), (0, 0), (0, 0), (0, 0))
RECORD = blocks.make_block(5, bytes(4) + b"\x10" + bytes(3))


def with_column(place: int, median: int, table: int = 0):
    return (*PLAIN_COLUMNS[:place], (median, table), *PLAIN_COLUMNS[place + 1 :])


CATALOGUES = {
    "a model for each of 2^40 ids": catalogue(1 << 40),
    "2^20 models in no room": catalogue(1 << 20, PLAIN_COLUMNS),
    "2^60 sections": catalogue(1, sections=1 << 60),
    "a record of 2 GB": catalogue(1, with_column(4, blocks.LARGEST), packed=b"a"),
    "a record of no size": catalogue(1, with_column(4, 0), packed=b"a"),
    "a record that is a section": catalogue(1, with_column(3, 0x85), packed=b"a"),
    "a name longer than its text": catalogue(1, with_column(2, 4096), packed=b"a"),
    "a name out of nothing": catalogue(1, with_column(0, 4096), packed=b"a"),
    "a name that is not UTF-8": catalogue(1, PLAIN_COLUMNS, packed=b"\xff"),
    "a way of packing to come": catalogue(1, PLAIN_COLUMNS, method=9, packed=b"a"),
    "names that expand to 64 MB": catalogue(1, PLAIN_COLUMNS, method=1, packed=zlib.compress(bytes(1 << 26), 9)[2:-4]),
    "columns without a stream": catalogue(2, with_column(4, 12, 63), packed=b"a"),
    "a table that there is not": catalogue(2, with_column(4, 12, 64), packed=b"a"),
}


@pytest.mark.parametrize("name", CATALOGUES)
def test_claims_of_a_catalogue_are_not_believed(name):
    data = file_of(CATALOGUES[name], RECORD)
    with bounded():
        with pytest.raises(DamagedFile) as caught:
            Container.open(data)
        assert "\n" not in str(caught.value)
        assert salvage(data).lost


def test_the_catalogue_of_these_tests_is_sound_without_the_attack():
    data = file_of(catalogue(1, PLAIN_COLUMNS, packed=b"a"), RECORD)
    assert Container.open(data).names == ["a"]


@pytest.mark.parametrize("length", [blocks.LARGEST, 1 << 31, (1 << 64) - 1, 1 << 70])
@pytest.mark.parametrize("place", ["catalogue", "record"])
def test_lengths_of_blocks_are_not_believed(length, place):
    data = set_bytes([BOX])
    at = len(HEADER) if place == "catalogue" else Container.open(data).segments[0].record_offsets[0]
    broken = data[: at + 1] + varint(length) + data[at + 2 :]
    for attack in (broken, mend_checksums(broken)):
        with bounded():
            found = necgs_cli.verify(attack)
            assert found.exit_code == 4
            salvage(attack)


def test_a_number_without_end_is_damage():
    data = HEADER + bytes([blocks.CATALOGUE]) + b"\x80" * 4096
    with bounded(), pytest.raises(DamagedFile):
        Container.open(data)


def test_needs_of_records_end_and_cannot_be_circular():
    for count, others in ((1 << 60, b""), (3, b"\0\0\0"), (1, b"\5"), (2, b"\1")):
        body = bytes(4) + varint(count) + others + b"payload"
        block = blocks.make_block(5 | blocks.DEPENDS, body)
        head = catalogue(1, ((0, 0), (0, 0), (1, 0), (5 | 0x40, 0), (len(block), 0), *PLAIN_COLUMNS[5:]), packed=b"a")
        with bounded():
            found = necgs_cli.verify(file_of(head, block))
            assert found.exit_code == 4 and found.decoded == 0


def test_a_stream_without_end_is_read_up_to_a_limit():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    with bounded(64), pytest.raises(DamagedFile, match="limit"):
        Container.open(Endless(), limit=20 << 20)


# ---- decoders and records


def sparse_header(levels: int, channels: int, hidden: int, features: int = 1, stencil: int = 27) -> bytes:
    """A sparse decoder's section up to its stream, of equal levels."""
    writer = ByteWriter()
    for value in (levels, 1):
        writer.u8(value)
    writer.varint(256)
    writer.u16(0)
    lattices = [4 << level for level in range(levels)]
    rows = ([0] + [channels] * (levels - 1), [features if r <= 16 else 0 for r in lattices], [hidden] * levels)
    for row in (*rows, [stencil] * levels):
        for value in row:
            writer.varint(value)
    return bytes(writer)


def dense_header(resolution: int, features: int, channels: tuple[int, ...]) -> bytes:
    return b"".join([b"\1", *map(varint, (resolution, features, *channels))])


DECODERS = {
    "sparse, 256 channels throughout": (1, sparse_header(6, 256, 256, 256)),
    "sparse, 64 channels at K = 256": (1, sparse_header(6, 64, 64)),
    "sparse, 2^60 channels": (1, sparse_header(4, 1 << 60, 8)),
    "sparse, 200 levels": (1, sparse_header(200, 1, 1)),
    "dense, 64 channels at K = 256": (2, dense_header(256, 64, (64,) * 6)),
    "dense, K = 65,536": (2, dense_header(65536, 16, (8,) * 14)),
    "dense, 2^50 channels": (2, dense_header(32, 16, (1 << 50, 8, 8))),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_terabytes_are_refused(name):
    kind, section = DECODERS[name]
    models = [replace(BOX, kind=kind, payload=bytes(100))]
    data = set_bytes(models, (SetSection(kind, section + bytes(200)),))
    importlib.import_module("necgs_cli.model.dense_decoder")  # torch takes more than the attack may
    with bounded():
        found = necgs_cli.verify(data)
        assert [problem.kind for problem in found.problems] == ["damaged"] and found.decoded == 0
        with pytest.raises(necgs_cli.NecgsError):
            necgs_cli.inspect(io.BytesIO(data))


def loose_vertices(count: int) -> bytes:
    """The start of a coded mesh that claims so many vertices without triangles."""
    coder = Coder(PYTHON, *encoder(PYTHON, 1 << 12))
    coder.uniform(4, 3)
    coder.start(hits=False)
    coder.flag(True)
    coder.flag(False)
    connectivity.code_connectivity(PYTHON, coder.stream, np.zeros((0, 3), np.int64), 0, 64, 1 << 20, 1 << 23)
    coder.number(LOOSE, count)
    return finish(coder.stream.registers, coder.stream.data)


@pytest.mark.parametrize(
    ("kind", "mirrors", "most"),
    [
        (3, b"", MOST_VERTICES["smooth"]),
        (4, b"", MOST_VERTICES["creased"]),
        (5, b"", MOST_VERTICES["plain"]),
        (7, b"\x02\x00", MOST_VERTICES["smooth"] // 2),
        (8, b"\x05\x00\x00", MOST_VERTICES["creased"] // 4),
        (9, b"\x07\x00\x00\x00", MOST_VERTICES["plain"] // 8),
    ],
)
def test_control_meshes_beyond_the_limits_are_refused_before_they_grow(kind, mirrors, most):
    for count in (most + 1, (1 << 31) - 2):
        with bounded(), pytest.raises(DamagedFile, match="more vertices"):
            decode_record(kind, mirrors + b"\x10" + loose_vertices(count))
    with pytest.raises(DamagedFile, match="too early"):  # a number within the limits gets as far as the positions
        decode_record(kind, mirrors + b"\x10" + loose_vertices(20))


def seconds_to_repeat(count: int) -> float:
    """Processor time to repeat so many parts of one triangle once each."""
    q, faces = np.zeros((3 * count, 3), np.int64), np.arange(3 * count).reshape(-1, 3)
    started = time.process_time()
    out = parts.repeat(list(faces), [[[1, 0, 0]]] * count, (q, faces, faces[:0, :2]), 1 << 20, 1 << 20)
    assert len(out[0]) == 6 * count and len(out[1]) == 2 * count
    return time.process_time() - started


def test_a_record_of_many_repeated_parts_takes_time_in_proportion():
    """Not the product of parts and triangles, which made hours out of a few hundred bytes."""
    assert seconds_to_repeat(100_000) < 10 * max(seconds_to_repeat(20_000), 0.2)


@pytest.mark.parametrize("exponent", [-1100, -1074, 0, 900, 1015])
def test_placements_at_the_ends_of_float64_give_finite_points_or_damage(exponent):
    payload = bytes([0]) + BOX.payload[1:]  # the coarsest grid: points far outside of the box
    for centre in (0, (1 << 62) - 1):
        place = Placement(255, exponent, (centre, -centre, 0))
        if centre and exponent > 900:
            with pytest.raises(ValueError, match="placement"):
                set_bytes([replace(BOX, placement=place)])
            continue
        with necgs_cli.open(set_bytes([replace(BOX, placement=place, payload=payload)])) as models:
            try:
                assert np.isfinite(models[0].vertices).all()
            except necgs_cli.NecgsError as error:
                assert error.exit_code == 4


def test_a_decoder_that_computes_nan_is_damage(recwarn):
    """Weights of 1e30 in float32: a sound stream, and no surface."""
    from fuzz_files import sparse_set
    from necgs_cli.model.payload import DecoderPayload

    section, models = sparse_set()
    decoder = DecoderPayload.from_bytes(section.payload)
    huge = replace(decoder, steps=(0xFFFF,) * len(decoder.steps))
    data = set_bytes(models, (SetSection(1, huge.to_bytes()),))
    found = necgs_cli.verify(data)
    assert all(problem.kind in ("damaged", "distorted") for problem in found.problems)
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


@pytest.mark.parametrize("inside", [False, True])
def test_a_field_without_active_cells_is_a_model_like_any_other(inside):
    """A decoder that says outside (or inside) everywhere keeps no cell, and so has no sample to move."""
    from fuzz_files import sparse_set
    from necgs_cli.model.payload import DecoderPayload

    section, models = sparse_set()
    decoder = DecoderPayload.from_bytes(section.payload)
    weights = [values * 0 for values in decoder.weights]
    for level in range(1, decoder.config.levels):
        weights[4 * level + 3].reshape(8, -1)[:, 0] = -9 if inside else 9
    said = replace(decoder, config=replace(decoder.config, keep=1), weights=weights)
    with necgs_cli.open(set_bytes(models, (SetSection(1, said.to_bytes()),))) as opened:
        assert bool(len(opened[0].faces)) == inside


def test_no_decoder_that_an_encoder_makes_comes_near_the_limits():
    from necgs_cli.model.capacity import sparse_config
    from necgs_cli.model.config import MOST_VALUES, MOST_WORK
    from necgs_cli.options import PRESETS

    width = max(preset.width for preset in PRESETS.values())
    config = sparse_config(1 << 20, 256, width, deformation=True)
    for level in range(config.levels):
        values, work = config.values_and_work(level)
        assert 2 * max(values) < MOST_VALUES and 4 * work < MOST_WORK


# ---- names


EVIL = ["../../evil.obj", "/tmp/evil.obj", "C:\\evil.obj", "a/../../evil", "con.obj", "~root/x", "x" * 4096]


def test_names_never_leave_the_folder_that_is_written_to(tmp_path):
    (tmp_path / "set.ncgs").write_bytes(set_bytes([replace(BOX, name=name) for name in EVIL]))
    out = tmp_path / "deep" / "out"
    command = [sys.executable, "-m", "necgs_cli", "decode", str(tmp_path / "set.ncgs"), "--all", "-o", str(out), "-q"]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert len([path for path in out.rglob("*") if path.is_file()]) == len(EVIL)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and out not in path.parents) == [
        "set.ncgs"
    ]


def test_control_characters_in_names_never_reach_the_terminal(tmp_path):
    name, stand_in = b"\x1b[2J\x00\x07\n\r", b"01234567"
    data = set_bytes([replace(BOX, name=stand_in.decode())])
    data = mend_checksums(data.replace(stand_in, name))
    assert Container.open(data).names == [name.decode()]
    path = tmp_path / "set.ncgs"
    path.write_bytes(data)
    commands = [["inspect", path], ["verify", path], ["verify", path, "--originals", tmp_path]]
    commands += [["decode", path, "--all", "-o", tmp_path / "out", "-v"]]
    commands += [["recover", path, "-o", tmp_path / "r.ncgs"]]
    for command in commands:
        done = subprocess.run([sys.executable, "-m", "necgs_cli", *map(str, command)], capture_output=True)
        assert not set(done.stdout + done.stderr) & (set(range(32)) - {10}), command
    assert all(c.isprintable() for p in (tmp_path / "out").iterdir() for c in p.name)


# ---- all at once


def test_two_thousand_broken_files_end_in_models_or_documented_errors(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz.py"), "--files", "2000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    found = json.loads(done.stdout)
    assert done.returncode == 0, found["failures"]
    assert found["files"] == 2000 and found["outcomes"]["decoded"] > 200 and found["outcomes"]["refused"] > 200
    assert found["peak_memory_bytes"] < 1 << 30
