"""The models of a comparison that its report shows in 3D: worst, middle and best, with their error at each vertex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from necgs_cli.comparison import Match, decode_model
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.metrics.surface import Reference, Surface
from necgs_cli.outcome import Skipped
from necgs_cli.prepare import Input, load, run_all
from necgs_cli.progress import Progress
from necgs_cli.report.scene import MeshWithError, Scene

EACH = 3
"""Models of each sort: worst, middle and best."""
MOST_TRIANGLES = 60_000
"""Of a mesh in a page; larger ones are decimated for the picture, never for the figures."""


def error_scenes(
    comparison: dict[str, Any], items: Sequence[Input], path: Path, workers: int, progress: Progress
) -> list[Scene]:
    """Decodes and measures the chosen models once more, at their vertices.

    Args:
        comparison: of `items` with the set at `path`, see `comparison.compare_models`.
    """
    originals = {item.name: item for item in items}
    chosen = choose(comparison["models"])
    progress.phase("drawing models for the report", len(chosen))
    scenes = []
    matches = [Match(originals[row["name"]], row["id"]) for row, _ in chosen]
    for (_, why), scene in zip(chosen, run_all(matches, partial(_scene, path=path), workers, progress), strict=False):
        if isinstance(scene, Scene):
            scenes.append(replace(scene, note="; ".join(filter(None, (why, scene.note)))))
        progress.update(len(scenes))
    return scenes


def choose(rows: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """Up to `EACH` models from both ends and from the middle of rows that are sorted worst first; and which it is."""
    count = len(rows)
    middle = max(0, (count - EACH) // 2)
    wanted = [(i, "among the worst") for i in range(EACH)]
    wanted += [(i, "in the middle") for i in range(middle, middle + EACH)]
    wanted += [(i, "among the best") for i in range(count - EACH, count)]
    found: dict[int, str] = {}
    for i, why in wanted:
        if 0 <= i < count:
            found.setdefault(i, why if count > EACH else "")
    return [(rows[i], found[i]) for i in sorted(found)]


def _scene(match: Match, path: Path) -> Scene | Skipped:
    """Both meshes of a model with the distance of each vertex to the other surface, source units."""
    decoded = decode_model(match.name, match.id, path)
    if isinstance(decoded, Skipped):
        return decoded
    copy = decoded[1]
    try:
        mesh = load(match.original).mesh
        reference = Reference(mesh.vertices, mesh.faces, samples=1)
    except (MeshError, ValueError) as error:
        return Skipped(match.name, str(error))
    to_source = reference.longest_side / 2
    surface = Surface(reference.to_unit(copy.vertices), copy.faces)

    def far_from_copy(points: np.ndarray) -> np.ndarray:
        if surface.empty:
            return np.full(len(points), np.inf)
        return surface.nearest(reference.to_unit(points))[0] * to_source

    first, said = _for_page("original", mesh.vertices, mesh.faces)
    second, also = _for_page("decoded mesh", copy.vertices, copy.faces)
    original: MeshWithError = (*first, far_from_copy(first[0]))
    other: MeshWithError = (*second, reference.distances_at(second[0]) * to_source)
    return Scene(match.name, original, other, note="; ".join(filter(None, (said, also))), id=match.id)


def _for_page(what: str, vertices: np.ndarray, faces: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    """A mesh of at most about `MOST_TRIANGLES`, and what was done to it."""
    if len(faces) <= MOST_TRIANGLES:
        return (vertices, faces), ""
    from fast_simplification import simplify

    # in single precision: near the origin and about 1 large
    middle, size = vertices.mean(axis=0), float(np.ptp(vertices, axis=0).max()) or 1.0
    small = ((vertices - middle) / size).astype(np.float32)
    v, f = simplify(small, faces.astype(np.int32), target_count=MOST_TRIANGLES)[:2]
    shown = np.asarray(v, np.float64) * size + middle, np.asarray(f, np.int64)
    return shown, f"{what} shown with {len(f):,} of its {len(faces):,} triangles"
