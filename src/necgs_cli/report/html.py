"""The report of a comparison: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import html
import json
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.scene import Scene, pack_mesh
from necgs_cli.report.web_files import report_modules, web_text

__all__ = ["Scene", "write_report"]

_RAMP_COLOURS = 64


def write_report(comparison: dict[str, Any], scenes: Sequence[Scene], path: str | Path) -> int:
    """Write a report, under another name first, so that a partial file never has the final one.

    Args:
        comparison: what `necgs compare --json` prints (see docs/cli.md). Whatever is missing or None is shown as not
            known.
        scenes: the models to show in 3D.
        path: of the HTML file; one that exists is replaced.

    Returns:
        Bytes written.

    Raises:
        ValueError: a scene is too large to be drawn. OSError: the file cannot be written.
    """
    page = report_page(comparison, scenes).encode("utf-8", "replace")  # a path may hold what UTF-8 lacks
    path = Path(path)
    part = path.with_name(f".necgs-{os.getpid()}.part")
    try:
        part.write_bytes(page)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(page)


def report_page(comparison: dict[str, Any], scenes: Sequence[Scene]) -> str:
    """The text of the report; see `write_report`."""
    data = {"comparison": comparison, "ramp": ramp(), "scenes": [_about(scene) for scene in scenes]}
    packed = [
        _packed(f"scene-{number}-{side}", pack_mesh(*getattr(scene, side)))
        for number, scene in enumerate(scenes)
        for side in ("original", "decoded")
    ]
    modules = zlib.compress(json.dumps(report_modules()).encode(), 9)
    return Template(web_text("report.html")).substitute(
        title=html.escape(f"{Path(str(comparison.get('set') or 'set')).name}: compression report"),
        style=web_text("style.css"),
        loader=web_text("loader.js"),
        data=_json_for_html(data),
        modules=_packed("modules", modules),
        scenes="\n".join(packed),
    )


def ramp() -> list[str]:
    """The colours of an error from none to the end of the scale, as CSS writes them."""
    colours = to_display(error_colours(np.linspace(0, 1, _RAMP_COLOURS)))
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours.tolist()]


def _about(scene: Scene) -> dict[str, Any]:
    return {"name": scene.name, "id": scene.id, "unit": scene.unit, "note": scene.note}


def _packed(name: str, deflated: bytes) -> str:
    return f'<script type="text/plain" id="{name}">{base64.b64encode(deflated).decode()}</script>'


def _json_for_html(value: Any) -> str:
    """JSON that can stand inside a script element whatever its strings hold; numbers that JSON lacks become null."""
    text = json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def _finite(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
