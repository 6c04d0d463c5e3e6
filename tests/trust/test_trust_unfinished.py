"""An encode of mesh records that is killed or interrupted goes on where it was, and ends with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import necgs_cli
from necgs_cli import NecgsError, pose_tasks
from necgs_cli.journal import MARK, UnfinishedWork
from necgs_cli.mesh_codec import MeshTask
from necgs_cli.meshes.read import read_mesh
from necgs_cli.options import EncodeOptions, ErrorBound
from necgs_cli.progress import Progress

EXAMPLES = Path(__file__).parents[2] / "examples" / "meshes"
MESHES = [EXAMPLES / name for name in ("cow.off", "lever.glb", "fire_hydrant.ply", "armchair.obj", "key.glb")]
ERROR = ErrorBound(0.01)
NECGS = [sys.executable, "-m", "necgs_cli"]

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def options(**changes):
    return EncodeOptions(**{"error": ERROR, "workers": 1} | changes)


def command(output, *more):
    return [*NECGS, "encode", *map(str, MESHES), "-o", str(output), "--error", "1%", "--workers", "2", *more]


def checkpoint_of(output):
    return output.with_name(output.name + ".checkpoint")


def kept(output) -> int:
    """Models whose results are kept."""
    path = checkpoint_of(output)
    return path.read_bytes().count(MARK) if path.exists() else 0


class StopsAfter(Progress):
    """Asks the work to stop after so many models."""

    def __init__(self, models):
        super().__init__()
        self.models = models

    def update(self, done=None, **figures):
        if done is not None and done >= self.models:
            self.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of an uninterrupted run."""
    path = tmp_path_factory.mktemp("whole") / "set.ncgs"
    necgs_cli.encode(MESHES, path, options(workers=2))
    assert list(path.parent.iterdir()) == [path], "the checkpoint is removed once the set is written"
    return path.read_bytes()


def started(output, least, *more):
    """A running encode that keeps the results of so many models by now."""
    process = subprocess.Popen(command(output, *more), stderr=subprocess.PIPE, text=True)
    while kept(output) < least:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process


@posix
def test_an_encode_killed_again_and_again_ends_with_the_same_bytes(tmp_path, whole):
    output, again = tmp_path / "set.ncgs", []
    for least in (1, 3):
        with started(output, least, *again) as process:
            workers = psutil.Process(process.pid).children(recursive=True)
            process.kill()
        assert not output.exists() and kept(output) >= least
        assert psutil.wait_procs(workers, timeout=30)[1] == [], "workers outlive the process that started them"
        again = ["--resume"]
    subprocess.run(command(output, "--resume", "-q"), check=True, stdout=subprocess.DEVNULL)
    assert output.read_bytes() == whole and list(tmp_path.iterdir()) == [output]


@posix
def test_ctrl_c_keeps_what_was_found_and_says_how_to_go_on(tmp_path):
    output = tmp_path / "set.ncgs"
    with started(output, 1) as process:
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130 and not output.exists() and kept(output)
    assert said.endswith(f"{checkpoint_of(output)} is kept: the same command with --resume goes on\n")


def test_what_was_found_is_not_searched_again(tmp_path, whole, monkeypatch):
    output, searched = tmp_path / "set.ncgs", []
    with pytest.raises(NecgsError, match="stopped"):
        necgs_cli.encode(MESHES, output, options(), StopsAfter(3))
    run = MeshTask.run
    monkeypatch.setattr(MeshTask, "run", lambda task, *model: searched.append(1) or run(task, *model))
    necgs_cli.encode(MESHES, output, options(resume=True))
    assert len(searched) == len(MESHES) - 3 and output.read_bytes() == whole


def test_fits_of_poses_are_kept_too(tmp_path, monkeypatch):
    cow = read_mesh(EXAMPLES / "cow.off").mesh
    frames = [(cow.vertices * (1, 1 + bend, 1), cow.faces) for bend in (0, 0.1, 0.2)]
    whole, output, fitted = tmp_path / "whole.ncgs", tmp_path / "set.ncgs", []
    necgs_cli.encode(frames, whole, options())

    class StopsInPoses(StopsAfter):
        def phase(self, name, total=None):
            self.models = 1 if name == "fitting like shapes" else 99

    with pytest.raises(NecgsError, match="stopped"):
        necgs_cli.encode(frames, output, options(), StopsInPoses(99))
    run = pose_tasks.PoseTask.run
    monkeypatch.setattr(pose_tasks.PoseTask, "run", lambda task: fitted.append(1) or run(task))
    monkeypatch.setattr(MeshTask, "run", None)
    report = necgs_cli.encode(frames, output, options(resume=True))
    assert len(fitted) == 1 and "told from others" in report.decision and output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("change", [{"error": ErrorBound(0.02)}, {"seed": 1}, {"policy": "set"}])
