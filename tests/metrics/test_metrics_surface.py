"""The metrics against cases whose answer is known on paper."""

import numpy as np
import pytest

from necgs_cli.metrics.surface import Reference, Surface, compare_clouds


def square(side=2.0, z=0.0, cells=1):
    """A flat square in x and y, centred on the z axis."""
    line = np.linspace(-side / 2, side / 2, cells + 1)
    x, y = np.meshgrid(line, line, indexing="ij")
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1), faces


@pytest.fixture(scope="module")
def sphere():
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=4)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def test_exact_copy_has_no_distance(sphere):
    distances = Reference(*sphere, samples=5_000).measure(*sphere)
    assert distances.max < 1e-6
    assert distances.nc == pytest.approx(1, abs=1e-3)


def test_shifted_square_lies_at_the_shift():
    distances = Reference(*square(), samples=5_000).measure(*square(z=0.125))
    for figure in (distances.p2s, distances.forward, distances.backward, distances.p99, distances.max):
        assert figure == pytest.approx(0.125, rel=1e-5)
    assert distances.nc == pytest.approx(1)


def test_grown_sphere_lies_at_the_difference_of_radii(sphere):
    vertices, faces = sphere
    assert Reference(vertices, faces, samples=20_000).measure(1.1 * vertices, faces).p2s == pytest.approx(0.1, rel=0.01)


def test_lengths_are_shares_of_half_the_longest_side_of_the_original(sphere):
    vertices, faces = sphere
    unit = Reference(vertices, faces, samples=5_000).measure(1.1 * vertices, faces)
    factor, offset = 1234.5, np.array([1e4, -2e4, 3e3])
    moved = Reference(vertices * factor + offset, faces, samples=5_000)
    assert moved.longest_side == pytest.approx(2 * factor)
    assert moved.measure(1.1 * vertices * factor + offset, faces).p2s == pytest.approx(unit.p2s, rel=1e-6)


def test_missing_half_is_seen_from_the_original_only():
    vertices, faces = square(cells=2)
    half = faces[(vertices[faces][:, :, 0] <= 0).all(axis=1)]
    distances = Reference(vertices, faces, samples=50_000).measure(vertices, half)
    assert distances.backward < 1e-6
    assert distances.forward == pytest.approx(0.25, rel=0.02)  # half of the samples, 0 to 1 away
    assert distances.p2s == pytest.approx((distances.forward + distances.backward) / 2)
    assert distances.max == pytest.approx(1, abs=0.01)
    assert distances.p99 == pytest.approx(0.96, abs=0.01)  # 1 of 100 samples in all: the farthest 4 of a missing 100


def test_extra_surface_is_seen_from_the_decoded_mesh_only():
    (vertices, faces), (above, _) = square(), square(z=0.5)
    doubled = np.concatenate([faces, faces + len(vertices)])
    distances = Reference(vertices, faces, samples=50_000).measure(np.concatenate([vertices, above]), doubled)
    assert distances.forward < 1e-6
    assert distances.backward == pytest.approx(0.25, rel=0.02)


def test_normals_at_right_angles_score_zero():
    vertices, faces = square()
    turned = vertices[:, [2, 1, 0]]
    assert Reference(vertices, faces, samples=2_000).measure(turned, faces).nc == pytest.approx(0, abs=1e-9)


def test_orientation_of_faces_does_not_matter(sphere):
    vertices, faces = sphere
    assert Reference(vertices, faces, samples=5_000).measure(vertices, faces[:, ::-1]).nc > 0.999


@pytest.mark.parametrize("faces", [np.zeros((0, 3), int), np.array([[0, 1, 1]]), np.array([[0, 1, 2]])])
def test_decoded_mesh_without_surface_is_infinitely_far(faces):
    vertices = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], float)
    distances = Reference(*square(), samples=1_000).measure(vertices, faces, clouds=True)
    assert np.isinf([distances.p2s, distances.forward, distances.backward, distances.p99, distances.max]).all()
    assert (distances.nc, distances.f1_005, distances.f1_01) == (0, 0, 0)
    assert distances.cd == np.inf


def test_faces_with_a_corner_that_is_not_finite_are_no_surface():
    vertices, faces = square()
    broken = np.concatenate([vertices, [[np.nan, 0, 0], [np.inf, 0, 0]]])
    more_faces = np.concatenate([faces, [[0, 1, 4], [1, 2, 5]]])
    distances = Reference(vertices, faces, samples=2_000).measure(broken, more_faces)
    assert distances.max < 1e-6


def test_vertices_of_no_face_do_not_move_the_frame():
    vertices, faces = square()
    stray = np.concatenate([vertices, [[100.0, 0, 0]]])
    assert Reference(stray, faces, samples=1_000).longest_side == pytest.approx(2)


@pytest.mark.parametrize("vertices", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.outer([0, 1, 2], [1.0, 0, 0])])
def test_original_without_surface_is_refused(vertices):
    with pytest.raises(ValueError, match="original"):
        Reference(vertices, np.array([[0, 1, 2]]))


def test_equal_seeds_give_equal_figures(sphere):
    vertices, faces = sphere
    first, again, other = (Reference(vertices, faces, 3_000, seed).measure(1.1 * vertices, faces) for seed in (7, 7, 8))
    assert first == again != other


def test_samples_are_uniform_by_area():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [8, 0, 0], [5, 1, 0]], float)
    points, _ = Surface(corners, np.array([[0, 1, 2], [3, 4, 5]])).sample(40_000, np.random.default_rng(0))
    assert (points[:, 0] >= 5).mean() == pytest.approx(0.75, abs=0.01)
    near = points[points[:, 0] <= 1]
    assert near.mean(axis=0) == pytest.approx([1 / 3, 1 / 3, 0], abs=0.01)


def test_clouds_are_scored_as_on_paper():
    original = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], float)
    decoded = np.array([[0, 0.004, 0], [1, 0.008, 0], [2, 0.02, 0]], float)
    scores = compare_clouds(original, decoded)
    forward = (0.004 + 0.008 + 0.02 + np.hypot(1, 0.02)) / 4
    assert scores.cd == pytest.approx((forward + 0.032 / 3) / 2)
    assert scores.f1_005 == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))
    assert scores.f1_01 == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))


def test_clouds_far_apart_have_no_f1():
    assert compare_clouds(np.zeros((1, 3)), np.ones((1, 3))).f1_01 == 0


def test_perfect_copy_scores_the_floor(sphere):
    reference = Reference(*sphere, samples=20_000)
    copy = reference.measure(*sphere, clouds=True)
    assert copy.cd == pytest.approx(reference.floor().cd, rel=0.02)
    assert copy.cd > 1e-3


def test_cloud_scores_are_left_out_unless_asked_for(sphere):
    distances = Reference(*sphere, samples=1_000).measure(*sphere)
    assert (distances.cd, distances.f1_005, distances.f1_01) == (None, None, None)


def test_distances_at_points_are_exact_and_in_the_unit_frame():
    vertices, faces = square(side=20.0)
    reference = Reference(vertices, faces, samples=100)
    distance = reference.distances_at(np.array([[0, 0, 5.0], [10, 10, 0], [13, 14, 0]]))
    assert distance == pytest.approx([0.5, 0, 0.5], abs=1e-6)
