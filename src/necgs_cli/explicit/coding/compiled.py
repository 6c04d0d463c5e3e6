"""The kernels as machine code, by Numba where it is installed: what they are compiled to is kept in a cache folder.

A twin of each kernel is made from its bytecode, with a namespace in which kernels stand for their twins, primitives
for those of `compiled_primitives.py` and lists of integers for arrays. The cache is found by a hash of all sources
and versions that matter, so that machine code never outlives them.
"""

import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from . import kernel as kernels
from . import record  # noqa: F401 (with it, all kernels are known)
from .kernel import ENTRIES, INLINED, KERNELS, PRIMITIVES, Flat, Mode

LIMIT = 1 << 22
"""Coordinates below it in magnitude are within reach of compiled kernels. Products of coordinates then fit 63 bits
wherever the bounds given to `arithmetic.too_wide` hold; what passes one of them is left to Python."""

_OPTIONS = {"nogil": True, "boundscheck": True, "error_model": "python", "no_cfunc_wrapper": True}
_FOR_ENTRIES = {"cache": True}
_FOR_OTHERS = {"no_cpython_wrapper": True}


def is_available() -> bool:
    """Whether Numba is installed."""
    return importlib.util.find_spec("numba") is not None


@cache
def cache_folder() -> Path | None:
    """Where the machine code for this version, interpreter and processor is kept; None where nothing can be."""
    root = os.environ.get("NECGS_CACHE_DIR") or _user_cache()
    folder = Path(root) / f"kernels-{_fingerprint()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def is_ready() -> bool:
    """Whether the kernels have been compiled on this machine before."""
    folder = cache_folder()
    return folder is not None and (folder / "complete").exists()


@cache
def compiled_mode() -> Mode:
    """The mode that runs compiled kernels; where they are not in the cache yet, the first call of each compiles it."""
    folder = cache_folder()
    if folder is None:
        raise OSError("no folder for compiled code can be written: set NECGS_CACHE_DIR")
    return Mode("compiled", LIMIT, True, _as_array, _blank, _twins(folder))


def prepare() -> Mode:
    """`compiled_mode` with everything compiled, which the first time takes about half a minute."""
    mode = compiled_mode()
    folder = cache_folder()
    if folder is not None and not is_ready():
        for function in (*PRIMITIVES, *KERNELS):
            twin: Any = mode(function)
            twin.compile(_signature(function))
            twin.disable_compile()  # other types, such as those of literals, are converted
        (folder / "complete").touch()
    return mode


def _signature(function: Callable) -> tuple:
    """The Numba types of a kernel's arguments, from its annotations."""
    hints = get_type_hints(function, include_extras=True)
    return tuple(_numba_type(hint) for name, hint in hints.items() if name != "return")


def _numba_type(hint: Any) -> Any:
    from numba import types

    if hint is int:
        return types.int64
    if hint == Flat:
        return types.int64[::1]
    if get_origin(hint) is tuple:
        return types.Tuple([_numba_type(part) for part in get_args(hint)])
    members = [_numba_type(part) for part in get_type_hints(hint, include_extras=True).values()]
    if all(member == members[0] for member in members):
        return types.NamedUniTuple(members[0], len(members), hint)
    return types.NamedTuple(members, hint)


def _as_array(values) -> np.ndarray:
    if isinstance(values, bytes):
        return np.frombuffer(values, np.uint8).astype(np.int64)
    return np.ascontiguousarray(values, np.int64)


def _blank(count: int) -> np.ndarray:
    return np.zeros(count, np.int64)


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "necgs" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "necgs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "necgs"


def _modules() -> list[ModuleType]:
    from . import compiled_primitives

    names = dict.fromkeys(function.__module__ for function in KERNELS)
    return [sys.modules[name] for name in names] + [kernels, compiled_primitives, sys.modules[__name__]]


def _fingerprint() -> str:
    import importlib.metadata

    from llvmlite.binding import get_host_cpu_name

    told = hashlib.sha256()
    for module in (
        *_modules(),
        sys.modules["necgs_cli.explicit.coding.logistic"],
        sys.modules["necgs_cli.explicit.coding.decisions"],
    ):
        told.update(Path(str(module.__file__)).read_bytes())
    versions = [importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")]
    told.update(repr((versions, sys.version, platform.machine(), get_host_cpu_name())).encode())
    return told.hexdigest()[:16]


def _twins(folder: Path) -> dict[Callable, Callable]:
    """The compiled twin of each kernel and primitive; nothing is compiled yet."""
    from numba import njit

    from . import compiled_primitives

    # Numba keeps the cache beside the file that a function is from
    home = folder / "kernels.py"
    if not home.exists():
        home.touch()  # once: its time of change is part of what the cache goes by
    spaces: dict[str, dict[str, Any]] = {}
    twins: dict[Callable, Callable] = {}

    def twin(function: Any) -> Callable:
        space = spaces.setdefault(function.__module__, dict(function.__globals__))
        code = function.__code__.replace(co_filename=str(home))
        made = FunctionType(code, space, f"{function.__module__.rsplit('.', 1)[-1]}_{function.__name__}")
        made.__qualname__ = made.__name__
        options: dict[str, Any] = _OPTIONS | (_FOR_ENTRIES if function in ENTRIES else _FOR_OTHERS)
        return njit(**options | {"forceinline": function in INLINED})(made)

    for function in PRIMITIVES:
        twins[function] = twin(getattr(compiled_primitives, function.__name__))
    for function in KERNELS:
        twins[function] = twin(function)
    own = compiled_primitives._put_right
    spaces[own.__module__][own.__name__] = twin(own)
    for space in spaces.values():
        for name, value in space.items():
            if isinstance(value, FunctionType) and value in twins:
                space[name] = twins[value]
            elif isinstance(value, list) and value and isinstance(value[0], int):
                space[name] = np.array(value, np.int64)
    return twins
