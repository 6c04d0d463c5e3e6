"""The fitted surface as a linear function of its control vertices, and the least squares that this gives.

Every sample of the surface is a weighted mean of few control vertices, and all samples of one control triangle share
them (its one-ring). So normal equations are small dense products triangle by triangle, scattered into 3x3 blocks.
"""

import numpy as np

from .control_mesh import LEVELS, PLAIN
from .subdivide import loop_step, midpoint_step

UPPER, FROM_UPPER = (
    (0, 1, 2, 4, 5, 8),
    (0, 1, 2, 1, 3, 4, 2, 4, 5),
)  # of 3x3: what differs if symmetric, and all from it


class _Bucket:
    """Groups of rows alike in size: `columns` (g, k) control vertices, `weights` (g, s, k), `rows` (g, s)."""

    def __init__(self, columns, weights, rows):
        self.columns, self.weights, self.rows = columns, weights, rows


def _group(matrix, group_of: np.ndarray) -> list[_Bucket]:
    """Dense stencils of the rows of a sparse matrix, by group; buckets hold groups alike in size."""
    coo = matrix.tocoo()
    n, row_count = matrix.shape[1], np.bincount(group_of)
    order = np.argsort(group_of, kind="stable")
    first_row = np.cumsum(row_count) - row_count
    rank = np.empty(len(group_of), np.int64)
    rank[order] = np.arange(len(group_of)) - first_row[group_of[order]]
    keys, slot_of = np.unique(group_of[coo.row] * n + coo.col, return_inverse=True)
    stencil = np.bincount(keys // n, minlength=len(row_count))
    first_slot = np.cumsum(stencil) - stencil
    buckets = []
    for size in np.unique(np.stack([row_count, stencil], axis=1)[row_count > 0], axis=0):
        chosen = np.flatnonzero((row_count == size[0]) & (stencil == size[1]))
        place = np.full(len(row_count), -1)
        place[chosen] = np.arange(len(chosen))
        mine = place[group_of[coo.row]] >= 0
        group = group_of[coo.row[mine]]
        weights = np.zeros((len(chosen), size[0], size[1]))
        weights[place[group], rank[coo.row[mine]], slot_of[mine] - first_slot[group]] = coo.data[mine]
        columns = keys[first_slot[chosen][:, None] + np.arange(size[1])] % n
        buckets.append(_Bucket(columns, weights, order[first_row[chosen][:, None] + np.arange(size[0])]))
    return buckets


class Patches:
    """Samples of the surface of a control mesh: centroids of small triangles `faces`, and its creases `curve_edges`.

    Args:
        faces: (m, 3) int; vertex_count: n; creases: (k, 2) or None; kind: how the surface comes from the vertices.
        sampled: of the faces, the first ones that have samples: those on one side of mirror planes; None: all.
    """

    def __init__(
        self, faces: np.ndarray, vertex_count: int, creases: np.ndarray | None, kind: str, sampled: int | None = None
    ):
        import scipy.sparse as sp

        self.vertex_count, self.creased = vertex_count, creases is not None
        extra = int(len(faces) * 16 < 2500)  # few triangles: finer samples of the same surface
        step_of = midpoint_step if kind == PLAIN else loop_step
        mapping = sp.identity(vertex_count, format="csr")
        curve = creases if creases is not None else np.zeros((0, 2), np.int64)
        fine = np.asarray(faces, np.int64)
        for level in range(LEVELS + extra):
            step = (step_of if level < LEVELS else midpoint_step)(fine, mapping.shape[0], curve)
            shape = (step.vertex_count, mapping.shape[0])
            mapping = sp.csr_matrix((step.weights, (step.rows, step.columns)), shape=shape) @ mapping
            fine, curve = step.faces, step.creases
        self.control_faces, self.one_side = np.asarray(faces, np.int64)[:sampled], sampled is not None
        fine = fine[np.arange(len(fine)) % len(faces) < len(self.control_faces)]
        self.mapping, self.faces, self.curve_edges = mapping, fine, curve
        mean = sp.csr_matrix(
            (np.full(fine.size, 1 / 3), fine.ravel(), np.arange(0, fine.size + 1, 3)),
            shape=(len(fine), mapping.shape[0]),
        )
        half = sp.csr_matrix(
            (np.full(curve.size, 0.5), curve.ravel(), np.arange(0, curve.size + 1, 2)),
            shape=(len(curve), mapping.shape[0]),
        )
        self.buckets = _group((mean @ mapping).tocsr(), np.arange(len(fine)) % len(self.control_faces))
        self.curve_buckets = _group((half @ mapping).tocsr(), np.arange(len(curve))) if len(curve) else []
        self._make_pattern()

    def _make_pattern(self) -> None:
        n = self.vertex_count
        pairs = [(b.columns[:, :, None] * n + b.columns[:, None, :]).ravel() for b in self.buckets + self.curve_buckets]
        keys, self._scatter = np.unique(np.concatenate(pairs), return_inverse=True)
        self._indices = keys % n
        self._indptr = np.searchsorted(keys, np.arange(n + 1) * n)

    def normal_equations(self, metric: np.ndarray, pull: np.ndarray, curve_metric: np.ndarray, curve_pull: np.ndarray):
        """Sum over samples s of (s - t)' M (s - t), as a quadratic form in the control vertices.

        Args:
            metric: (s, 3, 3) the M of each centroid, symmetric; pull: (s, 3) the M t; the same for the curves' samples.
        Returns:
            H, sparse (3n, 3n) with 3x3 blocks, and g (n, 3): the form is V'HV - 2 g'V + a constant.
        """
        import scipy.sparse as sp

        blocks, gradient = [], np.zeros((self.vertex_count, 3))
        for buckets, m, p in ((self.buckets, metric, pull), (self.curve_buckets, curve_metric, curve_pull)):
            different = m.reshape(-1, 9)[:, UPPER]
            for b in buckets:
                g, s, k = b.weights.shape
                weighted = (b.weights[..., None] * different[b.rows][:, :, None]).reshape(g, s, len(UPPER) * k)
                blocks.append((b.weights.transpose(0, 2, 1) @ weighted).reshape(-1, len(UPPER)))
                np.add.at(gradient, b.columns, b.weights.transpose(0, 2, 1) @ p[b.rows])
        sums = [np.bincount(self._scatter, terms, len(self._indices)) for terms in np.concatenate(blocks).T]
        data = np.stack([sums[k] for k in FROM_UPPER], axis=1).reshape(-1, 3, 3)
        size = 3 * self.vertex_count
        return sp.bsr_matrix((data, self._indices, self._indptr), shape=(size, size)), gradient
