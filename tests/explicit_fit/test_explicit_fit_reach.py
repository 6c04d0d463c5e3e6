"""How fits of one kind come to an asked error, on fits whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest

from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.control_mesh import CREASED, PLAIN, SMOOTH, ControlMesh
from necgs_cli.explicit.fits import LEAST_VERTICES
from necgs_cli.explicit.point import Point
from necgs_cli.explicit.reach import ENOUGH_MECHANICAL, MOST_FITS, reaching

BOUND = Bound(1e-3)
MESH = ControlMesh(np.zeros((3, 3), np.int32), np.array([[0, 1, 2]]), None, PLAIN, 12)


class Known:
    """Fits whose error is a function of vertices and grid; a byte a vertex and grid step."""

    def __init__(self, error, mechanical=True, thorough=False):
        self.error, self.mechanical, self.thorough = error, mechanical, thorough
        self.part_vertices, self.lessons, self.counts, self.grids = 5000, 0, [], []

    def suited(self, vertex_count, kind, error, before=12):
        self.lessons += 1
        self.counts.append(vertex_count)
        self.grids.append(before)
        p2s = self.error(vertex_count, before)
        mesh = replace(MESH, kind=kind, grid=before)
        return Point(mesh, round(vertex_count * before / 12), p2s, 3 * p2s, 10 * p2s, vertex_count)

    def on_grid_beside(self, point, step):
        self.lessons -= 1
        other = self.suited(point.vertex_count, point.mesh.kind, 0, point.mesh.grid + step)
        self.counts.pop()
        return other

    def has(self, vertex_count, kind):
        return self.mechanical and vertex_count in self.counts  # others learn, and differ


def reached(fits, first, kind=PLAIN):
    """All fits from a first one of so many vertices, and what was expected of each."""
    found = []
    expected = list(reaching(fits, BOUND, fits.suited(first, kind, 0), None, found))
    return found, expected


@pytest.mark.parametrize("kind, mechanical", [(PLAIN, True), (SMOOTH, False)])
@pytest.mark.parametrize("first", [40, 600])
@pytest.mark.parametrize("power", [0.7, 1.0, 1.6])
def test_the_asked_error_is_met_in_few_fits(kind, mechanical, first, power):
    fits = Known(lambda count, grid: 1e-3 * (200 / count) ** power, mechanical)
    found, expected = reached(fits, first, kind)
    assert any(0.93 <= BOUND.ratio(p) <= 1 for p in found)
    assert len(fits.counts) <= MOST_FITS and len(expected) < MOST_FITS
    assert expected[-1] == pytest.approx(200, rel=0.15)


def test_a_mechanical_kind_whose_error_does_not_fall_is_given_up():
    fits = Known(lambda count, grid: 1.5e-3 + 0.01e-3 * 100 / count)
    found, _ = reached(fits, 100)
    assert len(fits.counts) == 2 and all(BOUND.ratio(p) > 1 for p in found)


def test_vertices_lie_between_what_is_too_little_and_what_is_enough():
    fits = Known(lambda count, grid: 3e-3 if count < 150 else 0.2e-3)  # a part that is lost, or is not
    found, _ = reached(fits, 100)
    first_enough = next(k for k, count in enumerate(fits.counts) if count >= 150)
    assert all(100 <= count <= fits.counts[first_enough] for count in fits.counts[first_enough:])
    assert min(p.vertex_count for p in found if BOUND.ratio(p) <= 1) < 1.2 * 150


def test_a_grid_that_is_worth_it_is_kept_for_the_fits_that_follow():
    fits = Known(lambda count, grid: 1e-3 * (100 / count + 0.3 * 2.0 ** (12 - grid)))  # the grid costs half of itself
    found, _ = reached(fits, 130)
    assert fits.grids[:2] == [12, 13] and all(grid >= 13 for grid in fits.grids[2:])
    assert any(ENOUGH_MECHANICAL <= BOUND.ratio(p) <= 1 for p in found)


def test_a_first_fit_that_its_grid_holds_up_goes_on_with_a_finer_grid_and_fewer_vertices():
    fits = Known(lambda count, grid: 1e-3 * (10 / count + 0.8 * 2.0 ** ((12 - grid) / 2)))
    found, _ = reached(fits, 80)
    assert BOUND.ratio(found[0]) > 0.9 and fits.grids[1] == 13  # just enough, but mostly for the grid
    assert min(p.bytes for p in found if BOUND.ratio(p) <= 1) < 0.5 * found[0].bytes


def test_a_first_fit_that_is_far_below_the_asked_error_is_on_no_finer_grid():
    fits = Known(lambda count, grid: 1e-3 * (10 / count + 0.4 * 2.0 ** ((12 - grid) / 2)))
    reached(fits, 80)
    assert max(fits.grids[:2]) == 12


def test_a_first_fit_that_is_far_above_the_asked_error_is_on_no_finer_grid():
    fits = Known(lambda count, grid: 1e-3 * (300 / count + 0.4 * 2.0 ** ((12 - grid) / 2)))
    reached(fits, 80)
    assert max(fits.grids[:2]) == 12


def test_from_far_above_the_asked_error_plain_fits_are_expected_to_need_fewer_vertices_than_smooth_ones():
    def second(kind, first_error, **options):
        fits = Known(lambda count, grid: 1e-3 * first_error * 100 / count, **options)
        reached(fits, 100, kind)
        return fits.counts[1]

    assert second(PLAIN, 3) < second(CREASED, 3) < second(SMOOTH, 3)
    assert second(PLAIN, 1.4) == second(CREASED, 1.4) == second(SMOOTH, 1.4)
    assert second(PLAIN, 3, thorough=True) == second(CREASED, 3)


def test_no_fit_is_made_that_saves_hardly_anything_but_over_sets():
    errors = {400: 0.5e-3, 204: 1.03e-3}  # between these it is lower than either says
    one, over_set = (Known(lambda count, grid: errors.get(count, 0.85e-3), thorough=t) for t in (False, True))
    assert reached(one, 400)[1] == reached(over_set, 400)[1][: len(one.counts) - 1]
    assert len(one.counts) < len(over_set.counts)


def test_a_kind_whose_error_falls_too_slowly_over_several_fits_is_given_up():
    fits = Known(lambda count, grid: 1.1e-3 * (count / 100) ** -0.1)
    found, _ = reached(fits, 100)
    assert len(fits.counts) < MOST_FITS and all(BOUND.ratio(p) > 1 for p in found)


def test_what_is_thinner_than_the_grid_ends_at_once():
    fits = Known(lambda count, grid: np.inf)
    found, expected = reached(fits, 50)
    assert len(found) == 1 and not expected


def test_no_fit_has_fewer_vertices_than_a_solid_needs():
    fits = Known(lambda count, grid: 1e-6 / count)
    reached(fits, 60)
    assert min(fits.counts) == LEAST_VERTICES


def test_where_topology_needs_more_vertices_than_the_error_a_coarser_grid_saves_bytes():
    fits = Known(lambda count, grid: 0.7e-3 * 2.0 ** (0.4 * (12 - grid)))
    fits.has = lambda vertex_count, kind: True  # however few are asked for
    found, _ = reached(fits, 100)
    assert [p.mesh.grid for p in found] == [12, 11]
    assert found[1].bytes < found[0].bytes and BOUND.ratio(found[1]) <= 1


def test_just_above_the_asked_error_some_more_vertices_are_taken_not_a_finer_grid():
    fits = Known(lambda count, grid: 1e-3 * 100 / count, mechanical=False)
    found, _ = reached(fits, 99, SMOOTH)
    assert fits.grids == [12] * len(fits.grids)
    assert any(0.93 <= BOUND.ratio(p) <= 1 for p in found)
