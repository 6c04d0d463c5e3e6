"""A control mesh that was measured: what it costs, and how its error counts."""

from dataclasses import dataclass

import numpy as np

from .control_mesh import ControlMesh

SHORT_TAIL = {"p99": 3.0, "largest": 10.0}  # over the mean error: what control meshes reach at best
TILT, FINE, COARSENS = 0.03, 2e-3, 3.0  # mean error (unit frame) that counts as much as normals at right angles, among
# fits of so small a mean error; power with which it grows with that


@dataclass(frozen=True, eq=False)
class Point:
    """A control mesh, what it costs, and how far its surface is from the original (unit frame)."""

    mesh: ControlMesh
    bytes: int
    p2s: float  # mean exact distance between the surfaces, both ways averaged
    p99: float
    max_error: float
    vertex_count: int  # of the control mesh, copies and images left out
    tail: float = 1.0  # how much more its error counts than its mean, because it is uneven
    tilt: float = 0.0  # mean error that counts as much as the normals of a mechanical shape are off

    @property
    def cost(self) -> float:
        """Bytes, more where the error's tail is long: what is compared among fits of about the same error."""
        return self.bytes * self.tail

    @property
    def felt(self) -> float:
        """The mean error, more where its tail is long or its normals are off: what bytes over a set are spent on.

        No less where the tail is short, as of the original's triangles.
        """
        return self.p2s * max(self.tail, 1.0) + self.tilt

    @property
    def demand(self) -> float:
        """Bytes times error, its tail counted on every sort of shape: the less, the better the fit is for its size."""
        return self.bytes * self.p2s * tail_of(self.p2s, self.p99, self.max_error)


def tilt_price(mean: float) -> float:
    """Mean error that counts as much as normals at right angles, among fits of about a `mean` error (unit frame).

    Coarse fits turn what is thin: there error alone says too little.
    """
    return TILT * max(1.0, mean / FINE) ** COARSENS if mean < np.inf else TILT


def tail_of(mean: float, p99: float, largest: float) -> float:
    """How much more an error counts than its mean: fingers and ears that are lost hardly show in that.

    A mean of three that are all about one where the tail is as short as smooth fits make it: the mean error itself,
    the 99th percentile, which counts twice, and the largest error.
    """
    if not 0 < mean < np.inf:
        return 1.0
    return (1 + 2 * p99 / (SHORT_TAIL["p99"] * mean) + largest / (SHORT_TAIL["largest"] * mean)) / 4
