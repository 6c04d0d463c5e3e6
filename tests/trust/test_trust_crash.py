"""Whatever moment the work dies at, the models that were there are there, and the work can be done again."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from dying_disk import Disk, dies, full, killed, power_lost
from trust_sets import record, set_bytes, shapes, write_meshes

from necgs_cli.bitstream.container import Container, append_records, write_container

NECGS = [sys.executable, "-m", "necgs_cli"]
BOX = record("box", shapes()["box.ply"])
BALL = record("ball", shapes()["parts/ball.stl"])
OLD = [BOX]
NEW = [BALL]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes and signals of POSIX")


def write(path):
    return lambda: write_container(path, [], NEW)


def append(path):
    return lambda: append_records(path, [BALL])


def names(path) -> list[str]:
    """Of the models of a file, every byte of which is sound up to its end or to an unfinished segment."""
    with Container.open(path) as container:
        for id in range(len(container)):
            container.payload(id)
        return container.names


def visible(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("fail", [killed, power_lost])
def test_a_new_file_is_whole_or_not_there_at_whatever_step_the_writer_dies(tmp_path, fail):
    path, steps = tmp_path / "set.ncgs", 0
    while dies(steps, fail, write(path)):
        if path.exists():  # renamed, and died before it could say so
            assert path.read_bytes() == set_bytes(NEW)
            path.unlink()
        assert visible(tmp_path) == []
        steps += 1
    assert steps > len(set_bytes(NEW)) and path.read_bytes() == set_bytes(NEW)


@pytest.mark.parametrize("fail", [killed, power_lost])
def test_a_replaced_file_is_the_old_or_the_new_one_at_whatever_step_the_writer_dies(tmp_path, fail):
    path, steps = tmp_path / "set.ncgs", 0
    old, new, seen = set_bytes(OLD), set_bytes(NEW), set()
    path.write_bytes(old)
    while dies(steps, fail, write(path)):
        seen.add(path.read_bytes())
        path.write_bytes(old)
        assert visible(tmp_path) == ["set.ncgs"]
        steps += 1
    assert seen == {old, new} and path.read_bytes() == new


@pytest.mark.parametrize("fail", [killed, power_lost])
def test_an_append_counts_whole_or_not_at_whatever_step_the_writer_dies(tmp_path, fail):
    path, steps = tmp_path / "set.ncgs", 0
    old, seen = set_bytes(OLD), set()
    path.write_bytes(old)
    while dies(steps, fail, append(path)):
        assert path.read_bytes().startswith(old)
        seen.add(tuple(names(path)))
        if len(names(path)) == len(OLD):
            append(path)()
            with Container.open(path) as container:
                assert container.check() == [] and container.names == ["box", "ball"]
        path.write_bytes(old)
        steps += 1
    assert seen == {("box",), ("box", "ball")} if fail is killed else {("box",)}
    assert steps > 50


def test_a_full_disk_at_any_byte_leaves_everything_as_it_was(tmp_path, monkeypatch):
    path, data = tmp_path / "set.ncgs", set_bytes(OLD)
    for work, before in ((write, None), (write, data), (append, data)):
        steps = 0
        while True:
            if before is not None:
                path.write_bytes(before)
            else:
                path.unlink(missing_ok=True)
            with monkeypatch.context() as patch:
                Disk(steps, full_while_writing).install(lambda *a: patch.setattr(*a, raising=False))
                try:
                    work(path)()
                except OSError as error:
                    assert error.strerror == "No space left on device"
                else:
                    break
            assert list(tmp_path.iterdir()) == ([] if before is None else [path])
            assert before is None or path.read_bytes() == before
            steps += 1
        assert steps > 50


def full_while_writing(disk: Disk) -> None:
    """Full at one step; what is done to clean up works again, as it does on a real disk."""
    disk.left = 1 << 30
    full(disk)


def test_a_file_size_limit_of_the_system_is_one_clear_line(tmp_path):
    meshes = write_meshes(tmp_path / "meshes")
    limit = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40));"
    code = limit + "sys.argv = ['necgs', *sys.argv[1:]]; runpy.run_module('necgs_cli', run_name='__main__')"
    command = [sys.executable, "-c", code, "encode", str(meshes / "box.ply"), "-o", str(tmp_path / "o.ncgs"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert visible(tmp_path) == ["meshes"] and len(list(tmp_path.iterdir())) == 1


LOOP = """
import sys
from trust_sets import record, shapes
from necgs_cli.bitstream.container import append_records, write_container
models = [record(name, mesh) for name, mesh in shapes().items()]
path = sys.argv[1]
while True:
    write_container(path, [], models)
    print("round", flush=True)
    for model in models * 5:
        append_records(path, [model])
