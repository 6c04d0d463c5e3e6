"""Control vertices to integers, so that the surface, not each coordinate, stays where it is.

With the fit's own quadratic model V'HV - 2 g'V the nearest integers are a closest-vector problem. Coordinates are
rounded one after the other, those that the surface depends on most first, and each moves the optimum of those not yet
rounded (Babai's nearest plane); several candidates are kept on the way (a K-best search, as in the detection of lattice
codes). Single steps that lower the model end it. Saves more than one bit a coordinate against plain rounding.
"""

from collections.abc import Iterator

import numpy as np

REGION = 200  # vertices at most that are rounded together: their Cholesky factor is dense
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
    """The points (n, 3) of an index in compact groups of at most REGION, halved along their longest side."""
    if len(index) <= REGION:
        yield index
        return
    axis = np.argmax(np.ptp(points[index], axis=0))
    ordered = index[np.argsort(points[index, axis], kind="stable")]
    for half in np.array_split(ordered, 2):
        yield from _regions(points, half)


def _region_by_region(hessian, gradient: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Integers (3n,) near the least of x'Hx - 2 g'x, H sparse (CSR); `start` (n, 3) is that least or near it.

    The Hessian's neighbours of each region give way, where they are not rounded yet.
    """
    x, rounded = start.ravel().copy(), np.zeros(start.size, bool)
    for region in _regions(start, np.arange(len(start))):
        inside = (3 * region[:, None] + np.arange(3)).ravel()
        near = np.unique(hessian[inside].indices)
        free = np.setdiff1d(near[~rounded[near]], inside)
        chosen = np.concatenate([free, inside])
        rows = hessian[chosen]
        local = rows[:, chosen].toarray()
        outer = rows @ x - local @ x[chosen]
        x[chosen] = nearest_integers(local, gradient[chosen] - outer, free=len(free))
        rounded[inside] = True
    return x


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


def round_vertices(hessian, gradient: np.ndarray, vertices: np.ndarray, step: float) -> np.ndarray:
    """Integers of control vertices on a grid.

    Args:
        hessian: sparse (3n, 3n), positive definite; gradient: (n, 3): the model V'HV - 2 g'V.
        vertices: (n, 3) least of the model or near it; step: of the grid.
    Returns:
        (n, 3) int32, in steps.
    """
    scaled, right = (hessian * step**2).tocsr(), gradient.ravel() * step
    start = _region_by_region(scaled, right, vertices / step)
    return descend(scaled, right, start).reshape(-1, 3).astype(np.int32)
