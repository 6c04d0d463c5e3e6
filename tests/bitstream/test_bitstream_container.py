import contextlib
import io
import math
import subprocess
import sys
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from samples import MODELS, MORE, SECTIONS

from necgs_cli.bitstream import blocks
from necgs_cli.bitstream.checksums import crc32
from necgs_cli.bitstream.container import (
    Container,
    DamagedFile,
    ModelRecord,
    SetSection,
    append_records,
    write_container,
)
from necgs_cli.bitstream.records import LEAST_BYTES, NOTES, level_code, level_value
from necgs_cli.bitstream.segments import HEADER, make_footer, make_segment
from necgs_cli.meshes.placement import Placement

GOLDEN = (
    "4e4347530100fe54028115850603001a00180a150226162ee2ed013faef5013f0118001e63686169722e6f626a732f5374c3"
    "bc686c652032e6a485e5ad902e706c799e7db7d7c8e0d2a5921a2a605c855835b6cf1717dfd7d946edf6152c909c810f6465"
    "636f6465722077656967687473ac1db2248500f17e2d070112ef0e0009186669727374207061796c6f6164a80202068006d0"
    "0f0900b238419a0281d6048080808080808080800100ffffffffffffffff7f020201000102030405060708090a0b0c0d0e0f"
    "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041"
    "42434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f70717273"
    "7475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5"
    "a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
    "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfefff8ffffb3d4ec9bc2aefe"
    "3500020000041a091c4127191dffff033fffff033f0319000d63686169722e6f626a6c616d7011c8fbf45a3d7b1e8f462930"
    "dc10acae0d0539eb410e040000000101617070656e64656428931415180204066f662061206b696e6420746f20636f6d6551"
    "16ffa79a7b658d89"
)


def as_bytes(sections=SECTIONS, models=MODELS) -> bytes:
    file = io.BytesIO()
    assert write_container(file, sections, models) == len(file.getvalue())
    return file.getvalue()


def with_appended(data: bytes, models, sections=()) -> bytes:
    body, footer = make_segment(sections, models, len(Container.open(data)))
    return data + body + footer


def check_holds(container: Container, sections, models) -> None:
    assert container.sections == list(sections)
    assert len(container) == len(models) and container.names == [model.name for model in models]
    for i, model in enumerate(models):
        entry = container.entry(i)
        assert container.payload(i) == model.payload
        assert (entry.id, entry.name, entry.kind, entry.note) == (i, model.name, model.kind, model.note)
        assert (entry.placement, entry.depends) == (model.placement, model.depends)
        for stored, given_value in ((entry.p2s, model.p2s), (entry.max_error, model.max_error)):
            assert stored == pytest.approx(given_value, rel=0.0025, nan_ok=True)


STEPS = st.one_of(st.integers(-100, 100), st.integers(-(1 << 62), 1 << 62))
LEVELS = st.one_of(st.just(math.nan), st.floats(0, 100, allow_subnormal=False).filter(lambda x: not 0 < x < 1e-30))
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@st.composite
def models(draw, before: int = 0):
    result = []
    for id in range(before, before + draw(st.integers(0, 5))):
        placement = Placement(draw(st.integers(128, 255)), draw(st.integers(-1000, 900)), draw(st.tuples(*[STEPS] * 3)))
        depends = tuple(draw(st.lists(st.integers(0, id - 1), max_size=3))) if id else ()
        result.append(
            ModelRecord(
                kind=draw(st.integers(1, 63)),
                name=draw(NAMES),
                placement=placement,
                payload=draw(st.binary(max_size=200)),
                p2s=draw(LEVELS),
                max_error=draw(LEVELS),
                note=draw(st.sampled_from(NOTES)),
                depends=depends,
            )
        )
    return result


SOME_SECTIONS = st.lists(st.builds(SetSection, st.integers(0, 63), st.binary(max_size=100)), max_size=3)


@given(SOME_SECTIONS, models(), st.data())
@settings(max_examples=60)
def test_what_is_written_and_appended_is_read(sections, first, data):
    more_sections, more = data.draw(SOME_SECTIONS), data.draw(models(len(first)))
    whole = with_appended(as_bytes(sections, first), more, more_sections)
    container = Container.open(whole)
    check_holds(container, sections + more_sections, first + more)
    assert container.check() == [] and container.unfinished_bytes == 0
    rows = container.sizes()
    assert sum(size for _, size in rows) == len(whole)


def test_golden_bytes_never_change():
    data = with_appended(as_bytes(), MORE)
    assert data.hex() == GOLDEN
    check_holds(Container.open(bytes.fromhex(GOLDEN)), SECTIONS, MODELS + MORE)


