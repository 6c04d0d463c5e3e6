"""Draco, with and without decimation before it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from necgs_cli.peers.curve import EXACT, PeerPoint
from necgs_cli.peers.original import Original

FEWEST_BITS, MOST_BITS = 4, 16
"""Coarsest and finest quantisation."""
LEVELS = (1, 4, 7, 10)
"""Draco's compression levels; the highest is not always the smallest, so the smallest stream counts."""
FEWEST_FACES, LADDER_STEP = 12, 1.5
"""Sizes of decimated meshes: from this many faces up, by this factor."""
STRENGTHS = (3, 5, 7)
"""Settings of the decimation, from careful to forced; the first that reaches the size counts."""
REACHED = 1.2
"""A decimation that ends above this many times the size has not reached it."""
COARSEST = 0.1
"""No larger error is wanted; a model that decodes to nothing has an infinite one."""
FAR, NEAR = 6.0, 0.4
"""Sizes whose error is outside of these multiples of the wanted error need no stream: the curve is wanted around it."""


def draco_points(original: Original, wanted: float) -> list[PeerPoint]:
    """The full mesh at the quantisations whose error is around the wanted one (longest side = 2)."""
    wanted = float(np.clip(wanted, EXACT, COARSEST))
    return [coded(original, original.vertices, original.faces, bits) for bits in suitable_bits(wanted, 2)]


def qem_draco_points(original: Original, wanted: float) -> list[PeerPoint]:
    """Decimated meshes, each at the quantisation that suits its error and one bit to either side; and the full mesh.

    Args:
        original: what to code.
        wanted: the error around which points are needed, longest side = 2.
    """
    points = draco_points(original, wanted)
    wanted = float(np.clip(wanted, EXACT, COARSEST))
    count = float(FEWEST_FACES)
    while count < len(original.faces):
        measured = [(original.rough_error(*mesh), mesh) for mesh in decimations(original, round(count))]
        error, mesh = min(measured, key=lambda pair: pair[0], default=(np.inf, None))
        if mesh and error <= FAR * wanted:
            points += [coded(original, *mesh, bits) for bits in suitable_bits(max(error, NEAR * wanted), 1)]
        if error < NEAR * wanted:
            break
        count *= LADDER_STEP
    return points


def suitable_bits(error: float, more: int) -> range:
    """Quantisations whose own error (about a sixth of a step) is about an error, and `more` to either side."""
    middle = int(np.clip(round(np.log2(2 / (5 * error))), FEWEST_BITS + more, MOST_BITS - more))
    return range(middle - more, middle + more + 1)


def decimations(original: Original, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (vertices, faces) of quadric decimations to about `count` faces: freely, and with borders kept."""
    from fast_simplification import simplify

    vertices, faces = original.vertices.astype(np.float32), original.faces.astype(np.int32)
    for kept_border in (False, True) if _is_open(original.faces) else (False,):
        for strength in STRENGTHS:
            v, f = simplify(vertices, faces, target_count=count, agg=strength, preserve_border=kept_border)[:2]
            if 0 < len(f) <= REACHED * count:
                yield np.asarray(v, np.float64), np.asarray(f, np.int64)
                break


def _is_open(faces: np.ndarray) -> bool:
    """Whether an edge belongs to one face only."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 1).any())


def coded(original: Original, vertices: np.ndarray, faces: np.ndarray, bits: int) -> PeerPoint:
    """A mesh through Draco and back."""
    import DracoPy

    used, faces = np.unique(faces, return_inverse=True)
    corners, faces = vertices[used].astype(np.float32), faces.reshape(-1, 3).astype(np.uint32)
    streams = (DracoPy.encode(corners, faces, quantization_bits=bits, compression_level=level) for level in LEVELS)
    stream = min(streams, key=len)
    decoded = DracoPy.decode(stream)
    return PeerPoint(len(stream), original.error(decoded.points, decoded.faces))
