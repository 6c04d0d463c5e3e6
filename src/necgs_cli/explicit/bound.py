"""What a control mesh is asked to keep to."""

from dataclasses import dataclass
from typing import Protocol

TAIL = 20.0  # largest distance over the mean one, about, on control meshes


class Measured(Protocol):
    """Distances between a surface and its original, unit frame."""

    @property
    def p2s(self) -> float: ...

    @property
    def max_error(self) -> float: ...


@dataclass(frozen=True)
class Bound:
    """Distances not to be exceeded, unit frame.

    Attributes:
        mean: of the mean surface distance; largest: of the largest one.
    """

    mean: float = float("inf")
    largest: float = float("inf")

    def ratio(self, point: Measured) -> float:
        """How many times what is allowed a point has: at most 1 where it keeps to the bound."""
        return max(point.p2s / self.mean, point.max_error / self.largest)

    @property
    def expected_mean(self) -> float:
        """The mean error of a mesh that just keeps to the bound, about."""
        return min(self.mean, self.largest / TAIL)

    def scaled(self, factor: float) -> "Bound":
        """The same in another unit of length."""
        return Bound(self.mean * factor, self.largest * factor)
