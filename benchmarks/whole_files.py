"""Whole files of `--policy set` at several errors: bytes a model, distances, times. Points for `curves.py`.

    python benchmarks/whole_files.py bodies=FOLDER animals=FOLDER ... [--names bodies=FILE ...] [--errors 0.25 0.1 0.05]
        --out FOLDER [--points points.json]

Encodes each set at each error (per cent of the longest side) as `necgs encode` does and measures every model as
`necgs compare` does. OUT keeps NAME-ERROR.ncgs and NAME-ERROR.json; what is there already is not made again. Points of
the label below are replaced in the points' file, all others stay.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import necgs_cli
from necgs_cli.meshes.find import find_meshes

LABEL = "necgs, whole file"
MEASURES = {"p2s": "p2s", "p99": "p99", "max": "max_error", "nc": "normal_consistency"}


def originals(folder: str, names: str | None) -> list[str]:
    """Paths of a set's meshes, in natural order; `names` is a file with one name a line."""
    sources = find_meshes([Path(folder)])
    only = set(Path(names).read_text().split("\n")) if names else None
    return [str(source.path) for source in sources if only is None or source.name in only]


def measured(paths: list[str], error: str, made: Path) -> dict:
    """Encodes, and measures on the decoded models."""
    wanted = made.with_suffix(".txt")
    wanted.write_text("\n".join(paths))
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = ["encode", f"@{wanted}", "-o", str(made), "--error", f"{error}%", "--policy", "set", "-f", "-q"]
    subprocess.run([sys.executable, "-m", "necgs_cli", *command], check=True)
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    found = necgs_cli.compare(paths, made)
    rows = found["models"]
    mean = {key: sum(row[column] for row in rows) / len(rows) for key, column in MEASURES.items()}
    kinds = [model["kind"] for model in necgs_cli.inspect(made)["models"]]
    return {
        "models": len(rows),
        "bytes_per_model": round(found["file_bytes"] / len(rows), 1),
        **{key: float(f"{value:.3g}") for key, value in mean.items()},
        "seconds": round(seconds),
        "processor_seconds": round(after - before),
        "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    }


def main() -> None:
    """Read the command line, encode, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--names", nargs="*", default=[], metavar="NAME=FILE", help="models to take, one a line")
    parser.add_argument("--errors", nargs="+", default=["0.25", "0.1", "0.05", "0.025"])
    parser.add_argument("--points", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    names = dict(text.split("=", 1) for text in asked.names)
    points = []
    for name, folder in (text.split("=", 1) for text in asked.sets):
        paths = originals(folder, names.get(name))
        for error in asked.errors:
            made = asked.out / f"{name}-{error}.ncgs"
            kept = made.with_suffix(".json")
            if not kept.exists():
                kept.write_text(json.dumps(measured(paths, error, made)))
            points.append({"set": name, "label": LABEL, **json.loads(kept.read_text())})
            print(json.dumps(points[-1]), flush=True)
    if asked.points:
        before = json.loads(asked.points.read_text()) if asked.points.exists() else []
        key = {(point["set"], point["label"]) for point in points}
        points += [point for point in before if (point["set"], point["label"]) not in key]
        asked.points.write_text("[\n" + ",\n".join("  " + json.dumps(point) for point in points) + "\n]\n")


if __name__ == "__main__":
    main()
