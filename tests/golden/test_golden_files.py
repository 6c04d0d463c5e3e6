"""Files of format version 1 decode for ever, alike on every machine and number of threads.

`python tests/golden/make.py` makes the files anew.
"""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conformance import FOLDER, MANIFEST, TOLERANCE, integers_hash, section_hash, unit_points

import necgs_cli
from necgs_cli.bitstream.container import Container
from necgs_cli.bitstream.records import KINDS
from necgs_cli.decoding import EXPLICIT

GOLDEN = json.loads(MANIFEST.read_text())
PRINT_HASHES = """
import hashlib, sys
import numpy as np
from conformance import FOLDER, integers_hash, section_hash, unit_points
from necgs_cli.bitstream.container import Container
for path in sorted(FOLDER.glob("*.ncgs")):
    with Container.open(path) as container:
        for section in container.sections:
            print(section_hash(section.kind, section.payload))
        for id in range(len(container)):
            points = unit_points(container, id)
            print(integers_hash(container, id), len(points), np.round(np.abs(points).sum(), 3))
"""


def test_every_kind_of_record_and_an_append_have_a_golden_file():
    kinds = {model["kind"] for entry in GOLDEN.values() for model in entry["models"]}
    assert kinds == set(KINDS)
    assert sorted(GOLDEN) == sorted(path.name for path in FOLDER.glob("*.ncgs"))
    with Container.open(FOLDER / "appended.ncgs") as container:
        assert len(container.segments) == 2 and len(container) == 3
    assert all(hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == e["sha256"] for name, e in GOLDEN.items())
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 300_000


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_file_decodes_to_what_it_always_did(name):
    wanted = GOLDEN[name]
    with Container.open(FOLDER / name) as container:
        assert container.check() == [] and container.unfinished_bytes == 0
        assert [section_hash(s.kind, s.payload) for s in container.sections] == wanted["sections"]
        assert container.names == [model["name"] for model in wanted["models"]]
        for id, model in enumerate(wanted["models"]):
            assert integers_hash(container, id) == model["integers_sha256"]
            _hold_surface(container, id, model)


def _hold_surface(container, id, model) -> None:
    points = unit_points(container, id)
    exact = model["kind"] in EXPLICIT
    tolerance = TOLERANCE["explicit" if exact else "neural"]
    np.testing.assert_allclose([points.min(0), points.max(0)], model["bounds"], atol=tolerance)
    # at a threshold the last bit of a float may decide whether a cell is refined
    assert len(points) == pytest.approx(model["vertices"], rel=0 if exact else 0.005)
    nearest = [np.abs(points - probe).max(axis=1).min() for probe in model["probes"]]
    assert len(nearest) >= 40 and np.quantile(nearest, 0.95) < tolerance and max(nearest) < (1e-6 if exact else 2e-2)


def test_the_neural_golden_files_are_surfaces_and_not_noise():
    """Guards the files themselves: a decoder that gives nothing would agree with itself."""
    for name in ("sparse.ncgs", "dense.ncgs"):
        with necgs_cli.open(FOLDER / name) as models:
            for id in range(len(models)):
                mesh = models[id]
                assert len(mesh.faces) > 300 and np.isfinite(mesh.vertices).all()


def test_decoding_does_not_depend_on_threads():
    printed = set()
    for threads in ("1", "4"):
        libraries = {f"{library}_NUM_THREADS": threads for library in ("OMP", "OPENBLAS", "MKL")}
        environment = {**os.environ, **libraries, "PYTHONPATH": str(FOLDER)}
        done = subprocess.run([sys.executable, "-c", PRINT_HASHES], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    assert len(printed) == 1 and len(printed.pop().splitlines()) >= 12


def test_the_same_meshes_give_the_same_bytes(tmp_path):
    files = []
    for threads in ("1", "4"):
        path = tmp_path / f"{threads}.ncgs"
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        mesh = FOLDER.parents[1] / "examples" / "meshes" / "lever.glb"
        command = ["encode", str(mesh), "-o", str(path), "--error", "1%", "--seed", "3", "-q"]
        subprocess.run([sys.executable, "-m", "necgs_cli", *command], check=True, env=environment, capture_output=True)
        files.append(path.read_bytes())
    assert files[0] == files[1]
