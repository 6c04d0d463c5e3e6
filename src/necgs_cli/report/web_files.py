"""The front end's files, as a report carries them and as the viewer serves them."""

from __future__ import annotations

import functools
from importlib.resources import files

MODULES = {
    "three": "vendor/three.module.min.js",
    "three/orbit": "vendor/OrbitControls.js",
    **{
        f"necgs/{name}": f"{name}.js"
        for name in (
            *("bars", "controls", "dom", "format", "histogram", "mesh", "report", "scale", "scatter", "scene"),
            *("sections", "table", "thumbnails"),
        )
    },
}
"""The names under which modules import each other, and their files. Bare names, because a module inside of a report has
no address that relative ones could be relative to."""

_OF_THE_VIEWER = ("necgs/thumbnails",)
_OF_THE_REPORT = tuple(
    f"necgs/{name}" for name in ("bars", "histogram", "report", "scale", "scatter", "sections", "table")
)


def report_modules() -> dict[str, str]:
    """The source text of each module that a report needs, by the name it is imported under."""
    return {name: web_text(path) for name, path in MODULES.items() if name not in _OF_THE_VIEWER}


def viewer_modules() -> dict[str, str]:
    """The file of each module that the viewer needs, by the name it is imported under."""
    return {name: path for name, path in MODULES.items() if name not in _OF_THE_REPORT}


@functools.cache
def web_text(path: str) -> str:
    """A file of the front end, by its path within `web`."""
    return (files("necgs_cli.report") / "web").joinpath(*path.split("/")).read_text(encoding="utf-8")
