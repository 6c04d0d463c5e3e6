"""A comparison gives the figures that are known on paper, worst first, and says what it could not measure."""

import io
import json
import os

import numpy as np
import pytest
from plain_sets import ball, box, damage_record, record, write_meshes, write_set

import necgs_cli
from necgs_cli import NecgsError
from necgs_cli.comparison import summarise
from necgs_cli.progress import Progress

SAMPLES = 4_000


@pytest.fixture
def meshes(tmp_path):
    """Four originals; the set of `whole` holds each of them, grown by 0, 1, 2 and 4 %."""
    return write_meshes(
        tmp_path / "meshes", {"a.ply": ball(), "b.ply": ball(30.0), "sub/c.ply": ball(), "d.ply": box()}
    )


@pytest.fixture
def whole(tmp_path):
    return write_set(
        tmp_path / "set.ncgs",
        [
            record("a.ply", *ball(), grow=1.01),
            record("b.ply", *ball(30.0), grow=1.04),
            record("d.ply", *box()),
            record("sub/c.ply", *ball(), grow=1.02),
        ],
    )


def test_the_figures_are_those_known_on_paper_worst_first(meshes, whole):
    found = necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=1)
    rows = found["models"]
    assert [row["name"] for row in rows] == ["b.ply", "sub/c.ply", "a.ply", "d.ply"]
    assert [row["id"] for row in rows] == [1, 3, 0, 2]
    # a facetted ball: its faces lie a few percent within the radius
    for row, grown in zip(rows[:3], (0.04, 0.02, 0.01), strict=True):
        assert row["p2s"] == pytest.approx(grown, rel=0.05)
    worst = rows[0]
    assert worst["longest_side"] == pytest.approx(60)
    assert worst["mean_error"] == pytest.approx(worst["p2s"] * 30)
    assert worst["p2s"] < worst["p99"] <= worst["max_error"] < 0.05
    assert rows[3]["p2s"] < 1e-3 and rows[3]["normal_consistency"] > 0.999
    assert worst["recorded_p2s"] == pytest.approx(1e-3, rel=0.05)


def test_bytes_and_ratios_are_against_the_files_and_against_raw_binary(meshes, whole):
    found = necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=1)
    on_disk = {path.relative_to(meshes).as_posix(): path.stat().st_size for path in meshes.rglob("*.ply")}
    for row in found["models"]:
        vertices, faces = box() if row["name"] == "d.ply" else ball()
        assert row["raw_bytes"] == 12 * len(vertices) + 12 * len(faces)
        assert row["source_bytes"] == on_disk[row["name"]]
    summary = found["summary"]
    size = os.path.getsize(whole)
    assert summary["file_bytes"] == found["file_bytes"] == size == sum(part["bytes"] for part in found["sections"])
    assert summary["ratio_disk"] == pytest.approx(sum(on_disk.values()) / size)
    assert summary["ratio_raw"] == pytest.approx(sum(row["raw_bytes"] for row in found["models"]) / size)
    assert summary["p2s"] == pytest.approx(np.mean([row["p2s"] for row in found["models"]]))
    assert summary["max_error"] == max(row["max_error"] for row in found["models"])


def test_the_paper_s_metrics_come_with_their_floor(meshes, whole):
    rows = {row["name"]: row for row in necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=1)["models"]}
    assert rows["d.ply"]["cd"] == pytest.approx(rows["d.ply"]["cd_floor"], rel=0.05)
    assert rows["b.ply"]["cd"] > 1.2 * rows["b.ply"]["cd_floor"]
    assert rows["b.ply"]["f1_01"] < rows["b.ply"]["f1_01_floor"] <= 1


