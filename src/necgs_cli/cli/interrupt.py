"""Ctrl-C during long work: the first asks it to stop cleanly, the second stops at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from necgs_cli.cli.command import INTERRUPTED
from necgs_cli.progress import Progress


class Interrupted(Exception):
    """Long work stopped because the user asked for it."""

    exit_code = INTERRUPTED


@contextlib.contextmanager
def interruptible(progress: Progress, what_is_left: Callable[[], str] | None = None) -> Iterator[None]:
    """Within the block, Ctrl-C calls `progress.stop()`; an error that follows counts as the interruption.

    Args:
        progress: is asked to stop.
        what_is_left: says what the interrupted work leaves and what to do next, for the message.

    Raises:
        Interrupted: in place of the error with which the stopped work ended.
    """

    def ask(signum: int, frame: object) -> None:
        if progress.stopped():
            raise KeyboardInterrupt
        progress.stop()
        # A signal can arrive within a write to the same stream, which Python refuses to re-enter.
        with contextlib.suppress(RuntimeError):
            progress.warn("stopping; press Ctrl-C again to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if not progress.stopped():
            raise
        text = str(error) or "stopped at once"
        raise Interrupted(f"{text}; {what_is_left()}" if what_is_left else text) from error
    finally:
        signal.signal(signal.SIGINT, before)
