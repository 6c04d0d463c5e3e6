"""Every awkward or broken file gives what a user expects: one line of error, or the surface in its place."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from hard_files import Expectation, write_hard_files
from mesh_bytes import area_of, volume_of
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    return folder, write_hard_files(folder)


with tempfile.TemporaryDirectory() as _folder:
    _ENTRIES = write_hard_files(Path(_folder), expanding=False)
GOOD = [name for name, entry in _ENTRIES.items() if entry.ok]
BAD = [name for name, entry in _ENTRIES.items() if not entry.ok]


def _border_edges(faces: np.ndarray) -> int:
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], -1).reshape(-1, 2), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] == 1).sum())


def _check(name: str, path, entry: Expectation) -> None:
    mesh = read_mesh(path).mesh
    assert mesh.vertices.dtype == np.float64 and mesh.faces.dtype == np.int64
    assert len(np.unique(mesh.faces)) == len(mesh.vertices), "an unused vertex is left"
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    side = (high - low).max()
    if entry.bounds is not None:
        # Text of 9 digits and 32-bit floats hold the place to about 1e-7 of the coordinates.
        tolerance = 2e-7 * max(side, np.abs(entry.bounds).max() if "offset" not in name and "utm" not in name else side)
        np.testing.assert_allclose([low, high], entry.bounds, rtol=0, atol=tolerance)
    if entry.area is not None:
        assert area_of(mesh.vertices, mesh.faces) == pytest.approx(entry.area, rel=1e-5)
    if entry.volume is not None:
        assert volume_of(mesh.vertices, mesh.faces) == pytest.approx(entry.volume, rel=1e-5, abs=1e-9 * side**3)
    if entry.faces is not None:
        assert len(mesh.faces) == entry.faces
    if entry.closed is not None:
        assert (_border_edges(mesh.faces) == 0) == entry.closed
    placement = Placement.of(mesh.vertices)
    unit = placement.to_unit(mesh.vertices)
    assert 0.98 < np.abs(unit).max() <= 1
    np.testing.assert_allclose(placement.to_source(unit), mesh.vertices, rtol=0, atol=1e-9 * side)


@pytest.mark.parametrize("name", GOOD)
def test_awkward_file_reads_to_the_right_place_size_and_surface(hard, name):
    folder, expected = hard
    _check(name, folder / name, expected[name])


@pytest.mark.parametrize("name", BAD)
def test_broken_file_gives_one_clear_line(hard, name, capfd):
    folder, _ = hard
    with pytest.raises(MeshError) as caught:
        read_mesh(folder / name)
    line = str(caught.value)
    assert 8 <= len(line) <= 250 and "\n" not in line
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


def test_3mf_that_expands_to_100_mb_of_blanks_reads(hard):
    folder, expected = hard
    assert (folder / "expands_to_100mb.3mf").stat().st_size < 1_000_000
    _check("expands_to_100mb.3mf", folder / "expands_to_100mb.3mf", expected["expands_to_100mb.3mf"])


def test_3mf_bomb_is_refused(hard):
    with pytest.raises(MeshError, match="expands"):
        read_mesh(hard[0] / "bomb.3mf")


@pytest.mark.parametrize("name", ["huge_count.ply", "huge_face_count.ply", "huge_count.stl", "expands_to_100mb.3mf"])
def test_declared_sizes_take_no_memory(hard, name):
    # A fresh process, whose address space is capped a little above what the imports need.
    code = """
import resource, sys
import numpy as np
from necgs_cli.meshes.read import read_mesh
import necgs_cli.meshes.ply, necgs_cli.meshes.stl, necgs_cli.meshes.threemf
import scipy.sparse.csgraph
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64_000_000,) * 2)
try:
    print(len(read_mesh(sys.argv[1]).mesh.faces))
except ValueError as error:
    print(error)
"""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc to know the size of a process")
    result = subprocess.run(
        [sys.executable, "-c", code, str(hard[0] / name)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "memory" not in result.stdout and result.stdout.strip(), result


def test_what_was_mended_is_told(hard):
    folder, _ = hard
    assert read_mesh(folder / "zero_area_faces.ply").repairs == ("4 faces without area dropped",)
    assert read_mesh(folder / "duplicated_faces.ply").repairs == ("650 repeated faces dropped",)
    assert read_mesh(folder / "unreferenced_vertices.ply").repairs == ("900 unused vertices dropped",)


def test_what_a_model_will_not_keep_is_told(hard):
    folder, _ = hard
    assert read_mesh(folder / "normals_colours.off").dropped == ("vertex colours", "normals")
    assert "materials" in read_mesh(folder / "missing_mtl.obj").dropped
    assert read_mesh(folder / "big_endian.ply").dropped == ()
