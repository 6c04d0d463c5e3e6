"""Control vertices to integers, so that the surface, not each coordinate, stays where it is.

With the fit's own quadratic model V'HV - 2 g'V the nearest integers are a closest-vector problem. Coordinates are
rounded one after the other, those that the surface depends on most first, and each moves the optimum of those not yet
rounded (Babai's nearest plane); several candidates are kept on the way (a K-best search, as in the detection of lattice
codes). Single steps that lower the model end it. Saves more than one bit a coordinate against plain rounding.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

REGION = 600  # numbers at most that are rounded together: their Cholesky factor is dense
CANDIDATES = 16  # roundings of the coordinates done so far that are kept
NEXT = np.array([[0.0], [1.0]])  # steps from the nearest integer to those that are tried


def nearest_integers(
    hessian: np.ndarray, gradient: np.ndarray, candidates: int | None = None, free: int = 0
) -> np.ndarray:
    """Integers (k,) near the least of x'Hx - 2 g'x, H dense and positive definite.

    One candidate is Babai's nearest plane. The first `free` coordinates stay real, at the optimum for the others.
    """
    from scipy.linalg import cho_solve, cholesky, solve_triangular

    # the last is rounded first: errors there weigh most
    order = np.concatenate([np.arange(free), free + np.argsort(hessian.diagonal()[free:], kind="stable")])
    upper = cholesky(hessian[np.ix_(order, order)], lower=False, check_finite=False)
    real = cho_solve((upper, False), gradient[order], check_finite=False)
    pivots = upper.diagonal().copy()
    moved, cost = np.zeros((1, len(real))), np.zeros(1)  # of each candidate: integers less the real optimum
    for i in range(len(real) - 1, free - 1, -1):
        centre = real[i] - moved[:, i + 1 :] @ upper[i, i + 1 :] / pivots[i]
        near = np.rint(centre)
        both = near + NEXT * np.where(centre > near, 1.0, -1.0)
        price = (cost + (pivots[i] * (both - centre)) ** 2).ravel()
        kept = np.argsort(price, kind="stable")[: candidates or CANDIDATES]
        moved = moved[kept % len(cost)]
        moved[:, i], cost = both.ravel()[kept] - real[i], price[kept]
    found = real + moved[0]
    found[free:] = np.rint(found[free:])
    if free:
        found[:free] -= solve_triangular(upper[:free, :free], upper[:free, free:] @ moved[0, free:], check_finite=False)
    integers = np.empty(len(real))
    integers[order] = found
    return integers


def _regions(points: np.ndarray, index: np.ndarray) -> Iterator[np.ndarray]:
    """An index of points (n, 3) in compact groups of at most REGION, halved along their longest side."""
    if len(index) <= REGION:
        yield index
        return
    axis = np.argmax(np.ptp(points[index], axis=0))
    ordered = index[np.argsort(points[index, axis], kind="stable")]
    for half in np.array_split(ordered, 2):
        yield from _regions(points, half)


def _region_by_region(hessian, gradient: np.ndarray, x: np.ndarray, places: np.ndarray, rounded: np.ndarray) -> None:
    """Integers near the least of x'Hx - 2 g'x, H sparse (CSR), in place of x (n,), which is that least or near it.

    The Hessian's neighbours of each region give way, where they are not rounded yet.

    Args:
        places: (n, 3) where the numbers are; rounded: (n,) bool, which are integers already.
    """
    rounded = rounded.copy()
    for inside in _regions(places, np.flatnonzero(~rounded)):
        near = np.unique(hessian[inside].indices)
        free = np.setdiff1d(near[~rounded[near]], inside)
        chosen = np.concatenate([free, inside])
        rows = hessian[chosen]
        local = rows[:, chosen].toarray()
        outer = rows @ x - local @ x[chosen]
        x[chosen] = nearest_integers(local, gradient[chosen] - outer, free=len(free))
        rounded[inside] = True


def factors_of(matrix) -> Any:
    """Of a sparse matrix (CSC), symmetric and positive definite: an object that solves."""
    from scipy.sparse.linalg import splu

    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _round_shared(hessian, gradient: np.ndarray, x: np.ndarray, shared: np.ndarray) -> None:
    """Integers in place of the shared numbers of x (n,), the others giving way; these are then at their optimum.

    The others are eliminated from the model, H sparse (CSR): what is left of it is that of the shared ones alone.
    """
    few, others = np.flatnonzero(shared), np.flatnonzero(~shared)
    rows = hessian[few]
    left, right, coupling = rows[:, few].toarray(), gradient[few], rows[:, others]
    if len(others) == 0:
        x[few] = nearest_integers(left, right)
        return
    factors = factors_of(hessian[others][:, others].tocsc())
    left = left - coupling @ factors.solve(coupling.T.toarray())
    x[few] = nearest_integers(left, right - coupling @ factors.solve(gradient[others]))
    x[others] = factors.solve(gradient[others] - coupling.T @ x[few])


def descend(hessian, gradient: np.ndarray, integers: np.ndarray, most: int = 20000) -> np.ndarray:
    """Best single-coordinate integer moves on x'Hx - 2 g'x, H sparse (CSR), until none lowers it."""
    x = integers.copy()
    diagonal = hessian.diagonal()
    slope = hessian @ x - gradient
    move = np.rint(-slope / diagonal)
    gain = -move * (2 * slope + diagonal * move)
    for _ in range(most):
        i = int(np.argmax(gain))
        if move[i] == 0 or gain[i] <= 0:
            break
        x[i] += move[i]
        row = slice(hessian.indptr[i], hessian.indptr[i + 1])
        near = hessian.indices[row]
        slope[near] += hessian.data[row] * move[i]
        move[near] = np.rint(-slope[near] / diagonal[near])
        gain[near] = -move[near] * (2 * slope[near] + diagonal[near] * move[near])
    return x


def round_numbers(
    hessian, gradient: np.ndarray, numbers: np.ndarray, places: np.ndarray, shared: np.ndarray, step: float
) -> np.ndarray:
    """Integers of the coordinates of control vertices on a grid.

    Args:
        hessian: sparse (n, n), positive definite; gradient: (n,): the model x'Hx - 2 g'x.
        numbers: (n,) least of the model or near it; places: (n, 3) where each is; step: of the grid.
        shared: (n,) bool, which are of many vertices and rounded first.
    Returns:
        (n,) int32, in steps.
    """
    scaled, right, x = (hessian * step**2).tocsr(), gradient * step, numbers / step
    if shared.any():
        _round_shared(scaled, right, x, shared)
    _region_by_region(scaled, right, x, places, shared)
    return descend(scaled, right, x).astype(np.int32)
