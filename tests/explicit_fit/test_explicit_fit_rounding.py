"""Rounding with a quadratic model: never worse than the start, and better than rounding each number."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from necgs_cli.explicit import rounding
from necgs_cli.explicit.rounding import descend, nearest_integers, round_numbers


def model(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) + 0.3 * np.eye(size)
    hessian = root @ root.T + 0.05 * np.eye(size)
    return hessian, hessian @ rng.normal(size=size) * 5


def value(hessian, gradient, x):
    return x @ hessian @ x - 2 * gradient @ x


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 24))
def test_descent_ends_where_no_single_step_helps_and_never_rises(seed, size):
    hessian, gradient = model(seed, size)
    start = np.rint(np.linalg.solve(hessian, gradient))
    end = descend(sp.csr_matrix(hessian), gradient, start)
    best = value(hessian, gradient, end)
    assert best <= value(hessian, gradient, start) + 1e-9
    for i in range(size):
        for move in (-1, 1):
            other = end.copy()
            other[i] += move
            assert value(hessian, gradient, other) >= best - 1e-6


def test_nearest_plane_beats_plain_rounding_on_correlated_models():
    better = []
    for seed in range(20):
        hessian, gradient = model(seed, 30)
        plain = np.rint(np.linalg.solve(hessian, gradient))
        plane = nearest_integers(hessian, gradient, 1)
        better.append(value(hessian, gradient, plane) < value(hessian, gradient, plain))
    assert np.mean(better) > 0.9


def test_more_candidates_come_nearer():
    nearer = []
    for seed in range(20):
        hessian, gradient = model(seed, 60)
        one, many = (value(hessian, gradient, nearest_integers(hessian, gradient, k)) for k in (1, 16))
        nearer.append(many < one)
    assert np.mean(nearer) > 0.6


def test_free_coordinates_stay_real_at_the_optimum_for_the_others():
    hessian, gradient = model(7, 24)
    found = nearest_integers(hessian, gradient, free=10)
    assert np.array_equal(found[10:], np.rint(found[10:]))
    assert np.abs(hessian[:10] @ found - gradient[:10]).max() < 1e-9


def test_large_meshes_are_rounded_region_by_region(monkeypatch):
    """On a chain of vertices coupled to those near them, regions lose next to nothing against all at once."""
    rng = np.random.default_rng(0)
    band = sp.diags([rng.normal(size=600) for _ in range(12)], range(12), shape=(600, 600)).tocsc()
    hessian = (band.T @ band + 0.05 * sp.identity(600)).tocsc()
    vertices = np.stack([np.linspace(0, 9, 200), *rng.random((2, 200))], axis=1)
    numbers, places, alone = vertices.ravel(), np.repeat(vertices, 3, axis=0), np.zeros(600, bool)

    def excess(region: int) -> float:
        monkeypatch.setattr(rounding, "REGION", region)
        off = round_numbers(hessian, hessian @ numbers, numbers, places, alone, 1.0) - numbers
        return float(off @ (hessian @ off))

    one_by_one = np.rint(numbers) - numbers
    assert excess(150) < 1.2 * excess(3000)
    assert excess(150) < 0.8 * float(one_by_one @ (hessian @ one_by_one))


def test_integers_reproduce_vertices_that_lie_on_the_grid():
    rng = np.random.default_rng(3)
    hessian, _ = model(5, 36)
    integers = rng.integers(-50, 50, 36)
    numbers = integers * 0.25
    for shared in (np.zeros(36, bool), np.arange(36) % 5 == 0):
        found = round_numbers(
            sp.csc_matrix(hessian), hessian @ numbers, numbers + 0.01, rng.random((36, 3)), shared, 0.25
        )
        assert np.array_equal(found, integers)
