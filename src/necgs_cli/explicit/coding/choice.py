"""When records are worth compiled kernels: where they save more time than loading or compiling them takes."""

from collections.abc import Callable

from .kernel import PYTHON, Mode

LOADING_PAYS = 16_000
"""Bytes of records from which loading machine code, about a second, is less than it saves: see
benchmarks/decode_rate.py."""

COMPILING_PAYS = 1_000_000
"""Bytes of records from which even compiling it first, about half a minute, is less than it saves."""

ENCODED_PER_DECODED = 20
"""A search codes several candidates of a model, each in several ways: the work of decoding so many times."""

_NOTE = "compiling the decoder once for this machine: half a minute"


def mode_for(record_bytes: int, say: Callable[[str], None] = lambda text: None) -> Mode:
    """The way to decode so many bytes of mesh records that takes least time in all.

    Args:
        record_bytes: of all records; for a search, `ENCODED_PER_DECODED` times what is expected of it.
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
