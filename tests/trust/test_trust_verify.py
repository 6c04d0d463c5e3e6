"""`verify` says what is wrong with a file, and nothing when nothing is."""

import dataclasses
import itertools
import json
import math
import subprocess
import sys

import pytest
import trimesh
from trust_sets import flip, record, records, set_bytes, shapes, write_meshes
from typer.testing import CliRunner

import necgs_cli
from necgs_cli.bitstream.container import SetSection
from necgs_cli.cli.main import app
from necgs_cli.options import ErrorBound
from necgs_cli.progress import Progress


@pytest.fixture(scope="module")
def models():
    return records()


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    return write_meshes(tmp_path_factory.mktemp("meshes"))


@pytest.fixture
def necgs():
    return lambda *arguments, input=None: CliRunner().invoke(app, [str(a) for a in arguments], input=input)


def problems(found):
    return [(problem.kind, problem.id) for problem in found.problems]


def test_a_sound_set_has_no_problems_whatever_is_compared(models, meshes):
    data = set_bytes(models)
    assert necgs_cli.verify(data).decoded == 3
    found = necgs_cli.verify(data, [meshes])
    assert found.problems == [] and found.exit_code == 0 and found.models == 3 and found.file_bytes == len(data)
    assert [row.name for row in found.compared] == [model.name for model in models]
    for row, model in zip(found.compared, models, strict=True):
        assert row.p2s == pytest.approx(model.p2s, rel=0.05, abs=1e-6)


def test_every_damaged_record_is_named_and_the_others_are_still_checked(models):
    data = set_bytes(models)
    found = necgs_cli.verify(flip(data, data.index(models[1].payload) + 1))
    assert ("damaged", 1) in problems(found) and found.exit_code == 4 and found.decoded == 2
    assert {problem.name for problem in found.problems} == {"parts/ball.stl", ""}  # "": the segment's own checksum


def test_any_flipped_bit_is_found_by_a_quick_check(models):
    data = set_bytes(models[:1])
    for place, bit in itertools.product(range(len(data)), range(8)):
        found = necgs_cli.verify(flip(data, place, bit), quick=True)
        assert found.exit_code == 4 and found.problems, (place, bit)


def test_a_distance_larger_than_recorded_is_told(models, meshes):
    """The record of another shape under the name: intact bytes, and not what was encoded."""
    better = dataclasses.replace(models[1], p2s=models[1].p2s / 1.2)
    found = necgs_cli.verify(set_bytes([models[0], better, models[2]]), [meshes])
    assert problems(found) == [("distorted", 1)] and found.exit_code == 1
    assert "mean distance" in found.problems[0].text
    swapped = dataclasses.replace(models[0], name="cone.obj")
    assert ("distorted", 0) in problems(necgs_cli.verify(set_bytes([swapped]), meshes / "cone.obj"))


def test_the_largest_distance_is_held_against_what_is_asked(models, meshes):
    data, largest = set_bytes(models), max(model.max_error for model in models)
    assert necgs_cli.verify(data, [meshes], ErrorBound(largest)).exit_code == 0
    strict = ErrorBound(largest / 4)
    for originals in ([meshes], None):  # None: the recorded distances
        found = necgs_cli.verify(data, originals, strict, quick=originals is None)
        assert found.exit_code == 1 and all("asked" in problem.text for problem in found.problems)
    ball = next(m for m in models if m.name == "parts/ball.stl")
    in_source_units = ErrorBound(ball.max_error * 0.02 * 1.1, relative=False)
    assert ("distorted", 1) not in problems(necgs_cli.verify(data, [meshes], in_source_units))


def test_a_recorded_distance_that_was_never_measured_is_no_promise(models):
    unmeasured = dataclasses.replace(models[0], p2s=math.nan, max_error=math.nan)
    data = set_bytes([unmeasured])
    assert necgs_cli.verify(data).exit_code == 0
    assert necgs_cli.verify(data, None, ErrorBound(0.01)).exit_code == 3


