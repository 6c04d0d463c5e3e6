"""A placement holds the mesh tightly, and takes it there and back without loss."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.placement import Placement

COORDINATES = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(arrays(np.float64, (5, 3), elements=COORDINATES), st.integers(-300, 240))
def test_every_vertex_fits_and_comes_back(vertices, power):
    vertices = vertices * 10.0**power
    side = np.ptp(vertices, axis=0).max()
    if side < 1e-9 * np.abs(vertices).max() or side == 0:
        return
    placement = Placement.of(vertices)
    assert 128 <= placement.mantissa <= 255
    unit = placement.to_unit(vertices)
    assert np.abs(unit).max() <= 1
    assert np.ptp(unit, axis=0).max() > 2 * 127 / 129  # the cube is the smallest there is, but for its rounding
    spacing = np.spacing(np.abs(vertices).max())
    assert np.abs(placement.to_source(unit) - vertices).max() <= 4 * spacing


@given(arrays(np.float64, (5, 3), elements=COORDINATES), st.integers(-200, 200))
def test_scaling_by_a_power_of_two_changes_the_exponent_only(vertices, power):
    if np.ptp(vertices, axis=0).max() < 1e-6 * np.abs(vertices).max() or not vertices.any():
        return
    one, other = Placement.of(vertices), Placement.of(np.ldexp(vertices, power))
    assert other == replace(one, exponent=one.exponent + power)


def test_cube_of_side_two_is_its_own_unit_frame():
    corners = np.array([[-1, -1, -1], [1, 1, 1]], float)
    placement = Placement.of(corners)
    assert placement.half_side == 1 and placement.centre_steps == (0, 0, 0)
    np.testing.assert_array_equal(placement.to_unit(corners), corners)


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-30, 1e30, 1e299])
def test_extreme_sizes_have_a_placement(size):
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]) * size
    placement = Placement.of(vertices)
    np.testing.assert_allclose(placement.to_source(placement.to_unit(vertices)), vertices, rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        ([[1, 2, 3], [1, 2, 3]], "equal"),
        ([[1e299, 0, 0], [1e299, 1, 1]], "too far"),
        ([[-1e308, 0, 0], [1e308, 0, 0]], "1e300"),
    ],
)
def test_places_that_float64_cannot_serve_are_errors(vertices, message):
    with pytest.raises(MeshError, match=message):
        Placement.of(np.array(vertices, float))
