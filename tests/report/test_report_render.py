"""Pictures show what is there, where it is, from a point of view that both meshes of a pair share."""

import numpy as np
import pytest

from necgs_cli.report import render
from necgs_cli.report.render import render_mesh
from necgs_cli.report.view import View, guess_up


def mesh_of(shape):
    return np.asarray(shape.vertices), np.asarray(shape.faces)


@pytest.fixture(scope="module")
def sphere():
    import trimesh

    return mesh_of(trimesh.creation.icosphere(subdivisions=3))


@pytest.fixture(scope="module")
def box():
    import trimesh

    return mesh_of(trimesh.creation.box(extents=(1, 2, 3)))


def covered(picture):
    return (picture < 250).any(axis=-1)


def test_sphere_is_a_disc_that_fills_the_picture(sphere):
    disc = covered(render_mesh(*sphere, 100))
    assert disc.shape == (100, 100)
    assert disc.mean() == pytest.approx(np.pi / 4 / 1.06**2, abs=0.02)
    middle = np.argwhere(disc).mean(axis=0)
    assert middle == pytest.approx([49.5, 49.5], abs=0.5)


def test_picture_has_neither_holes_nor_specks(sphere):
    disc = covered(render_mesh(*sphere, 100))
    rows = [np.flatnonzero(row) for row in disc if row.any()]
    assert all(len(row) == row[-1] - row[0] + 1 for row in rows)


def test_light_comes_from_above(sphere):
    picture = render_mesh(*sphere, 100).astype(float).mean(axis=-1)
    assert picture[15:30, 45:55].mean() > picture[70:85, 45:55].mean() + 20


def test_size_and_place_do_not_change_the_picture(box):
    vertices, faces = box
    near = render_mesh(vertices, faces, 60)
    far = render_mesh(vertices * 1e-3 + np.array([10.0, -20, 5]), faces, 60)
    assert np.abs(near.astype(int) - far).max() <= 3


def test_faces_turned_inside_out_look_the_same(box):
    vertices, faces = box
    view = View.of(vertices, faces)
    pictures = [render_mesh(vertices, each, 60, view=view).astype(int) for each in (faces, faces[:, ::-1])]
    assert np.abs(pictures[0] - pictures[1]).max() <= 3


def test_transparent_picture_is_clear_around_the_mesh(sphere):
    picture = render_mesh(*sphere, 50, transparent=True)
    assert picture.shape == (50, 50, 4)
    assert picture[0, 0, 3] == 0
    assert picture[25, 25, 3] == 255
    assert np.array_equal(picture[25, 25, :3], render_mesh(*sphere, 50)[25, 25])


def test_shared_view_shows_a_decoded_mesh_in_its_own_place(sphere):
    vertices, faces = sphere
    view = View.of(vertices, faces)
    half = covered(render_mesh(0.5 * vertices, faces, 100, view=view))
    whole = covered(render_mesh(vertices, faces, 100, view=view))
    assert half.sum() / whole.sum() == pytest.approx(0.25, rel=0.1)
    assert np.argwhere(half).mean(axis=0) == pytest.approx(np.argwhere(whole).mean(axis=0), abs=1)


def test_error_at_points_and_at_vertices_colour_alike(sphere):
    vertices, faces = sphere
    at_vertices = render_mesh(vertices, faces, 60, error=vertices[:, 1] + 1, error_end=2)
    at_points = render_mesh(vertices, faces, 60, error=lambda points: points[:, 1] + 1, error_end=2)
    assert np.abs(at_vertices.astype(int) - at_points).max() <= 3


def test_error_darkens_where_it_is_large(sphere):
    vertices, faces = sphere
    picture = render_mesh(
        vertices,
        faces,
        60,
        view=View.of(vertices, faces, up="y"),
        error=lambda points: (points[:, 1] > 0).astype(float),
    ).astype(float)
    assert picture[12:20, 28:32].mean() < picture[45:52, 28:32].mean() - 50


@pytest.mark.parametrize("faces", [np.zeros((0, 3), int), np.array([[0, 1, 2]])])
def test_mesh_without_visible_faces_gives_an_empty_picture(faces):
    vertices = np.array([[0, 0, 0], [np.nan, 0, 0], [0, 1, 0]])
    assert (render_mesh(vertices, faces, 20) == 255).all()
    with pytest.raises(ValueError, match="no faces"):
        View.of(vertices, faces)


@pytest.mark.parametrize("up", ["y", "z"])
def test_things_stand_on_their_base(up):
    import trimesh

    cone = trimesh.creation.cone(radius=1, height=2)  # its base at z = 0, its tip above
    vertices = np.asarray(cone.vertices) if up == "z" else np.asarray(cone.vertices)[:, [1, 2, 0]]
    faces = np.asarray(cone.faces)
    assert guess_up(vertices, faces) == up
    rows = covered(render_mesh(vertices, faces, 80)).sum(axis=1)
    assert rows[rows > 0][:10].max() < rows[rows > 0][-25:].max() / 2


def test_named_up_axis_overrules_the_guess(box):
    pictures = [render_mesh(*box, 50, view=View.of(*box, up=up)) for up in ("y", "z")]
    assert (pictures[0] != pictures[1]).any()


def test_wireframe_darkens_edges_and_leaves_the_outline(box):
    vertices, faces = box
    view = View.of(vertices, faces)
    plain, wired = (render_mesh(vertices, faces, 100, view=view, wireframe=w).astype(int) for w in (False, True))
    assert np.array_equal(covered(plain), covered(wired))
    darker = (plain - wired).max(axis=-1) > 20
    assert 0.01 < darker.sum() / covered(plain).sum() < 0.15
    assert (wired <= plain).all()


def test_wireframe_of_tiny_triangles_does_not_turn_black():
    import trimesh

    dense = mesh_of(trimesh.creation.icosphere(subdivisions=6))  # far more triangles than pixels
    plain, wired = (render_mesh(*dense, 40, wireframe=w).astype(float) for w in (False, True))
    assert wired[covered(plain)].mean() > 0.7 * plain[covered(plain)].mean()


def test_drawing_in_bands_changes_nothing(sphere, monkeypatch):
    whole = render_mesh(*sphere, 51)
    monkeypatch.setattr(render, "_BAND_RAYS", 2 * 2 * 51 * 4)  # four rows of pixels at once
    assert np.array_equal(render_mesh(*sphere, 51), whole)
