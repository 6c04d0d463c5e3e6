"""`necgs compare`: table, CSV, JSON, report, exit codes."""

import csv
import io
import json

import pytest
from plain_sets import ball, box, damage_record, record, write_meshes, write_set
from typer.testing import CliRunner

from necgs_cli.cli.compare import COLUMNS, print_comparison
from necgs_cli.cli.main import app


@pytest.fixture
def necgs(tmp_path, monkeypatch):
    """Runs the command in a folder with two meshes, and a set of them."""
    monkeypatch.chdir(tmp_path)
    write_meshes(tmp_path / "meshes", {"a.ply": ball(), "=b,1.ply": box()})
    write_set(tmp_path / "set.ncgs", [record("a.ply", *ball(), grow=1.01), record("=b,1.ply", *box())])
    return lambda *arguments: CliRunner().invoke(app, ["compare", *map(str, arguments)])


FAST = ("--samples", "2000")


def test_the_table_names_both_ratios_and_lists_the_worst_first(necgs):
    result = necgs("meshes", "set.ncgs", *FAST)
    assert result.exit_code == 0
    assert "bytes on disk" in result.stdout and "as raw binary" in result.stdout
    lines = result.stdout.splitlines()
    assert lines[-2].endswith("a.ply") and lines[-1].endswith("=b,1.ply")


def test_json_has_the_documented_keys(necgs):
    found = json.loads(necgs("meshes", "set.ncgs", "--json", *FAST).stdout)
    assert set(found) >= {"set", "file_bytes", "models", "summary", "sections", "peers", "missing", "skipped"}
    assert set(found["models"][0]) == {*COLUMNS, "peers"}
    keys = {"models", "source_bytes", "raw_bytes", "file_bytes", "ratio_disk", "ratio_raw", "p2s", "p99", "max_error"}
    assert set(found["summary"]) == keys | {"normal_consistency", "peers"}
    assert found["set"] == "set.ncgs"


def test_csv_has_a_row_for_each_model(necgs, tmp_path):
    pytest.importorskip("DracoPy")
    result = necgs("meshes", "set.ncgs", "--csv", "-", "--against", "draco", *FAST)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["name"] for row in rows] == ["a.ply", "=b,1.ply"]
    assert list(rows[0]) == [*COLUMNS, "draco_bytes_at_equal_error"]
    assert float(rows[0]["p2s"]) == pytest.approx(0.01, rel=0.1)
    assert float(rows[0]["draco_bytes_at_equal_error"]) > 100
    assert necgs("meshes", "set.ncgs", "--csv", "t.csv", "-q", *FAST).exit_code == 0
    assert [row["id"] for row in csv.DictReader((tmp_path / "t.csv").open())] == ["0", "1"]


def test_files_are_replaced_only_by_force(necgs, tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    for option in ("--csv", "--report"):
        refused = necgs("meshes", "set.ncgs", option, "t.csv", *FAST)
        assert refused.exit_code == 1 and "-f" in refused.stderr
        assert (tmp_path / "t.csv").read_text() == "mine"
    assert necgs("meshes", "set.ncgs", "--csv", "t.csv", "-f", *FAST).exit_code == 0
    assert (tmp_path / "t.csv").read_text().startswith("id,name")


def test_a_report_is_written(necgs, tmp_path):
    result = necgs("meshes", "set.ncgs", "--report", "r.html", *FAST)
    assert result.exit_code == 0 and "r.html" in result.stderr
    assert (tmp_path / "r.html").read_text().lstrip().lower().startswith("<!doctype html>")


def test_what_has_no_partner_gives_exit_code_3(necgs, tmp_path):
    lacking = necgs("meshes/a.ply", "set.ncgs", *FAST)
    assert lacking.exit_code == 3 and "=b,1.ply" in lacking.stderr and "without an original" in lacking.stderr
    write_meshes(tmp_path / "meshes", {"c.ply": ball()})
    more = necgs("meshes", "set.ncgs", *FAST)
    assert more.exit_code == 3 and "c.ply" in more.stderr and "not in the set" in more.stderr


def test_a_damaged_model_gives_exit_code_4_and_the_others_are_measured(necgs, tmp_path):
    damage_record(tmp_path / "set.ncgs", "a.ply")
    result = necgs("meshes", "set.ncgs", *FAST)
    assert result.exit_code == 4 and "a.ply" in result.stderr
    assert result.stdout.splitlines()[-1].endswith("=b,1.ply")


def test_a_missing_tool_gives_exit_code_3_and_one_line(necgs, monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = necgs("meshes", "set.ncgs", "--against", "gpcc", *FAST)
    assert result.exit_code == 3
    assert [line for line in result.stderr.splitlines() if "gpcc" in line][0].startswith("skipped gpcc: tmc3 is not")
    assert "normals" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("meshes",),
        ("meshes", "set.ncgs", "--against", "zip"),
        ("meshes", "set.ncgs", "--samples", "10"),
        ("meshes", "set.ncgs", "--json", "--csv", "-"),
    ],
)
def test_wrong_usage_gives_exit_code_2(necgs, arguments):
    result = necgs(*arguments)
    assert result.exit_code == 2 and result.stdout == ""


def test_missing_files_are_one_line(necgs):
    for arguments in (("nothing/", "set.ncgs"), ("meshes", "nothing.ncgs")):
        result = necgs(*arguments)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1 and "nothing" in result.stderr


def test_figures_that_do_not_exist_are_dashes(capsys):
    reached = {"models": 0, "bytes": 0, "record_bytes": 0, "ratio": None}
    summary = {"models": 1, "source_bytes": 1, "raw_bytes": 1, "file_bytes": 1, "ratio_disk": None, "ratio_raw": None}
    summary |= dict.fromkeys(("p2s", "p99", "max_error", "normal_consistency"))
    summary |= {"peers": {"draco": {"bytes": None, "ratio": None, "reached": reached}}}
    row = dict.fromkeys(COLUMNS) | {"id": 0, "name": "a\x1b[1m", "record_bytes": 9, "source_bytes": 9, "raw_bytes": 9}
    row |= {"peers": {"draco": {"bytes_at_equal_error": None}}}
    print_comparison({"summary": summary, "models": [row], "notes": []})
    out = capsys.readouterr().out
    assert "\x1b" not in out and "None" not in out and "nan" not in out
    assert "reaches the error of none" in out
