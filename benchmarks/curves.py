"""Bytes against error over a range, for sets of meshes: by kind of record, beside other tools. Numbers and a plot.

    python benchmarks/curves.py bodies=FOLDER animals=FOLDER ... [--names bodies=FILE ...] [--models 24] [--jobs 2]
        [--peers peers.csv] [--points points.json] [--errors 5e-3 2.2e-3 1e-3 0.5e-3] --out curves

Writes OUT.json (every point measured, and the sets' curves) and OUT.png. Errors are mean distances between decoded
surface and original, both ways averaged, longest side = 2. A set's curve is the choice of least bytes whose mean error
is the one asked (`--policy set`), framing and names included; records told from other models are left out. A peers'
file has the columns set, peer, p2s, p99 and bytes_per_model; a points' file is a list of objects set, label, p2s,
bytes_per_model and maybe p99, of results measured elsewhere: those of a label are joined.
OUT.json is kept up to date: a run that was stopped goes on where it was, and one at more errors adds those.
"""

import argparse
import csv
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.coding.choice import compile_for_search, mode_for_next
from necgs_cli.explicit.records import KIND_NUMBERS, encode_record
from necgs_cli.explicit.search import Search
from necgs_cli.mesh_codec import NEAR, allocate, cheapest_hull
from necgs_cli.meshes.find import find_meshes
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

FRAMING = 18  # bytes a model besides payload and name
ASKED = np.geomspace(6e-3, 0.3e-3, 25)  # mean errors of a set's curve
SHOWN = ("draco", "qem_draco")
MEASURES = {  # column of a set's curve, axis, its limits
    "p2s": (0, "mean surface distance (longest side = 2)", (2e-4, 2.5e-2)),
    "p99": (2, "99th percentile of the distance", (8e-4, 8e-2)),
}


def measure(path: str, name: str, errors: list[float], known: list[list]) -> dict:
    """All points of a model: [kind, bytes, p2s, p99, max, felt error], those `known` too, and processor seconds."""
    compile_for_search(1000, lambda *_: None)
    mesh = read_mesh(path).mesh
    started = time.process_time()
    vertices = Placement.of(mesh.vertices).to_unit(mesh.vertices)
    side = float(np.ptp(vertices, axis=0).max()) / 2
    search = Search(vertices, mesh.faces)
    points = []
    for error in errors:
        points += search.curve(search.best(Bound(error * side)), NEAR)
    rows = known
    for kind in KIND_NUMBERS:
        for p in cheapest_hull([p for p in points if p.mesh.kind == kind]):
            size = len(encode_record(p.mesh, mode_for_next(len(p.mesh.positions)))[1]) + FRAMING + len(name)
            rows.append([kind, size, p.p2s / side, p.p99 / side, p.max_error / side, p.felt / side])
    return {"name": name, "errors": errors, "points": rows, "seconds": time.process_time() - started}


def set_curve(models: list[dict], kinds: tuple[str, ...]) -> list[list[float]]:
    """[mean error, bytes a model, p99, max] of the cheapest choices, where all models have records of such kinds."""
    hulls = []
    for model in models:
        rows = [r for r in model["points"] if r[0] in kinds]
        hulls.append(
            cheapest_hull([SimpleNamespace(bytes=r[1], p2s=r[2], p99=r[3], largest=r[4], felt=r[5]) for r in rows])
        )
    if not hulls or not all(hulls):
        return []
    found = []
    for error in ASKED:
        chosen = allocate(hulls, [error] * len(hulls))
        row = [float(np.mean([getattr(p, key) for p in chosen])) for key in ("p2s", "bytes", "p99", "largest")]
        if row[0] <= 1.002 * error and (not found or row[1] > found[-1][1]):
            found.append(row)
    return found


