"""What a control mesh will cost, about: for choices during a search, where the coder itself would take too long."""

from dataclasses import replace

import numpy as np

from .coding.field import MAX_VERTICES
from .coding.parts import find_parts
from .control_mesh import CREASED, ControlMesh
from .subdivide import unique_edges

CONNECTIVITY_BITS = 2.2  # a vertex, on control meshes
CREASE_BITS = 1.5  # a tagged edge
HANDLE_BITS = 46.0  # a handle: two places on the border of what is told, and vertices that are told worse about them
UNKNOWN_BITS = 2.0  # a vertex more, in parts that are too large for the coder's best prediction
FIXED_BYTES = 8  # of any record
COPY_BYTES = 4.0  # of a part that repeats
HIT_BITS, MISS_BITS = 1.6, 0.7  # a coordinate that repeats, and what the others pay for its being told


def handles(faces: np.ndarray, parts: int) -> float:
    """Genus, by Euler's formula, of a surface (m, 3) of so many parts; where edges have many triangles, about."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    edges, _, uses = unique_edges(faces)
    corners, border = np.unique(edges[uses == 1], return_inverse=True)
    a, b = border.reshape(-1, 2).T
    holes = connected_components(sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(len(corners),) * 2), False)[0]
    return max(0.0, parts - (holes + len(np.unique(faces)) - len(edges) + len(faces)) / 2)


def estimated_bytes(mesh: ControlMesh) -> int:
    """Bytes of a record, to some percent: umbrella residuals under a local Laplace law or repeats of coordinates.

    Parts that repeat count once.
    """
    creases = np.zeros((0, 2), np.int64) if mesh.creases is None else np.sort(mesh.creases, axis=1)
    different = find_parts(mesh.positions.astype(np.int64), mesh.faces, creases)
    copies = sum(len(part.copies) for part in different)
    if copies:
        kept = np.concatenate([part.vertices for part in different])
        number = np.full(len(mesh.positions), -1)
        number[kept] = np.arange(len(kept))
        faces, creases = (rows[(number[rows] >= 0).all(axis=1)] for rows in (mesh.faces, creases))
        told = replace(
            mesh,
            positions=mesh.positions[kept],
            faces=number[faces],
            single=None,
            creases=None if mesh.creases is None else number[creases],
        )
        return estimated_bytes(told) + round(COPY_BYTES * copies) + (mesh.single is not None) * len(different) // 8
    n = len(mesh.positions)
    edges = unique_edges(mesh.faces)[0]
    ends, others = edges.ravel(), edges[:, ::-1].ravel()
    valence = np.maximum(np.bincount(ends, minlength=n), 1)
    around = np.stack([np.bincount(ends, c[others], n) for c in mesh.positions.T.astype(float)], axis=1)
    mean = around / valence[:, None]
    residual = np.abs(mesh.positions - mean).sum(axis=1)
    near = (residual + np.bincount(ends, residual[others], n)) / (1 + valence) / 3
    scale = 0.8 * near + 0.2  # a parallelogram-like predictor knows more than the umbrella's mean
    spread = np.repeat(np.log2(2 * np.e * np.maximum(scale, 0.2))[:, None], 3, axis=1)
    repeats = np.zeros((n, 3), bool)
    later = ends > others  # a coordinate that an earlier neighbour has: CAD, coded as a reference
    for axis, c in enumerate(mesh.positions.T):
        repeats[ends[later & (c[ends] == c[others])], axis] = True
    bits = min(spread.sum(), np.where(repeats, HIT_BITS, spread + MISS_BITS).sum()) + CONNECTIVITY_BITS * n
    bits += UNKNOWN_BITS * sum(len(part.vertices) for part in different if len(part.vertices) > MAX_VERTICES)
    bits += HANDLE_BITS * handles(mesh.faces, len(different))
    if mesh.kind == CREASED and mesh.creases is not None:
        bits += CREASE_BITS * len(mesh.creases)
    return int(np.ceil(bits / 8)) + FIXED_BYTES + 2 * len(mesh.mirrors.axes)