def test_missing_originals_and_originals_that_the_set_lacks_are_told(models, meshes, tmp_path):
    data = set_bytes(models[:2])
    found = necgs_cli.verify(data, [meshes])
    assert problems(found) == [("missing", None)] and found.problems[0].name == "cone.obj"
    found = necgs_cli.verify(data, [meshes / "box.ply"])
    assert problems(found) == [("missing", 1)] and found.exit_code == 3 and len(found.compared) == 1
    (tmp_path / "box.ply").write_bytes(b"ply\n")
    assert "its original" in necgs_cli.verify(set_bytes(models[:1]), [tmp_path]).problems[0].text
    with pytest.raises(necgs_cli.NecgsError, match="no file or folder"):
        necgs_cli.verify(data, ["nowhere.obj"])


def test_surfaces_beyond_their_box_empty_ones_and_unknown_kinds_are_told(models):
    far = record("far", trimesh.Trimesh([[0, 0, 0], [9, 0, 0], [0, 9, 0]], [[0, 1, 2]]), max_error=0.01)
    payload = bytes([far.payload[0] - 8]) + far.payload[1:]  # a grid 16 times as wide
    empty = dataclasses.replace(record("no", shapes()["box.ply"]), payload=b"\x10")
    newer = dataclasses.replace(models[0], kind=20)
    orphan = dataclasses.replace(models[0], kind=1)
    found = necgs_cli.verify(set_bytes([dataclasses.replace(far, payload=payload), empty, newer, orphan]))
    assert ("distorted", 0) in problems(found) and "beyond the box" in found.problems[0].text
    assert ("missing", 2) in problems(found) and ("damaged", 3) in problems(found)
    assert any(id == 1 for _, id in problems(found)) and found.exit_code == 4


def test_a_decoder_that_is_none_is_damage_of_all_models_that_need_it(models):
    neural = dataclasses.replace(models[0], kind=1)
    found = necgs_cli.verify(set_bytes([neural, models[1]], (SetSection(1, b"no decoder"),)))
    assert problems(found) == [("damaged", 0)]


def test_a_quick_check_imports_no_torch_and_no_scipy(models, tmp_path):
    (tmp_path / "set.ncgs").write_bytes(set_bytes(models))
    code = (
        "import sys, necgs_cli; found = necgs_cli.verify(sys.argv[1], quick=True);"
        "print(found.models, [n for n in ('torch', 'scipy', 'trimesh', 'point_cloud_utils') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "set.ncgs"], capture_output=True, text=True)
    assert done.stdout == "3 []\n", done.stderr


def test_the_work_can_be_stopped(models):
    progress = Progress()
    progress.stop()
    with pytest.raises(necgs_cli.NecgsError) as caught:
        necgs_cli.verify(set_bytes(models), progress=progress)
    assert caught.value.exit_code == 130


def test_the_command_prints_a_row_a_problem_and_one_of_summary(necgs, models, meshes, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(set_bytes(models))
    done = necgs("verify", path, "--originals", meshes / "box.ply", meshes / "cone.obj")
    rows = done.stdout.splitlines()
    assert done.exit_code == 3 and rows[0] == "missing: 1 parts/ball.stl: no original of this name"
    assert "3 decoded, 2 compared" in rows[-1] and "1 problem" in rows[-1] and len(rows) == 2
    assert necgs("verify", path, "-q").stdout == ""
    assert "3 models" in necgs("verify", "-", "--quick", input=path.read_bytes()).stdout
    assert necgs("verify", path, "--quick", "--originals", meshes).exit_code == 2
    assert necgs("verify", path, "--max-error", "1e-9", "-q").exit_code == 1
    assert necgs("verify", tmp_path / "none.ncgs").exit_code == 1
    (tmp_path / "no.ncgs").write_text("hello")
    done = necgs("verify", tmp_path / "no.ncgs")
    assert done.exit_code == 4 and "not a .ncgs file" in done.stdout


def test_json_is_one_object(necgs, models, meshes, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(set_bytes(models))
    found = json.loads(necgs("verify", path, "--originals", meshes, "--json", "-q").stdout)
    assert set(found) == {"path", "ok", "file_bytes", "models", "decoded", "compared", "problems", "seconds"}
    assert found["ok"] and set(found["compared"][0]) == {
        "id", "name", "p2s", "max_error", "recorded_p2s", "recorded_max_error"
    }  # fmt: skip
    path.write_bytes(set_bytes(models)[:-3])
    found = json.loads(necgs("verify", path, "--json", "-q").stdout)
    assert not found["ok"] and set(found["problems"][0]) == {"kind", "id", "name", "text"}
