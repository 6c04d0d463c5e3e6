import json

import pytest
from fake_library import damaged, model_result, report

from necgs_cli import api
from necgs_cli.options import EncodeOptions
from necgs_cli.outcome import NO_SURFACE


def test_options_reach_the_library(necgs, library):
    result = necgs(
        "encode", "a.obj", "meshes", "-o", "out.ncgs", "-p", "best", "--resolution", "64", "--lambda", "0.5",
        "--time-budget", "1h30m", "--device", "cpu", "--seed", "7", "--workers", "2", "--keep-interior", "--strict",
        "--resume", "-f",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ((_, call),) = library.calls
    assert call.inputs == ["a.obj", "meshes"]
    assert str(call.output) == "out.ncgs"
    assert call.options == EncodeOptions(
        preset="best", resolution=64, rate_weight=0.5, time_budget=5400, device="cpu", seed=7, workers=2,
        keep_interior=True, strict=True, resume=True, overwrite=True,
    )  # fmt: skip


def test_the_defaults_are_the_librarys(necgs, library):
    assert necgs("encode", "a.obj", "-o", "out.ncgs").exit_code == 0
    assert library.calls[0][1].options == EncodeOptions()


def test_the_table_goes_to_stdout_and_all_else_to_stderr(necgs):
    result = necgs("encode", "a.obj", "-o", "out.ncgs")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [" ".join(row[:2]) if row[0] == "bytes" else row[0] for row in rows] == [
        "models", "bytes in", "bytes out", "ratio", "p2s", "time",
    ]  # fmt: skip
    assert rows[0][1] == "2" and rows[1][2] == "2,000" and rows[2][2] == "100" and rows[3][1] == "20.0"
    assert rows[4][1] == "2.00e-03" and "0.100 % of the longest side" in result.stdout
    assert "note" not in result.stdout and "working" not in result.stdout


def test_models_without_a_surface_are_counted_and_left_out_of_the_mean(necgs, library):
    library.report = report([model_result(0, "a.ply"), model_result(1, "b.ply", p2s=NO_SURFACE)])
    row = next(line for line in necgs("encode", "a", "-o", "s.ncgs").stdout.splitlines() if line.startswith("p2s"))
    assert "2.00e-03" in row and "0.100 %" in row and "1 decode to no surface" in row


def test_what_is_dropped_is_said_once_unless_quiet(necgs, library):
    models = [model_result(0, "a.obj", dropped=("uv",)), model_result(1, "b.obj", dropped=("uv", "colours"))]
    library.report = report(models)
    lines = [line for line in necgs("encode", "x", "-o", "o.ncgs").stderr.splitlines() if "not stored" in line]
    assert len(lines) == 1 and "colours (1 of 2), uv (2 of 2)" in lines[0]
    assert necgs("encode", "x", "-o", "p.ncgs", "-q").stderr == ""


def test_verbose_says_sign_losses_and_repairs_of_each_model(necgs, library):
    library.report = report([model_result(0, "a.obj", sign="flood", dropped=("uv",), repairs=("2 faces dropped",))])
    (line,) = [line for line in necgs("encode", "x", "-o", "o.ncgs", "-v").stderr.splitlines() if "a.obj" in line]
    assert "sign by flood" in line and "dropped uv" in line and "2 faces dropped" in line


def test_skipped_inputs_are_named_and_give_exit_code_3(necgs, library):
    library.report = report([model_result(0, "a.obj")], skipped=[("b\x1b.obj", "no faces")])
    result = necgs("encode", "x", "-o", "o.ncgs", "-q")
    assert result.exit_code == 3
    assert result.stderr == "skipped b\\x1b.obj: no faces\n"


def test_json_is_one_object_with_the_documented_keys(necgs, library):
    library.report = report(
        [model_result(0, "ä.obj", max_error=float("nan"))], skipped=[("b.obj", "no faces")], warnings=["hm"]
    )
    result = necgs("encode", "x", "-o", "o.ncgs", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert {"path", "models", "skipped", "source_bytes", "file_bytes", "set_bytes", "seconds", "warnings", "options",
            "p2s", "ratio"} <= set(found)  # fmt: skip
    assert set(found["models"][0]) >= {
        "id", "name", "kind", "source_bytes", "record_bytes", "p2s", "max_error", "seconds", "sign", "dropped",
        "repairs",
    }  # fmt: skip
    assert found["models"][0]["name"] == "ä.obj" and found["models"][0]["max_error"] is None
    assert found["skipped"] == [{"name": "b.obj", "reason": "no faces"}]
    assert found["ratio"] == 20 and found["warnings"] == ["hm"]


def test_the_set_goes_to_stdout_and_the_table_to_stderr(necgs):
    result = necgs("encode", "x", "-o", "-")
    assert result.exit_code == 0
    assert result.stdout_bytes == b"NCGS\x00\xff\n"
    assert "ratio" in result.stderr


def test_existing_files_are_replaced_with_force_only(necgs, library, tmp_path):
    (tmp_path / "o.ncgs").write_bytes(b"old")
    result = necgs("encode", "x", "-o", "o.ncgs")
    assert result.exit_code == 1 and "o.ncgs" in result.stderr and "-f" in result.stderr
    assert not library.calls and (tmp_path / "o.ncgs").read_bytes() == b"old"
    assert necgs("encode", "x", "-o", "o.ncgs", "-f").exit_code == 0
    assert (tmp_path / "o.ncgs").read_bytes() == b"new set"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--lambda", "1", "--quality", "3"],
        ["--quality", "11"],
        ["--resolution", "100"],
        ["--preset", "huge"],
        ["--time-budget", "soon"],
        ["--device", "tpu"],
        ["--workers", "0"],
        ["-q", "-v"],
        ["-o", "-", "--json"],
        ["-o", "."],
        ["-o", "missing/folder/o.ncgs"],
        ["--no-such-option"],
    ],
)
def test_wrong_usage_gives_exit_code_2_before_any_work(necgs, library, wrong):
    result = necgs("encode", "x", "-o", "o.ncgs", *wrong)
    assert result.exit_code == 2, result.output
    assert "Error" in result.stderr and result.stdout == "" and not library.calls


