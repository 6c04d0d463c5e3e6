"""Broken files by the thousand: does every one end soon, in models or in one of the documented errors?

`python benchmarks/fuzz.py --files 1000000 --jobs 8`. File i of a seed is always the same; `--only I` tries it alone and
`--save FOLDER` keeps the files that failed. Prints one JSON object; exits with 1 if anything failed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported
    os.environ[f"{library}_NUM_THREADS"] = "1"

from fuzz_files import Seed, broken_file, golden_seed, seeds  # noqa: E402
from necgs_cli.bitstream.container import Container, DamagedFile, write_container  # noqa: E402
from necgs_cli.bitstream.recovery import salvage  # noqa: E402
from necgs_cli.decoding import RecordDecoder, UnknownKind  # noqa: E402
from necgs_cli.model_set import inspect  # noqa: E402
from necgs_cli.outcome import NecgsError  # noqa: E402

HANG_SECONDS = 5.0
MEMORY_BYTES = 3 << 30  # of address space, above what the imports take
CHUNK = 250  # files a task
MOST_FAILURES = 20  # told in full
RESCUE_EVERY = 4  # files, of which one is also rescued
GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
GOLDEN_SHARE = 0.002  # of the files are broken golden ones, which take some tens of milliseconds


class Hang(BaseException):
    """A file took too long."""


@dataclass
class Tally:
    """What became of some files."""

    outcomes: Counter = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest_file: int = -1
    busy_seconds: float = 0.0
    peak_bytes: int = 0

    def add(self, other: Tally) -> None:
        self.outcomes += other.outcomes
        self.failures += other.failures
        if other.slowest_seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest_file = other.slowest_seconds, other.slowest_file
        self.busy_seconds += other.busy_seconds
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)


_sound: list[Seed] = []
_weights: list[int] = []
_golden: list[Seed] = []


def start_worker() -> None:
    """Seeds, and bounds of time and memory for this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _too_long)
    _sound[:], _weights[:] = seeds()
    _golden[:] = [golden_seed(path) for path in sorted(GOLDEN.glob("*.ncgs"))]
    for seed in _sound:  # imports, before the memory is bounded
        assert try_file(seed.data) == "decoded"
    with contextlib.suppress(FileNotFoundError):  # no /proc
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)


def _too_long(*_: object) -> None:
    raise Hang


def make_file(seed: int, number: int) -> bytes:
    """Broken file `number` of a seed."""
    draw = random.Random(f"{seed} {number}")
    if draw.random() < GOLDEN_SHARE:
        return broken_file(draw, _golden, [1] * len(_golden))
    return broken_file(draw, _sound, _weights)


def try_file(data: bytes) -> str:
    """Everything that a reader does with a file; how far it came. Documented errors end in words, others are raised."""
    outcome = "refused"
    try:
        with Container.open(data) as container:
            outcome = "opened"
            container.check()
            decoder = RecordDecoder(container)
            for id in range(len(container)):
                with contextlib.suppress(DamagedFile, UnknownKind):
                    decoder.mesh(id)
                    outcome = "decoded"
    except DamagedFile:
        pass
    if zlib.crc32(data) % RESCUE_EVERY == 0:
        with contextlib.suppress(NecgsError):
            inspect(io.BytesIO(data))
        found = salvage(data)
        write_container(io.BytesIO(), found.sections, found.models)
    return outcome


def try_files(seed: int, numbers: range, save: str | None) -> Tally:
    """Tries some files; failures are counted, not raised."""
    tally = Tally()
    for number in numbers:
        data = make_file(seed, number)
        started, worked = time.perf_counter(), time.process_time()
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        try:
            outcome, text = try_file(data), ""
        except Hang:
            outcome, text = "hang", _place()
        except BaseException as error:
            outcome, text = "crash", f"{type(error).__name__}: {str(error)[:120]} {_place()}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = time.perf_counter() - started
        if seconds > HANG_SECONDS and outcome != "crash":
            outcome = "hang"
        tally.outcomes[outcome] += 1
        tally.busy_seconds += time.process_time() - worked
        if seconds > tally.slowest_seconds:
            tally.slowest_seconds, tally.slowest_file = seconds, number
        if outcome in ("hang", "crash"):
            tally.failures.append({"file": number, "what": outcome, "text": text, "seconds": round(seconds, 2)})
            if save:
                Path(save, f"{seed}_{number}.ncgs").write_bytes(data)
    tally.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return tally


def _place() -> str:
    """Where the exception that is handled came from."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[-1:-4:-1])


def tasks(files: int, first: int) -> Iterator[range]:
    """The files in chunks."""
    for start in range(first, first + files, CHUNK):
        yield range(start, min(start + CHUNK, first + files))


def run(arguments: argparse.Namespace) -> Tally:
    """Tries all files on all processes; stops early when the time is up."""
    tally, deadline = Tally(), time.monotonic() + arguments.seconds
    todo = tasks(arguments.files, arguments.first)
    context = get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context, initializer=start_worker) as pool:
        running: dict[Future[Tally], range] = {}
        while True:
            while len(running) < 2 * arguments.jobs and time.monotonic() < deadline:
                numbers = next(todo, None)
                if numbers is None:
                    break
                running[pool.submit(try_files, arguments.seed, numbers, arguments.save)] = numbers
            if not running:
                return tally
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                numbers = running.pop(done)
                try:
                    tally.add(done.result())
                except BrokenProcessPool:
                    text = f"a process died at one of the files {numbers.start} to {numbers.stop - 1}"
                    tally.outcomes["crash"] += 1
                    tally.failures.append({"file": numbers.start, "what": "crash", "text": text})
                    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many files (default 10000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no more after this long")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other files")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--only", type=int, help="try this file alone, and show its traceback")
    parser.add_argument("--save", help="folder for the files that failed")
    arguments = parser.parse_args()
    if arguments.save:
        Path(arguments.save).mkdir(parents=True, exist_ok=True)
    if arguments.only is not None:
        start_worker()
        print(try_file(make_file(arguments.seed, arguments.only)))
        return
    started = time.monotonic()
    tally = run(arguments)
    files, seconds = tally.outcomes.total(), time.monotonic() - started
    result = {
        "files": files,
        "crashes": tally.outcomes["crash"],
        "hangs": tally.outcomes["hang"],
        "outcomes": dict(sorted(tally.outcomes.items())),
        "seconds": round(seconds, 1),
        "files_per_second_and_core": round(files / max(tally.busy_seconds, 1e-9), 1),
        "slowest_seconds": round(tally.slowest_seconds, 3),
        "slowest_file": tally.slowest_file,
        "peak_memory_bytes": tally.peak_bytes,
        "seed": arguments.seed,
        "failures": tally.failures[:MOST_FAILURES],
    }
    print(json.dumps(result, indent=1))
    sys.exit(bool(tally.outcomes["crash"] + tally.outcomes["hang"]))


if __name__ == "__main__":
    main()
