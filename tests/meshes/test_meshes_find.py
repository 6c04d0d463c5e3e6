"""What the user names becomes a stable list of sources."""

import os
import unicodedata
from pathlib import Path

import pytest

from necgs_cli.meshes.find import find_meshes
from necgs_cli.meshes.mesh import MeshError


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def _names(*inputs) -> list[str]:
    return [source.name for source in find_meshes(inputs)]


def test_folder_is_walked_in_natural_order_and_other_files_are_passed_over(tmp_path):
    _touch(tmp_path, "img10.obj", "img2.PLY", "Img1.stl", "sub/b.off", "sub/a.glb", "z.3mf", "a.gltf")
    _touch(tmp_path, "SOURCES.md", "a.mtl", "a.bin", ".hidden.ply", ".git/x.ply", "a.png", "ply")
    assert _names(tmp_path) == ["a.gltf", "Img1.stl", "img2.PLY", "img10.obj", "sub/a.glb", "sub/b.off", "z.3mf"]


def test_file_is_taken_as_named_whatever_its_kind(tmp_path):
    _touch(tmp_path, "notes.txt", "a.ply")
    assert _names(tmp_path / "notes.txt", tmp_path / "a.ply") == ["notes.txt", "a.ply"]


def test_inputs_keep_their_order_and_no_file_comes_twice(tmp_path):
    _touch(tmp_path, "x/a.ply", "x/b.ply")
    assert _names(tmp_path / "x" / "b.ply", tmp_path / "x", tmp_path / "x" / ".." / "x" / "a.ply") == ["b.ply", "a.ply"]


def test_glob_names_start_after_its_fixed_part(tmp_path):
    _touch(tmp_path, "one/chair.obj", "two/chair.obj", "two/chair.txt", "two/deep/table.ply")
    assert _names(f"{tmp_path}/*/*") == ["one/chair.obj", "two/chair.obj", "two/deep/table.ply"]
    assert _names(f"{tmp_path}/**/*.ply") == ["two/deep/table.ply"]


def test_file_whose_name_holds_glob_characters_is_itself(tmp_path):
    _touch(tmp_path, "[brackets]*.ply", "b.ply")
    assert _names(str(tmp_path / "[brackets]*.ply")) == ["[brackets]*.ply"]


def test_relative_inputs_work(tmp_path, monkeypatch):
    _touch(tmp_path, "in/a.ply", "in/sub/b.ply")
    monkeypatch.chdir(tmp_path / "in")
    assert _names(".") == _names("*") == ["a.ply", "sub/b.ply"]


def test_equal_names_get_their_folder_before_them(tmp_path):
    _touch(tmp_path, "one/chair.obj", "two/chair.obj", "two/table.obj")
    assert _names(tmp_path / "one", tmp_path / "two") == ["one/chair.obj", "two/chair.obj", "table.obj"]
    assert _names(tmp_path / "one/chair.obj", tmp_path / "two/chair.obj") == ["one/chair.obj", "two/chair.obj"]


def test_names_that_cannot_be_told_apart_are_refused(tmp_path):
    _touch(tmp_path, "a/in/chair.obj", "b/in/chair.obj")
    with pytest.raises(MeshError, match="in/chair.obj"):
        find_meshes([tmp_path / "a" / "in", tmp_path / "b" / "in"])


def test_names_are_nfc(tmp_path):
    decomposed = unicodedata.normalize("NFD", "modèle é.ply")
    _touch(tmp_path, decomposed, "模型 1.ply")
    assert set(_names(tmp_path)) == {"modèle é.ply", "模型 1.ply"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_name_that_is_no_utf8_can_be_stored(tmp_path):
    try:
        _touch(tmp_path, os.fsdecode(b"caf\xe9.ply"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (name,) = _names(tmp_path)
    assert name.encode("utf-8").decode() == name


def test_list_file_names_inputs(tmp_path):
    _touch(tmp_path, "a.ply", "sub/b.ply", "sub/c.ply")
    (tmp_path / "list.txt").write_text(f"# meshes\n\n{tmp_path}/sub\n  {tmp_path}/a.ply\n")
    assert _names(f"@{tmp_path}/list.txt") == ["b.ply", "c.ply", "a.ply"]
    with pytest.raises(MeshError, match="cannot read the list"):
        find_meshes([f"@{tmp_path}/missing.txt"])


def test_linked_folders_are_entered_once(tmp_path):
    _touch(tmp_path, "data/a.ply", "elsewhere/b.ply")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "other").symlink_to(tmp_path / "elsewhere")
    assert _names(tmp_path / "data") == ["a.ply", "other/b.ply"]


@pytest.mark.parametrize("text", ["missing.ply", "missing/*.ply", "empty"])
def test_input_without_a_mesh_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeshError, match="missing|empty"):
        find_meshes([str(tmp_path / text)])
