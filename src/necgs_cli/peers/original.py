"""The mesh that the peers are given, and the measure that they share."""

from __future__ import annotations

import numpy as np

from necgs_cli.metrics.surface import Reference

SAMPLES, ROUGH_SAMPLES = 10_000, 2_000
"""Points on each surface: a curve has dozens of points to measure, and this keeps p2s within about 1 %; and those for a
choice between meshes before they are coded."""


class Original:
    """A mesh in the frame of the metrics, where its longest side is 2.

    Peers get it in this frame, in which single precision is fine enough wherever the source stands.

    Attributes:
        vertices: (n, 3) float64, centre at the origin, longest side 2; faces: (m, 3) int64.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, samples: int = SAMPLES):
        """Takes (n, 3) vertices in source units and (m, 3) faces.

        Raises:
            ValueError: it has no surface.
        """
        self.vertices = Reference(vertices, faces, samples=1).to_unit(vertices)
        self.faces = np.asarray(faces, np.int64)
        self.reference = Reference(self.vertices, self.faces, samples)
        self._rough = Reference(self.vertices, self.faces, ROUGH_SAMPLES)

    def error(self, vertices: np.ndarray, faces: np.ndarray) -> float:
        """p2s of a decoded mesh in the same frame."""
        return self.reference.measure(vertices, faces).p2s

    def rough_error(self, vertices: np.ndarray, faces: np.ndarray) -> float:
        """As `error`, faster, within some percent."""
        return self._rough.measure(vertices, faces).p2s
