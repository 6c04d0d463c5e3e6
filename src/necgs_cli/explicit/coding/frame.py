"""Residuals in a vertex's own frame: surer along the normal than in the surface, biased away from the gate.

The residual is modelled as Gaussian with covariance I - a n n', n the unit normal of the triangles across, `a`
learnt on the way. Axes are coded one after the other, each given those before it. Fixed point: vectors have FRACTION
bits, unit vectors UNIT_BITS, covariances 16.
"""

from .arithmetic import too_wide
from .kernel import Flat, Vector, inlined, isqrt, kernel, length
from .residual import FRACTION

UNIT_BITS = 10
_ONE = 1 << 16
_MOST = _ONE - (_ONE >> 8)
_MEMORY = 48  # vertices after which the past is halved
_FORWARD = [9, 9, 8, 5, 3, 0]  # mean step away from the gate, in 1/16 of the expected size, by known neighbours
_EXACT_CORNERS = 1 << 10
_EXACT_VECTOR = 1 << 53  # for `length`
_EXACT_RESIDUAL = 1 << 30

# what is remembered of the residuals so far
ACROSS, WITHIN, WEIGHT = range(3)
FIRST_SPREADS = (5 * 256, 8 * 256, 8)


@kernel
def unit(registers: Flat, x: int, y: int, z: int) -> Vector:
    """A vector at unit length; the null vector stays."""
    if too_wide(registers, max(abs(x), abs(y), abs(z)), _EXACT_VECTOR):
        return 0, 0, 0
    size = length(x, y, z)
    if size == 0:
        return 0, 0, 0
    return (x << UNIT_BITS) // size, (y << UNIT_BITS) // size, (z << UNIT_BITS) // size


@inlined
def normal(registers: Flat, x: Flat, triples: Flat, first: int, last: int) -> Vector:
    """Unit normal of the triangles across from a vertex, those of the triples first..last-1; null when there is none.

    Args:
        x: 3n, positions.
        triples: 3k, (a, b, opposite).
    """
    if too_wide(registers, last - first, _EXACT_CORNERS):
        return 0, 0, 0
    nx = ny = nz = 0
    for k in range(3 * first, 3 * last, 3):
        p, q, r = 3 * triples[k], 3 * triples[k + 1], 3 * triples[k + 2]
        px, py, pz = x[p], x[p + 1], x[p + 2]
        ux, uy, uz = x[q] - px, x[q + 1] - py, x[q + 2] - pz
        vx, vy, vz = x[r] - px, x[r + 1] - py, x[r + 2] - pz
        nx += uy * vz - uz * vy
        ny += uz * vx - ux * vz
        nz += ux * vy - uy * vx
    return unit(registers, nx, ny, nz)


@inlined
def forward_step(registers: Flat, mean: Vector, x: Flat, f: int, v: int, n: Vector, known: int, size: int) -> Vector:
    """The bias of the prediction: a step from the middle of the gate f, v towards the prediction, in the surface."""
    f *= 3
    v *= 3
    wx = mean[0] - (x[f] + x[v] << FRACTION - 1)
    wy = mean[1] - (x[f + 1] + x[v + 1] << FRACTION - 1)
    wz = mean[2] - (x[f + 2] + x[v + 2] << FRACTION - 1)
    along = wx * n[0] + wy * n[1] + wz * n[2] >> UNIT_BITS
    dx, dy, dz = unit(
        registers, wx - (along * n[0] >> UNIT_BITS), wy - (along * n[1] >> UNIT_BITS), wz - (along * n[2] >> UNIT_BITS)
    )
    step = size * _FORWARD[min(known, 5)]  # sixteenths of sixteenths: FRACTION bits
    return step * dx >> UNIT_BITS, step * dy >> UNIT_BITS, step * dz >> UNIT_BITS


@kernel
def share(spreads: Flat) -> int:
    """a of the covariance I - a n n'."""
    across, within = spreads[ACROSS], spreads[WITHIN]
    return max(-_ONE, min(_MOST, _ONE - (across * across << 16) // (within * within)))


@kernel
def learn(registers: Flat, spreads: Flat, rx: int, ry: int, rz: int, n: Vector, size: int) -> None:
    """Learn how much smaller residuals are along the normal from a vertex's residual of expected size (sixteenths)."""
    if too_wide(registers, max(abs(rx), abs(ry), abs(rz)), _EXACT_RESIDUAL):
        return
    z = rx * n[0] + ry * n[1] + rz * n[2] >> UNIT_BITS
    square = max(0, rx * rx + ry * ry + rz * rz - z * z) // 2
    across = spreads[ACROSS] + min(1024, abs(z) * 16 // size)
    within = spreads[WITHIN] + min(1024, isqrt(square) * 16 // size)
    weight = spreads[WEIGHT] + 1
    if weight == _MEMORY:
        across, within, weight = across // 2, within // 2 + 1, weight // 2
    spreads[ACROSS] = across
    spreads[WITHIN] = within
    spreads[WEIGHT] = weight


@inlined
def conditional(registers: Flat, axis: int, a: int, n: Vector, rx: int, ry: int) -> tuple[int, int]:
    """Mean (FRACTION bits) and deviation (16 bits, of the isotropic one) of the residual on an axis.

    Args:
        axis: 0..2.
        a: from `share`.
        n: unit normal.
        rx, ry: residual on the axes before.
    """
    shift = 2 * UNIT_BITS
    if axis == 0:
        mean = 0
        variance = _ONE - (a * n[0] * n[0] >> shift)
    elif axis == 1:
        first = max(1, _ONE - (a * n[0] * n[0] >> shift))
        cross = -(a * n[0] * n[1] >> shift)
        mean = cross * rx // first
        variance = _ONE - (a * n[1] * n[1] >> shift) - cross * cross // first
    else:
        stiff = (a << 16) // (_ONE - a)
        precision = max(1, _ONE + (stiff * n[2] * n[2] >> shift))
        turned = n[0] * rx + n[1] * ry
        too_wide(registers, abs(stiff * n[2]), (1 << 62) // (abs(turned) + 1))
        mean = -(stiff * n[2] * turned >> shift) // precision
        variance = (1 << 32) // precision
    return mean, max(1 << 11, isqrt(max(0, variance) << 16))
