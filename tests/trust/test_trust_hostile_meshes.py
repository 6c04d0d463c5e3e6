"""Mesh files made to do harm: each is refused in one line, within bounds of time and memory whatever it claims."""

import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from trust_bounds import bounded

from mesh_bytes import glb_bytes, gltf_document, write_3mf
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.read import read_mesh


def gltf(changes, **more) -> bytes:
    """A triangle's glTF text; `changes(document)` makes it hostile."""
    document, binary = gltf_document(np.eye(3), np.array([[0, 1, 2]]), [{"mesh": 0}], "data.bin")
    changes(document)
    return json.dumps(document | more).encode()


def uri(text: str):
    def change(document):
        document["buffers"][0]["uri"] = text

    return lambda: gltf(change)


def claim(*path, value):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return lambda: gltf(change)


FILES = {
    "counts.ply": lambda: (
        b"ply\nformat binary_little_endian 1.0\nelement vertex 9223372036854775807\nproperty float x\n"
        b"property float y\nproperty float z\nelement face 9223372036854775807\n"
        b"property list uint int vertex_indices\nend_header\n"
    ),
    "list.ply": lambda: (
        b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
        b"property float z\nelement face 1\nproperty list uint int vertex_indices\nend_header\n"
        + bytes(12)
        + b"\xff" * 4
    ),
    "empty_rows.ply": lambda: (
        b"ply\nformat ascii 1.0\nelement nothing 99999999999999\nelement vertex 99999999999\nproperty float x\n"
        b"property float y\nproperty float z\nend_header\n0 0 0\n"
    ),
    "counts.off": lambda: b"OFF\n99999999999999 99999999999999 0\n0 0 0\n",
    "corners.off": lambda: b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n99999999999 0 1 2\n",
    "counts.stl": lambda: bytes(80) + struct.pack("<I", 0xFFFFFFFF) + bytes(50),
    "index.obj": lambda: b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 999999999999999999\n",
    "nan.obj": lambda: b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "infinite.obj": lambda: b"v 1e999 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "parent.gltf": uri("../secret.bin"),
    "coded_parent.gltf": uri("%2e%2e/secret.bin"),
    "absolute.gltf": uri("/etc/hostname"),
    "url.gltf": uri("https://example.org/data.bin"),
    "file_url.gltf": uri("file:///etc/hostname"),
    "link.gltf": uri("link.bin"),
    "folder.gltf": uri("."),
    "count.gltf": claim("accessors", 0, "count", value=10**15),
    "negative.gltf": claim("accessors", 0, "count", value=-1),
    "offset.gltf": claim("bufferViews", 0, "byteOffset", value=2**62),
    "length.gltf": claim("buffers", 0, "byteLength", value=2**62),
    "cycle.gltf": claim("nodes", value=[{"mesh": 0, "children": [0]}]),
    "nested.gltf": lambda: b'{"asset":' + b"[" * 200_000,
    "many_primitives.gltf": lambda: many_primitives(),
}


def many_primitives() -> bytes:
    """A thousand primitives that each show the same 120,000 vertices: gigabytes out of a small file."""
    document, _ = gltf_document(np.zeros((120_000, 3)), np.zeros((1, 3), int), [{"mesh": 0}], "zeros.bin")
    primitive = {"attributes": {"POSITION": document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]}}
    document["meshes"][0]["primitives"] = [primitive] * 1000
    return json.dumps(document).encode()


@pytest.mark.parametrize("name", FILES)
def test_hostile_mesh_files_are_refused_in_one_line(name, tmp_path):
    folder = tmp_path / "meshes"
    folder.mkdir()
    secret = np.eye(3, dtype="<f4").tobytes() + np.arange(3, dtype="<u4").tobytes()
    for place in (tmp_path / "secret.bin", folder / "data.bin"):
        place.write_bytes(secret)
    (folder / "zeros.bin").write_bytes(bytes(1_500_000))
    (folder / "link.bin").symlink_to("../secret.bin")
    (folder / name).write_bytes(FILES[name]())
    # 48 million corners, the most that are taken, are 1.6 GB
    most = 1800 if name == "many_primitives.gltf" else 16
    with bounded(most, 20), pytest.raises(MeshError) as caught:
        read_mesh(folder / name)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_the_gltf_of_these_tests_is_sound_without_the_attack(tmp_path):
    document, binary = gltf_document(np.eye(3), np.array([[0, 1, 2]]), [{"mesh": 0}], "data.bin")
    (tmp_path / "data.bin").write_bytes(binary)
    (tmp_path / "a.gltf").write_bytes(json.dumps(document).encode())
    assert len(read_mesh(tmp_path / "a.gltf").mesh.faces) == 1
    (tmp_path / "a.glb").write_bytes(glb_bytes(np.eye(3), np.array([[0, 1, 2]]), [{"mesh": 0}]))
    assert len(read_mesh(tmp_path / "a.glb").mesh.faces) == 1


LAUGHS = '<!DOCTYPE m [<!ENTITY a "{0}"><!ENTITY b "{1}"><!ENTITY c "{2}">]><model><x y="&c;">&c;</x></model>'


def test_3mf_bombs_are_refused(tmp_path):
    bomb = tmp_path / "zip.3mf"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", b"<model>" + b" " * (600 << 20))
    assert bomb.stat().st_size < 1 << 20
    laughs = tmp_path / "laughs.3mf"
    with zipfile.ZipFile(laughs, "w") as archive:
        archive.writestr("3D/3dmodel.model", LAUGHS.format("ha" * 5000, "&a;" * 5000, "&b;" * 5000))
    selves = tmp_path / "selves.3mf"
    own = '<object id="1"><components>' + '<component objectid="1"/>' * 2 + "</components></object>"
    write_3mf(selves, [own], '<item objectid="1"/>')
    for path in (bomb, laughs, selves):
        with bounded(32, 20), pytest.raises(MeshError):
            read_mesh(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded and read as Linux does")
def test_two_thousand_broken_mesh_files_end_in_a_mesh_or_one_line():
    fuzz = Path(__file__).parents[2] / "benchmarks" / "fuzz_meshes.py"
    done = subprocess.run([sys.executable, str(fuzz), "--files", "2000", "--seed", "1"], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found["failures"]
    assert found["files"] == 2000 and min(found["outcomes"].values()) > 200
    assert found["peak_memory_bytes"] < 1 << 29
