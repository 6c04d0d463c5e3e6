"""The mesh codec: an explicit record for each model, chosen by measured cost at an asked error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement
from necgs_cli.options import ErrorBound


@dataclass(frozen=True)
class CodedMesh:
    """One way to store a model.

    Attributes:
        kind, payload: of the record.
        p2s, max_error: measured on the decoded surface, longest side = 2.
        vertices: of the control mesh.
    """

    kind: int
    payload: bytes
    p2s: float
    max_error: float
    vertices: int

    @property
    def bytes(self) -> int:
        """Of the payload."""
        return len(self.payload)


@dataclass(frozen=True)
class MeshTask:
    """Finds explicit records of a model; run in worker processes.

    Attributes:
        bound: the asked error.
        whole_set: sample the model's curve for a choice over the set; otherwise one record that meets the bound.
        seed: of the samples.
    """

    bound: ErrorBound
    whole_set: bool
    seed: int

    def run(self, mesh: Mesh, placement: Placement) -> list[CodedMesh]:
        from necgs_cli.explicit.search import Search

        vertices = placement.to_unit(mesh.vertices)
        side = float(np.ptp(vertices, axis=0).max())  # a little below 2: the placement is rounded
        target = self.bound.of(float(np.ptp(mesh.vertices, axis=0).max())) * side / 2
        search = Search(vertices, mesh.faces, self.seed)
        points = cheapest_hull(search.curve(target)) if self.whole_set else [search.best(target)]
        return cheapest_hull([self._coded(point, 2 / side) for point in points])

    @staticmethod
    def _coded(point, to_side_2: float) -> CodedMesh:
        from necgs_cli.explicit.records import encode_record

        kind, payload = encode_record(point.mesh)
        return CodedMesh(kind, payload, point.p2s * to_side_2, point.max_error * to_side_2, len(point.mesh.positions))


class Costed(Protocol):
    """A point of a model's curve: bytes against error."""

    @property
    def bytes(self) -> int: ...

    @property
    def p2s(self) -> float: ...


C = TypeVar("C", bound=Costed)


def cheapest_hull(points: Sequence[C]) -> list[C]:
    """The points on the lower convex hull of bytes and error, from the smallest record to the most exact."""
    ordered = sorted(points, key=lambda p: (p.bytes, p.p2s))
    hull: list[C] = []
    for point in ordered:
        if hull and point.p2s >= hull[-1].p2s:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: Costed, b: Costed) -> float:
    """Error saved for each byte from a to b."""
    return (a.p2s - b.p2s) / max(b.bytes - a.bytes, 1)


def allocate(hulls: Sequence[Sequence[C]], bounds: Sequence[float]) -> list[C]:
    """One point a model, so that the mean of error over bound is at most 1, with the least bytes (equal slope).

    Starts from the smallest records and takes the steps that save most error for a byte first; what the last step
    saved too much is given back where that saves most bytes. In a small set that may still lose to one point within
    the bound for each model, which is then taken.

    Args:
        hulls: of each model, from `cheapest_hull`.
        bounds: of each model.
    """
    ratios = [[point.p2s / bound for point in hull] for hull, bound in zip(hulls, bounds, strict=True)]
    steps = [
        (_slope(a, b) / bound, model, i + 1)
        for model, (hull, bound) in enumerate(zip(hulls, bounds, strict=True))
        for i, (a, b) in enumerate(zip(hull, hull[1:], strict=False))
    ]
    level = [0] * len(hulls)
    slack = len(hulls) - sum(r[0] for r in ratios)
    for _, model, i in sorted(steps, reverse=True):
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
