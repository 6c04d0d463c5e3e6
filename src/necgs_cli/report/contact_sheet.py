"""A picture of many models: decoded, and where originals are given, these and in colour how far apart the two are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.metrics.surface import Reference, Surface
from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.render import render_mesh
from necgs_cli.report.view import Look, visible_faces

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_COLUMNS = ("original", "decoded", "error")
_INK, _PALE_INK, _LINE = (30, 32, 36), (105, 110, 118), (222, 224, 228)
_LEGEND = (220, 10)  # pixels
_LEGEND_TEXT = "distance between the surfaces, % of the longest side"
_MARGIN = 24
_LABEL = 44  # height of the name and the caption
_HEAD, _HEAD_WITH_LEGEND = 56, 92
_TITLE_WIDTH = 900  # up to which a narrow sheet is widened for its title
_ASPECT = 4 / 3  # of a sheet that may choose
MOST_PIXELS = 100_000_000
"""Of a sheet."""

MeshArrays = tuple[np.ndarray, np.ndarray]
"""Vertices (n, 3) and faces (m, 3), source units."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One model of a contact sheet.

    original: None where there is none.
    caption: what to say about it below its name, such as its size and error.
    """

    name: str
    original: MeshArrays | None
    decoded: MeshArrays
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Tile:
    """One model as it was drawn: square pictures (size, size, 3) uint8 side by side, None where there is nothing."""

    name: str
    caption: str
    pictures: tuple[np.ndarray | None, ...]


def contact_sheet(
    pairs: Sequence[Pair],
    path: str | Path,
    *,
    title: str = "",
    size: int = 190,
    across: int = 3,
    error_end: float | None = None,
) -> None:
    """Write a picture of all pairs (PNG, or what the ending of `path` says).

    Args:
        pairs: the models, drawn in this order, row by row.
        path: of the picture.
        title: a line at the top.
        size: of one mesh, pixels.
        across: models side by side; each takes three pictures where there are originals.
        error_end: distance between the surfaces at the dark end of the colour scale, percent of the longest side; by
            default a round number that fits these models.

    Raises:
        ValueError: no pairs, an original without surface, or more pixels than `MOST_PIXELS`.
    """
    if any(pair.original is not None for pair in pairs):
        error_end = error_end or fitting_end([p99_percent(pair) for pair in pairs])
    tiles = [draw_tile(pair, size, error_end) for pair in pairs]
    lay_out(tiles, size, title=title, across=across, error_end=error_end).save(path)


def draw_tile(pair: Pair, size: int, error_end: float | None, look: Look | None = None) -> Tile:
    """Draw one model.

    Args:
        pair: what to draw.
        size: of one mesh, pixels.
        error_end: see `contact_sheet`; None draws the decoded mesh only.
        look: where to look from; from the same place at all of its meshes.

    Raises:
        ValueError: the original has no surface.
    """
    look = look or Look()
    decoded = _drawn(pair.decoded, size, look, pair.original or pair.decoded)
    if error_end is None:
        return Tile(pair.name, pair.caption, (decoded,))
    if pair.original is None:
        return Tile(pair.name, pair.caption, (None, decoded, None))
    original = _drawn(pair.original, size, look, pair.original)
    error = _error_picture(pair.original, pair.decoded, size, error_end, look)
    return Tile(pair.name, pair.caption, (original, decoded, error))


def lay_out(
    tiles: Sequence[Tile], size: int, *, title: str = "", across: int | None = None, error_end: float | None = None
) -> "Image.Image":
    """Put drawn models on a sheet, row by row.

    Args:
        tiles: all with equally many pictures of that size.
        size, title: see `contact_sheet`.
        across: models side by side; by default what makes the sheet a little wider than high.
        error_end: of the colour scale; None for no scale.

    Raises:
        ValueError: no tiles, or more pixels than `MOST_PIXELS`.
    """
    from PIL import Image, ImageDraw

    if not tiles:
        raise ValueError("no models to draw")
    columns = len(tiles[0].pictures)
    cell = columns * size, _LABEL + size
    across, (width, height) = sheet_size(len(tiles), columns, size, across)
    head = _head_height(columns)
    sheet = Image.new("RGB", (max(width, _head_width(title, error_end)), height), "white")
    draw = ImageDraw.Draw(sheet)
    _head(sheet, draw, title, error_end)
    for i, tile in enumerate(tiles):
        x = _MARGIN + i % across * (cell[0] + _MARGIN)
        y = head + i // across * (cell[1] + _MARGIN)
        draw.line([(x, y), (x + cell[0], y)], fill=_LINE)
        draw.text((x, y + 5), _fit(draw, tile.name, cell[0], 15), fill=_INK, font=_font(15))
        draw.text((x, y + 25), _fit(draw, tile.caption, cell[0], 12), fill=_PALE_INK, font=_font(12))
        for column, picture in enumerate(tile.pictures):
            if picture is not None:
                sheet.paste(Image.fromarray(picture), (x + column * size, y + _LABEL))
            if i < across and columns == len(_COLUMNS):
                middle = x + column * size + size // 2
                draw.text((middle, head - 9), _COLUMNS[column], fill=_PALE_INK, font=_font(13), anchor="ms")
    return sheet


def sheet_size(count: int, columns: int, size: int, across: int | None = None) -> tuple[int, tuple[int, int]]:
    """Models side by side, and pixels of a sheet (without what a long title adds).

    Args:
        count: of models; columns: pictures of each; size, across: see `lay_out`.

    Raises:
        ValueError: more pixels than `MOST_PIXELS`.
    """
    cell = columns * size + _MARGIN, _LABEL + size + _MARGIN
    if across is None:
        across = round((count * cell[1] / cell[0] * _ASPECT) ** 0.5)
    across = max(1, min(across, count))
    width, height = across * cell[0] + _MARGIN, _head_height(columns) + -(-count // across) * cell[1]
    if width * height > MOST_PIXELS:
        raise ValueError(f"a sheet of {width:,} x {height:,} pixels is too large: draw fewer or smaller models")
    return across, (width, height)


def _head_height(columns: int) -> int:
    return _HEAD_WITH_LEGEND if columns == len(_COLUMNS) else _HEAD


def _drawn(mesh: MeshArrays, size: int, look: Look, seen: MeshArrays) -> np.ndarray:
    """A picture of a mesh from where `seen` fills it; empty where that has no faces."""
    if not len(visible_faces(*seen)[1]):
        return render_mesh(*seen, size)
    return render_mesh(*mesh, size, view=look.at(*seen), wireframe=look.wireframe)


def _error_picture(original: MeshArrays, copy: MeshArrays, size: int, error_end: float, look: Look) -> np.ndarray:
    """Both surfaces at once, each point coloured by its distance to the other surface.

    So what the decoded mesh lacks is seen as well as what it adds.
    """
    reference = Reference(*original, samples=1)
    decoded = Surface(reference.to_unit(copy[0]), copy[1])

    def percent(points: np.ndarray) -> np.ndarray:
        to_decoded = np.inf if decoded.empty else decoded.nearest(reference.to_unit(points))[0]
        return 50 * np.maximum(reference.distances_at(points), to_decoded)  # the longest side is 2

    both = np.concatenate([original[0], copy[0]]), np.concatenate([original[1], copy[1] + len(original[0])])
    return render_mesh(*both, size, view=look.at(*original), error=percent, error_end=error_end)


def p99_percent(pair: Pair) -> float | None:
    """Distance that 99 % of both surfaces stay below, roughly, percent of the longest side; None without original.

    Raises:
        ValueError: the original has no surface.
    """
    if pair.original is None:
        return None
    return 50 * Reference(*pair.original, samples=2_000).measure(*pair.decoded).p99


def fitting_end(p99: Sequence[float | None]) -> float:
    """The least of 1, 2, 5, 10, ... (any power of ten) that the 99th percentile of half of the models stays below."""
    middle = float(np.median([each for each in p99 if each is not None and np.isfinite(each)] or [1.0]))
    power = 10 ** np.floor(np.log10(max(middle, 1e-4)))
    return float(power * next(step for step in (1, 2, 5, 10) if step * power >= middle * 0.999))


def _head_width(title: str, error_end: float | None) -> int:
    """What the title and the legend need, within reason."""
    needed = _font(20).getlength(title) + 2 * _MARGIN
    if error_end is not None:
        needed += max(_LEGEND[0], _font(12).getlength(_LEGEND_TEXT)) + _MARGIN
    return min(int(needed) + 1, _TITLE_WIDTH)


def _head(sheet: "Image.Image", draw: "ImageDraw.ImageDraw", title: str, error_end: float | None) -> None:
    """The title, and the legend of the error's colours."""
    from PIL import Image

    if error_end is None:
        draw.text((_MARGIN, 18), _fit(draw, title, sheet.width - 2 * _MARGIN, 20), fill=_INK, font=_font(20))
        return
    right = sheet.width - _MARGIN
    left, top = right - _LEGEND[0], 30
    bar = to_display(error_colours(np.linspace(0, 1, _LEGEND[0])))
    sheet.paste(Image.fromarray(np.repeat(bar[None], _LEGEND[1], axis=0)), (left, top))
    draw.text((right, top - 6), _LEGEND_TEXT, fill=_PALE_INK, font=_font(12), anchor="rs")
    for share, anchor in ((0, "la"), (0.5, "ma"), (1, "ra")):
        tick = f"{share * error_end:g}" + (" or more" if share == 1 else "")
        draw.text((left + share * _LEGEND[0], top + _LEGEND[1] + 4), tick, fill=_INK, font=_font(12), anchor=anchor)
    space = left - 2 * _MARGIN - max(0, draw.textlength(_LEGEND_TEXT, font=_font(12)) - _LEGEND[0])
    if space > 100:
        draw.text((_MARGIN, 20), _fit(draw, title, space, 20), fill=_INK, font=_font(20))


def _fit(draw: "ImageDraw.ImageDraw", text: str, width: float, size: int) -> str:
    """The text, cut short with an ellipsis where it is wider than `width` pixels."""
    if draw.textlength(text, font=_font(size)) <= width:
        return text
    while text and draw.textlength(text + "...", font=_font(size)) > width:
        text = text[:-1]
    return text + "..."


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
