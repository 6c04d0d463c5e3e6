"""fit_field: closer than the exact distance, on the 8-bit grid, repeatable."""

import numpy as np
import pytest
import shapes

from necgs_cli.field.fit import fit_field
from necgs_cli.field.marching_cubes import extract_surface

K = 32


def error(shape, fit) -> float:
    forward, backward = shapes.distances(shape, *extract_surface(fit.levels[-1]))
    return (forward.mean() + backward.mean()) / 2


@pytest.mark.parametrize(
    "shape",
    [shapes.box(1.0, 0.8, 0.6, 0.5), shapes.box(1.7, 1.0, 0.01, 0.3), shapes.half_sphere()],
    ids=["box", "plate", "sheet"],
)
def test_the_fit_is_closer_than_the_exact_distance_and_the_deformation_helps(shape):
    exact = fit_field(*shape, K, deform=False, steps=0)
    values = fit_field(*shape, K, deform=False, steps=48)
    both = fit_field(*shape, K, deform=True, steps=48)
    assert error(shape, values) < error(shape, exact)
    assert error(shape, both) < 0.97 * error(shape, values)
    assert shapes.closed(extract_surface(both.levels[-1])[1])


def test_l1_makes_the_deformation_smaller():
    shape = shapes.box(1.0, 0.8, 0.6, 0.5)
    size = [np.abs(fit_field(*shape, K, l1=l1, steps=24).levels[-1].deformation).mean() for l1 in (0.0, 0.2)]
    assert size[1] < 0.7 * size[0]


def test_values_and_deformations_lie_on_the_8_bit_grid_within_their_range():
    field = fit_field(*shapes.torus(), K, steps=12).levels[-1]
    for tensor in (field.tsdf, field.deformation):
        assert np.abs(tensor).max() <= 1
        np.testing.assert_allclose(tensor * 127, np.round(tensor * 127), atol=1e-4)


def test_the_fit_keeps_the_topology_of_the_signed_distance():
    shape = shapes.torus()
    exact = extract_surface(fit_field(*shape, K, deform=False, steps=0).levels[-1])[1]
    fitted = extract_surface(fit_field(*shape, K, steps=24).levels[-1])[1]
    np.testing.assert_array_equal(exact, fitted)


def test_the_same_seed_gives_the_same_field():
    first, second = (fit_field(*shapes.torus(), K, steps=12, seed=4).levels[-1] for _ in range(2))
    np.testing.assert_array_equal(first.tsdf, second.tsdf)
    np.testing.assert_array_equal(first.deformation, second.deformation)


def test_levels_and_report_are_those_of_the_signed_distance():
    shape = shapes.join(shapes.sphere(0.8), shapes.sphere(0.4))
    fit = fit_field(*shape, 64, steps=0)
    assert [field.resolution for field in fit.levels] == [16, 32, 64]
    assert fit.sign == "flood"
    assert fit.dropped_area == pytest.approx(0.2, abs=0.005)
