import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plain_sets import ball, box

from necgs_cli.report.scene import pack_mesh


def unpack(packed):
    """What web/mesh.js does: header, vertices (n, 3), faces (m, 3), error (n,) or None."""
    data = zlib.decompress(packed)
    size = int.from_bytes(data[:4], "little")
    about = json.loads(data[4 : 4 + size])
    rest = np.frombuffer(data[4 + size :], np.uint8).astype(np.int64)

    def column(length, width):
        nonlocal rest
        found, rest = rest[: length * width].reshape(width, length), rest[length * width :]
        return sum((plane << 8 * place for place, plane in enumerate(found)), np.zeros(length, np.int64))

    n, m = about["vertices"], about["faces"]
    grid = np.stack([np.cumsum(column(n, 2)) & 0xFFFF for _ in range(3)], axis=1)
    first, second, third = (column(m, 4) for _ in range(3))
    first = np.cumsum(first)
    faces = np.stack([first, first + second, first + third], axis=1)
    error = None if about["largest_error"] is None else about["largest_error"] * (rest / 255) ** 2
    assert error is None or len(error) == n
    return about, np.array(about["low"]) + about["step"] * grid, faces, error


def triangles(vertices, faces):
    """Corner coordinates of each triangle, the triangles in an order that depends on nothing else."""
    corners = vertices[faces].reshape(-1, 9)
    return corners[np.lexsort(np.round(corners, 3).T)]


def rotations(vertices, faces):
    return np.concatenate([triangles(vertices, np.roll(faces, turn, axis=1)) for turn in range(3)])


@pytest.mark.parametrize("shape", [ball(), box()])
@pytest.mark.parametrize("place", [0.0, 1e6])
def test_triangles_come_back_to_a_65_thousandth_of_the_longest_side(shape, place):
    vertices, faces = shape[0] + place, shape[1]
    about, found, found_faces, error = unpack(pack_mesh(vertices, faces))
    assert error is None and len(found) == len(vertices) and len(found_faces) == len(faces)
    side = np.ptp(vertices, axis=0).max()
    all_found = {tuple(np.round((t - place) / side * 1000).astype(int)) for t in rotations(found, found_faces)}
    near = {tuple(np.round((t - place) / side * 1000).astype(int)) for t in triangles(vertices, faces)}
    assert len(near & all_found) > 0.9 * len(near)  # the others fall on the edge between two thousandths
    for point in vertices:
        assert np.abs(found - point).max(axis=1).min() <= 0.51 * side / 65_535
    assert about["source_faces"] == len(faces)


@given(arrays.arrays(np.float64, (12, 3), elements=st.floats(-1e3, 1e3)), st.integers(0, 2**32 - 1))
def test_every_soup_is_packed_within_its_step(vertices, seed):
    faces = np.random.default_rng(seed).integers(0, len(vertices), (20, 3))
    about, found, found_faces, error = unpack(pack_mesh(vertices, faces, np.abs(vertices[:, 0])))
    used = vertices[np.unique(faces)]
    for point in used:
        assert np.abs(found - point).max(axis=1).min() <= 0.51 * about["step"]
    assert len(error) == len(found) and (found_faces < len(found)).all()
    assert about["largest_error"] == np.abs(used[:, 0]).max()


def test_errors_keep_their_size_and_small_ones_are_told_apart():
    vertices, faces = ball()
    error = np.linspace(0, 1, len(vertices)) ** 2
    _, found, _, levels = unpack(pack_mesh(vertices, faces, error))
    nearest = np.linalg.norm(found[:, None] - vertices[None], axis=2).argmin(axis=1)
    assert np.abs(np.sqrt(levels) - np.sqrt(error[nearest])).max() < 0.51 / 255


def test_what_is_not_finite_is_left_out_or_counts_as_the_largest():
    vertices, faces = ball()
    vertices, error = vertices.copy(), np.full(len(vertices), 0.5)
    vertices[0], error[1] = np.nan, np.inf
    about, found, _, levels = unpack(pack_mesh(vertices, faces, error))
    assert about["faces"] < len(faces) and np.isfinite(found).all()
    assert about["largest_error"] == 0.5 and (levels == 0.5).all()


def test_a_mesh_without_faces_is_packed():
    about, found, faces, _ = unpack(pack_mesh(np.zeros((0, 3)), np.zeros((0, 3), int)))
    assert about["faces"] == 0 and len(found) == 0 and len(faces) == 0


def test_a_mesh_of_infinite_extent_is_refused():
    vertices = np.array([[-1e308, 0, 0], [1e308, 0, 0], [0, 1e308, 0]])
    with pytest.raises(ValueError, match="too large"):
        pack_mesh(vertices, np.array([[0, 1, 2]]))


def test_nine_models_of_sixty_thousand_triangles_stay_under_ten_megabytes():
    vertices, faces = ball(subdivisions=5)
    vertices = vertices * (1 + 0.01 * np.random.default_rng(0).normal(size=(len(vertices), 1)))
    error = np.abs(np.random.default_rng(1).normal(size=len(vertices)))
    per_face = len(pack_mesh(vertices, faces, error)) / len(faces)
    assert 2 * 9 * 60_000 * per_face * 4 / 3 < 9.5e6
