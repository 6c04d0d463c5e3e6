"""Worker processes: one that dies takes only its own input along, and a stop does not wait for the others."""

import os
import time
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_info

from necgs_cli.outcome import Skipped
from necgs_cli.prepare import Input, Prepared, prepare_all
from necgs_cli.progress import Progress

TRIANGLE = np.array([[0, 1, 2]])


@dataclass(frozen=True)
class DiesOn:
    """A task that kills its process on the model whose longest side is `side`."""

    side: float

    def run(self, mesh, placement):
        if abs(np.ptp(mesh.vertices) - self.side) < 1e-9:
            os._exit(1)
        return float(np.ptp(mesh.vertices))


@dataclass(frozen=True)
class FailsOn:
    """A task with a defect that shows on the model whose longest side is `side`."""

    side: float

    def run(self, mesh, placement):
        if abs(np.ptp(mesh.vertices) - self.side) < 1e-9:
            raise IndexError("no such thing")
        return float(np.ptp(mesh.vertices))


@dataclass(frozen=True)
class Sleeps:
    """A task that takes long."""

    seconds: float

    def run(self, mesh, placement):
        time.sleep(self.seconds)


@dataclass(frozen=True)
class CountsThreads:
    """A task that tells how many threads linear algebra may use."""

    def run(self, mesh, placement):
        import scipy.linalg  # noqa: F401 - its library, besides numpy's

        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def triangles(count):
    return [Input(f"t{i}", (np.array([[0, 0, 0], [i + 1, 0, 0], [0, 1, 0]], float), TRIANGLE)) for i in range(count)]


def test_a_dead_worker_loses_one_input_and_keeps_the_order():
    results = list(prepare_all(triangles(5), DiesOn(3.0), 2, Progress()))
    assert [r.name for r in results] == ["t0", "t1", "t2", "t3", "t4"]
    lost = [r for r in results if isinstance(r, Skipped)]
    assert [skipped.name for skipped in lost] == ["t2"] and "died" in lost[0].reason
    assert [r.result for r in results if isinstance(r, Prepared)][-1] == 5.0


def test_a_defect_loses_one_input_and_is_said():
    for workers in (1, 2):
        results = list(prepare_all(triangles(5), FailsOn(3.0), workers, Progress()))
        lost = [r for r in results if isinstance(r, Skipped)]
        assert [skipped.name for skipped in lost] == ["t2"] and "IndexError: no such thing" in lost[0].reason


def test_models_are_fitted_on_one_thread_each_in_this_process_too():
    """So one model alone and one of many take the same sums, and waiting threads are in nobody's way."""
    before = CountsThreads().run(None, None)
    for workers in (1, 2):
        for model in prepare_all(triangles(5), CountsThreads(), workers, Progress()):
            assert model.result and set(model.result) == {1}
    assert CountsThreads().run(None, None) == before


def test_a_stop_does_not_wait_for_running_tasks():
    class StopsSoon(Progress):
        def stopped(self):
            return time.monotonic() > begin + 4

    begin = time.monotonic()
    assert list(prepare_all(triangles(5), Sleeps(60.0), 2, StopsSoon())) == []
    assert time.monotonic() - begin < 30
