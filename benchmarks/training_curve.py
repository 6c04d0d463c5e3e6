"""The neural codec against the clock: error and bytes a model while it trains, then decode, append and memory.

    python benchmarks/training_curve.py MESHES --models 48 --minutes 40 --out out/curve [--preset paper]
        [--append MESH] [--lambda X] [--workers N]

Encodes the first models of a folder through the Python API, samples the figures of the real decode path as training
goes on, and writes OUT/curve.json and OUT/set.ncgs.
"""

import argparse
import json
import resource
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np

import necgs_cli
from necgs_cli.bitstream.container import Container
from necgs_cli.decoding import RecordDecoder
from necgs_cli.meshes.find import find_meshes


class Curve(necgs_cli.Progress):
    """Keeps every measurement with its time, and prints it."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.rows = time.monotonic(), []

    def phase(self, name: str, total: float | None = None) -> None:
        print(f"{time.monotonic() - self.started:7.0f} s  {name}", flush=True)

    def update(self, done: float | None = None, **figures: float | str | None) -> None:
        if "p2s" in figures:
            row = {"seconds": time.monotonic() - self.started, "p2s": figures["p2s"]}
            self.rows.append(row | {"bytes_per_model": figures["bytes_per_model"]})
            print(f"{row['seconds']:7.0f} s  p2s {row['p2s']:.3e}  {figures['bytes_per_model']:,.0f} B", flush=True)


def decode_times(path: Path, repeats: int = 3) -> list[float]:
    """Seconds from an open file to a mesh, for some models; the first run of each warms caches and is left out."""
    seconds = []
    with Container.open(path) as container:
        ids = range(0, len(container), max(1, len(container) // 8))
        for id in ids:
            for repeat in range(repeats):
                started = time.perf_counter()
                RecordDecoder(container).mesh(id)
                if repeat:
                    seconds.append(time.perf_counter() - started)
    return seconds


def watch_memory(peak: list[int], done: threading.Event) -> None:
    """Keeps the largest memory of this process and its children together."""
    import psutil

    process = psutil.Process()
    while not done.wait(0.5):
        total = process.memory_info().rss
        for child in process.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total)


def main() -> int:
    """Measure one run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", type=Path)
    parser.add_argument("--models", type=int, default=48)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--lambda", dest="rate_weight", type=float)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--append", type=Path, help="a mesh to append at the end")
    parser.add_argument("--out", type=Path, default=Path("out/curve"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    files = [source.path for source in find_meshes([asked.meshes])][: asked.models]
    options = necgs_cli.EncodeOptions(
        codec="neural",
        preset=asked.preset,
        resolution=asked.resolution,
        rate_weight=asked.rate_weight,
        time_budget=60 * asked.minutes,
        workers=asked.workers,
        overwrite=True,
    )
    curve, peak, done = Curve(), [0], threading.Event()
    watcher = threading.Thread(target=watch_memory, args=(peak, done))
    watcher.start()
    try:
        report = necgs_cli.encode(files, asked.out / "set.ncgs", options, curve)
    finally:
        done.set()
        watcher.join()
    errors = [model.p2s for model in report.models]
    times = decode_times(asked.out / "set.ncgs")
    result = {
        "command": " ".join(sys.argv),
        "models": len(errors),
        "curve": curve.rows,
        "p2s": float(np.mean(errors)),
        "worst_p2s": max(errors),
        "bytes_per_model": report.file_bytes / len(errors),
        "decoder_bytes": report.set_bytes,
        "encode_seconds": report.seconds,
        "peak_bytes_all_processes": peak[0],
        "peak_bytes_main_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "decode_median_seconds": float(np.median(times)),
    }
    if asked.append:
        copy = asked.out / "appended.ncgs"
        shutil.copyfile(asked.out / "set.ncgs", copy)
        before = copy.read_bytes()
        added = necgs_cli.append(copy, [asked.append])
        after = copy.read_bytes()
        result["append"] = {
            "seconds": added.seconds,
            "bytes": len(after) - len(before),
            "p2s": added.p2s,
            "unchanged": after[: len(before)] == before,
        }
    (asked.out / "curve.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "curve"}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
