import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_library import FakeLibrary
from typer.testing import CliRunner

from necgs_cli.cli.main import app

PROGRAM = [sys.executable, str(Path(__file__).with_name("fake_library.py"))]


@pytest.fixture
def library(monkeypatch, tmp_path):
    """The fake library in place of the real one; the test runs in its own empty folder."""
    monkeypatch.chdir(tmp_path)
    return FakeLibrary().install(monkeypatch.setattr)


@pytest.fixture
def necgs(library):
    """Runs the command in this process: necgs("encode", "x.obj", ...) -> result with exit_code, stdout, stderr."""
    return lambda *arguments, input=None: CliRunner().invoke(app, [str(a) for a in arguments], input=input)


@pytest.fixture
def start(tmp_path):
    """Starts the command with the fake library as a process of its own, in an empty folder."""

    def run(*arguments, env=None, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
        return subprocess.Popen([*PROGRAM, *map(str, arguments)], cwd=tmp_path, env=environment, **streams)

    return run