def test_append_never_rewrites_existing_bytes(tmp_path):
    path = tmp_path / "set.ncgs"
    write_container(path, SECTIONS, MODELS)
    before = path.read_bytes()
    assert append_records(path, MORE, [SetSection(2, b"later")]) == range(3, 5)
    assert path.read_bytes().startswith(before)
    assert append_records(path, [MODELS[0]]) == range(5, 6)
    with Container.open(path) as container:
        check_holds(container, [*SECTIONS, SetSection(2, b"later")], [*MODELS, *MORE, MODELS[0]])


def test_an_append_of_nothing_changes_nothing(tmp_path):
    path = tmp_path / "set.ncgs"
    write_container(path, SECTIONS, MODELS)
    before = path.read_bytes()
    assert append_records(path, []) == range(3, 3)
    assert path.read_bytes() == before


def test_sizes_add_up_to_the_file_and_name_its_parts():
    data = with_appended(as_bytes(), MORE) + b"left behind"
    rows = dict(Container.open(data).sizes())
    assert sum(rows.values()) == len(data)
    assert rows["decoder"] == len(b"decoder weights")
    assert rows["record payloads"] == sum(len(model.payload) for model in MODELS + MORE)
    assert rows["unfinished"] == len(b"left behind")


def test_small_things_stay_small():
    def overhead(count):
        some = [
            replace(MODELS[0], name=f"faust_{i:03d}.ply", placement=Placement(200 + i % 7, -8, (-20, i % 64, 50)))
            for i in range(count)
        ]
        return len(as_bytes(SECTIONS[:1], some)) - count * len(MODELS[0].payload) - len(SECTIONS[0].payload)

    assert overhead(1) <= 75
    assert overhead(48) <= 13 * 48  # sizes and distortions are equal here; real ones take 3 bytes more


def test_models_of_unknown_kinds_are_listed_and_do_not_disturb_the_others():
    container = Container.open(with_appended(as_bytes(), MORE))
    entry = container.entry(4)
    assert (entry.known, entry.kind_name, entry.name) == (False, "unknown (20)", "lamp.obj")
    assert container.entry(3).known and container.payload(3) == b"appended"
    assert container.payload(4) == b"of a kind to come"


def test_names_are_found_and_may_repeat():
    container = Container.open(with_appended(as_bytes(), MORE))
    assert container.find("chair.obj") == [0, 3]
    assert container.find("nothing") == []


@pytest.mark.parametrize("id", [-1, 3, 1000])
def test_ids_beyond_the_set_are_an_index_error(id):
    container = Container.open(as_bytes())
    with pytest.raises(IndexError, match="0 to 2"):
        container.entry(id)
    with pytest.raises(IndexError):
        container.payload(id)


def test_a_set_of_no_models_is_a_file():
    container = Container.open(as_bytes([], []))
    assert len(container) == 0 and container.sections == [] and container.check() == []
    check_holds(Container.open(with_appended(as_bytes([], []), MODELS)), [], MODELS)


def test_a_pipe_is_read_to_its_end_and_no_further_than_the_limit():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation

    data = as_bytes()
    check_holds(Container.open(Pipe(data)), SECTIONS, MODELS)
    with pytest.raises(DamagedFile, match="limit of 10 bytes"):
        Container.open(Pipe(data), limit=10)


