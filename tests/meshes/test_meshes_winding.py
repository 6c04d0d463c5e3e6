"""Faces that turn the wrong way about are turned over, and nothing else is."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from necgs_cli.meshes.read import read_mesh
from necgs_cli.meshes.winding import wrongly_turned


def sphere(radius: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(2, radius)
    return np.array(mesh.vertices) + shift, np.array(mesh.faces, np.int64)


def with_turned(faces: np.ndarray, turned: np.ndarray) -> np.ndarray:
    return np.where(turned[:, None], faces[:, ::-1], faces)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.45))
def test_turned_faces_are_found_whatever_their_number_and_order(seed, share):
    vertices, faces = sphere()
    rng = np.random.default_rng(seed)
    faces = faces[rng.permutation(len(faces))]
    turned = rng.random(len(faces)) < share
    found = wrongly_turned(vertices, with_turned(faces, turned))
    assert np.array_equal(found, turned if turned.mean() < 0.5 else ~turned)


def test_each_part_is_put_right_by_itself():
    (a, f), (b, g) = sphere(), sphere(0.5, 3.0)
    vertices, faces = np.concatenate([a, b]), np.concatenate([f, g + len(a)])
    turned = np.zeros(len(faces), bool)
    turned[[5, 7, 400]] = True
    inside_out = np.arange(len(faces)) >= len(f)  # as a whole, which is left as it is
    given_faces = with_turned(faces, turned ^ inside_out)
    assert np.array_equal(wrongly_turned(vertices, given_faces), turned)


def test_a_moebius_strip_stays_as_it_is():
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    width = np.array([-0.2, 0.2])[:, None]
    ring = 1 + width * np.cos(around / 2)
    points = np.stack([ring * np.cos(around), ring * np.sin(around), width * np.sin(around / 2) + 0 * ring], axis=2)
    vertices = points.reshape(-1, 3)
    low, high = np.arange(40), np.arange(40) + 40
    next_low, next_high = np.append(low[1:], high[0]), np.append(high[1:], low[0])
    faces = np.concatenate([np.stack([low, next_low, high], 1), np.stack([high, next_low, next_high], 1)])
    assert not wrongly_turned(vertices, faces).any()


def test_both_sides_of_an_edge_with_three_faces_keep_theirs():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    assert not wrongly_turned(vertices, faces).any()


@pytest.mark.parametrize("count, said", [(1, "1 face turned to agree with its neighbours"), (30, "30 faces turned")])
def test_a_file_is_put_right_and_it_is_said(tmp_path, count, said):
    vertices, faces = sphere()
    turned = np.arange(len(faces)) % (len(faces) // count) == 0
    turned &= np.cumsum(turned) <= count
    trimesh.Trimesh(vertices, with_turned(faces, turned), process=False).export(tmp_path / "a.ply")
    read = read_mesh(tmp_path / "a.ply")
    assert any(said in repair for repair in read.repairs)
    assert trimesh.Trimesh(read.mesh.vertices, read.mesh.faces, process=False).is_winding_consistent
    assert len(read.mesh.faces) == len(faces)
