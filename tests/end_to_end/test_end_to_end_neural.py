"""The main job through the commands and the Python API: real files in, one file out, any model back."""

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

import necgs_cli
from necgs_cli.metrics.surface import Reference
from necgs_cli.options import PRESETS, EncodeOptions

NECGS = [sys.executable, "-m", "necgs_cli"]


def train_for(steps: int, **asked) -> EncodeOptions:
    """Options of a training of so many steps, whatever the machine's speed."""
    name = f"steps {steps}"
    PRESETS[name] = dataclasses.replace(PRESETS["fast"], epochs=1, least_steps=steps)
    return EncodeOptions(codec="neural", preset=name, resolution=32, **asked)


@pytest.fixture(autouse=True, scope="module")
def presets_as_they_were():
    before = dict(PRESETS)
    yield
    PRESETS.clear()
    PRESETS.update(before)


def run(*arguments, stdin=None, expect=0):
    done = subprocess.run([*NECGS, *map(str, arguments)], input=stdin, capture_output=True)
    assert done.returncode == expect, done.stderr.decode()
    return done


def blob(scale, shift=0.0):
    mesh = trimesh.creation.icosphere(3)
    mesh.vertices *= np.asarray(scale)
    mesh.vertices += shift
    return mesh


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meshes")
    (folder / "sub").mkdir()
    blob((10, 8, 8), 1000).export(folder / "b10.ply")
    blob((1, 1, 0.6)).export(folder / "b2.obj")
    blob((0.02, 0.02, 0.02)).export(folder / "sub" / "ball.stl")
    (folder / "SOURCES.md").write_text("not a mesh")
    return folder


@pytest.fixture(scope="module")
def encoded(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("sets") / "set.ncgs"
    report = necgs_cli.encode([folder], path, train_for(260, seed=1))
    return path, report


def error(path: Path, decoded) -> float:
    mesh = trimesh.load(path, process=False)
    return Reference(mesh.vertices, mesh.faces, 5000).measure(decoded.vertices, decoded.faces).p2s


def test_every_model_comes_back_in_its_own_place(folder, encoded):
    path, report = encoded
    assert [m.name for m in report.models] == ["b2.obj", "b10.ply", "sub/ball.stl"]
    assert report.file_bytes == path.stat().st_size and not report.skipped
    with necgs_cli.open(path) as models:
        assert len(models) == 3 and models.names == [m.name for m in report.models]
        for result in report.models:
            found = error(folder / result.name, models[result.name])
            assert found < 0.1 and found == pytest.approx(result.p2s, rel=0.2, abs=2e-3)


def test_inspect_adds_up_to_the_file(encoded):
    path, _ = encoded
    found = json.loads(run("inspect", path, "--json").stdout)
    assert sum(s["bytes"] for s in found["sections"]) == path.stat().st_size == found["file_bytes"]
    assert found["decoder"]["resolution"] == 32 and len(found["models"]) == 3


def test_models_pass_through_pipes(encoded):
    path, _ = encoded
    piped = run("decode", "-", "--id", 1, "-o", "-", "--format", "stl", stdin=path.read_bytes()).stdout
    mesh = trimesh.load(io.BytesIO(piped), file_type="stl")
    assert mesh.bounds.mean(0) == pytest.approx([1000] * 3, abs=1) and len(mesh.faces) > 100


def test_all_models_are_written_under_their_names(encoded, tmp_path):
    run("decode", encoded[0], "--all", "-o", tmp_path / "out", "--format", "ply")
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.ply"))
    assert files == ["b10.ply", "b2.ply", "sub/ball.ply"]


def test_append_keeps_every_byte_and_gives_the_new_model_back(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0].read_bytes())
    before = path.read_bytes()
    blob((1, 0.9, 0.8), 7).export(tmp_path / "new.ply")
    done = run("append", path, tmp_path / "new.ply", "--json", "--time-budget", "8s")
    assert path.read_bytes()[: len(before)] == before
    assert json.loads(done.stdout)["models"][0]["id"] == 3
    with necgs_cli.open(path) as models:
        assert np.isfinite(error(tmp_path / "new.ply", models[3]))


def test_arrays_and_trimesh_objects_are_taken(tmp_path):
    mesh = blob((1, 1, 1), 3)
    report = necgs_cli.encode([mesh, (mesh.vertices, mesh.faces)], io.BytesIO(), train_for(5))
    assert [m.name for m in report.models] == ["model_0", "model_1"] and report.path == "-"


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores(folder):
    files = []
    for workers in (1, 2):
        file = io.BytesIO()
        necgs_cli.encode([folder / "b2.obj"], file, train_for(8, seed=5, workers=workers))
        files.append(file.getvalue())
    assert files[0] == files[1]


def test_the_paper_preset_encodes_and_decodes(folder, tmp_path):
    path = tmp_path / "paper.ncgs"
    run(
        "encode",
        folder / "b2.obj",
        "-o",
        path,
        "--codec",
        "neural",
        "-p",
        "paper",
        "--resolution",
        "32",
        "--time-budget",
        "20s",
    )
    run("decode", path, "--id", "0", "-o", tmp_path / "b.ply")
    assert len(trimesh.load(tmp_path / "b.ply").faces) > 50


def test_an_unreadable_input_is_skipped_and_the_rest_encoded(folder, tmp_path):
    (tmp_path / "bad.ply").write_bytes(b"")
    path = tmp_path / "some.ncgs"
    arguments = (
        "encode",
        tmp_path / "bad.ply",
        folder / "b2.obj",
        "-o",
        path,
        "--codec",
        "neural",
        "-p",
        "tiny",
        "--resolution",
        "32",
        "--time-budget",
        "3s",
    )
    assert b"skipped bad.ply" in run(*arguments, expect=3).stderr
    assert b"bad.ply" in run(*arguments, "-f", "--strict", expect=1).stderr


def test_ctrl_c_leaves_a_checkpoint_that_resume_uses(folder, tmp_path):
    import signal
    import time

    path = tmp_path / "long.ncgs"
    arguments = [
        "encode",
        str(folder / "b2.obj"),
        "-o",
        str(path),
        "--codec",
        "neural",
        "-p",
        "tiny",
        "--resolution",
        "32",
    ]
    process = subprocess.Popen([*NECGS, *arguments, "--time-budget", "10m"], stderr=subprocess.PIPE)
    for line in process.stderr:
        if line.startswith(b"training"):
            break
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not path.exists() and path.with_name("long.ncgs.checkpoint").exists()
    run(*arguments, "--time-budget", "2s", "--resume")
    assert path.exists() and not path.with_name("long.ncgs.checkpoint").exists()
