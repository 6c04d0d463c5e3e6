"""Signed distances on all levels: right sides, nothing lost, cost in proportion to the surface."""

import numpy as np
import pytest
import shapes
from scipy.spatial import cKDTree

from necgs_cli.field.distance import sample_position, unsigned_bands
from necgs_cli.field.levels import signed_levels
from necgs_cli.field.marching_cubes import extract_surface
from necgs_cli.field.surface_points import surface_points

K = 64
STEP = 2 / K


def surface(shape, keep_interior=False, resolution=K):
    levels = signed_levels(*shape, resolution, keep_interior)
    vertices, faces = extract_surface(levels.levels[-1])
    assert shapes.closed(faces)
    return levels, vertices, faces


def half_flipped(shape):
    vertices, faces = shape
    flip = np.random.default_rng(0).random(len(faces)) < 0.5
    return vertices, np.where(flip[:, None], faces[:, ::-1], faces)


@pytest.mark.parametrize(
    "treat", [lambda s: s, shapes.reverse, half_flipped], ids=["closed", "inside_out", "half_flipped"]
)
@pytest.mark.parametrize("make", [shapes.sphere, shapes.torus])
def test_closed_shapes_are_solid_whatever_their_orientation(make, treat):
    levels, vertices, faces = surface(treat(make()))
    assert levels.sign == "flood"
    assert levels.dropped_area == 0
    assert abs(shapes.volume(vertices, faces) / shapes.volume(*make()) - 1) < 0.01
    forward, backward = shapes.distances(make(), vertices, faces)
    assert max(forward.max(), backward.max()) < 0.1 * STEP


@pytest.mark.parametrize("turn", [0.0, 0.5])
def test_a_box_on_sample_planes_or_across_them_is_solid_and_exact_on_its_sides(turn):
    side = 2 * (1 - 3 / K) / (1 if turn == 0 else 2)  # unturned, its sides lie exactly on samples
    shape = shapes.box(side, side, side, turn)
    levels, vertices, faces = surface(shape)
    assert levels.sign == "flood"
    assert abs(shapes.volume(vertices, faces) / side**3 - 1) < 0.02
    forward, backward = shapes.distances(shape, vertices, faces)
    assert np.median(forward) < 0.02 * STEP
    assert max(forward.max(), backward.max()) < STEP


@pytest.mark.parametrize("inner", [shapes.sphere(0.4), shapes.reverse(shapes.sphere(0.4))], ids=["outward", "hollow"])
def test_hidden_spheres_are_dropped_and_reported_unless_kept(inner):
    shape = shapes.join(shapes.sphere(0.8), inner)
    full = shapes.volume(*shapes.sphere(0.8))
    levels, vertices, faces = surface(shape)
    assert levels.dropped_area == pytest.approx(0.2, abs=0.005)
    assert shapes.volume(vertices, faces) == pytest.approx(full, rel=0.01)
    assert np.linalg.norm(vertices, axis=1).min() > 0.75

    kept, vertices, faces = surface(shape, keep_interior=True)
    assert kept.dropped_area == 0
    assert shapes.volume(vertices, faces) == pytest.approx(full - shapes.volume(*shapes.sphere(0.4)), rel=0.01)


def test_crossing_spheres_become_their_union_unless_the_interior_is_kept():
    shape = shapes.join(shapes.sphere(0.5, (-0.3, 0, 0)), shapes.sphere(0.5, (0.3, 0, 0)))
    lens = np.pi * (4 * 0.5 + 0.6) * (2 * 0.5 - 0.6) ** 2 / 12
    each = 4 / 3 * np.pi * 0.5**3
    levels, vertices, faces = surface(shape)
    assert 0.1 < levels.dropped_area < 0.2  # the caps are 0.2; what is near the seam counts as seen
    assert shapes.volume(vertices, faces) == pytest.approx(2 * each - lens, rel=0.02)
    _, vertices, faces = surface(shape, keep_interior=True)
    assert shapes.volume(vertices, faces) == pytest.approx(2 * each - 2 * lens, rel=0.02)


SHEETS = {
    "quad": (
        np.array([[-0.9, -0.9, 0], [0.9, -0.9, 0], [0.9, 0.9, 0], [-0.9, 0.9, 0.0]]),
        np.array([[0, 1, 2], [0, 2, 3]]),
    ),
    "triangle": (np.array([[-0.95, -0.95, -0.19], [0.95, -0.95, -0.19], [-0.95, 0.95, 0.19]]), np.array([[0, 1, 2]])),
    "terrain": shapes.grid(lambda x, y: 0.2 * np.sin(4 * x) * np.cos(3 * y)),
    "moebius": shapes.moebius(),
    "half_sphere": shapes.half_sphere(),
    "plate": shapes.box(1.5, 0.9, 0.0015, 0.3),
}


