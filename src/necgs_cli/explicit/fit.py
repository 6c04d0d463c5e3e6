"""Fit of a control mesh's vertices, so that the surface it stands for approaches an original.

Iterated closest points in both directions. Distances count point to plane, with a small share point to point so that
parts which are not represented do not drift; weights 1/|d| because what is measured is the mean of |d|, not of d^2.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from .folding import Folding, whole_folding
from .mirror import WHOLE
from .patches import Patches
from .rounding import factors_of, round_numbers
from .subdivide import unique_edges
from .target import FEW_VERTICES, THREADS, Curves, Samples, Target, dihedral_edges, oriented
from .ties import Ties, no_ties
from .triangles import TriangleTree, closest_on_triangles, face_normals

POINT_SHARE = 0.002  # of the squared distance counts point to point
CURVE_WEIGHT = 0.1  # of boundaries and creases, against the surface
SMOOTHNESS = 3e-5  # umbrella energy, relative to the data
LEAST_DISTANCE = 2e-4  # added to every distance: where most are nought, the few that are not must still count
FAR = 0.5  # medians of the distance beyond which the square counts, not the distance: keeps the tail short
INFLATIONS = 2  # steps that undo the shrinking of a Loop surface, before the first round
STRIDE = 1.8  # over-relaxation of the rounds, which creep along the surface otherwise
ROUNDINGS = 2  # to integers, each about the surface of the one before
LOST = 1.8  # times its least local error, from which a vertex is drawn back to where that was
INERTIA, INERTIA_LOST = 1e-4, 10.0  # pull to the previous iterate, and of a vertex that was lost; relative to the data
FLOOR = 0.4  # steps of the grid: umbrellas shorter than that cost about the same
BITS_PER_VERTEX = 8.0  # sets what a bit is worth; records have 15, but bits are also saved in what the model leaves out
TOLD_BITS_PER_VERTEX = (2.5, 5.0)  # the same where vertices are told from others', one after the other
CREASE_ANGLE = 25.0  # degrees that a control edge bends at least, to be a crease
CREASE_DISTANCE = 0.12  # of its length: how far it may lie from a sharp edge of the original


@dataclass(frozen=True)
class Manner:
    """How distances count on a sort of shape.

    Attributes:
        radius: of curvature, about: distance from which samples count more point to point than point to plane.
        tail: medians of the distance at which a sample's weight has doubled: what is badly met pulls harder.
        power: with which of the distance the pull grows; most: times that a weight grows at most.
        density: of the samples of the original: in thorough fits as many as for so many times the vertices.
        sparse, least: the same in other fits, of those that are stored alone, and as for so many vertices at least.
        rounds: of closest points and least squares; flat parts and edges are met in fewer.
        slivers: whether triangles are long and thin: the closest one is seldom that of the closest sample then.
    """

    radius: float
    tail: float
    power: int
    most: float
    density: float
    sparse: float
    least: int
    rounds: int
    slivers: bool


ORGANIC = Manner(
    radius=0.6, tail=3.0, power=2, most=8.0, density=2, sparse=1, least=FEW_VERTICES, rounds=5, slivers=False
)
MECHANICAL = Manner(radius=np.inf, tail=1.5, power=1, most=6.0, density=1, sparse=0.25, least=0, rounds=3, slivers=True)


@dataclass(frozen=True, eq=False)
class Quadratic:
    """The error about some control vertices V (n, 3): V'HV - 2 g'V, H sparse (3n, 3n), g (n, 3)."""

    hessian: Any
    gradient: np.ndarray
    error: float  # mean distance, both ways averaged, before the step
    weight: float  # mean weight of a vertex: the scale of regularisers
    local: np.ndarray  # (n,) share of the error about each vertex


def umbrella(faces: np.ndarray, vertex_count: int):
    """Sparse (n, n): each vertex less the mean of its neighbours."""
    import scipy.sparse as sp

    edges = unique_edges(faces)[0]
    ones = np.ones(len(edges))
    adjacency = sp.csr_matrix((ones, edges.T), shape=(vertex_count, vertex_count))
    adjacency = adjacency + adjacency.T
    valence = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)
    return (sp.identity(vertex_count) - sp.diags(1 / valence) @ adjacency).tocsr()


def _weights(distance: np.ndarray, measure: np.ndarray, manner: Manner) -> np.ndarray:
    """1/|d| within bounds, times the share of the measure (summing to a half) that each sample stands for.

    Far samples weigh more, not less: ears and fingers still pull when they are badly met.
    """
    median = np.median(distance)
    pull = 1 + np.minimum((distance / (manner.tail * median + LEAST_DISTANCE)) ** manner.power, manner.most)
    return 0.5 * measure / measure.sum() * pull / (np.minimum(distance, FAR * median) + median + LEAST_DISTANCE)


def _sum_by(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return np.stack([np.bincount(index, v, count) for v in flat.T], axis=1).reshape(count, *values.shape[1:])


def _plane_metric(weight: np.ndarray, normals: np.ndarray, distance: np.ndarray, radius: float) -> np.ndarray:
    """(n, 3, 3): weight * ((1 - share) n n' + share I), the share point to point growing with the distance."""
    outer = normals[:, :, None] * normals[:, None, :]
    share = (POINT_SHARE + (1 - POINT_SHARE) * distance / (distance + radius))[:, None, None]
    return weight[:, None, None] * ((1 - share) * outer + share * np.eye(3))


def _curve_terms(curves: Curves, points: np.ndarray, lengths: np.ndarray, weight: float, manner: Manner):
    """Metric (c, 3, 3) and pull (c, 3) that bring the curve `points` (c, 3) to the original's curves, both ways."""
    from scipy.spatial import cKDTree

    count = len(points)
    if count == 0 or curves.tree is None:
        return np.zeros((count, 3, 3)), np.zeros((count, 3))
    near = curves.tree.query(points)[1]
    of = cKDTree(points).query(curves.points)[1]
    both = np.concatenate([np.arange(count), of])
    goal = np.concatenate([curves.points[near], curves.points])
    direction = np.concatenate([curves.directions[near], curves.directions])
    gap = points[both] - goal
    gap -= (gap * direction).sum(1, keepdims=True) * direction
    distance = np.linalg.norm(gap, axis=1)
    there, back = _weights(distance[:count], lengths, manner), _weights(distance[count:], curves.lengths, manner)
    w = weight * np.concatenate([there, back])
    across = np.eye(3) - (1 - POINT_SHARE) * direction[:, :, None] * direction[:, None, :]
    metric = w[:, None, None] * across
    return _sum_by(both, metric, count), _sum_by(both, np.einsum("sij,sj->si", metric, goal), count)


def _facing(
    tree: TriangleTree, normals: np.ndarray, asking: np.ndarray, otherwise: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Triangles (n,) that are closest to `oriented` points (n, 6), and look the same way.

    Args:
        tree: of the triangles; normals: (m, 3) of these.
        otherwise: triangles (k,) for points (k, 6) whose closest one looks the other way, as at thin parts.
    """
    found = tree.closest(asking[:, :3])
    opposed = np.flatnonzero((normals[found] * asking[:, 3:]).sum(axis=1) <= 0)
    found[opposed] = otherwise(asking[opposed])
    return found


def associate(target: Target, patches: Patches, vertices: np.ndarray, manner: Manner, samples: Samples) -> Quadratic:
    """Closest points in both directions, and the quadratic model of the mean distance that they give."""
    from scipy.spatial import cKDTree

    surface = patches.mapping @ vertices
    corners = surface[patches.faces]
    normals, areas = face_normals(corners)
    centroids = corners.mean(axis=1)
    asking = oriented(centroids, normals)
    tree, at = cKDTree(asking), np.empty(len(asking), np.int64)
    order = tree.indices  # neighbours follow each other: they are found faster
    if manner.slivers:
        at[order] = _facing(target.tree, target.normals, asking[order], samples.nearest)
        of = _facing(TriangleTree(corners), normals, samples.asked_oriented, lambda points: tree.query(points)[1])
    else:
        at[order], of = samples.nearest(asking[order]), tree.query(samples.asked_oriented, workers=THREADS)[1]
    goal, goal_normals = closest_on_triangles(centroids, target.corners[at]), np.asfortranarray(target.normals[at])
    there = np.linalg.norm(centroids - goal, axis=1)
    metric = _plane_metric(_weights(there, areas + 1e-300, manner), goal_normals, there, manner.radius)
    closest = closest_on_triangles(samples.asked, corners[of])
    back = np.linalg.norm(closest - samples.asked, axis=1)
    weights = _weights(back, np.ones(len(back)), manner)
    back_metric = _plane_metric(weights, samples.asked_normals, back, manner.radius)
    back_goal = samples.asked - closest + centroids[of]  # the centroid stands for the closest point of its triangle

    count = len(centroids)
    pull = np.einsum("sij,sj->si", metric, goal)
    pull += _sum_by(of, np.einsum("sij,sj->si", back_metric, back_goal), count)
    metric = metric + _sum_by(of, back_metric, count)
    ends = surface[patches.curve_edges]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) + 1e-300
    curves = target.border_and_sharp if patches.creased else target.border
    curve = _curve_terms(curves, ends.mean(axis=1), lengths, CURVE_WEIGHT, manner)
    hessian, gradient = patches.normal_equations(metric, pull, *curve)
    error = 0.5 * float((there * areas).sum() / max(areas.sum(), 1e-300) + back.mean())
    triangles = len(patches.control_faces)
    of_triangle = np.bincount(np.arange(count) % triangles, there * areas, triangles) / max(areas.sum(), 1e-300)
    of_triangle += np.bincount(of % triangles, back, triangles) / len(back)
    local = np.bincount(patches.control_faces.ravel(), np.repeat(of_triangle, 3), len(vertices))
    return Quadratic(hessian, gradient, error, float(np.trace(metric, axis1=1, axis2=2).sum()) / len(vertices), local)


class Regulariser:
    """What is added to the error: the bits of the vertices and a trace of smoothness, both umbrella energies.

    Bits are taken as the log energy of each vertex's umbrella within its neighbourhood, linearised about where the
    vertices are; a bit is worth `error / bits of the mesh`, the slope of a curve on which error falls as 1 / bytes.

    Attributes:
        bits_per_vertex: what a record takes, about: the fewer, the dearer is each.
    """

    def __init__(self, faces: np.ndarray, vertex_count: int):
        import scipy.sparse as sp

        self.bits_per_vertex = BITS_PER_VERTEX
        self.umbrella = umbrella(faces, vertex_count)
        near = (self.umbrella != 0).astype(np.float64) + sp.identity(vertex_count)
        near = sp.diags(1 / np.asarray(near.sum(1)).ravel()) @ near
        self.neighbourhood = (near @ near).tocsr()

    def matrix(self, vertices: np.ndarray, quadratic: Quadratic, step: float):
        """Sparse (n, n) R of the term tr(V'RV), for a grid of this step."""
        import scipy.sparse as sp

        energy = self.neighbourhood @ ((self.umbrella @ vertices) ** 2).mean(axis=1) + (FLOOR * step) ** 2
        bit_price = quadratic.error / (self.bits_per_vertex * len(vertices))
        weight = bit_price * 0.5 / np.log(2) / energy + SMOOTHNESS * quadratic.weight
        return self.umbrella.T @ sp.diags(weight) @ self.umbrella


class Fit:
    """Control vertices on their way to a surface, by rounds of closest points and least squares.

    Planes at closest points can lead a vertex astray, round after round: about sharp edges, where its triangles slide
    over each other. So every vertex remembers where the error about it was least; one whose error has grown is drawn
    back there, and held more firmly from then on.

    Attributes:
        vertices: (n, 3) where they are; error: mean distance, both ways averaged, a round before; start_error: before
            the first one.

    Args:
        target, patches: the original, and the surface as a function of the vertices; both may be sampled on one side
            of the mirrors alone, where the other is exactly alike.
        regulariser: of the same control mesh; start: (n, 3) vertices.
        on_surface: whether they lie on the original. They are moved out then: their Loop surface would lie inside and
            lose the tips of thin parts.
        manner: how distances count on such a shape.
        known: (n, 3) what a reader knows of the vertices: only the bits of their differences from it count.
        folding: how they follow from those that are stored; by default all are.
        ties: which coordinates of the stored vertices are equal and stay so; by default none.
        thorough: whether more samples are looked at, where that is worth its while.
    """

    def __init__(
        self,
        target: Target,
        patches: Patches,
        regulariser: Regulariser,
        start: np.ndarray,
        on_surface: bool = True,
        manner: Manner = ORGANIC,
        known: np.ndarray | None = None,
        folding: Folding | None = None,
        thorough: bool = False,
        ties: Ties | None = None,
    ):
        self._folding = folding or whole_folding(WHOLE, start, patches.control_faces)
        self._target, self._patches, self._regulariser, self._manner = target, patches, regulariser, manner
        self._ties = ties or no_ties(len(self._folding.different(start)))
        self._known = np.zeros_like(start) if known is None else known
        dense = max(manner.density * len(start), FEW_VERTICES)
        different = len(start) if patches.one_side else len(self._folding.different(start))
        self._samples = target.samples_for(dense if thorough else max(manner.sparse * different, manner.least))
        self.vertices = start
        for _ in range(INFLATIONS if on_surface else 0):
            self.vertices = self.vertices + start - (patches.mapping @ self.vertices)[: len(start)]
        self._best, self._least = self.vertices, np.full(len(start), np.inf)
        self._inertia = np.full(len(start), INERTIA)
        self.error = self.start_error = np.inf
        self._looked_at: tuple[np.ndarray, Quadratic] | None = None

    def improve(self, step: float) -> None:
        """Some rounds, on the way to a grid of this step."""
        rounds, self.start_error = self._manner.rounds, self._quadratic(self.vertices).error
        for number in range(rounds):
            goal = self._folding.whole(self._ties.vertices(self._optimum(step)))
            self.vertices = self.vertices + (STRIDE if 0 < number < rounds - 1 else 1.0) * (goal - self.vertices)

    def _optimum(self, step: float) -> np.ndarray:
        """The numbers (m,) at which the model about the vertices is least."""
        hessian, gradient = self._model(self.vertices, step)
        return factors_of(hessian).solve(gradient)

    def integers(self, step: float) -> np.ndarray:
        """Integers of the vertices on one side of the mirrors; associated anew after each rounding to the grid."""
        self._quadratic(self.vertices)  # for other grids too
        trial = copy(self)  # what is learnt about vertices on this grid does not hold on others
        trial._folding = folding = self._folding.on_grid(step)
        ties = self._ties
        for _ in range(ROUNDINGS):
            model, different = trial._model(trial.vertices, step), folding.different(trial.vertices)
            numbers = round_numbers(*model, ties.means(different), ties.places(different), ties.shared, step)
            integers = ties.vertices(numbers)
            trial.vertices = folding.whole(integers * step)
        return folding.with_copies(integers, step)

    def _quadratic(self, vertices: np.ndarray) -> Quadratic:
        """The error about some vertices; that about the last ones is kept."""
        if self._looked_at is None or self._looked_at[0] is not vertices:
            found = associate(self._target, self._patches, vertices, self._manner, self._samples)
            self._looked_at = vertices, found
        return self._looked_at[1]

    def _model(self, vertices: np.ndarray, step: float) -> tuple[Any, np.ndarray]:
        """The error about some vertices and all that regularises it, folded and tied: H (m, m) CSC and g (m,)."""
        import scipy.sparse as sp

        quadratic = self._quadratic(vertices)
        self.error = quadratic.error
        local = self._folding.as_images(quadratic.local) if self._patches.one_side else quadratic.local
        local = self._regulariser.neighbourhood @ local
        lost = local > LOST * self._least
        self._best = np.where((local < self._least)[:, None], vertices, self._best)
        self._least = np.minimum(local, self._least)
        self._inertia = np.where(lost, INERTIA_LOST, self._inertia)
        held, pull = np.where(lost[:, None], self._best, vertices), self._inertia * quadratic.weight
        bits = self._regulariser.matrix(vertices - self._known, quadratic, step)
        alike = (bits + sp.diags(pull)).tocsr()  # for each of the three coordinates
        hessian = quadratic.hessian + sp.bsr_matrix(
            (alike.data[:, None, None] * np.eye(3), alike.indices, alike.indptr), shape=quadratic.hessian.shape
        )
        folded = self._folding.folded(hessian.tocsr().T, quadratic.gradient + pull[:, None] * held + bits @ self._known)
        return self._ties.tied(*folded)


def tag_creases(target: Target, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Edges (k, 2) that bend and all along lie near a sharp edge of the original, or its border."""
    edges, angle, _ = dihedral_edges(vertices, faces)
    edges = edges[angle > CREASE_ANGLE]
    if target.sharp.tree is None or len(edges) == 0:
        return np.zeros((0, 2), np.int64)
    start, end = vertices[edges[:, 0]], vertices[edges[:, 1]]
    allowed = CREASE_DISTANCE * np.linalg.norm(end - start, axis=1) + 0.002
    near = np.ones(len(edges), bool)
    for t in (0, 0.25, 0.5, 0.75, 1):
        near &= target.sharp.tree.query(start * (1 - t) + end * t)[0] < allowed
    return edges[near]