def test_what_has_no_partner_is_named_and_ratios_are_left_out(meshes, whole):
    progress = Progress()
    found = necgs_cli.compare(
        [meshes / "a.ply", meshes / "b.ply", ball()], whole, samples=SAMPLES, workers=1, progress=progress
    )
    assert found["missing"] == ["model_0"]
    assert sorted(lost["name"] for lost in found["skipped"]) == ["d.ply", "sub/c.ply"]
    assert found["summary"]["ratio_disk"] is None and found["summary"]["ratio_raw"] is None
    said = " ".join(" ".join(skip) for skip in progress.skips)
    assert all(name in said for name in ("model_0", "d.ply", "sub/c.ply"))


def test_a_damaged_model_and_a_bad_original_are_skipped_with_the_reason(meshes, whole):
    damage_record(whole, "a.ply")
    (meshes / "d.ply").write_text("no mesh")
    found = necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=1)
    lost = {skip["name"]: skip for skip in found["skipped"]}
    assert set(lost) == {"a.ply", "d.ply"}
    assert lost["a.ply"]["damaged"] and "checksum" in lost["a.ply"]["reason"]
    assert not lost["d.ply"]["damaged"] and "original" in lost["d.ply"]["reason"]
    assert [row["name"] for row in found["models"]] == ["b.ply", "sub/c.ply"]


def test_nothing_to_measure_is_an_error(meshes, whole, tmp_path):
    with pytest.raises(NecgsError, match="no model of the set"):
        necgs_cli.compare([ball()], whole, samples=SAMPLES)
    for name in ("a.ply", "b.ply", "d.ply", "sub/c.ply"):
        damage_record(whole, name)
    with pytest.raises(NecgsError) as caught:
        necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=1)
    assert caught.value.exit_code == 4


def test_streams_and_bytes_give_the_same_as_a_file(meshes, whole):
    data = whole.read_bytes()
    want, *others = (
        necgs_cli.compare([meshes / "d.ply"], source, samples=SAMPLES) for source in (whole, data, io.BytesIO(data))
    )
    for other in others:
        assert other["models"] == want["models"] and other["set"] == "-"


def test_worker_processes_give_the_same_figures(meshes, whole):
    alone, shared = (necgs_cli.compare([meshes], whole, samples=SAMPLES, workers=n)["models"] for n in (1, 2))
    assert alone == shared


def test_a_stop_ends_the_comparison(meshes, whole):
    progress = Progress()
    progress.stop()
    with pytest.raises(NecgsError) as caught:
        necgs_cli.compare([meshes], whole, samples=SAMPLES, progress=progress)
    assert caught.value.exit_code == 130


def test_what_is_infinite_becomes_null_and_the_object_is_strict_json(tmp_path):
    line = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    nothing = record("model_0", line, np.array([[0, 1, 2]]))
    found = necgs_cli.compare([ball()], write_set(tmp_path / "s.ncgs", [nothing]), samples=SAMPLES)
    assert found["models"][0]["p2s"] is None and found["summary"]["p2s"] is None
    assert found["models"][0]["normal_consistency"] == 0
    json.dumps(found, allow_nan=False)


def test_one_model_without_a_figure_leaves_the_set_without():
    row = {"source_bytes": 10, "raw_bytes": 20, "record_bytes": 5, "p2s": 0.1, "p99": 0.2, "max_error": 0.3}
    row |= {"normal_consistency": 1.0, "peers": {"draco": {"bytes_at_equal_error": 10.0}}}
    empty = row | {"p2s": None, "max_error": None, "peers": {"draco": {"bytes_at_equal_error": None}}}
    full = summarise([row, row], 20, True, ["draco"])
    assert full["p2s"] == pytest.approx(0.1) and full["max_error"] == 0.3
    assert full["peers"]["draco"]["bytes"] == 20 and full["peers"]["draco"]["ratio"] == 1
    partly = summarise([row, empty], 20, True, ["draco"])
    assert partly["p2s"] is None and partly["max_error"] is None
    assert partly["peers"]["draco"]["bytes"] is None and partly["peers"]["draco"]["ratio"] is None
    assert partly["peers"]["draco"]["reached"] == {"models": 1, "bytes": 10.0, "record_bytes": 5, "ratio": 2.0}
