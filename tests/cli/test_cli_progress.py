import io

import pytest

from necgs_cli.progress import NORMAL, QUIET, VERBOSE, PlainProgress, Progress, format_seconds, printable


def shown(verbosity, interval=0.0):
    stream = io.StringIO()
    with PlainProgress(stream, verbosity, interval) as progress:
        progress.phase("training", total=100)
        progress.update(7, loss=0.25, bytes_per_model=2500, p2s=1.8e-3, seconds_left=65)
        progress.update(8, loss=None)
        progress.note("a note")
        progress.warn("a warning")
        progress.skip("bad.obj", "no faces")
    return stream.getvalue().splitlines()


def test_plain_lines_show_phase_and_figures():
    lines = shown(NORMAL)
    assert lines[0] == "training (100)"
    assert lines[1] == "training  7/100  loss 0.25  B/model 2,500  p2s 0.0018  left 1 min 05 s"
    assert lines[2] == "training  8/100  B/model 2,500  p2s 0.0018  left 1 min 05 s"
    assert lines[3:] == ["warning: a warning", "skipped bad.obj: no faces"]


def test_verbose_shows_notes_and_quiet_only_skipped_inputs():
    assert "a note" in shown(VERBOSE)
    assert shown(QUIET) == ["skipped bad.obj: no faces"]


def test_figures_are_shown_now_and_then_only():
    assert not [line for line in shown(NORMAL, interval=1000) if line.startswith("training  ")]


def test_the_silent_progress_can_be_stopped_and_remembers():
    with Progress() as progress:
        progress.phase("x")
        progress.update(1, loss=2.0)
        progress.warn("w")
        progress.skip("n", "r")
        assert not progress.stopped()
        progress.stop()
    assert progress.stopped() and progress.warnings == ["w"] and progress.skips == [("n", "r")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40 s"), (12.34, "12.3 s"), (59.97, "1 min 00 s"), (245, "4 min 05 s"), (4020, "1 h 07 min")],
)
def test_durations_read_well(seconds, text):
    assert format_seconds(seconds) == text


def test_text_for_a_terminal_holds_no_control_characters():
    assert printable("a\nb\x1b[31m\udc80椅") == "a\\nb\\x1b[31m\\udc80椅"
