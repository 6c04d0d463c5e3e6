"""`recover` writes what is intact, and names what is not."""

import dataclasses
import io
import json

import pytest
from trust_sets import flip, records, set_bytes
from typer.testing import CliRunner

import necgs_cli
from necgs_cli.bitstream.container import Container, SetSection
from necgs_cli.cli.main import app


@pytest.fixture(scope="module")
def models():
    return records()


@pytest.fixture
def necgs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, input=None: CliRunner().invoke(app, [str(a) for a in arguments], input=input)


def test_an_intact_set_is_written_again_whole(models):
    out, data = io.BytesIO(), set_bytes(models)
    found = necgs_cli.recover(data, out)
    assert found.lost == [] and found.exit_code == 0 and found.path == "-"
    assert out.getvalue() == data and found.file_bytes == len(data)


def test_what_is_rescued_verifies_and_what_is_lost_is_named(models):
    data = set_bytes(models)
    out = io.BytesIO()
    found = necgs_cli.recover(flip(data, data.index(models[0].payload)), out)
    assert found.names == [model.name for model in models[1:]] and found.exit_code == 3
    assert len(found.lost) == 1 and "box.ply" in found.lost[0]
    assert necgs_cli.verify(out.getvalue()).problems == []


def test_every_truncation_gives_a_sound_set_or_nothing(models):
    data = set_bytes(models)
    for length in range(0, len(data), 5):
        out = io.BytesIO()
        try:
            found = necgs_cli.recover(data[:length], out)
        except necgs_cli.NecgsError as error:
            assert error.exit_code == 4 and out.getvalue() == b""
            continue
        assert found.lost and Container.open(out.getvalue()).check() == []


def test_models_whose_decoder_is_lost_are_lost_and_what_needs_them(models):
    section = SetSection(1, b"a decoder's weights")
    neural = dataclasses.replace(models[0], kind=1)
    needs = dataclasses.replace(models[1], name="needs it", depends=(0,))
    renumbered = dataclasses.replace(models[1], name="renumbered", depends=(1,))
    data = set_bytes([neural, models[2], needs, renumbered], (section,))
    out = io.BytesIO()
    found = necgs_cli.recover(flip(data, data.index(section.payload)), out)
    assert found.names == [models[2].name, "renumbered"] and len(found.lost) == 3
    assert Container.open(out.getvalue()).entry(1).depends == (0,)


def test_the_command_ends_with_0_3_or_4_and_writes_nothing_for_4(necgs, models, tmp_path):
    data = set_bytes(models)
    (tmp_path / "whole.ncgs").write_bytes(data)
    (tmp_path / "cut.ncgs").write_bytes(data[:-30])
    (tmp_path / "no.ncgs").write_bytes(b"\0" * 300)
    done = necgs("recover", "whole.ncgs", "-o", "a.ncgs")
    assert done.exit_code == 0 and (tmp_path / "a.ncgs").read_bytes() == data and done.stderr == ""
    done = necgs("recover", "cut.ncgs", "-o", "b.ncgs")
    assert done.exit_code == 3 and "lost: 'cone.obj'" in done.stderr and "2 models rescued, 1 lost" in done.stdout
    done = necgs("recover", "no.ncgs", "-o", "c.ncgs")
    assert done.exit_code == 4 and "nothing could be rescued" in done.stderr
    assert not (tmp_path / "c.ncgs").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ncgs", "b.ncgs", "cut.ncgs", "no.ncgs", "whole.ncgs"]


def test_files_are_replaced_only_when_forced_also_in_place(necgs, models, tmp_path):
    data = set_bytes(models)
    (tmp_path / "cut.ncgs").write_bytes(data[:-30])
    assert necgs("recover", "cut.ncgs", "-o", "cut.ncgs").exit_code == 1
    assert (tmp_path / "cut.ncgs").read_bytes() == data[:-30]
    assert necgs("recover", "cut.ncgs", "-o", "cut.ncgs", "-f").exit_code == 3
    assert necgs_cli.verify(tmp_path / "cut.ncgs").problems == []
    with pytest.raises(necgs_cli.NecgsError, match="exists already"):
        necgs_cli.recover(data, tmp_path / "cut.ncgs")


def test_pipes_and_json(necgs, models, tmp_path):
    data = set_bytes(models)
    done = necgs("recover", "-", "-o", "-", input=data[:-30])
    assert done.exit_code == 3 and necgs_cli.verify(done.stdout_bytes).models == 2
    found = json.loads(necgs("recover", "-", "-o", "a.ncgs", "--json", input=data[:-30]).stdout)
    assert set(found) == {"path", "file_bytes", "names", "lost"} and len(found["lost"]) == 1
    assert necgs("recover", "-", "-o", "-", "--json", input=data).exit_code == 2
