"""From inputs to models: read, place, and do a task on each. One process a core where there are many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from necgs_cli.decoding import lattice_scale
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.meshes.placement import Placement
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.field.fit import FieldFit
    from necgs_cli.meshes.read import Loaded

SMALL = 3
"""Up to this many inputs are prepared in this process: starting another costs more than it saves."""

STOP_POLL = 0.3
"""Seconds between looks at whether the work was asked to stop."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


class Named(Protocol):
    """Something to work on that can be named where it is lost."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True)
class Input:
    """Something to encode: a file by its path, arrays (vertices, faces), or a trimesh object."""

    name: str
    source: Path | tuple[np.ndarray, np.ndarray] | Any


class Task(Protocol[T_co]):
    """Work on one model that does not depend on others; sent to worker processes."""

    def run(self, mesh: Mesh, placement: Placement) -> T_co:
        """Does the work. `mesh` is in the source frame."""


@dataclass(frozen=True)
class FieldTask:
    """Measures the field of a model; see `field.fit.fit_field`."""

    resolution: int
    deformation: bool
    keep_interior: bool
    seed: int

    def run(self, mesh: Mesh, placement: Placement) -> FieldFit:
        from necgs_cli.field.fit import fit_field

        vertices = placement.to_unit(mesh.vertices) * lattice_scale(self.resolution)
        return fit_field(
            vertices,
            mesh.faces,
            self.resolution,
            deform=self.deformation,
            keep_interior=self.keep_interior,
            seed=self.seed,
        )


@dataclass(frozen=True, eq=False)
class Prepared(Generic[T]):
    """A model that was read, and what the task made of it.

    Attributes:
        mesh: as read, source frame.
        result: of the task.
        dropped, repairs: as `meshes.read.Loaded` says.
        seconds: reading and the task together.
    """

    name: str
    mesh: Mesh
    placement: Placement
    result: T
    source_bytes: int
    dropped: tuple[str, ...]
    repairs: tuple[str, ...]
    seconds: float


def load(item: Input) -> Loaded:
    """Reads one input.

    Raises:
        MeshError: it is no usable mesh.
    """
    from necgs_cli.meshes.read import from_arrays, from_trimesh, read_mesh

    if isinstance(item.source, Path):
        return read_mesh(item.source)
    if isinstance(item.source, tuple):
        return from_arrays(*item.source)
    return from_trimesh(item.source)


def prepare(item: Input, task: Task[T]) -> Prepared[T]:
    """Reads one input and does the task.

    Raises:
        MeshError: it is no usable mesh.
    """
    started = time.perf_counter()
    loaded = load(item)
    placement = Placement.of(loaded.mesh.vertices)
    result = task.run(loaded.mesh, placement)
    seconds = time.perf_counter() - started
    return Prepared(
        item.name, loaded.mesh, placement, result, loaded.file_bytes, loaded.dropped, loaded.repairs, seconds
    )


def _attempt(item: Input, task: Task[T]) -> Prepared[T] | Skipped:
    try:
        return prepare(item, task)
    except MeshError as error:
        return Skipped(item.name, str(error))
    except MemoryError:
        return Skipped(item.name, "does not fit into memory")
    except (OSError, NecgsError):  # of the disk, not of this model
        raise
    except Exception as error:  # one model must not take the work on a thousand others with it
        return Skipped(item.name, f"a defect of this program, please report it: {type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """A killed parent closes no queue: without this its workers would wait for ever."""
    import os

    if parent := parent_process():
        parent.join()
        os._exit(1)


def _start_worker() -> None:
    """One thread a process, and Ctrl-C left to the process that started it; where that one dies, this one ends."""
    import os
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # of libraries yet to be loaded
    _one_thread()


def _one_thread() -> AbstractContextManager[object]:
    """Holds linear algebra to one thread.

    The small systems of the fits gain nothing from more, and threads that wait for each other on a busy machine cost
    much.
    """
    import scipy.linalg  # noqa: F401 - only libraries that are loaded are held back
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def prepare_all(
    items: Sequence[Input], task: Task[T], workers: int, progress: Progress
) -> Iterator[Prepared[T] | Skipped]:
    """Prepares all inputs, in their order; see `run_all`."""
    return run_all(items, partial(_attempt, task=task), workers, progress)


def run_all(items: Sequence[N], work: Callable[[N], R], workers: int, progress: Progress) -> Iterator[R | Skipped]:
    """Does the work on all items, in their order; ends early when `progress` is stopped.

    A worker process that dies takes only the item it worked on with it.

    Args:
        work: a function that can be sent to another process.
    """
    if workers == 1 or len(items) <= SMALL:
        for item in items:
            if progress.stopped():
                return
            with _one_thread():
                result = work(item)
            yield result
        return
    rest, suspects = list(items), 0
    while rest and not progress.stopped():
        # a dead worker breaks its pool; each input that it may have worked on is then tried in a pool of its own
        batch = rest[:1] if suspects else list(rest)
        with ProcessPoolExecutor(
            1 if suspects else workers, mp_context=get_context("spawn"), initializer=_start_worker
        ) as pool:
            futures = [pool.submit(work, item) for item in batch]
            try:
                for future in futures:
                    while not wait([future], STOP_POLL).done:
                        if progress.stopped():
                            return
                    yield future.result()
                    rest.pop(0)
                    suspects = max(suspects - 1, 0)
            except BrokenProcessPool:
                if suspects:
                    yield Skipped(rest.pop(0).name, "the process that read it died (out of memory?)")
                    suspects -= 1
                else:
                    suspects = min(workers, len(rest))
            finally:
                for process in active_children():  # after a stop: what still runs would be waited for
                    if progress.stopped():
                        process.terminate()
                pool.shutdown(cancel_futures=True)
