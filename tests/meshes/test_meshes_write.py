"""What is written reads back, by this package and by others, in its place and size."""

import io
import os
import threading

import numpy as np
import pytest

from mesh_bytes import sphere
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.meshes.read import read_mesh
from necgs_cli.meshes.write import FORMATS, write_mesh

PLACES = {"unit": (1, 0), "far": (50, 1e9), "far and small": (1e-3, 4e6), "tiny": (1e-40, 0), "huge": (1e60, -1e61)}


def _mesh(size: float = 1.0, offset: float = 0.0) -> Mesh:
    vertices, faces = sphere(2)
    return Mesh(vertices * size + offset, faces)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("place", PLACES)
def test_written_mesh_reads_back_in_its_place(tmp_path, format, place):
    mesh = _mesh(*PLACES[place])
    path = tmp_path / f"mesh.{format}"
    with path.open("wb") as file:
        write_mesh(mesh, file, format)
    back = read_mesh(path).mesh
    side = np.ptp(mesh.vertices, axis=0).max()
    assert back.faces.shape == mesh.faces.shape
    difference = back.vertices[back.faces] - mesh.vertices[mesh.faces]
    assert np.abs(difference).max() <= 1e-6 * side
    if format != "stl":
        np.testing.assert_array_equal(back.faces, mesh.faces)


@pytest.mark.parametrize("format", FORMATS)
def test_trimesh_reads_what_is_written(format):
    import trimesh

    mesh = _mesh(3.0, 5.0)
    file = io.BytesIO()
    write_mesh(mesh, file, format)
    file.seek(0)
    other = trimesh.load(file, file_type=format, force="mesh")
    assert other.is_watertight and len(other.faces) == len(mesh.faces)
    np.testing.assert_allclose(other.bounds, [mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)], rtol=1e-6)
    assert other.volume == pytest.approx(mesh.to_trimesh().volume, rel=1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_pipe_takes_every_format(format):
    reader, writer = os.pipe()
    received = []
    with open(reader, "rb") as source:
        thread = threading.Thread(target=lambda: received.append(source.read()))
        thread.start()
        with open(writer, "wb") as sink:
            write_mesh(_mesh(), sink, format)
        thread.join(timeout=20)
    expected = io.BytesIO()
    write_mesh(_mesh(), expected, format)
    assert received == [expected.getvalue()]


@pytest.mark.parametrize("format", FORMATS)
def test_mesh_without_faces_makes_a_file_that_reads_as_empty_not_damaged(tmp_path, format):
    path = tmp_path / f"nothing.{format}"
    with path.open("wb") as file:
        write_mesh(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), file, format)
    with pytest.raises(MeshError, match="is empty"):
        read_mesh(path)


def test_ply_takes_double_only_where_float_would_lose():
    sizes = {}
    for place, (size, offset) in PLACES.items():
        file = io.BytesIO()
        write_mesh(_mesh(size, offset), file, "ply")
        sizes[place] = b"property double x" in file.getvalue()
    assert sizes == {"unit": False, "far": True, "far and small": True, "tiny": True, "huge": True}


def test_unknown_format_is_an_error():
    with pytest.raises(ValueError, match="dae"):
        write_mesh(_mesh(), io.BytesIO(), "dae")
