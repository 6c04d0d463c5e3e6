"""Bounds of memory and time around what hostile files may cost."""

import contextlib
import time
import tracemalloc


@contextlib.contextmanager
def bounded(megabytes: float = 16, seconds: float = 5):
    """Fails when the block takes more memory (NumPy's included) or processor time."""
    started = time.process_time()
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < megabytes * 1e6, f"{peak / 1e6:.0f} MB"
    assert time.process_time() - started < seconds
