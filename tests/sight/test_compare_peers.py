"""Peers are measured by the same rule as the set, and bytes at equal error lie between measured points."""

import os
import stat
import sys

import numpy as np
import pytest
from plain_sets import ball, record, write_set

import necgs_cli
from necgs_cli.peers import PEERS, gpcc, run
from necgs_cli.peers.curve import PeerPoint, bytes_at
from necgs_cli.peers.original import Original
from necgs_cli.progress import Progress

# a grid of points in, and the same points out: what the encoder does without loss
FAKE_TMC3 = """#!{python}
import struct, sys
options = dict(option.lstrip("-").split("=", 1) for option in sys.argv[1:])
if {fails}:
    sys.exit("Error: cannot do that")
if options["mode"] == "0":
    head, _, body = open(options["uncompressedDataPath"], "rb").read().partition(b"end_header\\n")
    open(options["compressedStreamPath"], "wb").write(body)
else:
    body = open(options["compressedStreamPath"], "rb").read()
    points = list(struct.iter_unpack("<3f", body))
    with open(options["reconstructedDataPath"], "w") as file:
        print("ply\\nformat ascii 1.0\\nelement vertex", len(points), "\\nend_header", file=file)
        for point in points:
            print(*point, file=file)
"""


@pytest.fixture
def fake_tmc3(tmp_path, monkeypatch):
    """Puts a stand-in for MPEG's program on the PATH; call it to choose whether that fails."""

    def install(fails=False):
        program = tmp_path / "bin" / "tmc3"
        program.parent.mkdir(exist_ok=True)
        program.write_text(FAKE_TMC3.format(python=sys.executable, fails=fails))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        monkeypatch.setattr(gpcc, "DEPTHS", range(3, 6))

    return install


def test_bytes_are_interpolated_between_points_and_never_beyond_them():
    points = [PeerPoint(100, 1e-2), PeerPoint(400, 1e-3), PeerPoint(390, 9e-3)]  # the last is above the hull
    assert bytes_at(points, 1e-2) == 100 and bytes_at(points, 1e-3) == 400
    assert bytes_at(points, 10**-2.5) == pytest.approx(200)
    assert bytes_at(points, 1.01e-2) is None and bytes_at(points, 0.99e-3) is None
    assert bytes_at([], 1e-3) is None and bytes_at([PeerPoint(10, np.inf)], 1e-3) is None


def test_errors_below_single_precision_are_equal():
    assert bytes_at([PeerPoint(100, 1e-2), PeerPoint(300, 3e-8)], 2e-9) == 300


@pytest.mark.parametrize("peer", ["draco", "qem-draco"])
def test_draco_s_points_surround_the_wanted_error(peer):
    pytest.importorskip("DracoPy")
    original = Original(*ball(50.0, subdivisions=3))
    points = run.peer_points(peer, original, 4e-3)
    assert min(p.p2s for p in points) < 4e-3 < max(p.p2s for p in points)
    size = bytes_at(points, 4e-3)
    assert min(p.bytes for p in points) <= size <= max(p.bytes for p in points)
    assert all(p.bytes > 20 and np.isfinite(p.p2s) for p in points)


def test_decimation_before_draco_never_needs_more_than_draco_alone():
    pytest.importorskip("DracoPy")
    original = Original(*ball(subdivisions=4))
    alone, decimated = (bytes_at(run.peer_points(peer, original, 4e-3), 4e-3) for peer in ("draco", "qem-draco"))
    assert decimated < 0.7 * alone


def test_where_the_original_stands_does_not_matter_to_a_peer():
    pytest.importorskip("DracoPy")
    vertices, faces = ball(subdivisions=3)
    near, far = (run.peer_points("draco", Original(v, faces), 4e-3) for v in (vertices, vertices * 1e-3 + 1e6))
    assert [p.bytes for p in near] == pytest.approx([p.bytes for p in far], rel=0.02)


def test_every_peer_is_known_and_no_other():
    for peer in PEERS:
        run.why_not(peer)
    with pytest.raises(ValueError, match="no peer"):
        run.why_not("zip")
    with pytest.raises(ValueError, match="no peer"):
        necgs_cli.compare([ball()], b"", ["zip"])


def compared(tmp_path, against, progress=None):
    path = write_set(tmp_path / "set.ncgs", [record("model_0", *ball(), grow=1.004)])
    return necgs_cli.compare([ball()], path, against, samples=2_000, progress=progress)


def test_a_comparison_gives_the_points_and_the_bytes_at_our_error(tmp_path):
    pytest.importorskip("DracoPy")
    found = compared(tmp_path, ["draco", "qem-draco"])
    row = found["models"][0]
    for peer in ("draco", "qem-draco"):
        points = [PeerPoint(p["bytes"], p["p2s"]) for p in found["peers"] if p["peer"] == peer]
        assert {p["model"] for p in found["peers"]} == {"model_0"}
        assert row["peers"][peer]["bytes_at_equal_error"] == pytest.approx(bytes_at(points, row["p2s"]))
        total = found["summary"]["peers"][peer]
        assert total["bytes"] == row["peers"][peer]["bytes_at_equal_error"]
        assert total["ratio"] == pytest.approx(total["bytes"] / found["file_bytes"])


def test_a_missing_tool_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    progress = Progress()
    found = compared(tmp_path, ["draco", "gpcc"], progress)
    assert [lost["peer"] for lost in found["unavailable"]] == ["draco", "gpcc"]
    assert found["models"][0]["peers"] == {} and found["summary"]["peers"] == {}
    said = dict(progress.skips)
    assert "necgs[peers]" in said["draco"] and "tmc3" in said["gpcc"]


def test_gpcc_s_points_get_nearer_as_the_octree_gets_deeper(fake_tmc3):
    fake_tmc3()
    points = run.peer_points("gpcc", Original(*ball(7.0)), 1e-4)
    assert len(points) == 3
    for coarse, fine in zip(points, points[1:], strict=False):
        assert fine.p2s == pytest.approx(coarse.p2s / 2, rel=0.2)
        assert 3 < (fine.bytes - gpcc.FRAME_BYTES) / (coarse.bytes - gpcc.FRAME_BYTES) < 5
    # a cell's centre is within half a cell's diagonal of the surface that crosses it
    assert points[0].p2s < 3**0.5 / 2**3


def test_gpcc_stops_where_the_error_is_reached(fake_tmc3):
    fake_tmc3()
    assert len(run.peer_points("gpcc", Original(*ball()), 0.5)) == 1


def test_a_peer_that_fails_is_said_and_costs_nothing_else(tmp_path, fake_tmc3):
    fake_tmc3(fails=True)
    progress = Progress()
    found = compared(tmp_path, ["gpcc"], progress)
    assert found["models"][0]["peers"]["gpcc"]["bytes_at_equal_error"] is None
    assert found["models"][0]["p2s"] > 0
    assert any("gpcc failed" in text and "cannot do that" in text for text in progress.warnings)
    assert found["notes"] and "points" in found["notes"][0]
