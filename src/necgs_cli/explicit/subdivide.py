"""Loop subdivision with creases and boundaries, in NumPy alone: what turns a control mesh into its surface.

Rules: Loop's masks (C. Loop, Smooth subdivision surfaces based on triangles, 1987) inside; cubic B-spline masks along
boundaries and creases, corners where other than two of them meet (Hoppe et al., Piecewise smooth surface
reconstruction, SIGGRAPH 1994). An edge with other than two faces is a boundary, so that any set of triangles works.
The same masks are given as triplets, to be applied (decoding) or made a matrix (fitting).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Step:
    """One subdivision step: new vertex `rows[i]` gets `weights[i]` times old vertex `columns[i]`, summed."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    faces: np.ndarray  # (4m, 3): face f of the m old ones became f, f + m, f + 2m, f + 3m
    creases: np.ndarray  # (2k, 2) vertex pairs, boundaries included
    vertex_count: int

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values (n, d) at the old vertices, to (vertex_count, d) at the new ones; sums in a fixed order."""
        found = np.empty((self.vertex_count, values.shape[1]))
        for axis, old in enumerate(np.ascontiguousarray(values.T)):
            found[:, axis] = np.bincount(self.rows, self.weights * old[self.columns], self.vertex_count)
        return found


def stable_order(keys: np.ndarray) -> np.ndarray:
    """Places (n,) of some numbers of at least nought in ascending order, those of equal ones as they come."""
    places = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + places < 63:  # numbers are sorted several times faster than places
        return np.sort(keys << places | np.arange(len(keys))) & (1 << places) - 1
    return np.argsort(keys, kind="stable")


def unique_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Undirected edges of triangles.

    Args:
        faces: (m, 3) int.
    Returns:
        edges (e, 2) with the smaller vertex first, sorted; edge_of (3m,): the edge of sides (0,1) of all faces, then
        of sides (1,2), then of sides (2,0); count (e,): faces at each edge.
    """
    corners = np.ascontiguousarray(faces.T, np.int64)
    ends, others = corners.ravel(), corners[[1, 2, 0]].ravel()
    bits = int(ends.max(initial=0)).bit_length()
    keys = np.minimum(ends, others) << bits | np.maximum(ends, others)
    order = stable_order(keys)
    keys = keys[order]
    fresh = np.ones(len(keys), bool)
    fresh[1:] = keys[1:] != keys[:-1]
    first = np.flatnonzero(fresh)
    edge_of = np.empty(len(keys), np.int64)
    edge_of[order] = np.cumsum(fresh) - 1
    edges = np.stack([keys[first] >> bits, keys[first] & (1 << bits) - 1], axis=1)
    return edges, edge_of, np.diff(np.append(first, len(keys)))


def is_member(edges: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Which of the `edges` (e, 2) are among the `chosen` (k, 2), whatever their direction: (e,) bool."""
    if len(edges) == 0 or len(chosen) == 0:
        return np.zeros(len(edges), bool)
    base = int(max(edges.max(), chosen.max())) + 1
    a, b = np.sort(edges, axis=1).T.astype(np.int64), np.sort(chosen, axis=1).T.astype(np.int64)
    return np.isin(a[0] * base + a[1], b[0] * base + b[1])


def _split_faces(faces: np.ndarray, edge_of: np.ndarray, vertex_count: int) -> np.ndarray:
    """Each triangle into four, in the order that `Step.faces` promises."""
    ab, bc, ca = vertex_count + edge_of.reshape(3, -1)
    a, b, c = faces.T
    split = np.empty((4, len(faces), 3), np.int64)
    for quarter, corners in zip(split, ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)), strict=True):
        for k, corner in enumerate(corners):
            quarter[:, k] = corner
    return split.reshape(-1, 3)


def loop_step(faces: np.ndarray, vertex_count: int, creases: np.ndarray | None = None) -> Step:
    """Masks of one Loop step.

    Args:
        faces: (m, 3) int; vertex_count: n; creases: (k, 2) vertex pairs, those that are no edge are ignored.
    """
    edges, edge_of, faces_at = unique_edges(faces)
    first, second = edges.T
    sharp = faces_at != 2
    if creases is not None:
        sharp = sharp | is_member(edges, creases)
    smooth_sides = ~sharp[edge_of]
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])[smooth_sides]
    new = vertex_count + np.arange(len(edges))
    end_weight = np.where(sharp, 0.5, 0.375)

    sharp_at = np.bincount(edges[sharp].ravel(), minlength=vertex_count)
    interior, on_curve = sharp_at < 2, sharp_at == 2
    edges_at = np.bincount(edges.ravel(), minlength=vertex_count)
    valence = np.maximum(edges_at, 3)
    ring_weight = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / valence)) ** 2) / valence
    ring_weight = np.where(interior & (edges_at > 0), ring_weight, 0.0)
    own_weight = np.where(on_curve, 0.75, 1.0) - edges_at * ring_weight

    ends, others = edges.ravel(), edges[:, ::-1].ravel()
    inner = interior[ends]
    curve = on_curve[ends] & np.repeat(sharp, 2)
    everyone = np.arange(vertex_count)
    rows = [everyone, ends[inner], ends[curve], new, new, vertex_count + edge_of[smooth_sides]]
    columns = [everyone, others[inner], others[curve], first, second, opposite]
    weights = [
        own_weight,
        ring_weight[ends[inner]],
        np.full(curve.sum(), 0.125),
        end_weight,
        end_weight,
        np.full(len(opposite), 0.125),
    ]
    halves = np.concatenate([np.stack([edges[sharp, k], new[sharp]], axis=1) for k in (0, 1)])
    return Step(
        np.concatenate(rows),
        np.concatenate(columns),
        np.concatenate(weights),
        _split_faces(faces, edge_of, vertex_count),
        halves,
        vertex_count + len(edges),
    )


def midpoint_step(faces: np.ndarray, vertex_count: int, creases: np.ndarray | None = None) -> Step:
    """Masks of a split that leaves the surface as it is: the plain triangles, only finer."""
    edges, edge_of, faces_at = unique_edges(faces)
    new = vertex_count + np.arange(len(edges))
    sharp = faces_at != 2
    if creases is not None:
        sharp = sharp | is_member(edges, creases)
    everyone, half = np.arange(vertex_count), np.full(len(edges), 0.5)
    halves = np.concatenate([np.stack([edges[sharp, k], new[sharp]], axis=1) for k in (0, 1)])
    return Step(
        np.concatenate([everyone, new, new]),
        np.concatenate([everyone, edges[:, 0], edges[:, 1]]),
        np.concatenate([np.ones(vertex_count), half, half]),
        _split_faces(faces, edge_of, vertex_count),
        halves,
        vertex_count + len(edges),
    )


def subdivide(
    vertices: np.ndarray, faces: np.ndarray, creases: np.ndarray | None = None, levels: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The Loop surface of a control mesh after some steps.

    The sums run in an order given by the connectivity alone and use only +, *, / and one cosine per valence: machines
    agree to 1e-14 of the coordinates' size.

    Args:
        vertices: (n, 3) float; faces: (m, 3) int; creases: (k, 2) vertex pairs or None; levels: number of steps.
    Returns:
        vertices (n', 3) float64 and faces (m * 4**levels, 3) int64.
    """
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
    for _ in range(levels):
        step = loop_step(faces, len(vertices), creases)
        vertices, faces, creases = step.apply(vertices), step.faces, step.creases
    return vertices, faces
