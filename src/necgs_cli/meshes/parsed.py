"""What a parser hands over: the file's triangles as they are written, before any check or repair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from necgs_cli.meshes.mesh import MeshError


@dataclass(frozen=True, eq=False)
class Parsed:
    """Triangles as a file gives them.

    Args:
        vertices: (n, 3) float64, source units; may hold NaN, unused and doubled rows.
        faces: (m, 3) int64; indices are not checked yet.
        dropped: what the file holds besides, that a compressed model does not keep.
        repairs: what the parser had to mend.
        extra_bytes: size of the files that this one refers to and that were read with it.
    """

    vertices: np.ndarray
    faces: np.ndarray
    dropped: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    extra_bytes: int = 0


def check_indices(indices: np.ndarray, vertices: int) -> None:
    """Raise a MeshError unless all indices lie in 0..vertices-1."""
    if indices.size == 0:
        return
    for index in (int(indices.min()), int(indices.max())):
        if not 0 <= index < vertices:
            raise MeshError(f"a face refers to vertex {index} (counted from 0), but there are {vertices} vertices")


def to_numbers(tokens: list[bytes], what: str) -> np.ndarray:
    """Return float64 numbers, (n,), from their decimal texts; raise a MeshError that names `what` if one is none."""
    try:
        return np.array(tokens, dtype=np.float64)
    except ValueError as error:
        raise MeshError(f"not a number among the {what}: {str(error)[:80]}") from error


def to_integers(tokens: list[bytes], what: str) -> np.ndarray:
    """Return int64 numbers, (n,), from their decimal texts; raise a MeshError that names `what` if one is none."""
    numbers = to_numbers(tokens, what)  # whole numbers up to 2**53 are exact
    if not (np.abs(numbers) < 2**53).all() or (numbers != np.rint(numbers)).any():
        raise MeshError(f"not a whole number among the {what}")
    return numbers.astype(np.int64)