@pytest.mark.parametrize("arguments", [["encode"], ["encode", "x"], ["encode", "-o", "o.ncgs"], [], ["nonsense"]])
def test_missing_arguments_are_wrong_usage(necgs, arguments):
    assert necgs(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (api.NecgsError("no mesh in x"), 1, "error: no mesh in x"),
        (damaged("x.ncgs: bad CRC"), 4, "error: x.ncgs: bad CRC"),
        (OSError(28, "No space left on device", "o.ncgs"), 1, "error: o.ncgs: No space left on device"),
        (MemoryError(), 1, "error: out of memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("oh"), 1, "a defect of this program"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(necgs, library, error, code, text):
    library.error = error
    result = necgs("encode", "x", "-o", "o.ncgs", "-q")
    assert result.exit_code == code
    assert text in result.stderr and len(result.stderr.splitlines()) == 1 and result.stdout == ""


def test_debug_shows_the_traceback(necgs, library):
    library.error = api.NecgsError("no mesh in x")
    result = necgs("encode", "x", "-o", "o.ncgs", "--debug")
    assert "Traceback" in result.stderr and result.stderr.endswith("error: no mesh in x\n")


def test_warnings_and_skipped_inputs_are_said_once(necgs, library):
    library.report = report([model_result(0, "a.obj")], warnings=["slow"], skipped=[("b", "bad")])
    stderr = necgs("encode", "x", "-o", "o.ncgs").stderr
    assert [stderr.count(text) for text in ("warning: slow", "skipped b: bad")] == [1, 1]


def test_help_shows_an_example_and_the_presets(necgs):
    help = necgs("encode", "--help").stdout
    assert "necgs encode meshes/ -o set.ncgs" in help
    assert all(name in help for name in ("tiny", "fast", "balanced", "best", "paper"))


def test_version(necgs):
    assert necgs("--version").stdout.startswith("necgs ")
