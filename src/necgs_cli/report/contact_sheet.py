"""A picture of many models: original, decoded, and in colour how far apart the two are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.metrics.surface import Reference, Surface
from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.render import View, render_mesh

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_COLUMNS = ("original", "decoded", "error")
_INK, _PALE_INK, _LINE = (30, 32, 36), (105, 110, 118), (222, 224, 228)
_LEGEND = (220, 10)  # pixels
_MARGIN = 24


@dataclass(frozen=True, eq=False)
class Pair:
    """One model of a contact sheet; meshes are (vertices (n, 3), faces (m, 3)) in source units.

    caption: what to say about it below its name, such as its size and error.
    """

    name: str
    original: tuple[np.ndarray, np.ndarray]
    decoded: tuple[np.ndarray, np.ndarray]
    caption: str = ""


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
        across: models side by side; each takes three pictures.
        error_end: distance between the surfaces at the dark end of the colour scale, percent of the longest side; by
            default a round number that fits these models.

    Raises:
        ValueError: no pairs, or an original without surface.
    """
    from PIL import Image, ImageDraw

    if not pairs:
        raise ValueError("no models to draw")
    across = min(across, len(pairs))
    references = [Reference(*pair.original, samples=2_000) for pair in pairs]
    if error_end is None:
        error_end = _fitting_end(pairs, references)
    label, head = 44, 92
    cell = len(_COLUMNS) * size, label + size
    width = max(across * cell[0] + (across + 1) * _MARGIN, _LEGEND[0] + 3 * _MARGIN)
    sheet = Image.new("RGB", (width, head + -(-len(pairs) // across) * (cell[1] + _MARGIN)), "white")
    draw = ImageDraw.Draw(sheet)
    _head(sheet, draw, title, error_end)
    for i, (pair, reference) in enumerate(zip(pairs, references, strict=True)):
        x = _MARGIN + i % across * (cell[0] + _MARGIN)
        y = head + i // across * (cell[1] + _MARGIN)
        draw.line([(x, y), (x + cell[0], y)], fill=_LINE)
        draw.text((x, y + 5), _fit(draw, pair.name, cell[0], 15), fill=_INK, font=_font(15))
        draw.text((x, y + 25), _fit(draw, pair.caption, cell[0], 12), fill=_PALE_INK, font=_font(12))
        for column, picture in enumerate(_pictures(pair, reference, size, error_end)):
            sheet.paste(Image.fromarray(picture), (x + column * size, y + label))
            if i < across:
                middle = x + column * size + size // 2
                draw.text((middle, head - 9), _COLUMNS[column], fill=_PALE_INK, font=_font(13), anchor="ms")
    sheet.save(path)


def _pictures(pair: Pair, reference: Reference, size: int, error_end: float) -> list[np.ndarray]:
    """The three pictures of a model, from one point of view.

    The third shows both surfaces at once, each point coloured by its distance to the other surface, so that what the
    decoded mesh lacks is seen as well as what it adds.
    """
    view = View.of(*pair.original)
    decoded = Surface(reference.to_unit(pair.decoded[0]), pair.decoded[1])

    def percent(points: np.ndarray) -> np.ndarray:
        to_decoded = np.inf if decoded.empty else decoded.nearest(reference.to_unit(points))[0]
        return 50 * np.maximum(reference.distances_at(points), to_decoded)  # the longest side is 2

    both = (
        np.concatenate([pair.original[0], pair.decoded[0]]),
        np.concatenate([pair.original[1], pair.decoded[1] + len(pair.original[0])]),
    )
    return [
        render_mesh(*pair.original, size, view=view),
        render_mesh(*pair.decoded, size, view=view),
        render_mesh(*both, size, view=view, error=percent, error_end=error_end),
    ]


def _fitting_end(pairs: Sequence[Pair], references: Sequence[Reference]) -> float:
    """The least of 1, 2, 5, 10, ... (any power of ten) that the 99th percentile of half of the models stays below."""
    p99 = [50 * reference.measure(*pair.decoded).p99 for pair, reference in zip(pairs, references, strict=True)]
    middle = float(np.median([each for each in p99 if np.isfinite(each)] or [1.0]))
    power = 10 ** np.floor(np.log10(max(middle, 1e-4)))
    return float(power * next(step for step in (1, 2, 5, 10) if step * power >= middle * 0.999))


def _head(sheet: "Image.Image", draw: "ImageDraw.ImageDraw", title: str, error_end: float) -> None:
    """The title, and the legend of the error's colours."""
    from PIL import Image

    right = sheet.width - _MARGIN
    left, top = right - _LEGEND[0], 30
    bar = to_display(error_colours(np.linspace(0, 1, _LEGEND[0])))
    sheet.paste(Image.fromarray(np.repeat(bar[None], _LEGEND[1], axis=0)), (left, top))
    text = "distance between the surfaces, % of the longest side"
    draw.text((right, top - 6), text, fill=_PALE_INK, font=_font(12), anchor="rs")
    for share, anchor in ((0, "la"), (0.5, "ma"), (1, "ra")):
        tick = f"{share * error_end:g}" + (" or more" if share == 1 else "")
        draw.text((left + share * _LEGEND[0], top + _LEGEND[1] + 4), tick, fill=_INK, font=_font(12), anchor=anchor)
    space = left - 2 * _MARGIN - max(0, draw.textlength(text, font=_font(12)) - _LEGEND[0])
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
