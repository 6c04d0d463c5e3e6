"""What a control mesh will cost, about: for choices during a search, where the coder itself would take too long."""

import numpy as np

from .control_mesh import CREASED, ControlMesh
from .subdivide import unique_edges

BASE_BITS, IRREGULAR_BITS, MOST_IRREGULAR = 3.16, 0.643, 2.0  # a vertex, and per mean squared excess of its valence
SPREAD_BITS, SPREAD, LEAST_SPREAD = 0.95, 0.954, 0.264  # a coordinate of such umbrella residuals; fitted to records
CREASE_BITS = 1.5  # a tagged edge
HIT_BITS, MISS_BITS = 1.6, 0.7  # a coordinate that repeats, and what the others pay for its being told
HIT_BASE_BITS, HIT_SHARE = 2.2, 1.07  # the same for meshes whose coordinates repeat


def estimated_bytes(mesh: ControlMesh) -> int:
    """Bytes of a record, to some percent: umbrella residuals under a local Laplace law or repeats of coordinates."""
    n = len(mesh.positions)
    edges = unique_edges(mesh.faces)[0]
    ends, others = edges.ravel(), edges[:, ::-1].ravel()
    valence = np.maximum(np.bincount(ends, minlength=n), 1)
    around = np.stack([np.bincount(ends, c[others], n) for c in mesh.positions.T.astype(float)], axis=1)
    mean = around / valence[:, None]
    residual = np.abs(mesh.positions - mean).sum(axis=1)
    near = (residual + np.bincount(ends, residual[others], n)) / (1 + valence) / 3
    repeats = np.zeros((n, 3), bool)
    later = ends > others  # a coordinate that an earlier neighbour has: CAD, coded as a reference
    for axis, c in enumerate(mesh.positions.T):
        repeats[ends[later & (c[ends] == c[others])], axis] = True
    spread = 3 * SPREAD_BITS * np.log2(1 + 2 * np.e * np.maximum(SPREAD * near - LEAST_SPREAD, 0)).sum()
    irregular = min(float(((valence - 6.0) ** 2).mean()), MOST_IRREGULAR) if n else 0.0
    free = spread + (BASE_BITS + IRREGULAR_BITS * irregular) * n
    wide = np.log2(2 * np.e * (0.8 * near + 0.2))[:, None]
    repeated = HIT_SHARE * (np.where(repeats, HIT_BITS, wide + MISS_BITS).sum() + HIT_BASE_BITS * n)
    bits = min(free, repeated)
    if mesh.kind == CREASED and mesh.creases is not None:
        bits += CREASE_BITS * len(mesh.creases)
    return int(np.ceil(bits / 8)) + 6