def test_a_checkpoint_of_other_options_is_refused_and_left_alone(tmp_path, change):
    output = tmp_path / "set.ncgs"
    with pytest.raises(NecgsError, match="stopped"):
        necgs_cli.encode(MESHES, output, options(), StopsAfter(1))
    before = checkpoint_of(output).read_bytes()
    with pytest.raises(NecgsError, match="checkpoint: made from other inputs or options; run without --resume"):
        necgs_cli.encode(MESHES, output, options(resume=True, **change))
    assert checkpoint_of(output).read_bytes() == before and not output.exists()


def test_the_checkpoint_of_a_training_is_refused_and_the_other_way_round(tmp_path):
    output = tmp_path / "set.ncgs"
    with pytest.raises(NecgsError, match="no checkpoint to resume"):
        necgs_cli.encode(MESHES, output, options(resume=True))
    checkpoint_of(output).write_bytes(b"PK\x03\x04 as torch writes it")
    with pytest.raises(NecgsError, match="other inputs or options"):
        necgs_cli.encode(MESHES, output, options(resume=True))
    UnfinishedWork(checkpoint_of(output), False).begin({})
    neural = EncodeOptions(codec="neural", preset="tiny", resolution=32, resume=True, workers=1)
    with pytest.raises(NecgsError, match="not a readable checkpoint"):
        necgs_cli.encode(MESHES[4:], output, neural)


def test_nothing_is_left_where_nothing_was_found(tmp_path):
    (tmp_path / "bad.ply").write_bytes(b"no mesh")
    with pytest.raises(NecgsError, match="none of the inputs"):
        necgs_cli.encode(tmp_path / "bad.ply", tmp_path / "set.ncgs", options())
    assert [path.name for path in tmp_path.iterdir()] == ["bad.ply"]


@posix
def test_a_disk_that_is_full_for_the_checkpoint_is_one_clear_line(tmp_path):
    limit = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300));"
    code = limit + "sys.argv = ['necgs', *sys.argv[1:]]; runpy.run_module('necgs_cli', run_name='__main__')"
    output = tmp_path / "set.ncgs"
    done = subprocess.run([sys.executable, "-c", code, *command(output, "-q")[3:]], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == f"error: {checkpoint_of(output)}: File too large\n"


ENTRIES = {b"a": b"one", b"b": b"", b"c": b"three" * 20}


def journal(path, resume):
    return UnfinishedWork(path, resume).begin({"error": 1})


def recalled(path) -> dict:
    """What is still kept; what is not would be worked out anew."""
    found = {}
    for about in ENTRIES:
        value = journal(path, True).recall([about], lambda: b"anew")
        if value != b"anew":
            found[about] = value
    return found


def test_a_checkpoint_that_is_cut_anywhere_gives_what_is_whole(tmp_path):
    path = tmp_path / "kept"
    for about, value in ENTRIES.items():
        journal(path, about != b"a").recall([about], lambda value=value: value)
    data, start = path.read_bytes(), len(journal(path, True).header)
    counts = []
    for end in range(start, len(data) + 1):
        cut = tmp_path / f"cut at {end}"
        cut.write_bytes(data[:end])
        found = recalled(cut)
        assert found == dict(list(ENTRIES.items())[: len(found)])
        for about in ENTRIES:  # what was worked out since lies behind the torn entry
            assert journal(cut, True).recall([about], lambda: b"lost") == found.get(about, b"anew")
        counts.append(len(found))
    assert counts == sorted(counts) and set(counts) == {0, 1, 2, 3}


def test_a_damaged_entry_of_a_checkpoint_costs_only_itself(tmp_path):
    path, draw = tmp_path / "kept", random.Random(1)
    for about, value in ENTRIES.items():
        journal(path, about != b"a").recall([about], lambda value=value: value)
    data, start = path.read_bytes(), len(journal(path, True).header)
    for place in range(start, len(data)):
        damaged = tmp_path / f"damaged at {place}"
        damaged.write_bytes(data[:place] + bytes([data[place] ^ draw.randint(1, 255)]) + data[place + 1 :])
        found = recalled(damaged)
        assert found.items() <= ENTRIES.items() and len(found) == len(ENTRIES) - 1
