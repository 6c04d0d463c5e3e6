"""Control vertices to integers, so that the surface, not each coordinate, stays where it is.

With the fit's own quadratic model V'HV - 2 g'V the nearest integers are a closest-vector problem. Coordinates are
rounded one after the other, those that the surface depends on most first, and each moves the optimum of those not yet
rounded (Babai's nearest plane); several candidates are kept on the way (a K-best search, as in the detection of lattice
codes). Single steps that lower the model end it. Saves more than one bit a coordinate against plain rounding.
"""

import numpy as np

DENSE_LIMIT = 1000  # vertices up to which the dense Cholesky factor is affordable
CANDIDATES = 16  # roundings of the coordinates done so far that are kept


def nearest_integers(hessian: np.ndarray, gradient: np.ndarray, candidates: int | None = None) -> np.ndarray:
    """Integers (k,) near the least of x'Hx - 2 g'x, H dense and positive definite.

    One candidate is Babai's nearest plane.
    """
    from scipy.linalg import cho_solve, cholesky

    order = np.argsort(hessian.diagonal(), kind="stable")  # the last is rounded first: errors there weigh most
    upper = cholesky(hessian[np.ix_(order, order)], lower=False, check_finite=False)
    real = cho_solve((upper, False), gradient[order], check_finite=False)
    pivots = upper.diagonal().copy()
    moved, cost = np.zeros((1, len(real))), np.zeros(1)  # of each candidate: integers less the real optimum
    for i in range(len(real) - 1, -1, -1):
        centre = real[i] - moved[:, i + 1:] @ upper[i, i + 1:] / pivots[i]
        near = np.rint(centre)
        both = np.concatenate([near, near + np.where(centre > near, 1, -1)])
        price = np.tile(cost, 2) + (pivots[i] * (both - np.tile(centre, 2))) ** 2
        kept = np.argsort(price, kind="stable")[:candidates or CANDIDATES]
        moved = moved[kept % len(cost)]
        moved[:, i], cost = both[kept] - real[i], price[kept]
    integers = np.empty(len(real))
    integers[order] = np.rint(moved[0] + real)
    return integers


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
        vertices: (n, 3) least of the model or near it, the start where n is large; step: of the grid.
    Returns:
        (n, 3) int32, in steps.
    """
    scaled, right = (hessian * step**2).tocsr(), gradient.ravel() * step
    dense = len(vertices) <= DENSE_LIMIT
    start = nearest_integers(scaled.toarray(), right) if dense else np.rint(vertices.ravel() / step)
    return descend(scaled, right, start).reshape(-1, 3).astype(np.int32)