def test_a_path_is_read_lazily(tmp_path):
    path = tmp_path / "big.ncgs"
    write_container(path, [SetSection(1, bytes(1 << 20))], [replace(MODELS[0], payload=bytes(1 << 20))] * 4)

    with Container.open(path) as container:
        read = []
        original = container.source.read
        container.source.read = lambda offset, count: read.append(count) or original(offset, count)
        container.entry(3)
        container.sizes()
        assert sum(read) < 2000
        container.payload(2)
        assert 1 << 20 <= sum(read) < 1.1 * (1 << 20)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": ""}, "1 to 4,096"),
        ({"name": "a" * 4097}, "1 to 4,096"),
        ({"name": "a\0b"}, "control"),
        ({"name": "a\x1b[2Jb"}, "control"),
        ({"name": "a\x85b"}, "control"),
        ({"name": "\ud800"}, "Unicode"),
        ({"kind": 0}, "1..63"),
        ({"kind": 64}, "1..63"),
        ({"note": "guess"}, "notes are"),
        ({"p2s": -1.0}, "not negative"),
        ({"depends": (0,)}, "does not come before"),
        ({"depends": (-1,)}, "does not come before"),
        ({"placement": Placement(127, 0, (0, 0, 0))}, "placement"),
        ({"placement": Placement(128, 1016, (0, 0, 0))}, "placement"),
        ({"placement": Placement(128, 1000, (1 << 30, 0, 0))}, "placement"),
        ({"placement": Placement(128, -100, (1 << 63, 0, 0))}, "placement"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_by_the_writer(change, message):
    with pytest.raises(ValueError, match=message):
        as_bytes([], [replace(MODELS[0], **change)])


def test_distortions_are_kept_within_a_seventh_of_a_percent():
    for i in range(-400, 200):
        value = 1.07**i
        assert abs(level_value(level_code(value)) / value - 1) < 0.0014
    assert level_value(level_code(0.0)) == 0 and math.isnan(level_value(level_code(math.nan)))
    assert level_value(level_code(math.inf)) > 1e38 and 0 < level_value(level_code(1e-300)) < 1e-38


@pytest.mark.parametrize("data", [b"", b"N", b"NCGS", b"\x1f\x8b\x08\0\0\0\0\0", b"solid cube\n", b"NCG\0\0\0"])
def test_other_files_are_refused(data):
    with pytest.raises(DamagedFile):
        Container.open(data)


def test_a_newer_version_is_named():
    data = bytearray(as_bytes())
    data[4] = 7
    with pytest.raises(DamagedFile, match="version 7"):
        Container.open(bytes(data))


def ask_everything(data: bytes) -> tuple[int, list]:
    """Asks for all there is; damage is allowed, anything else is not. Returns how much came back."""
    container = Container.open(data)
    back = []
    for id in range(len(container)):
        for ask in (container.entry, container.payload):
            with contextlib.suppress(DamagedFile):
                back.append((ask.__name__, id, repr(ask(id))))
    with contextlib.suppress(DamagedFile):
        back.append(container.sections)
    container.sizes()
    return len(container), back


def test_truncation_at_every_byte_gives_damage_or_fewer_models():
    first, whole = as_bytes(), with_appended(as_bytes(), MORE)
    for end in range(len(whole)):
        if end < len(first):
            with pytest.raises(DamagedFile):
                Container.open(whole[:end])
        else:
            container = Container.open(whole[:end])
            check_holds(container, SECTIONS, MODELS)
            assert container.unfinished_bytes == end - len(first)
            assert bool(container.unfinished_reason) == (end > len(first))


def test_a_flipped_bit_anywhere_is_noticed_and_hurts_nothing_else():
    whole = with_appended(as_bytes(), MORE)
    _, right = ask_everything(whole)
    for bit in ((8 * i + 5 * i % 8) for i in range(len(whole))):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        try:
            container = Container.open(bytes(data))
        except DamagedFile:
            continue
        assert container.check() != [], bit
        _, back = ask_everything(bytes(data))
        # what the checksums cover is right or missing; entries are read without their checksum
        assert all(row in right for row in back if row[0] == "payload"), bit


@given(st.data())
@settings(max_examples=150)
def test_any_mutation_gives_models_or_damage(data):
    whole = bytearray(with_appended(as_bytes(), MORE))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(start, min(len(whole), start + 8)))
        whole[start:end] = data.draw(st.binary(max_size=8))
    with contextlib.suppress(DamagedFile):
        ask_everything(bytes(whole))


@given(st.data())
@settings(max_examples=120)
def test_a_hostile_catalogue_with_right_checksums_is_harmless(data):
    body, footer = make_segment(SECTIONS, MODELS, 0)
    _, head, size = blocks.read_head(body, 0)
    catalogue = bytearray(body[head : size - 4])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(catalogue)))
        catalogue[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    changed = blocks.make_block(blocks.CATALOGUE, bytes(catalogue)) + body[size:]
    with contextlib.suppress(DamagedFile):
        ask_everything(HEADER + changed + make_footer(crc32(changed), len(changed)))


def test_counts_are_bounded_by_the_file():
    huge = b"\x00" + b"\xff\xff\xff\xff\x0f" + bytes(40)  # no sections, 2^32 models
    with pytest.raises(DamagedFile, match=f"at most {1000 // LEAST_BYTES}"):
        Container.open(HEADER + blocks.make_block(blocks.CATALOGUE, huge) + bytes(1000))


OPEN = """
import sys
from necgs_cli.bitstream.container import Container
assert "constriction" not in sys.modules
with Container.open(sys.argv[1]) as container:
    container.entry(0), container.payload(0), container.sizes(), container.check()
heavy = {"torch", "scipy", "trimesh", "rich", "skimage"} & set(sys.modules)
assert not heavy, heavy
"""


def test_reading_a_file_imports_no_heavy_package(tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(as_bytes())
    subprocess.run([sys.executable, "-c", OPEN, str(path)], check=True)
