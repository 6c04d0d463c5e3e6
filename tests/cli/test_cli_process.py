"""What only a process of its own can show: imports, terminals, pipes, signals."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from necgs_cli.training.loop import checkpoint_path

HEAVY = ("torch", "numpy", "scipy", "trimesh", "skimage", "constriction", "rich")


def test_the_command_line_imports_nothing_heavy():
    code = f"import sys, necgs_cli.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def read_all(descriptor, process):
    """What a process writes to a pseudo terminal."""
    text = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            part = b""
        if not part:
            process.wait(timeout=20)
            return text.decode()
        text += part


def in_terminal(start, *arguments, env=None, stream="stdout"):
    """Runs the command with one stream on a terminal: (process, what the terminal showed)."""
    ours, theirs = pty.openpty()
    process = start(*arguments, env=env, **{stream: theirs})
    os.close(theirs)
    text = read_all(ours, process)
    os.close(ours)
    return process, text


def test_binary_is_never_written_to_a_terminal(start):
    for arguments in (["decode", "set.ncgs", "--id", "0", "-o", "-"], ["encode", "x", "-o", "-"]):
        process, shown = in_terminal(start, *arguments)
        assert process.returncode == 2 and shown == ""
        assert b"terminal" in process.stderr.read()


def test_a_closed_pipe_ends_the_command_quietly(start):
    process = start("inspect", "set.ncgs", env={"FAKE_COPIES": "5000"})
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=20) == 1


def test_output_survives_a_terminal_without_utf8(start):
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    process = start("inspect", "set.ncgs", env=environment)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0 and error == b""
    assert out.isascii() and b"----" in out


def test_a_pipe_gets_plain_lines(start):
    process = start("encode", "x", "-o", "o.ncgs", env={"FAKE_STEPS": "2"})
    _, error = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"working (2)" in error and b"\x1b" not in error and b"\r" not in error


def test_a_terminal_gets_a_live_display_that_is_gone_at_the_end(start):
    environment = {"FAKE_STEPS": "12", "TERM": "xterm", "COLUMNS": "40"}
    process, shown = in_terminal(start, "encode", "x", "-o", "o.ncgs", env=environment, stream="stderr")
    assert process.returncode == 0
    assert "working" in shown and "loss" in shown and "\x1b[2K" in shown
    assert "note: shapes are kept" in shown


def test_no_color_is_respected(start):
    environment = {"FAKE_STEPS": "12", "TERM": "xterm-256color", "NO_COLOR": "1"}
    _, shown = in_terminal(start, "encode", "x", "-o", "o.ncgs", env=environment, stream="stderr")
    assert "working" in shown and "\x1b[3" not in shown and ";3" not in shown


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(start):
    process = start("encode", "x", "-o", "o.ncgs", env={"FAKE_STEPS": "1000"})
    assert b"working" in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    error = process.stderr.read().decode()
    assert process.wait(timeout=20) == 130
    assert "interrupted: stopped at step" in error
    assert f"{checkpoint_path(Path('o.ncgs'))} is kept: the same command with --resume goes on" in error
    assert "Traceback" not in error
