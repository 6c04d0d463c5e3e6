"""The mesh codec: explicit records of a model at an asked error or size, chosen by measured cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement
from necgs_cli.options import Goal

if TYPE_CHECKING:
    from necgs_cli.explicit.point import Point

WIDE, NEAR = (0.3, 0.55, 0.8, 1.5, 2.5), (0.6, 0.75, 0.87, 1.15, 1.35, 1.7)
"""Vertices of a curve's points over those of the best one: for a size, which models share unevenly, and an error."""


@dataclass(frozen=True)
class CodedMesh:
    """One way to store a model.

    Attributes:
        kind, payload: of the record.
        p2s, max_error: measured on the decoded surface, longest side = 2.
        felt: the mean error, more where its tail is long or its normals are off (`Point.felt`).
        vertices: of the control mesh.
        told_from: of a record that depends on another one: its number among those that were offered.
        check: of such a record: `pose_check` of what was measured, to which it must decode.
    """

    kind: int
    payload: bytes
    p2s: float
    max_error: float
    felt: float
    vertices: int
    told_from: int = 0
    check: int = 0

    @property
    def bytes(self) -> int:
        """Of the payload."""
        return len(self.payload)


@dataclass(frozen=True)
class MeshTask:
    """Finds explicit records of a model; run in worker processes.

    Attributes:
        goal: what is asked for. For a whole set the model's curve is sampled for a choice over the set.
        payload_bytes: where a size is asked for: the model's share of it, without what else the file holds.
        seed: of the samples.
    """

    goal: Goal
    payload_bytes: int | None
    seed: int

    def run(self, mesh: Mesh, placement: Placement) -> list[CodedMesh]:
        """The model's records that no other beats in cost and error, cheapest first."""
        from necgs_cli.explicit.bound import Bound
        from necgs_cli.explicit.point import TILT, tilt_price
        from necgs_cli.explicit.search import Search

        vertices = placement.to_unit(mesh.vertices)
        side = float(np.ptp(vertices, axis=0).max())  # a little below 2: the placement is rounded
        source_side = float(np.ptp(mesh.vertices, axis=0).max())
        asked = (b.of(source_side) if b else np.inf for b in (self.goal.error, self.goal.max_error))
        bound = Bound(*asked).scaled(side / 2)
        tilt = TILT if self.goal.sized else tilt_price(bound.expected_mean)
        search = Search(vertices, mesh.faces, self.seed, thorough=self.goal.whole_set, tilt_price=tilt)
        if self.payload_bytes is not None:
            best = search.within(self.payload_bytes)
            points = search.curve(best, WIDE if self.goal.whole_set else ())
        else:
            best = search.best(bound)
            points = [best]
            if self.goal.whole_set:
                points += search.curve(best, NEAR)
                points = [p for p in points if p.max_error <= bound.largest] or [best]
        return cheapest_hull([self.coded(point, 2 / side) for point in cheapest_hull(points)])

    @staticmethod
    def coded(point: Point, to_side_2: float) -> CodedMesh:
        """The record of a point; `to_side_2` takes its distances to where the longest side is 2."""
        from necgs_cli.explicit.coding.choice import mode_for_next
        from necgs_cli.explicit.records import encode_record

        kind, payload = encode_record(point.mesh, mode_for_next(len(point.mesh.positions)))
        errors = point.p2s * to_side_2, point.max_error * to_side_2, point.felt * to_side_2
        return CodedMesh(kind, payload, *errors, len(point.mesh.positions))


class CurvePoint(Protocol):
    """A point of a model's curve: bytes against error."""

    @property
    def bytes(self) -> int: ...

    @property
    def p2s(self) -> float: ...

    @property
    def felt(self) -> float: ...


P = TypeVar("P", bound=CurvePoint)


def cheapest_hull(points: Sequence[P]) -> list[P]:
    """The points on the lower convex hull of bytes and felt error, from the smallest record to the most exact."""
    ordered = sorted(points, key=lambda p: (p.bytes, p.felt))
    hull: list[P] = []
    for point in ordered:
        if hull and point.felt >= hull[-1].felt:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: CurvePoint, b: CurvePoint) -> float:
    """Felt error saved for each byte from a to b."""
    return (a.felt - b.felt) / max(b.bytes - a.bytes, 1e-9)


def _steps(hulls: Sequence[Sequence[P]], weights: Sequence[float]) -> list[tuple[int, int]]:
    """(model, point of its hull) in the order of weighted error saved for a byte, each model's points in turn."""
    steps = [
        (_slope(a, b) * weight, model, i + 1)
        for model, (hull, weight) in enumerate(zip(hulls, weights, strict=True))
        for i, (a, b) in enumerate(zip(hull, hull[1:], strict=False))
    ]
    return [(model, i) for _, model, i in sorted(steps, key=lambda s: (-s[0], s[1], s[2]))]


def allocate(hulls: Sequence[Sequence[P]], bounds: Sequence[float]) -> list[P]:
    """One point a model, so that the mean of error over bound is at most 1, with the least bytes (equal slope).

    Starts from the cheapest records and takes the steps that save most error for a byte first; what the last step
    saved too much is given back where that saves most bytes. In a small set that may still lose to one point within
    the bound for each model, which is then taken.

    Args:
        hulls: of each model, from `cheapest_hull`.
        bounds: of each model.
    """
    ratios = [[point.p2s / bound for point in hull] for hull, bound in zip(hulls, bounds, strict=True)]
    level = [0] * len(hulls)
    slack = len(hulls) - sum(r[0] for r in ratios)
    for model, i in _steps(hulls, [1 / bound for bound in bounds]):
        if slack >= 0:
            break
        slack += ratios[model][i - 1] - ratios[model][i]
        level[model] = i
    givable = [(hulls[m][i].bytes - hulls[m][i - 1].bytes, m) for m, i in enumerate(level) if i]
    for _, model in sorted(givable, reverse=True):
        loss = ratios[model][level[model] - 1] - ratios[model][level[model]]
        if loss <= slack:
            slack -= loss
            level[model] -= 1
    chosen = [hull[i] for hull, i in zip(hulls, level, strict=True)]
    if all(r[-1] <= 1 for r in ratios):
        each = [hull[next(i for i, x in enumerate(r) if x <= 1)] for hull, r in zip(hulls, ratios, strict=True)]
        chosen = min(chosen, each, key=lambda points: sum(p.bytes for p in points))
    return chosen


def allocate_bytes(hulls: Sequence[Sequence[P]], most_bytes: float) -> list[P]:
    """One point a model, with at most so many bytes in all and the least error (equal slope).

    Where even the smallest records take more, those.
    """
    level = [0] * len(hulls)
    left = most_bytes - sum(hull[0].bytes for hull in hulls)
    done: set[int] = set()
    for model, i in _steps(hulls, [1.0] * len(hulls)):
        more = hulls[model][i].bytes - hulls[model][i - 1].bytes
        if model not in done and more <= left:
            left -= more
            level[model] = i
        else:
            done.add(model)
    return [hull[i] for hull, i in zip(hulls, level, strict=True)]


def most_exact_within(hull: Sequence[P], most_bytes: float) -> P:
    """The most exact point of a hull with at most so many bytes; the smallest where none has."""
    small = [p for p in hull if p.bytes <= most_bytes]
    return min(small, key=lambda p: p.p2s) if small else min(hull, key=lambda p: p.bytes)
