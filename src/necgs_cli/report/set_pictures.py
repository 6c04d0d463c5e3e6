"""Pictures of the models of a set: one alone, or a sheet of several; drawn by one process a core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from necgs_cli.comparison import DamagedModel, decode_model
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.model_set import DAMAGED, open_container
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.prepare import Input, load, run_all
from necgs_cli.progress import Progress, printable
from necgs_cli.report.contact_sheet import Pair, Tile, draw_tile, fitting_end, lay_out, p99_percent, sheet_size
from necgs_cli.report.view import Look

if TYPE_CHECKING:
    from PIL import Image

INTERRUPTED = 130
PICTURE_SIZE, SHEET_SIZE = 800, 190
"""Pixels of a model alone, and of a model on a sheet."""


@dataclass(frozen=True)
class Picture:
    """Models as they were drawn.

    Attributes:
        image: the picture, without transparency.
        models: ids and names of those it was to show.
        missing: names of those without an original, where originals were given; they are drawn.
        skipped: those that could not be drawn; each keeps an empty place on a sheet.
    """

    image: Image.Image
    models: list[tuple[int, str]]
    missing: list[str]
    skipped: list[Skipped]


@dataclass(frozen=True)
class Wanted:
    """A model to draw, with its original where there is one."""

    id: int
    name: str
    original: Input | None = None


def draw_models(
    path: Path,
    name: str,
    models: int | Sequence[int] | None,
    originals: Sequence[Input],
    size: int | None,
    look: Look,
    workers: int,
    progress: Progress,
) -> Picture:
    """Draws models of the set at `path`; see `api.render`. `name` is what a sheet's title calls it."""
    with open_container(path) as container:
        names = list(container.names)
    known = {item.name: item for item in originals}
    ids = [models] if isinstance(models, int) else list(range(len(names)) if models is None else models)
    outside = [id for id in ids if not 0 <= id < len(names)]
    if outside or not ids:
        raise NecgsError(f"no model {outside[0]}: the set holds {len(names)}" if outside else "no models to draw")
    wanted = [Wanted(id, names[id], known.get(names[id])) for id in ids]
    listed = [(model.id, model.name) for model in wanted]
    if isinstance(models, int) and not originals:
        return Picture(model_picture(wanted[0], path, size or PICTURE_SIZE, look), listed, [], [])
    count = f"{len(ids):,} {'model' if len(ids) == 1 else 'models'}"
    if len(ids) != len(names):
        count = f"{len(ids):,} of {len(names):,} models"
    title = printable(f"{name}: {count}, {path.stat().st_size:,} bytes")
    image, skipped = set_sheet(wanted, path, title, size or SHEET_SIZE, look, workers, progress)
    missing = [model.name for model in wanted if known and model.original is None]
    return Picture(image, listed, missing, skipped)


def model_picture(wanted: Wanted, path: Path, size: int, look: Look) -> Image.Image:
    """A square picture of one model, `size` pixels a side.

    Raises:
        NecgsError: it cannot be decoded.
    """
    from PIL import Image

    tile = _draw(wanted, path=path, size=size, error_end=None, look=look)
    if isinstance(tile, Skipped):
        code = DAMAGED if isinstance(tile, DamagedModel) else 1
        raise NecgsError(f"model {wanted.id}, {wanted.name}: {tile.reason}", code)
    return Image.fromarray(tile.pictures[0])


def set_sheet(
    wanted: Sequence[Wanted], path: Path, title: str, size: int, look: Look, workers: int, progress: Progress
) -> tuple[Image.Image, list[Skipped]]:
    """A sheet of models, with originals and errors where any is given; and what could not be drawn.

    Args:
        wanted: the models, in the order of the sheet. Those that cannot be drawn keep an empty place.
        path: of the set.
        title, size: see `contact_sheet.contact_sheet`.

    Raises:
        NecgsError: the sheet would be too large, none can be drawn, or the work was stopped.
    """
    error_end, compared = None, any(model.original for model in wanted)
    try:
        sheet_size(len(wanted), 3 if compared else 1, size)  # before the work
    except ValueError as error:
        raise NecgsError(str(error)) from error
    if compared:
        progress.phase("measuring", len(wanted))
        measured = []
        for found in run_all(wanted, partial(_p99, path=path), workers, progress):
            measured.append(None if isinstance(found, Skipped) else found)
            progress.update(len(measured))
        error_end = fitting_end(measured)
    progress.phase("drawing", len(wanted))
    work = partial(_draw, path=path, size=size, error_end=error_end, look=look)
    tiles: list[Tile] = []
    skipped: list[Skipped] = []
    empty = (None,) * (1 if error_end is None else 3)
    for model, drawn in zip(wanted, run_all(wanted, work, workers, progress), strict=False):
        if isinstance(drawn, Skipped):
            progress.skip(drawn.name, drawn.reason)
            skipped.append(drawn)
            drawn = Tile(printable(model.name), drawn.reason, empty)
        tiles.append(drawn)
        progress.update(len(tiles))
    if progress.stopped():
        raise NecgsError("stopped", INTERRUPTED)
    if len(skipped) == len(wanted):
        code = DAMAGED if any(isinstance(each, DamagedModel) for each in skipped) else 1
        raise NecgsError("none of the models can be drawn", code)
    return lay_out(tiles, size, title=title, error_end=error_end), skipped


def _pair(wanted: Wanted, path: Path) -> Pair | Skipped:
    """Both meshes of a model."""
    decoded = decode_model(wanted.name, wanted.id, path)
    if isinstance(decoded, Skipped):
        return decoded
    entry, copy = decoded
    original = None
    if wanted.original:
        try:
            mesh = load(wanted.original).mesh
        except MeshError as error:
            return Skipped(wanted.name, f"the original: {error}")
        original = mesh.vertices, mesh.faces
    caption = f"{entry.bytes_total:,} B"
    if np.isfinite(entry.p2s):
        caption += f", mean error {50 * entry.p2s:#.2g} %"
    return Pair(printable(wanted.name), original, (copy.vertices, copy.faces), caption)


def _p99(wanted: Wanted, path: Path) -> float | None | Skipped:
    pair = _pair(wanted, path)
    return pair if isinstance(pair, Skipped) else p99_percent(pair)


def _draw(wanted: Wanted, path: Path, size: int, error_end: float | None, look: Look) -> Tile | Skipped:
    """Draws a model; run in worker processes."""
    pair = _pair(wanted, path)
    if isinstance(pair, Skipped):
        return pair
    try:
        return draw_tile(pair, size, error_end, look)
    except ValueError as error:
        return Skipped(wanted.name, str(error))
    except MemoryError:
        return Skipped(wanted.name, "does not fit into memory")
