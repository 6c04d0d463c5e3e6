"""Control meshes for a surface: which vertices and triangles to start a fit from."""

import numpy as np

from .collapse import Collapser
from .flips import even_valences
from .target import Target

PREPARED = 4  # times the wanted faces to which a fast decimator reduces first, where shape decides
LARGE = 12000  # faces to which it reduces first where edges must stay
SHARP_SHARE = 0.3  # of a mesh's bending that sharp edges hold, from which it is treated as mechanical
FEW_FACES = 1500  # below which every mesh is


def is_mechanical(target: Target) -> bool:
    """Whether edges and flat parts make the shape: creases and plain triangles are then worth a trial."""
    return target.sharp_share > SHARP_SHARE or len(target.faces) < FEW_FACES


def _prepared(vertices: np.ndarray, faces: np.ndarray, face_count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most about `face_count` faces by fast_simplification, or the mesh itself."""
    import fast_simplification

    if len(faces) <= face_count:
        return vertices, faces
    v, f = fast_simplification.simplify(vertices.astype(np.float32), faces.astype(np.int32),
                                        target_count=int(face_count), agg=5)
    if len(f) < 0.5 * face_count:  # it gave up on structure that is left to the careful one
        return vertices, faces
    return compact(np.asarray(v, np.float64), np.asarray(f, np.int64))


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without vertices that no triangle uses, triangles with two equal corners and repeated triangles."""
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[proper]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    used, faces = np.unique(faces[np.sort(first)], return_inverse=True)
    return vertices[used], faces.reshape(-1, 3)


def simplify(target: Target, vertex_count: int, mechanical: bool) -> tuple[np.ndarray, np.ndarray]:
    """A control mesh of about `vertex_count` vertices.

    Args:
        target: the original; vertex_count: wanted; fewer only where the original has fewer, more where its topology
            needs them.
        mechanical: plain quadrics on the original itself, which keep edges and flat parts; otherwise collapses
            weighted by the shape of the triangles, after a fast first reduction, and flips.
    Returns:
        vertices (n, 3) float64 and faces (m, 3) int64.
    """
    if mechanical:
        start = _prepared(target.vertices, target.faces, LARGE)
        return Collapser(*start, shape=0.0, regular=0.0).to(vertex_count)
    start = _prepared(target.vertices, target.faces, PREPARED * 2 * vertex_count)
    vertices, faces = Collapser(*start).to(vertex_count)
    return vertices, even_valences(vertices, faces)
