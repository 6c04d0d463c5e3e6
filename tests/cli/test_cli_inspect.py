import json

from fake_library import contents, damaged


def test_the_overview_adds_up_and_lists_the_models(necgs):
    result = necgs("inspect", "set.ncgs")
    assert result.exit_code == 0 and result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "set.ncgs: format 1, 3 models, 140 bytes (47 a model)"
    assert lines[1] == "codec: 3 neural; a decoder of 20 B for the set"
    assert lines[2] == "decoder: resolution 128, rate weight 0.002"
    cells = [line.split() for line in lines]
    assert ["20", "14.3", "header"] in cells and ["140", "100.0", "file"] in cells
    assert ["1", "neural", "40", "2.00e-03", "1.00e-02", "sub/b.obj"] in cells


def test_json_is_what_the_library_says(necgs, library):
    found = json.loads(necgs("inspect", "set.ncgs", "--json").stdout)
    assert found == contents(library.set.names)


def test_ids_limit_the_models_shown(necgs):
    found = json.loads(necgs("inspect", "set.ncgs", "--json", "--id", "1-2").stdout)
    assert [model["id"] for model in found["models"]] == [1, 2]
    plain = necgs("inspect", "set.ncgs", "--id", "2").stdout
    assert "c.stl" in plain and "a.obj" not in plain
    assert necgs("inspect", "set.ncgs", "--id", "3").exit_code == 1


def test_names_cannot_command_the_terminal(necgs, library):
    library.set.names = ["\x1b]0;owned\x07.obj", "a\nb.obj"]
    out = necgs("inspect", "set.ncgs").stdout
    assert "\x1b" not in out and "\x07" not in out and "a\\nb.obj" in out


def test_an_empty_set_is_shown(necgs, library):
    library.set.names = []
    result = necgs("inspect", "set.ncgs")
    assert result.exit_code == 0 and "0 models" in result.stdout


def test_a_set_is_read_from_stdin(necgs, library):
    assert necgs("inspect", "-", input=b"bytes").exit_code == 0
    assert library.calls == [("inspect", b"bytes")]


def test_a_damaged_set_gives_exit_code_4(necgs, library):
    library.error = damaged("set.ncgs: no footer")
    assert necgs("inspect", "set.ncgs").exit_code == 4
