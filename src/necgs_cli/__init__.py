"""necgs: compress whole sets of 3D models into one small file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "EncodeOptions",
    "ErrorBound",
    "Mesh",
    "ModelSet",
    "NecgsError",
    "Progress",
    "Recovery",
    "Report",
    "Verification",
    "append",
    "compare",
    "encode",
    "inspect",
    "open",
    "recover",
    "render",
    "verify",
]

if TYPE_CHECKING:
    from necgs_cli.api import (
        EncodeOptions,
        ErrorBound,
        Mesh,
        ModelSet,
        NecgsError,
        Progress,
        Recovery,
        Report,
        Verification,
        append,
        compare,
        encode,
        inspect,
        open,
        recover,
        render,
        verify,
    )


def __getattr__(name: str) -> Any:
    # lazy, so that the command line starts without the codec's imports
    if name in __all__:
        from necgs_cli import api

        return getattr(api, name)
    raise AttributeError(f"module 'necgs_cli' has no attribute {name!r}")