@pytest.mark.parametrize("name", SHEETS)
def test_sheets_and_thin_plates_become_shells_without_holes(name):
    levels, vertices, faces = surface(SHEETS[name])
    assert levels.sign == "shell"
    forward, backward = shapes.distances(SHEETS[name], vertices, faces)
    assert np.quantile(forward, 0.99) < 0.7 * STEP  # a point of the sheet is within the shell, nowhere in a hole
    assert forward.max() < 2 * STEP
    assert backward.max() < STEP


def test_a_needle_does_not_vanish_at_any_level():
    shape = shapes.box(1.8, 1.8e-5, 1.8e-5, 0.2)
    levels, vertices, faces = surface(shape)
    assert levels.sign == "shell"
    forward, backward = shapes.distances(shape, vertices, faces)
    assert forward.max() < 1.5 * STEP
    assert backward.max() < 1.5 * STEP


def test_a_small_opening_is_closed_and_the_shape_stays_solid():
    vertices, faces = shapes.sphere(0.8, subdivisions=5)
    punctured = vertices, faces[np.linalg.norm(vertices[faces].mean(1) - [0, 0, 0.8], axis=1) > 0.12]
    levels, got, triangles = surface(punctured)
    assert levels.sign == "flood+winding" or levels.sign == "winding"
    assert shapes.volume(got, triangles) == pytest.approx(shapes.volume(vertices, faces), rel=0.02)


def test_a_solid_with_a_sheet_on_it_keeps_both():
    fin = shapes.grid(lambda x, y: 0 * x, count=4, side=0.4)
    fin = fin[0] + [0.5, 0, 0.013], fin[1]
    shape = shapes.join(shapes.sphere(0.5), fin)
    levels, vertices, faces = surface(shape)
    assert levels.sign == "flood+shell"
    assert shapes.volume(vertices, faces) > 0.98 * shapes.volume(*shapes.sphere(0.5))
    assert (vertices[:, 0] > 0.85).any()


def test_every_level_stores_every_brick_within_two_of_its_steps_of_the_surface():
    for shape in (shapes.torus(), SHEETS["plate"], SHEETS["terrain"]):
        points, _ = surface_points(*shape, STEP / 2)
        tree = cKDTree(points)
        for field in signed_levels(*shape, K).levels:
            index = np.floor((points + 1) / field.step).astype(int)
            assert (field.brick_map[tuple((index // field.edge).T)] >= 0).all()
            near = np.abs(field.tsdf) < 1
            distances = tree.query(sample_position(field.sample_index()[near], field.resolution))[0]
            magnitude = np.abs(field.tsdf[near]) * 2 * field.step
            # up to the spacing of the points, and half a step of the finest level where there is a shell
            assert np.abs(magnitude - distances).max() < 1.1 * STEP


def test_levels_agree_on_what_is_inside():
    for field in signed_levels(*shapes.join(shapes.sphere(0.8), shapes.sphere(0.4)), K).levels:
        centre = np.full((1, 3), field.resolution // 2)
        assert field.lookup(centre) == -1
        radius = np.linalg.norm(sample_position(field.sample_index(), field.resolution), axis=-1)
        assert (field.tsdf[radius < 0.78] < 0).all()
        assert (field.tsdf[radius > 0.8] >= 0).all()


def test_the_cost_grows_with_the_surface_not_with_the_volume():
    stored = {k: signed_levels(*shapes.torus(), k).levels[-1].tsdf.size for k in (64, 128)}
    measured = [len(band.index) for band in unsigned_bands(*shapes.torus(), 128)]
    assert stored[128] < 5 * stored[64]
    assert measured[-1] < 5 * measured[-2]


def test_points_cover_slivers_and_stand_for_the_whole_area():
    vertices, faces = shapes.box(1.9, 1e-4, 0.5)
    points, area = surface_points(vertices, faces, 0.01)
    assert area.sum() == pytest.approx(2 * (1.9 * 1e-4 + 1.9 * 0.5 + 0.5 * 1e-4))
    along = np.sort(points[np.abs(points[:, 2]) > 0.2499, 0])
    assert np.diff(along).max() < 0.01


@pytest.mark.parametrize(
    ("vertices", "faces", "resolution"),
    [
        (np.zeros((3, 3)), np.zeros((0, 3), int), 64),
        (np.eye(3) * 1.5, np.array([[0, 1, 2]]), 64),
        (np.eye(3) * np.nan, np.array([[0, 1, 2]]), 64),
        (np.eye(3) * 0.5, np.array([[0, 1, 2]]), 48),
    ],
    ids=["no_faces", "beyond_the_lattice", "not_a_number", "no_power_of_two"],
)
def test_input_that_cannot_be_measured_is_refused(vertices, faces, resolution):
    with pytest.raises(ValueError):
        signed_levels(vertices, faces, resolution)
