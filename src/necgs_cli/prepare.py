"""From an input to what is encoded: read it, place it, measure its field. One process a core where there are many."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from necgs_cli.decoding import lattice_scale
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.meshes.placement import Placement
from necgs_cli.outcome import Skipped
from necgs_cli.progress import Progress

if TYPE_CHECKING:
    from necgs_cli.field.fit import FieldFit

SMALL = 3
"""Up to this many inputs are prepared in this process: starting another costs more than it saves."""


@dataclass(frozen=True)
class Input:
    """Something to encode: a file by its path, or arrays."""

    name: str
    source: Path | tuple[np.ndarray, np.ndarray] | Any


@dataclass(frozen=True)
class FieldOptions:
    """How the field of a model is made; see `field.fit.fit_field`."""

    resolution: int
    deformation: bool
    keep_interior: bool
    seed: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model ready to be encoded.

    Attributes:
        mesh: as read, source frame.
        fit: its field on all levels, lattice frame.
    """

    name: str
    mesh: Mesh
    placement: Placement
    fit: FieldFit
    source_bytes: int
    dropped: tuple[str, ...]
    repairs: tuple[str, ...]
    seconds: float




def prepare(item: Input, options: FieldOptions) -> Prepared:
    """Reads and measures one input.

    Raises:
        MeshError: it is no usable mesh.
    """
    from necgs_cli.field.fit import fit_field
    from necgs_cli.meshes.read import from_arrays, from_trimesh, read_mesh

    started = time.perf_counter()
    if isinstance(item.source, Path):
        loaded = read_mesh(item.source)
    elif isinstance(item.source, tuple):
        loaded = from_arrays(*item.source)
    else:
        loaded = from_trimesh(item.source)
    placement = Placement.of(loaded.mesh.vertices)
    vertices = placement.to_unit(loaded.mesh.vertices) * lattice_scale(options.resolution)
    fit = fit_field(
        vertices,
        loaded.mesh.faces,
        options.resolution,
        deform=options.deformation,
        keep_interior=options.keep_interior,
        seed=options.seed,
    )
    seconds = time.perf_counter() - started
    return Prepared(
        item.name, loaded.mesh, placement, fit, loaded.file_bytes, loaded.dropped, loaded.repairs, seconds
    )


def _attempt(item: Input, options: FieldOptions) -> Prepared | Skipped:
    try:
        return prepare(item, options)
    except MeshError as error:
        return Skipped(item.name, str(error))
    except MemoryError:
        return Skipped(item.name, "does not fit into memory")


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def prepare_all(
    items: Sequence[Input], options: FieldOptions, workers: int, progress: Progress
) -> Iterator[Prepared | Skipped]:
    """Prepares all inputs, in their order; ends early when `progress` is stopped.

    A worker process that dies takes only the input it worked on with it.
    """
    if workers == 1 or len(items) <= SMALL:
        for item in items:
            if progress.stopped():
                return
            yield _attempt(item, options)
        return
    rest = list(items)
    while rest and not progress.stopped():
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            futures = [pool.submit(_attempt, item, options) for item in rest]
            try:
                for future in futures:
                    if progress.stopped():
                        break
                    yield future.result()
                    rest.pop(0)
            except BrokenProcessPool:
                yield Skipped(rest.pop(0).name, "the process that read it died (out of memory?)")
            finally:
                pool.shutdown(cancel_futures=True)
        if progress.stopped():
            return
