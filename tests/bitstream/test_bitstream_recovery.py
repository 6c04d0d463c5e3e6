import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import MODELS, MORE, SECTIONS

from necgs_cli.bitstream import blocks
from necgs_cli.bitstream.container import Container, SetSection, write_container
from necgs_cli.bitstream.recovery import salvage
from necgs_cli.bitstream.segments import make_segment

LAST = SetSection(2, b"later")


def whole_file() -> tuple[bytes, int]:
    """Two segments, and where the second starts."""
    file = io.BytesIO()
    first = write_container(file, SECTIONS, MODELS)
    body, footer = make_segment([LAST], MORE, len(MODELS))
    return file.getvalue() + body + footer, first


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def names(models) -> list[str]:
    return [model.name for model in models]


def test_nothing_is_lost_of_an_intact_file():
    data, _ = whole_file()
    result = salvage(data)
    assert result.lost == [] and result.sections == [*SECTIONS, LAST]
    assert names(result.models) == names(MODELS + MORE)
    assert [model.depends for model in result.models] == [model.depends for model in MODELS + MORE]
    file = io.BytesIO()
    write_container(file, result.sections, result.models)
    container = Container.open(file.getvalue())
    assert container.check() == []
    assert [container.payload(i) for i in range(len(container))] == [model.payload for model in MODELS + MORE]


def test_a_damaged_record_takes_only_itself_and_what_needs_it():
    data, _ = whole_file()
    result = salvage(flip(data, data.index(b"first payload")))
    # model 2 needs model 0, model 3 needs model 2
    assert names(result.models) == [MODELS[1].name, MORE[1].name]
    assert len(result.lost) == 3
    for name, line in zip((MODELS[0].name, MODELS[2].name, MORE[0].name), result.lost, strict=True):
        assert repr(name) in line


def test_references_are_renumbered_when_a_model_is_lost():
    models = [MODELS[0], MODELS[0], MODELS[1], MORE[0]]  # the last needs model 2
    file = io.BytesIO()
    write_container(file, [], models)
    data = file.getvalue()
    result = salvage(flip(data, data.index(b"first payload")))
    assert names(result.models) == names(models[1:]) and result.models[-1].depends == (1,)


def test_a_cut_file_gives_all_models_before_the_cut_and_names_the_others():
    data, first = whole_file()
    cut = data.index(b"appended")
    result = salvage(data[:cut])
    assert names(result.models) == names(MODELS) and result.sections == [*SECTIONS, LAST]
    assert [name in " ".join(result.lost) for name in names(MORE)] == [True, True]


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_catalogue_loses_names_and_no_models(which):
    data, second = whole_file()
    start = second if which else 6
    _, head, size = blocks.read_head(data[start : start + 11], start)
    for place in (start + head, start + size - 1):
        result = salvage(flip(data, place))
        assert [model.payload for model in result.models if not model.depends] == [
            model.payload for model in MODELS + MORE if not model.depends
        ]
        assert sum(name.startswith("recovered_") for name in names(result.models)) >= 1
        assert result.sections == [*SECTIONS, LAST] and result.lost


def test_segments_behind_a_destroyed_one_are_found():
    data, second = whole_file()
    result = salvage(data[:6] + bytes(second - 6) + data[second:])
    assert [model.payload for model in result.models] == [MORE[1].payload]  # the other one needs a lost model
    assert result.sections == [LAST]


@given(st.data())
@settings(max_examples=80)
def test_whatever_the_bytes_what_comes_out_can_be_written_again(data):
    whole = bytearray(whole_file()[0])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        whole[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    result = salvage(bytes(whole))
    file = io.BytesIO()
    write_container(file, result.sections, result.models)
    assert Container.open(file.getvalue()).check() == []


def test_a_file_of_false_starts_is_given_up_in_bounded_work():
    false_start = b"\xfe\xff\xff\x1f"  # each a catalogue of half a megabyte
    result = salvage(b"NCGS\x01\x00" + false_start * (1 << 18))
    assert result.models == [] and "too damaged" in result.lost[-1]


def test_the_example_of_the_format_is_a_file():
    page = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
    data = b""
    for place, digits in re.findall(
        r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} {1,2})+)", page.split("## A file taken apart")[1], re.M
    ):
        assert int(place, 16) == len(data)
        data += bytes.fromhex(digits.replace(" ", ""))
    container = Container.open(data)
    assert container.check() == [] and container.unfinished_bytes == 0
    assert container.names == ["cup.obj", "cup2.obj"] and container.sections == [SetSection(1, b"\x01\x02\x03")]
    assert [container.payload(i) for i in range(2)] == [b"PAYLOAD", b"OTHERS!!"]
    assert container.entry(0).placement.centre_steps == (0, -5, 100)
    assert container.entry(1).p2s == pytest.approx(0.0021, rel=0.0014)
