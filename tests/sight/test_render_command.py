"""`necgs render`: one model, sheets, originals beside them; without a display."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from plain_sets import ball, box, damage_record, record, write_meshes, write_set
from typer.testing import CliRunner

import necgs_cli
from necgs_cli.cli.main import app


@pytest.fixture
def necgs(tmp_path, monkeypatch):
    """Runs the command in a folder with a set of three models and two of their originals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    write_meshes(tmp_path / "meshes", {"a.ply": ball(), "b.ply": box()})
    models = [record("a.ply", *ball(), grow=1.02), record("b.ply", *box()), record("sub/c.ply", *box((1, 1, 4)))]
    write_set(tmp_path / "set.ncgs", models)
    write_set(tmp_path / "one.ncgs", models[:1])
    return lambda *arguments, input=None: CliRunner().invoke(app, ["render", *map(str, arguments)], input=input)


def pixels(path):
    return np.asarray(Image.open(path))


def test_one_model_fills_a_square_picture(necgs):
    result = necgs("set.ncgs", "--id", 0, "-o", "a.png", "--size", 120)
    assert result.exit_code == 0 and result.stdout == ""
    picture = pixels("a.png")
    assert picture.shape == (120, 120, 3)
    assert (picture < 250).any(axis=-1).mean() == pytest.approx(np.pi / 4 / 1.06**2, abs=0.05)


def test_the_only_model_needs_no_selection_and_several_do(necgs):
    assert necgs("one.ncgs", "-o", "a.png", "--size", 40).exit_code == 0
    refused = necgs("set.ncgs", "-o", "b.png")
    assert refused.exit_code == 2 and "--all" in refused.stderr


def test_view_and_wireframe_change_the_picture(necgs):
    options = [(), ("--azimuth", 80), ("--elevation", -50), ("--up", "z"), ("--wireframe",)]
    pictures = []
    for option in options:
        assert necgs("set.ncgs", "--id", 1, "-o", "b.png", "-f", "--size", 50, *option).exit_code == 0
        pictures.append(pixels("b.png").astype(int))
    assert all((picture != pictures[0]).any() for picture in pictures[1:-2])
    assert (pictures[-1] != pictures[0]).any()


def test_a_sheet_shows_all_models(necgs):
    result = necgs("set.ncgs", "--all", "-o", "sheet.png", "--size", 60, "--workers", 1)
    assert result.exit_code == 0 and "3 models" in result.stderr
    picture = pixels("sheet.png")
    assert (picture < 250).any(axis=-1).mean() > 0.05
    some = necgs("set.ncgs", "--id", "0-1", "-o", "some.png", "--size", 60)
    assert some.exit_code == 0 and pixels("some.png").size < picture.size


def test_originals_come_beside_the_decoded_models_with_the_error(necgs):
    result = necgs("set.ncgs", "--id", "0,1", "--originals", "meshes", "-o", "sheet.png", "--size", 60)
    assert result.exit_code == 0
    sheet = pixels("sheet.png").astype(int)
    below = sheet[92:]
    coloured = (below.max(axis=-1) - below.min(axis=-1) > 40).sum()
    assert coloured > 500  # a ball that grew by 2 % is far from its original all over


def test_a_model_without_original_is_named_and_drawn(necgs):
    result = necgs("set.ncgs", "--all", "--originals", "meshes", "-o", "sheet.png", "--size", 40, "--workers", 1)
    assert result.exit_code == 3 and "sub/c.ply" in result.stderr


def test_stdout_takes_a_png_and_stdin_gives_the_set(necgs, tmp_path):
    result = necgs("-", "-o", "-", "--size", 40, input=(tmp_path / "one.ncgs").read_bytes())
    assert result.exit_code == 0
    assert Image.open(io.BytesIO(result.stdout_bytes)).format == "PNG"


