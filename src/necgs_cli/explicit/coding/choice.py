"""When records are worth compiled kernels: where they save more time than loading or compiling them takes."""

from collections.abc import Callable

from .kernel import PYTHON, Mode

LOADING_PAYS = 16_000
"""Bytes of records from which loading machine code, about a second, is less than it saves: see
benchmarks/decode_rate.py."""

COMPILING_PAYS = 1_000_000
"""Bytes of records from which even compiling it first, about half a minute, is less than it saves."""

BYTES_A_VERTEX = 2.3
"""Of records, about."""

WAYS = 4
"""What is encoded is coded by several methods: the work of decoding so many times."""

MANY_MODELS = 60
"""Models from which a search saves more than compiling takes."""

_NOTE = "compiling the mesh coder once for this machine: half a minute"


def mode_for(record_bytes: int, say: Callable[[str], None] = lambda text: None) -> Mode:
    """The way to decode so many bytes of mesh records that takes least time in all.

    Args:
        record_bytes: of all records.
        say: told when something is compiled first.
    """
    if record_bytes < LOADING_PAYS:
        return PYTHON
    try:
        from . import compiled

        if not compiled.is_available() or compiled.cache_folder() is None:
            return PYTHON
        if not compiled.is_ready():
            if record_bytes < COMPILING_PAYS:
                return PYTHON
            say(_NOTE)
        return compiled.prepare()
    except ImportError:  # Numba does not go with the NumPy that is here
        return PYTHON


_coded_bytes = 0.0


def mode_for_next(vertices: int) -> Mode:
    """The way to encode one more mesh of nobody knows how many, as in the worker processes of a search.

    Python, until as much has been coded as loading machine code costs; that compiled on an earlier occasion from then
    on. Nothing is compiled here: `compile_for_search` does that before workers start.
    """
    global _coded_bytes
    _coded_bytes += vertices * BYTES_A_VERTEX * WAYS
    return mode_for(min(int(_coded_bytes), COMPILING_PAYS - 1))


def compile_for_search(models: int, say: Callable[[str], None]) -> None:
    """Compile what a search over so many models will use, if that pays and has not been done; `say` is told before."""
    if models < MANY_MODELS:
        return
    try:
        from . import compiled

        if compiled.is_available() and compiled.cache_folder() is not None and not compiled.is_ready():
            say(_NOTE)
            compiled.prepare()
    except ImportError:  # as in mode_for
        return
