"""A file layer that fails, or kills its process, before the n-th thing that it is asked to do.

Every byte written is a step, and so is every truncation, sync, rename and change of mode.
"""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Callable

from necgs_cli.bitstream import storage

DIED, DONE = 9, 0


class Disk:
    """Counts steps; what happens when they are used up is up to `fail`."""

    def __init__(self, steps: int, fail: Callable[[Disk], None]) -> None:
        self.left, self.fail = steps, fail
        self.files: list[File] = []

    def step(self) -> None:
        if self.left <= 0:
            self.fail(self)
        self.left -= 1

    def install(self, patch: Callable) -> None:
        """Puts the layer under `storage`; `patch(object, name, value)`."""
        replace, chmod = os.replace, os.chmod

        def counted(call: Callable) -> Callable:
            def wrapped(*arguments):
                self.step()
                return call(*arguments)

            return wrapped

        def synced(handle: int) -> None:
            self.step()  # not done in fact: nothing here outlives the machine
            for file in self.files:
                if not file.raw.closed and file.raw.fileno() == handle:
                    file.safe = os.fstat(handle).st_size

        patch(storage, "open", self.open)
        patch(os, "fsync", synced)
        patch(os, "replace", counted(replace))
        patch(os, "chmod", counted(chmod))

    def open(self, path, mode="r", buffering=-1):
        file = File(self, builtins.open(path, mode, buffering=0))  # noqa: SIM115 (closed by whoever asked)
        self.files.append(file)
        return file


class File:
    """An unbuffered file whose bytes are steps of the disk."""

    def __init__(self, disk: Disk, raw) -> None:
        self.disk, self.raw = disk, raw
        self.safe = os.fstat(raw.fileno()).st_size  # what is certainly on the disk

    def write(self, data) -> int:
        for byte in bytes(data):
            self.disk.step()
            self.raw.write(bytes([byte]))
        return len(data)

    def truncate(self, size: int) -> None:
        self.disk.step()
        self.raw.truncate(size)
        self.safe = min(self.safe, size)

    def flush(self) -> None:
        pass

    def __getattr__(self, name):
        return getattr(self.raw, name)

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.raw.close()


def full(disk: Disk) -> None:
    """The disk has no room left."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed(disk: Disk) -> None:
    """The process is gone; what it wrote stays."""
    os._exit(DIED)


def power_lost(disk: Disk) -> None:
    """The machine is gone, and with it every byte that was not synced."""
    for file in disk.files:
        if not file.raw.closed and file.raw.writable():
            os.ftruncate(file.raw.fileno(), min(file.safe, os.fstat(file.raw.fileno()).st_size))
    os._exit(DIED)


def dies(steps: int, fail: Callable[[Disk], None], work: Callable[[], object]) -> bool:
    """Runs `work` in a process that fails before step `steps`; whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            Disk(steps, fail).install(setattr)
            work()
            os._exit(DONE)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (DIED, DONE), "the work failed by itself"
    return code == DIED