def test_the_ending_chooses_the_format(necgs):
    for name, form in (("x.jpg", "JPEG"), ("x.webp", "WEBP"), ("x.PNG", "PNG")):
        assert necgs("one.ncgs", "-o", name, "--size", 32).exit_code == 0
        assert Image.open(name).format == form
    assert necgs("one.ncgs", "-o", "x.txt").exit_code == 2


def test_a_damaged_model_keeps_an_empty_place(necgs, tmp_path):
    damage_record(tmp_path / "set.ncgs", "a.ply")
    alone = necgs("set.ncgs", "--id", 0, "-o", "a.png", "--size", 40)
    assert alone.exit_code == 4 and not (tmp_path / "a.png").exists()
    sheet = necgs("set.ncgs", "--all", "-o", "sheet.png", "--size", 40, "--workers", 1)
    assert sheet.exit_code == 4 and "a.ply" in sheet.stderr and (tmp_path / "sheet.png").exists()


def test_files_are_replaced_only_by_force(necgs, tmp_path):
    (tmp_path / "a.png").write_text("mine")
    assert necgs("one.ncgs", "-o", "a.png", "--size", 40).exit_code == 1
    assert (tmp_path / "a.png").read_text() == "mine"
    assert necgs("one.ncgs", "-o", "a.png", "--size", 40, "-f").exit_code == 0
    assert sorted(path.name for path in tmp_path.glob(".necgs*")) == []


def test_json_describes_the_picture(necgs):
    found = json.loads(necgs("set.ncgs", "--id", "0-1", "-o", "s.png", "--size", 40, "--json").stdout)
    assert (found["height"], found["width"]) == pixels("s.png").shape[:2]
    assert found["models"] == [{"id": 0, "name": "a.ply"}, {"id": 1, "name": "b.ply"}]
    assert found["path"] == "s.png" and found["skipped"] == [] and found["missing"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all", "--id", "1"),
        ("--id", "x"),
        ("--id", "0", "--elevation", "90"),
        ("--id", "0", "--size", "1"),
        ("--id", "0", "--azimuth", "nan"),
    ],
)
def test_wrong_usage_gives_exit_code_2(necgs, arguments):
    assert necgs("set.ncgs", "-o", "a.png", *arguments).exit_code == 2


def test_a_sheet_that_no_machine_holds_is_refused_before_the_work(necgs, tmp_path):
    write_set(tmp_path / "set.ncgs", [record(f"{i}.ply", *box()) for i in range(9)])
    result = necgs("set.ncgs", "--all", "-o", "a.png", "--size", 4096)
    assert result.exit_code == 1 and "too large" in result.stderr


def test_names_cannot_command_the_terminal(necgs, tmp_path):
    write_set(tmp_path / "bad.ncgs", [record("\u202egnp.exe\u2028.ply", *ball()), record("b", *box())])
    result = necgs("bad.ncgs", "--all", "--originals", "meshes", "-o", "a.png", "--size", 32)
    assert result.exit_code == 3 and "exe" in result.stderr
    assert not {"\u202e", "\u2028"} & set(result.stderr)


def test_python_draws_the_same_picture(necgs, tmp_path):
    necgs("set.ncgs", "--id", 1, "-o", "b.png", "--size", 60)
    drawn = necgs_cli.render((tmp_path / "set.ncgs").read_bytes(), 1, size=60)
    assert np.array_equal(np.asarray(drawn.image), pixels("b.png"))
    assert drawn.models == [(1, "b.ply")] and drawn.missing == [] and drawn.skipped == []
    with pytest.raises(necgs_cli.NecgsError, match="no model 3"):
        necgs_cli.render(tmp_path / "set.ncgs", [0, 3])


def test_an_empty_set_is_refused(necgs, tmp_path):
    write_set(tmp_path / "none.ncgs", [])
    result = necgs("none.ncgs", "--all", "-o", "a.png")
    assert result.exit_code == 1 and "no models" in result.stderr and not (tmp_path / "a.png").exists()
