"""The mesh codec: an explicit record for each model, chosen by measured cost at an asked error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.placement import Placement
from necgs_cli.options import ErrorBound

SET_ERRORS = (2.5, 1.0, 0.5)
"""Errors, as multiples of the asked one, near which a model's curve is sampled for the policy `set`."""


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
        if self.whole_set:
            points = [point for factor in SET_ERRORS for point in search.around(factor * target)]
        else:
            points = [search.best(target)]
        return cheapest_hull([self._coded(point, 2 / side) for point in points])

    @staticmethod
    def _coded(point, to_side_2: float) -> CodedMesh:
        from necgs_cli.explicit.records import encode_record

        kind, payload = encode_record(point.mesh)
        return CodedMesh(
            kind, payload, point.p2s * to_side_2, point.max_error * to_side_2, len(point.mesh.positions)
        )


def cheapest_hull(points: Sequence[CodedMesh]) -> list[CodedMesh]:
    """The points on the lower convex hull of bytes and error, from the smallest record to the most exact."""
    ordered = sorted(points, key=lambda p: (len(p.payload), p.p2s))
    hull: list[CodedMesh] = []
    for point in ordered:
        if hull and point.p2s >= hull[-1].p2s:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: CodedMesh, b: CodedMesh) -> float:
    """Error saved for each byte from a to b."""
    return (a.p2s - b.p2s) / max(len(b.payload) - len(a.payload), 1)


def allocate(hulls: Sequence[Sequence[CodedMesh]], bounds: Sequence[float]) -> list[CodedMesh]:
    """One point a model: the set's mean of error over bound at most 1 with the least bytes (equal slope).

    Starts from the smallest records and takes the steps that save most error for a byte first.

    Args:
        hulls: of each model, from `cheapest_hull`.
        bounds: of each model.
    """
    steps = [
        (_slope(a, b) / bound, model, i + 1)
        for model, (hull, bound) in enumerate(zip(hulls, bounds, strict=True))
        for i, (a, b) in enumerate(zip(hull, hull[1:], strict=False))
    ]
    chosen = [0] * len(hulls)
    excess = sum(hull[0].p2s / bound - 1 for hull, bound in zip(hulls, bounds, strict=True))
    for _, model, i in sorted(steps, reverse=True):
        if excess <= 0:
            break
        excess -= (hulls[model][i - 1].p2s - hulls[model][i].p2s) / bounds[model]
        chosen[model] = i
    return [hull[i] for hull, i in zip(hulls, chosen, strict=True)]
