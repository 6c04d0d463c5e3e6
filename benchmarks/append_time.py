"""Seconds that one model more takes: `necgs append` as a whole command, each mesh to a copy of the same set.

    python benchmarks/append_time.py SET MESH... [--repeat 1] [--workers N]

Prints for each mesh the median of the repeats, the bytes added and whether the record is told from another model.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import necgs_cli


def appended(source: Path, mesh: Path, options: list[str]) -> tuple[float, int, str]:
    """Seconds, bytes added and kind of record of one append to a copy of the set."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(source, Path(folder) / "set.ncgs"))
        before, started = os.path.getsize(copy), time.perf_counter()
        command = [sys.executable, "-m", "necgs_cli", "append", str(copy), str(mesh), "-q", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        return seconds, os.path.getsize(copy) - before, necgs_cli.inspect(copy)["models"][-1]["kind"]


def main() -> None:
    """Read the command line, append, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("meshes", nargs="+", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--workers", type=int, help="processes of each append; by default one a core")
    asked = parser.parse_args()
    options = ["--workers", str(asked.workers)] if asked.workers else []
    medians = []
    for mesh in asked.meshes:
        runs = [appended(asked.set, mesh, options) for _ in range(asked.repeat)]
        medians.append(statistics.median(run[0] for run in runs))
        print(f"{mesh.name:32} {medians[-1]:6.2f} s  {runs[0][1]:6,} B  {runs[0][2]}", flush=True)
    print(f"{'all':32} {statistics.mean(medians):6.2f} s on average, {max(medians):.2f} s at most")


if __name__ == "__main__":
    main()
