"""Where a model stands and how large it is, in integers, so that every machine places it alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from necgs_cli.meshes.mesh import MeshError

STEPS = 256  # steps of the centre in one half side
MAX_CENTRE_STEP = 2**62  # beyond it, float64 cannot tell the points of a mesh apart, and 64 bits cannot hold the step

MAX_COORDINATE = 1e300  # leaves room for the sums and products of those who measure a mesh in source units


@dataclass(frozen=True)
class Placement:
    """The cube that the unit frame [-1, 1]^3 stands for: `half_side = mantissa * 2**exponent`.

    The mantissa lies in 128..255, and the cube's centre at `centre_steps * half_side / 256`. Powers of two and
    small integers keep the way there and back free of rounding beyond that of one multiplication and one addition.
    """

    mantissa: int
    exponent: int
    centre_steps: tuple[int, int, int]

    @property
    def half_side(self) -> float:
        """Half the cube's side, in source units."""
        return float(np.ldexp(np.float64(self.mantissa), self.exponent))

    @classmethod
    def of(cls, vertices: np.ndarray) -> Placement:
        """Return the smallest placement whose cube holds all vertices, its centre rounded to a step.

        Args:
            vertices: (n, 3) float64, source frame, finite.

        Returns:
            A placement with `abs(to_unit(vertices)) <= 1` everywhere, and above 0.98 somewhere.

        Raises:
            MeshError: if there is no extent, or size or place leave float64 too little room.
        """
        bounds = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
        if not np.abs(bounds).max() < MAX_COORDINATE:
            raise MeshError("has coordinates beyond 1e300")
        # A power of two brings the largest coordinate below 1, so that neither sums nor halves leave float64's range.
        _, shift = math.frexp(float(np.abs(bounds).max()))
        low, high = np.ldexp(bounds, -shift)
        half = float((high - low).max()) / 2
        if not half > 0:
            raise MeshError("all points are equal: a mesh needs an extent")
        fraction, exponent = math.frexp(half)
        mantissa = math.ceil(fraction * 256)
        exponent += shift - 8
        while True:
            if mantissa == 256:
                mantissa, exponent = 128, exponent + 1
            placement = cls(mantissa, exponent, cls._centre(low, high, mantissa, exponent - shift))
            if np.abs(placement.to_unit(bounds)).max() <= 1:
                return placement
            mantissa += 1

    @staticmethod
    def _centre(low: np.ndarray, high: np.ndarray, mantissa: int, exponent: int) -> tuple[int, int, int]:
        steps = np.rint(np.ldexp((low + high) / 2, -exponent) * (STEPS / mantissa))
        if np.abs(steps).max() > MAX_CENTRE_STEP:
            raise MeshError("lies too far from the origin for its size: its points cannot be told apart")
        x, y, z = (int(step) for step in steps)
        return x, y, z

    def _centre_in_units_of_exponent(self) -> np.ndarray:
        # Python integers keep the product exact; float() then rounds once, to nearest, on every machine.
        return np.array([float(step * self.mantissa) for step in self.centre_steps]) / STEPS

    def to_unit(self, vertices: np.ndarray) -> np.ndarray:
        """Return (n, 3) float64 source coordinates in the unit frame."""
        scaled = np.ldexp(np.asarray(vertices, np.float64), -self.exponent)
        return (scaled - self._centre_in_units_of_exponent()) / self.mantissa

    def to_source(self, vertices: np.ndarray) -> np.ndarray:
        """Return (n, 3) float64 unit coordinates in the source frame."""
        scaled = np.asarray(vertices, np.float64) * self.mantissa + self._centre_in_units_of_exponent()
        return np.ldexp(scaled, self.exponent)
