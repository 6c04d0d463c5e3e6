"""Encode a folder of meshes, decode it, and measure every model: bytes, errors, times, peak memory.

    python benchmarks/roundtrip.py MESHES [--names FILE] [--clouds] [--out out/bench] [-- OPTIONS OF necgs encode]

For example `python benchmarks/roundtrip.py meshes/ -- --preset balanced --time-budget 40m`. Prints one line of figures
for the set and the worst models, and writes everything to OUT/report.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from necgs_cli.meshes.read import read_mesh
from necgs_cli.metrics.surface import Reference


def main() -> int:
    """Measure one folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", type=Path, help="folder of meshes")
    parser.add_argument("--names", type=Path, help="file with the models to take, one a line; all by default")
    parser.add_argument("--clouds", action="store_true", help="also measure CD and F1, and their floors")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for the results")
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, encode_options = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    options.out.mkdir(parents=True, exist_ok=True)
    ncgs, decoded = options.out / "set.ncgs", options.out / "decoded"

    inputs = [str(options.meshes)]
    if options.names:
        inputs = [str(options.meshes / name) for name in options.names.read_text().split()]
    encoded, encode_seconds = necgs("encode", *inputs, "-o", str(ncgs), "-f", *encode_options)
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    files, decode_seconds = necgs("decode", str(ncgs), "--all", "-o", str(decoded), "-f")

    rows = [measured(options.meshes, file["name"], Path(file["path"]), options.clouds) for file in files["models"]]
    report = {
        "command": " ".join(sys.argv),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "models": rows,
        "skipped": encoded["skipped"],
        "bytes_per_model": encoded["file_bytes"] / len(rows),
        "encode_seconds": encode_seconds,
        "decode_seconds": decode_seconds,
        "largest_process_bytes": peak_bytes,
        "means": {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "name"},
    }
    (options.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print_report(report)
    return 0


def necgs(*arguments: str) -> tuple[dict, float]:
    """Run a command with --json: its object, and the seconds that it took. Skipped inputs (3) are no failure."""
    begin = time.perf_counter()
    program = str(Path(sys.executable).parent / "necgs")
    done = subprocess.run([program, *arguments, "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return json.loads(done.stdout), time.perf_counter() - begin


def measured(folder: Path, name: str, copy: Path, clouds: bool) -> dict:
    """The distances of one decoded model from the file of its name in the folder."""
    original, decoded = read_mesh(folder / name).mesh, read_mesh(copy).mesh
    reference = Reference(original.vertices, original.faces)
    found = asdict(reference.measure(decoded.vertices, decoded.faces, clouds=clouds))
    if clouds:
        found |= {f"{name}_floor": value for name, value in asdict(reference.floor()).items()}
    return {"name": name} | {name: value for name, value in found.items() if value is not None}


def print_report(report: dict) -> None:
    """The set in one line a kind of figure, and the five worst models."""
    print(f"{len(report['models'])} models, {report['bytes_per_model']:,.0f} bytes a model")
    print(f"encode {report['encode_seconds']:.1f} s, decode {report['decode_seconds']:.1f} s", end=", ")
    print(f"largest process {report['largest_process_bytes'] / 1e9:.2f} GB")
    print("  ".join(f"{name} {value:.3g}" for name, value in report["means"].items()))
    for row in sorted(report["models"], key=lambda row: -row["p2s"])[:5]:
        print(f"  {row['name']}: p2s {row['p2s']:.2e}, max {row['max']:.2e}")


if __name__ == "__main__":
    sys.exit(main())
