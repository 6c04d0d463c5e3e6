"""Training that is killed loses a minute at most, and goes on where it was."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import trimesh

import necgs_cli
from necgs_cli.progress import Progress
from necgs_cli.training import loop

SETTINGS = ["--codec", "neural", "-p", "tiny", "--resolution", "32", "--workers", "1"]
OFTEN = """
import sys
from necgs_cli.training import loop
loop.CHECKPOINT_EVERY = 0.5
from necgs_cli.cli.main import app
app(sys.argv[1:])
"""


def wait_for(condition, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_training_resumes_from_its_checkpoint(tmp_path):
    mesh = trimesh.creation.icosphere(2)
    mesh.vertices *= (1, 0.8, 0.6)
    mesh.export(tmp_path / "ball.ply")
    output, kept = tmp_path / "set.ncgs", tmp_path / "set.ncgs.checkpoint"
    command = ["encode", str(tmp_path / "ball.ply"), "-o", str(output), *SETTINGS]
    process = subprocess.Popen(
        [sys.executable, "-c", OFTEN, *command, "--time-budget", "10m"], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(kept.exists)
        first = kept.stat().st_mtime_ns
        wait_for(lambda: kept.exists() and kept.stat().st_mtime_ns > first)  # it is renewed
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not output.exists()
    kept.with_name(kept.name + ".part").write_bytes(b"as if killed while it was written")
    done = subprocess.run(
        [sys.executable, "-m", "necgs_cli", *command, "--time-budget", "2s", "--resume", "-v"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"resumed after (\d+) steps", done.stderr)[1]) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ball.ply", "set.ncgs"]
    assert necgs_cli.verify(output).models == 1


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Slow:
    """An objective, its measurement and its checkpoint; remembers how old the last checkpoint ever was."""

    def __init__(self, clock: Clock, step_seconds: float, measure_seconds: float) -> None:
        self.clock, self.step_seconds, self.measure_seconds = clock, step_seconds, measure_seconds
        self.saved, self.oldest, self.saves = 0.0, 0.0, 0

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.oldest = max(self.oldest, self.clock.now - self.saved)

    def step(self, fraction):
        self._pass(self.step_seconds)
        return {}

    def measure(self):
        self._pass(self.measure_seconds)
        return {}

    def load(self):
        return None

    def save(self, objective, steps, seconds):
        self.saved, self.saves = self.clock.now, self.saves + 1


@pytest.mark.parametrize("step, measure", [(0.01, 0.0), (0.5, 40.0), (7.0, 12.0), (20.0, 1.0), (29.0, 30.0)])
def test_no_checkpoint_is_ever_older_than_a_minute(monkeypatch, step, measure):
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)
    work = Slow(clock, step, measure)
    loop.train(work, loop.Length(max(60, int(900 / step))), Progress(), work, work.measure)
    assert work.oldest <= loop.OLDEST_CHECKPOINT and work.saves >= 12
    assert work.saves < clock.now / 14, "so many checkpoints cost more than they save"
