from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from necgs_cli.cli.files import UnsafePath, inside, whole_file
from necgs_cli.cli.paths import SOURCE_ENDINGS, output_paths
from necgs_cli.meshes.find import SUFFIXES


def paths(*names):
    return [str(path) for path in output_paths(names, ".ply")]


def test_the_ending_is_replaced_and_folders_are_kept():
    assert paths("a/b.obj", "椅子/é 1.STL", "plain") == ["a/b.ply", "椅子/é 1.ply", "plain.ply"]


def test_only_the_endings_of_meshes_are_replaced():
    assert paths("chair v1.5", "scan.2024.obj") == ["chair v1.5.ply", "scan.2024.ply"]


def test_the_ending_of_every_readable_format_is_replaced():
    assert set(SOURCE_ENDINGS) == set(SUFFIXES)


def test_names_that_differ_by_their_ending_only_keep_all_of_it():
    assert paths("a/b.obj", "a/b.stl", "c.obj") == ["a/b.obj.ply", "a/b.stl.ply", "c.ply"]


def test_equal_names_get_a_number():
    assert paths("x.obj", "x.obj", "X.OBJ") == ["x.obj.ply", "x.obj~2.ply", "X.OBJ~3.ply"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "etc/passwd.ply"),
        ("/etc/passwd", "etc/passwd.ply"),
        ("..\\..\\x.obj", "x.ply"),
        ("C:\\Windows\\x.obj", "C_/Windows/x.ply"),
        ("a/./../b.obj", "a/b.ply"),
        ("..", "model_0.ply"),
        ("", "model_0.ply"),
        ("a\n\x1b[31m\0.obj", "a__[31m_.ply"),
        ("nul.obj", "_nul.ply"),
        ("com1/aux.x.obj", "_com1/_aux.x.ply"),
        ("a. /b .obj", "a/b .ply"),
        ("...", "model_0.ply"),
        (".obj", ".obj.ply"),
    ],
)
def test_hostile_names_become_plain_relative_paths(name, path):
    assert paths(name) == [path]


def test_a_file_never_takes_the_name_of_a_folder():
    assert paths("x", "x.ply/y.obj") == ["x~2.ply", "x.ply/y.ply"]


@given(st.lists(st.text(max_size=40) | st.text("./\\abC:~\0 ", max_size=12), max_size=8))
def test_any_names_give_distinct_paths_inside_the_folder(names):
    found = output_paths(names, ".ply")
    assert len({str(path).casefold() for path in found}) == len(names)
    folders = {str(parent).casefold() for path in found for parent in path.parents}
    for path in found:
        assert str(path).casefold() not in folders
        assert path.suffix == ".ply"
        for parts in (path.parts, PureWindowsPath(str(path)).parts):
            assert not any(part in ("..", ".") or "/" in part or "\\" in part for part in parts)
        assert not path.is_absolute()
        assert not PureWindowsPath(str(path)).anchor


def test_long_names_fit_file_systems():
    long = [("ü" * 300 + ".obj"), ("ü" * 300 + "x.obj"), "/".join(["d" * 100] * 60) + "/f.obj"]
    for path in output_paths(long, ".ply"):
        assert len(str(path).encode()) < 2300
        assert all(len(part.encode()) <= 255 for part in path.parts)
    assert len(set(paths(*long))) == 3


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "link").symlink_to(elsewhere)
    with pytest.raises(UnsafePath):
        inside(out, PurePosixPath("link/sub/x.ply"))
    assert not list(elsewhere.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.ply"
    path.write_bytes(b"old")

    with pytest.raises(OSError, match="No space"), whole_file(path) as file:
        file.write(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.ply"]


def test_devices_are_written_and_not_replaced():
    with whole_file(Path("/dev/null")) as file:
        file.write(b"x")
    assert not Path("/dev/null").is_file()
