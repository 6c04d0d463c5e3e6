"""Bytes against error of one model with one tool, and the bytes at a given error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

EXACT = 1e-6
"""Errors below this are equal: single precision, in which the tools work, has no finer ones to tell apart."""


@dataclass(frozen=True)
class PeerPoint:
    """One way to code a model.

    Attributes:
        bytes: of the stream.
        p2s: mean exact distance, longest side = 2.
    """

    bytes: int
    p2s: float

    @property
    def felt(self) -> float:
        """What bytes are compared at: the mean error."""
        return self.p2s


def bytes_at(points: Sequence[PeerPoint], p2s: float) -> float | None:
    """Bytes at which a tool has this error: log-log between the points of its lower convex hull.

    Returns:
        None where the hull does not reach that far, on either side.
    """
    from necgs_cli.mesh_codec import cheapest_hull

    hull = cheapest_hull([PeerPoint(p.bytes, max(p.p2s, EXACT)) for p in points if math.isfinite(p.p2s)])
    wanted = max(p2s, EXACT)
    if not hull or not hull[-1].p2s <= wanted <= hull[0].p2s:
        return None
    fine = next(i for i, point in enumerate(hull) if point.p2s <= wanted)
    if hull[fine].p2s == wanted:
        return float(hull[fine].bytes)
    a, b = hull[fine - 1], hull[fine]
    share = math.log(a.p2s / wanted) / math.log(a.p2s / b.p2s)
    return float(a.bytes ** (1 - share) * b.bytes**share)
