"""Mesh records through the commands and the Python API: the default way to encode."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

import necgs_cli
from necgs_cli.mesh_codec import CodedMesh, allocate, cheapest_hull
from necgs_cli.metrics.surface import Reference
from necgs_cli.options import EncodeOptions, ErrorBound

EXAMPLES = Path(__file__).parents[2] / "examples" / "meshes"
CHOSEN = ("cow.off", "key.glb", "hand.ply", "wing_nut.obj")


def run(*arguments, stdin=None, expect=0):
    done = subprocess.run([sys.executable, "-m", "necgs_cli", *map(str, arguments)], input=stdin, capture_output=True)
    assert done.returncode == expect, done.stderr.decode()
    return done


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    path = tmp_path_factory.mktemp("set") / "set.ncgs"
    report = necgs_cli.encode([EXAMPLES / name for name in CHOSEN], path)
    return path, report


def measured(name, decoded):
    from necgs_cli.meshes.read import read_mesh

    original = read_mesh(EXAMPLES / name).mesh
    return Reference(original.vertices, original.faces, 20_000).measure(decoded.vertices, decoded.faces)


def test_every_real_mesh_is_within_the_default_error(encoded):
    path, report = encoded
    with necgs_cli.open(path) as models:
        for result in report.models:
            found = measured(result.name, models[result.name])
            assert found.p2s < 2.0e-3 * 1.05
            assert found.p2s == pytest.approx(result.p2s, rel=0.06)
            assert found.nc > 0.9


def test_the_file_is_a_small_part_of_the_sources(encoded):
    path, report = encoded
    assert report.file_bytes == path.stat().st_size < 0.02 * report.source_bytes
    assert {m.kind.removeprefix("mirrored-") for m in report.models} <= {"loop", "loop-creased", "triangles"}


def test_decoding_imports_neither_torch_nor_numba(encoded):
    code = (
        "import sys, necgs_cli\n"
        f"with necgs_cli.open({str(encoded[0])!r}) as s: s[0]\n"
        "print([m for m in ('torch', 'numba', 'scipy', 'trimesh') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_append_joins_at_the_error_of_the_set_and_keeps_every_byte(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    before = encoded[0].read_bytes()
    path.write_bytes(before)
    answer = json.loads(run("append", path, EXAMPLES / "goblet.ply", "--json").stdout)
    assert path.read_bytes()[: len(before)] == before
    assert answer["models"][0]["p2s"] < 1.1 * encoded[1].p2s
    with necgs_cli.open(path) as models:
        assert measured("goblet.ply", models["goblet.ply"]).p2s < 1.15 * encoded[1].p2s


def test_a_set_passes_through_pipes_in_both_directions():
    data = run("encode", EXAMPLES / "key.glb", "-o", "-", "--error", "0.3%").stdout
    ply = run("decode", "-", "--id", "0", "-o", "-", stdin=data).stdout
    assert len(trimesh.load(io.BytesIO(ply), file_type="ply").faces) > 10


def test_an_error_in_source_units_is_kept():
    mesh = trimesh.creation.icosphere(4, 50.0)
    report = necgs_cli.encode([mesh], io.BytesIO(), EncodeOptions(error=ErrorBound(0.2, relative=False)))
    assert report.models[0].p2s <= 2 * 0.2 / 100 * 1.02


def test_a_cube_is_stored_as_its_own_triangles():
    cube = trimesh.creation.box((2, 3, 4))
    file = io.BytesIO()
    report = necgs_cli.encode([cube], file)
    assert report.models[0].kind == "triangles" and report.models[0].record_bytes < 40
    with necgs_cli.open(file.getvalue()) as models:
        assert models[0].to_trimesh().volume == pytest.approx(24, rel=0.01)


def test_the_error_of_a_set_is_met_with_fewer_bytes_than_that_of_each():
    names = [EXAMPLES / name for name in CHOSEN]
    bound = ErrorBound(0.002)
    each = necgs_cli.encode(names, io.BytesIO(), EncodeOptions(error=bound))
    whole = necgs_cli.encode(names, io.BytesIO(), EncodeOptions(error=bound, policy="set"))
    assert whole.p2s <= 4e-3 * 1.02
    assert whole.file_bytes <= each.file_bytes * 1.02


def test_the_number_of_workers_changes_nothing():
    files = []
    for workers in (1, 2):
        file = io.BytesIO()
        inputs = [EXAMPLES / name for name in (*CHOSEN, "fish.ply")[-4:]]
        necgs_cli.encode(inputs, file, EncodeOptions(error=ErrorBound(0.005), workers=workers))
        files.append(file.getvalue())
    assert files[0] == files[1]


def points(*pairs):
    return [CodedMesh(3, bytes(size), error, error, error, 1) for size, error in pairs]


def test_hulls_keep_what_no_mixture_beats():
    hull = cheapest_hull(points((100, 8.0), (200, 4.0), (210, 3.9), (150, 7.9), (400, 1.0), (500, 1.0)))
    assert [(len(p.payload), p.p2s) for p in hull] == [(100, 8.0), (200, 4.0), (400, 1.0)]


def test_allocation_meets_the_mean_with_the_best_steps():
    hulls = [points((100, 8.0), (200, 2.0)), points((100, 3.0), (300, 2.0))]
    chosen = allocate(hulls, [3.0, 3.0])
    assert [len(p.payload) for p in chosen] == [200, 100]
    assert np.mean([p.p2s for p in chosen]) <= 3.0


def test_allocation_meets_the_mean_whatever_the_curves():
    rng = np.random.default_rng(0)
    for _ in range(50):
        hulls = [
            cheapest_hull(points(*zip(rng.integers(50, 900, 6).tolist(), rng.uniform(0.2, 4, 6).tolist(), strict=True)))
            for _ in range(8)
        ]
        reachable = np.mean([hull[-1].p2s for hull in hulls]) <= 1
        chosen = allocate(hulls, [1.0] * 8)
        mean = np.mean([p.p2s for p in chosen])
        assert mean <= 1 + 1e-9 if reachable else [p.p2s for p in chosen] == [hull[-1].p2s for hull in hulls]
