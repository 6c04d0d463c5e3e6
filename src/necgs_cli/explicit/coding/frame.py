"""Residuals in a vertex's own frame: surer along the normal than in the surface, biased away from the gate.

The residual is modelled as Gaussian with covariance I - a n n', n the unit normal of the triangles across, `a`
learnt on the way. Axes are coded one after the other, each given those before it. Fixed point: vectors have FRACTION
bits, unit vectors UNIT_BITS, covariances 16.
"""

from math import isqrt

Vector = list[int]
UNIT_BITS = 10
_ONE = 1 << 16
_MOST = _ONE - (_ONE >> 8)
_MEMORY = 48  # vertices after which the past is halved
_FORWARD = (9, 9, 8, 5, 3, 0)  # mean step away from the gate, in 1/16 of the expected size, by known neighbours


def unit(v: Vector) -> Vector | None:
    """v at unit length, or None for the null vector."""
    length = isqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return [(c << UNIT_BITS) // length for c in v] if length else None


def normal(x: list[Vector], parallelograms: list[tuple[int, int, int]]) -> Vector | None:
    """Unit normal of the triangles across from a vertex; None when there is none."""
    total = [0, 0, 0]
    for a, b, d in parallelograms:
        p, q, r = x[a], x[b], x[d]
        ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        vx, vy, vz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        total[0] += uy * vz - uz * vy
        total[1] += uz * vx - ux * vz
        total[2] += ux * vy - uy * vx
    return unit(total)


def forward_step(mean: Vector, f: Vector, v: Vector, n: Vector, known: int, size: int, fraction: int) -> Vector:
    """The bias of the prediction: a step from the gate's middle towards the prediction, in the surface."""
    w = [m - ((a + b) << fraction - 1) for m, a, b in zip(mean, f, v, strict=True)]
    along = sum(a * b for a, b in zip(w, n, strict=True)) >> UNIT_BITS
    direction = unit([a - (along * b >> UNIT_BITS) for a, b in zip(w, n, strict=True)])
    if direction is None:
        return [0, 0, 0]
    length = size * _FORWARD[min(known, len(_FORWARD) - 1)]  # sixteenths of sixteenths: FRACTION bits
    return [length * c >> UNIT_BITS for c in direction]


class Anisotropy:
    """How much smaller residuals are along the normal, learnt from the vertices coded."""

    def __init__(self) -> None:
        self.across, self.within, self.seen = 5 * 256, 8 * 256, 8

    @property
    def share(self) -> int:
        """a of the covariance I - a n n'."""
        return max(-_ONE, min(_MOST, _ONE - (self.across * self.across << 16) // (self.within * self.within)))

    def update(self, residual: Vector, n: Vector, size: int) -> None:
        """Learn from a vertex's residual (FRACTION bits) of expected size (sixteenths)."""
        z = sum(a * b for a, b in zip(residual, n, strict=True)) >> UNIT_BITS
        square = max(0, sum(a * a for a in residual) - z * z) // 2
        self.across += min(1024, abs(z) * 16 // size)
        self.within += min(1024, isqrt(square) * 16 // size)
        self.seen += 1
        if self.seen == _MEMORY:
            self.across, self.within, self.seen = self.across // 2, self.within // 2 + 1, self.seen // 2


def conditional(axis: int, share: int, n: Vector, residual: Vector) -> tuple[int, int]:
    """Mean (FRACTION bits) and deviation (16 bits, of the isotropic one) of the residual on an axis.

    Args:
        axis: 0..2.
        share: from `Anisotropy`.
        n: unit normal.
        residual: on the axes before.
    """
    shift = 2 * UNIT_BITS
    if axis == 0:
        variance = _ONE - (share * n[0] * n[0] >> shift)
        mean = 0
    elif axis == 1:
        first = max(1, _ONE - (share * n[0] * n[0] >> shift))
        cross = -(share * n[0] * n[1] >> shift)
        mean = cross * residual[0] // first
        variance = _ONE - (share * n[1] * n[1] >> shift) - cross * cross // first
    else:
        stiff = (share << 16) // (_ONE - share)
        precision = _ONE + (stiff * n[2] * n[2] >> shift)
        mean = -(stiff * n[2] * (n[0] * residual[0] + n[1] * residual[1]) >> shift) // max(1, precision)
        variance = (1 << 32) // max(1, precision)
    return mean, max(1 << 11, isqrt(max(0, variance) << 16))
