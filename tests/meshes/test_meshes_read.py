"""Reading: arrays and trimesh objects, repairs that must not change the surface, and any bytes at all."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh_bytes import area_of, glb_bytes, mesh_3mf, obj_text, off_text, ply_bytes, sphere, stl_bytes, write_3mf
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.polygons import strip_triangles, triangulate
from necgs_cli.meshes.read import from_arrays, from_trimesh, read_mesh

VERTICES, FACES = sphere(0)
SMALL = {
    "ply": ply_bytes(VERTICES, FACES),
    "stl": stl_bytes(VERTICES, FACES),
    "obj": obj_text(VERTICES, FACES).encode(),
    "off": off_text(VERTICES, FACES).encode(),
    "glb": glb_bytes(VERTICES, FACES, [{"mesh": 0}]),
}


def test_arrays_of_any_number_type_are_taken():
    loaded = from_arrays(VERTICES.astype(np.float32), FACES.astype(np.uint16))
    assert loaded.format == "arrays" and loaded.file_bytes == 12 * 12 + 6 * 20
    assert loaded.mesh.vertices.dtype == np.float64 and loaded.mesh.faces.dtype == np.int64


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (VERTICES[:, :2], FACES),
        (VERTICES, FACES.astype(float)),
        (VERTICES, FACES[:, [0, 1, 2, 0]]),
        (VERTICES, FACES + 1),
        (VERTICES, FACES - 1),
        (VERTICES * np.nan, FACES),
        (VERTICES * 0, FACES),
        (VERTICES, FACES[:0]),
        (VERTICES.astype(str), FACES),
    ],
)
def test_arrays_that_are_no_mesh_are_errors(vertices, faces):
    with pytest.raises(MeshError):
        from_arrays(vertices, faces)


def test_trimesh_objects_and_scenes_are_taken():
    import trimesh

    ball = trimesh.Trimesh(VERTICES, FACES, process=False)
    assert len(from_trimesh(ball).mesh.faces) == 20
    scene = trimesh.Scene()
    scene.add_geometry(ball)
    scene.add_geometry(ball, transform=trimesh.transformations.translation_matrix([5, 0, 0]))
    placed = from_trimesh(scene).mesh
    assert len(placed.faces) == 40 and np.ptp(placed.vertices[:, 0]) == pytest.approx(5 + np.ptp(VERTICES[:, 0]))
    ball.visual.vertex_colors = np.full((12, 4), 200, np.uint8)
    assert from_trimesh(ball).dropped == ("vertex colours",)
    with pytest.raises(MeshError):
        from_trimesh(trimesh.PointCloud(VERTICES))


def test_doubled_vertices_stay_in_closed_parts_and_merge_in_open_ones():
    # Two tetrahedra that touch in a corner: merged, the corner would no longer be manifold.
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    touching = from_arrays(np.concatenate([corners, -corners]), np.concatenate([faces, faces[:, ::-1] + 4]))
    assert len(touching.mesh.vertices) == 8 and touching.repairs == ()
    # The same with a triangle soup beside it, which is open until it is merged.
    soup = corners[faces].reshape(-1, 3) + 10
    mixed = from_arrays(
        np.concatenate([corners, -corners, soup]),
        np.concatenate([faces, faces[:, ::-1] + 4, np.arange(12).reshape(-1, 3) + 8]),
    )
    assert len(mixed.mesh.vertices) == 12 and mixed.repairs == ("8 vertices merged by position",)


def test_two_sides_of_a_sheet_are_no_repeated_faces():
    both = np.array([[0, 1, 2], [0, 2, 1]])
    assert len(from_arrays(VERTICES[:3], both).mesh.faces) == 2


@given(st.integers(3, 12), st.integers(0, 10_000), st.floats(-1e6, 1e6))
def test_polygons_keep_their_area_concave_or_not(count, seed, offset):
    rng = np.random.default_rng(seed)
    angles = (np.arange(count) + rng.uniform(0, 0.5, count)) / count * 2 * np.pi
    flat = rng.uniform(0.1, 1.0, count)[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    if np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() >= np.pi:
        return  # the polygon might cross itself
    (x, y), (u, v) = flat.T, np.roll(flat, -1, axis=0).T
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    vertices = flat @ axes[:2] + offset
    triangles = triangulate(vertices, np.arange(count), np.array([count]))
    assert len(triangles) == count - 2
    assert area_of(vertices, triangles) == pytest.approx((x * v - u * y).sum() / 2, rel=1e-6)
    normals = np.cross(*(vertices[triangles[:, i]] - vertices[triangles[:, 0]] for i in (1, 2)))
    assert (normals @ np.cross(axes[0], axes[1]) > -1e-9).all(), "a triangle faces the other side"


@pytest.mark.parametrize(
    ("name", "faces", "closed"), [("nested_nodes.glb", 36, True), ("triangle_soup.stl", 100, False)]
)
def test_files_of_others_read_as_trimesh_reads_them(name, faces, closed):
    import trimesh

    path = Path(__file__).parent.parent / "data" / name
    mesh, other = read_mesh(path).mesh.to_trimesh(), trimesh.load(path, force="mesh", process=False)
    assert len(mesh.faces) == len(other.faces) == faces and mesh.is_watertight == closed
    assert mesh.area == pytest.approx(other.area, rel=1e-6)
    np.testing.assert_allclose(mesh.bounds, other.bounds, rtol=1e-6, atol=1e-7)


def test_strips_alternate_and_restart():
    strip = np.array([0, 1, 2, 3, -1, 4, 5, 6])
    assert strip_triangles(strip, -1).tolist() == [[0, 1, 2], [2, 1, 3], [4, 5, 6]]
    assert len(strip_triangles(np.array([1, 2]), -1)) == 0


def test_ply_strips_read(tmp_path):
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    (tmp_path / "strips.ply").write_text(head + "0 0 0\n1 0 0\n0 1 0\n1 1 0\n4 0 1 2 3\n")
    assert read_mesh(tmp_path / "strips.ply").mesh.faces.tolist() == [[0, 1, 2], [2, 1, 3]]


def test_gltf_buffer_links_do_not_lead_out_of_the_folder(tmp_path):
    import json

    from mesh_bytes import gltf_document

    (tmp_path / "in").mkdir()
    document, binary = gltf_document(VERTICES, FACES, [{"mesh": 0}], "link.bin")
    (tmp_path / "secret.bin").write_bytes(binary)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "secret.bin")
    for uri in ("link.bin", str(tmp_path / "secret.bin"), "%2e%2e/secret.bin", "http://localhost/x.bin"):
        document["buffers"][0]["uri"] = uri
        (tmp_path / "in" / "scene.gltf").write_text(json.dumps(document))
        with pytest.raises(MeshError, match="outside its folder"):
            read_mesh(tmp_path / "in" / "scene.gltf")


def test_scene_that_multiplies_one_shape_without_end_is_refused(tmp_path):
    vertices, faces = sphere(4)
    nodes = [{"children": list(range(1, 4001))}, *({"mesh": 0} for _ in range(4000))]
    (tmp_path / "many.glb").write_bytes(glb_bytes(vertices, faces, nodes))
    with pytest.raises(MeshError, match="too large"):
        read_mesh(tmp_path / "many.glb")


def test_3mf_components_that_double_at_every_level_are_refused(tmp_path):
    twice = [f'<component objectid="{i + 1}"/>' * 2 for i in range(1, 30)]
    objects = "".join(f'<object id="{i}"><components>{pair}</components></object>' for i, pair in enumerate(twice, 1))
    points, corners = mesh_3mf(VERTICES, FACES)
    model = f"<model><resources>{objects}<object id='30'><mesh>{points}{corners}</mesh></object></resources>"
    with zipfile.ZipFile(tmp_path / "doubling.3mf", "w") as archive:
        archive.writestr("3D/3dmodel.model", model + "<build><item objectid='1'/></build></model>")
    with pytest.raises(MeshError, match="too large"):
        read_mesh(tmp_path / "doubling.3mf")


def test_xml_entities_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "laughs.3mf", "w") as archive:
        archive.writestr("3D/3dmodel.model", '<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><model>&a;</model>')
    with pytest.raises(MeshError, match="document type"):
        read_mesh(tmp_path / "laughs.3mf")


def test_device_or_folder_is_no_mesh(tmp_path):
    (tmp_path / "folder.ply").mkdir()
    for path in (tmp_path / "folder.ply", tmp_path / "missing.ply"):
        with pytest.raises(MeshError):
            read_mesh(path)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SMALL)), st.data())
def test_any_damage_is_read_or_refused_and_nothing_else(tmp_path, suffix, data):
    content = bytearray(SMALL[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"-1", b"9" * 30, b"nan", b"\xff" * 4, b"{}", b"\n"])
        )
        content[place : place + data.draw(st.sampled_from([0, 1, 4, 100]))] = piece
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    _read_or_refuse(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_within_3mf_is_read_or_refused_and_nothing_else(tmp_path, data):
    write_3mf(
        tmp_path / "whole.3mf", mesh_3mf(VERTICES, FACES), '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 0 0 0"/>'
    )
    with zipfile.ZipFile(tmp_path / "whole.3mf") as archive:
        content = bytearray(archive.read("3D/3dmodel.model"))
    place = data.draw(st.integers(0, len(content)))
    piece = data.draw(st.binary(max_size=6) | st.sampled_from([b"-1", b"9" * 30, b"nan", b'"', b"<", b"/>"]))
    content[place : place + data.draw(st.sampled_from([0, 1, 4, 100]))] = piece
    with zipfile.ZipFile(tmp_path / "damaged.3mf", "w") as archive:
        archive.writestr("3D/3dmodel.model", bytes(content))
    _read_or_refuse(tmp_path / "damaged.3mf")


def _read_or_refuse(path) -> None:
    try:
        mesh = read_mesh(path).mesh
    except MeshError as error:
        assert len(str(error)) < 300 and "\n" not in str(error)
    else:
        assert np.isfinite(mesh.vertices).all() and len(mesh.faces)
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)


def test_glb_header_that_lies_about_its_chunks_is_refused(tmp_path):
    content = bytearray(SMALL["glb"])
    content[12:16] = struct.pack("<I", 2**32 - 1)
    (tmp_path / "lies.glb").write_bytes(content)
    with pytest.raises(MeshError, match="chunk"):
        read_mesh(tmp_path / "lies.glb")