def plot(curves: dict, peers: list[dict], points: list[dict], path: Path) -> None:
    """A column a set: mean distances above, 99th percentiles below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = 4.6 * len(curves), 3.6 * len(MEASURES) + 0.8
    figure, panels = pyplot.subplots(
        len(MEASURES), len(curves), figsize=size, squeeze=False, sharey="row", sharex="col", layout="constrained"
    )
    colours: dict[str, str] = {"necgs, any kind": "black"}

    def draw(panel, label: str, found: list, style: str = "-", **more) -> None:
        colour = colours.setdefault(label, f"C{len(colours) - 1}")
        panel.plot(*zip(*sorted(found), strict=True), style, color=colour, label=label, lw=1.3, **more)

    for row, (key, (place, measure, limits)) in enumerate(MEASURES.items()):
        for panel, (name, kinds) in zip(panels[row], curves.items(), strict=True):
            for kind, rows in kinds.items():
                if rows:
                    draw(panel, f"necgs, {kind}", [(r[1], r[place]) for r in rows])
            for peer in SHOWN:
                found = [
                    (float(r["bytes_per_model"]), float(r[key]))
                    for r in peers
                    if r["set"] == name and r["peer"] == peer
                ]
                if found:
                    draw(panel, peer, found, "--")
            here = [point for point in points if point["set"] == name and key in point]
            for told in dict.fromkeys(point["label"] for point in here):
                draw(
                    panel,
                    told,
                    [(point["bytes_per_model"], point[key]) for point in here if point["label"] == told],
                    "o-",
                    ms=4,
                )
            panel.set(xscale="log", yscale="log", ylim=limits)
            panel.grid(True, which="both", alpha=0.25)
        panels[row][0].set_ylabel(measure)
    for panel, name in zip(panels[0], curves, strict=True):
        panel.set_title(name)
    for panel in panels[-1]:
        panel.set_xlabel("bytes a model, whole file")
    lines = {line.get_label(): line for panel in panels[0] for line in panel.get_lines()}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, dpi=110)


def pairs(texts: list[str]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in texts)


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--names", nargs="*", default=[], metavar="NAME=FILE", help="models to take, one a line")
    parser.add_argument("--models", type=int, default=24)
    parser.add_argument("--errors", nargs="+", type=float, default=[5e-3, 2.2e-3, 1e-3, 0.5e-3])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--points", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    kept = asked.out.with_suffix(".json")
    result = json.loads(kept.read_text()) if kept.exists() else {"models": {}}
    wanted = pairs(asked.names)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for name, folder in pairs(asked.sets).items():
            sources = find_meshes([Path(folder)])
            if name in wanted:
                only = set(Path(wanted[name]).read_text().split("\n"))
                sources = [s for s in sources if s.name in only]
            done = {model["name"]: model for model in result["models"].get(name, [])}
            jobs = []
            for source in sources[: asked.models]:
                before = done.get(source.name, {"errors": [], "points": [], "seconds": 0.0})
                if more := [error for error in asked.errors if error not in before["errors"]]:
                    job = pool.submit(measure, str(source.path), source.name, more, before["points"])
                    jobs.append((before, job))
            for before, job in jobs:
                found = job.result()
                found["errors"] = before["errors"] + found["errors"]
                found["seconds"] += before["seconds"]
                done[found["name"]] = found
                result["models"][name] = list(done.values())
                kept.write_text(json.dumps(result))
                print(name, found["name"], f"{found['seconds']:.1f} s", flush=True)
    curves = {
        name: {
            "any kind": set_curve(models, tuple(KIND_NUMBERS)),
            **{kind: set_curve(models, (kind,)) for kind in KIND_NUMBERS},
        }
        for name, models in result["models"].items()
    }
    kept.write_text(json.dumps(result | {"curves": curves}))
    peers = list(csv.DictReader(asked.peers.open())) if asked.peers else []
    plot(curves, peers, json.loads(asked.points.read_text()) if asked.points else [], asked.out.with_suffix(".png"))
    for name, kinds in curves.items():
        for p2s, size, p99, largest in kinds["any kind"]:
            print(f"{name:10} p2s {p2s:.2e} {size:8.0f} B  p99 {p99:.2e} max {largest:.2e}")


if __name__ == "__main__":
    main()
