import json

import pytest
import trimesh
from fake_library import TETRAHEDRON, damaged

from necgs_cli import api
from necgs_cli.cli.decode import Format
from necgs_cli.meshes.write import FORMATS


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_format_of_the_library_can_be_asked_for():
    assert tuple(Format) == tuple(FORMATS)


@pytest.mark.parametrize("ending", FORMATS)
def test_the_format_follows_the_ending(necgs, tmp_path, ending):
    result = necgs("decode", "set.ncgs", "--id", "1", "-o", f"x.{ending}")
    assert result.exit_code == 0, result.output
    mesh = trimesh.load_mesh(tmp_path / f"x.{ending}")
    assert mesh.bounds.tolist() == [[0, 0, 0], [1, 1, 1]] and len(mesh.faces) == 4
    assert files(tmp_path) == [f"x.{ending}"]


def test_all_models_go_into_a_folder_under_their_names(necgs, tmp_path):
    assert necgs("decode", "set.ncgs", "--all", "-o", "out").exit_code == 0
    assert files(tmp_path) == ["out/a.ply", "out/c.ply", "out/sub/b.ply"]


def test_a_model_gets_the_same_path_however_it_is_selected(necgs, library, tmp_path):
    library.set.names = ["x.obj", "x.stl"]
    assert necgs("decode", "set.ncgs", "--id", "1", "-o", "out/", "--format", "off").exit_code == 0
    assert files(tmp_path) == ["out/x.stl.off"]


def test_names_and_ids_select(necgs, tmp_path):
    assert necgs("decode", "set.ncgs", "--name", "sub/*", "--id", "0", "-o", "out").exit_code == 0
    assert files(tmp_path) == ["out/a.ply", "out/sub/b.ply"]


def test_an_existing_folder_takes_one_model_too(necgs, tmp_path):
    (tmp_path / "out").mkdir()
    assert necgs("decode", "set.ncgs", "--id", "1", "-o", "out").exit_code == 0
    assert files(tmp_path) == ["out/sub/b.ply"]


def test_hostile_names_stay_inside_the_folder(necgs, library, tmp_path):
    library.set.names = ["../../evil.obj", "/abs.obj", "C:\\x.obj", "a\0b.obj"]
    assert necgs("decode", "set.ncgs", "--all", "-o", "deep/out").exit_code == 0
    assert files(tmp_path) == ["deep/out/C_/x.ply", "deep/out/a_b.ply", "deep/out/abs.ply", "deep/out/evil.ply"]


def test_stdin_to_stdout(necgs, library):
    result = necgs("decode", "-", "--id", "2", "-o", "-", "--format", "stl", input=b"set bytes\x00\xff")
    assert result.exit_code == 0 and result.stderr == ""
    assert library.calls == [("open", b"set bytes\x00\xff")]
    assert len(result.stdout_bytes) == 84 + 50 * len(TETRAHEDRON.faces)


def test_existing_files_are_replaced_with_force_only(necgs, tmp_path):
    (tmp_path / "c.ply").write_bytes(b"old")
    result = necgs("decode", "set.ncgs", "--all", "-o", ".")
    assert result.exit_code == 1 and "c.ply" in result.stderr and "-f" in result.stderr
    assert files(tmp_path) == ["c.ply"] and (tmp_path / "c.ply").read_bytes() == b"old"
    assert necgs("decode", "set.ncgs", "--all", "-o", ".", "-f").exit_code == 0
    assert (tmp_path / "c.ply").read_bytes().startswith(b"ply")


@pytest.mark.parametrize(
    "wrong",
    [
        ["-o", "out"],
        ["--all", "--id", "1", "-o", "out"],
        ["--all", "-o", "-"],
        ["--id", "0-1", "-o", "-"],
        ["--id", "x", "-o", "out"],
        ["--id", "0", "-o", "x.txt"],
        ["--id", "0", "-o", "x.ply", "--format", "dae"],
        ["--id", "0", "-o", "-", "--json"],
        ["--id", "0"],
    ],
)
def test_wrong_usage_gives_exit_code_2_and_writes_nothing(necgs, tmp_path, wrong):
    result = necgs("decode", "set.ncgs", *wrong)
    assert result.exit_code == 2, result.output
    assert files(tmp_path) == []


@pytest.mark.parametrize("selection", [["--id", "3"], ["--id", "0-5"], ["--name", "nothing*"]])
def test_models_that_are_not_there_fail_and_write_nothing(necgs, tmp_path, selection):
    result = necgs("decode", "set.ncgs", *selection, "-o", "out")
    assert result.exit_code == 1 and len(result.stderr.splitlines()) == 1
    assert files(tmp_path) == []


def test_a_damaged_set_gives_exit_code_4(necgs, library):
    library.error = damaged("set.ncgs: the index is cut short at byte 100")
    result = necgs("decode", "set.ncgs", "--all", "-o", "out")
    assert result.exit_code == 4 and result.stderr == "error: set.ncgs: the index is cut short at byte 100\n"


@pytest.mark.parametrize(("error", "code"), [(damaged("bad CRC"), 4), (api.NecgsError("unknown kind 9"), 3)])
def test_one_bad_model_among_several_is_named_and_the_others_decoded(necgs, library, tmp_path, error, code):
    library.set.broken = {1: error}
    result = necgs("decode", "set.ncgs", "--all", "-o", "out", "-q")
    assert result.exit_code == code
    assert result.stderr == f"skipped 1 sub/b.obj: {error}\n"
    assert files(tmp_path) == ["out/a.ply", "out/c.ply"]


@pytest.mark.parametrize(("error", "code"), [(damaged("bad CRC"), 4), (api.NecgsError("unknown kind 9"), 1)])
def test_one_bad_model_asked_for_alone_is_an_error(necgs, library, tmp_path, error, code):
    library.set.broken = {1: error}
    result = necgs("decode", "set.ncgs", "--id", "1", "-o", "x.ply")
    assert result.exit_code == code and result.stderr == f"error: model 1, sub/b.obj: {error}\n"
    assert files(tmp_path) == []


def test_json_lists_what_was_written(necgs, library):
    library.set.broken = {0: api.NecgsError("unknown kind 9")}
    found = json.loads(necgs("decode", "set.ncgs", "--all", "-o", "out", "--json").stdout)
    assert set(found) == {"set", "format", "models", "skipped", "seconds"}
    assert found["skipped"] == [{"id": 0, "name": "a.obj", "reason": "unknown kind 9"}]
    assert found["models"][0].items() >= {"id": 1, "name": "sub/b.obj", "vertices": 4, "faces": 4}.items()