"""


def environment() -> dict:
    """Of the processes started here: they find `trust_sets`."""
    here = os.path.dirname(__file__)
    return {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}


def test_a_killed_writer_never_leaves_an_unreadable_file(tmp_path):
    """Real processes, real SIGKILL, at random moments of writing and appending."""
    path, draw = tmp_path / "set.ncgs", random.Random(7)
    counts = set()
    for _ in range(7):
        with subprocess.Popen([sys.executable, "-c", LOOP, str(path)], stdout=subprocess.PIPE, env=environment()) as it:
            assert it.stdout.readline() == b"round\n"
            time.sleep(draw.uniform(0, 0.06))
            it.kill()
        found = names(path)
        assert found[:3] == list(shapes()) and 3 <= len(found) <= 18
        counts.add(len(found))
    assert len(counts) > 1, "all kills hit the same moment"
    append_records(path, [BALL])
    with Container.open(path) as container:
        assert container.check() == []


def kill_when(command: list[str], says: bytes, after: float) -> None:
    """Kills a command some time after it said something on stderr."""
    with subprocess.Popen([*NECGS, *command], stderr=subprocess.PIPE, env=environment()) as process:
        for line in process.stderr:
            if says in line:
                break
        time.sleep(after)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"


def test_a_killed_encode_leaves_no_file_and_a_killed_append_the_old_one(tmp_path):
    draw = random.Random(3)
    meshes, path = write_meshes(tmp_path / "meshes"), tmp_path / "set.ncgs"
    kill_when(["encode", str(meshes), "-o", str(path), "--workers", "1"], b"fitting", draw.uniform(0, 0.3))
    assert set(visible(tmp_path)) <= {"meshes", "set.ncgs.checkpoint"}
    path.write_bytes(set_bytes(OLD))
    kill_when(["append", str(path), str(meshes), "--workers", "1"], b"fitting", draw.uniform(0, 0.3))
    assert path.read_bytes() == set_bytes(OLD)
    done = subprocess.run([*NECGS, "append", str(path), str(meshes / "box.ply"), "-q"], env=environment())
    assert done.returncode == 0 and names(path) == ["box", "box.ply"]


def test_a_reader_that_goes_away_ends_an_encode_without_noise(tmp_path):
    meshes = write_meshes(tmp_path / "meshes")
    command = [*NECGS, "encode", str(meshes / "box.ply"), "-o", "-", "-q"]
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, env=environment())
    os.close(written)
    assert done.returncode == 1 and done.stderr == b""
    with open("/dev/full", "wb") as device:
        done = subprocess.run(command, stdout=device, stderr=subprocess.PIPE, env=environment())
    assert done.returncode == 1 and b"No space left" in done.stderr and b"Traceback" not in done.stderr


TEN_APPENDS = """
import sys, time
from trust_sets import record, shapes
from necgs_cli.bitstream.container import FileBusy, append_records
model = record(sys.argv[2], shapes()["box.ply"])
refused = 0
for _ in range(10):
    while True:
        try:
            append_records(sys.argv[1], [model])
            break
        except FileBusy:
            refused += 1
            time.sleep(0.001)
print(refused)
"""


def test_appends_at_once_lose_nothing(tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(set_bytes(OLD))
    commands = [[sys.executable, "-c", TEN_APPENDS, str(path), name] for name in "ab"]
    writers = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) for command in commands]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    with Container.open(path) as container:
        assert container.check() == [] and sorted(container.names) == ["a"] * 10 + ["b"] * 10 + ["box"]
