"""Compress the example meshes, decode them again, and show what they cost and what was lost.

    python examples/demo.py [--out out] [-- OPTIONS OF necgs encode]

Runs the same `necgs` commands that one would type, then measures every decoded model against its original with the
exact distance between the surfaces, and draws both side by side.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

MESHES = Path(__file__).resolve().parent / "meshes"
SHOWN, ERRORS = "cat.ply", ("0.3%", "0.1%", "0.03%")
"""The model that is drawn at several sizes, and the errors it is asked for at."""


def main() -> int:
    """Run the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encode", nargs="*", metavar="OPTION", help="options of necgs encode, behind --")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: %(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    ncgs, decoded = options.out / "examples.ncgs", options.out / "decoded"

    for command in (
        ["encode", str(MESHES), "-o", str(ncgs), "-f", *options.encode],
        ["inspect", str(ncgs)],
        ["decode", str(ncgs), "--all", "-o", str(decoded), "-f"],
    ):
        code = necgs(command).returncode
        if code:
            return code

    sizes = json.loads(necgs(["inspect", str(ncgs), "--json"], quiet=True).stdout)
    started = time.monotonic()
    rows = [measured(model, decoded) for model in sizes["models"]]
    print_table(rows, sizes["file_bytes"])
    picture = options.out / "demo.png"
    draw(rows, sizes["file_bytes"], picture)
    print(f"measured and drawn in {time.monotonic() - started:.0f} s")
    sizes_picture = options.out / "sizes.png"
    draw_sizes(options.out, sizes_picture)
    print(f"the compressed set: {ncgs}\nthe decoded models: {decoded}\nthe pictures:       {picture}, {sizes_picture}")
    return 0


def necgs(arguments: list[str], quiet: bool = False) -> subprocess.CompletedProcess:
    """Run a command of the tool that is installed beside this Python; `quiet` captures its output instead."""
    if not quiet:
        print(f"\n$ necgs {shlex.join(arguments)}", flush=True)
    program = str(Path(sys.executable).parent / "necgs")
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE if quiet else None, text=True, check=quiet)


def measured(model: dict, decoded: Path) -> dict:
    """Both meshes of a model of `necgs inspect --json`, its bytes and its distances."""
    from necgs_cli.meshes.read import read_mesh
    from necgs_cli.metrics.surface import Reference

    source = MESHES / model["name"]
    original = read_mesh(source).mesh
    copy = read_mesh((decoded / model["name"]).with_suffix(".ply")).mesh
    return {
        "name": model["name"],
        "source_bytes": source.stat().st_size,
        "record_bytes": model["bytes"],
        "original": (original.vertices, original.faces),
        "decoded": (copy.vertices, copy.faces),
        "distances": Reference(original.vertices, original.faces).measure(copy.vertices, copy.faces),
    }


def print_table(rows: list[dict], file_bytes: int) -> None:
    """Sizes and errors, one model a line; distances in percent of the longest side of the model."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="\ndistances between the surfaces in % of the longest side", title_justify="left")
    table.add_column("model", no_wrap=True)
    for name in ("bytes in", "bytes out", "mean", "99 % below", "largest"):
        table.add_column(name, justify="right")
    for row in rows:
        found = row["distances"]
        errors = [f"{50 * value:.3f}" for value in (found.p2s, found.p99, found.max)]
        table.add_row(row["name"], f"{row['source_bytes']:,}", f"{row['record_bytes']:,}", *errors)
    table.add_section()
    source_bytes = sum(row["source_bytes"] for row in rows)
    mean = sum(row["distances"].p2s for row in rows) / len(rows)
    table.add_row(f"{len(rows)}, whole file", f"{source_bytes:,}", f"{file_bytes:,}", f"{50 * mean:.3f}", "", "")
    Console().print(table)


def draw(rows: list[dict], file_bytes: int, path: Path) -> None:
    """Original, decoded and error of every model in one picture."""
    from necgs_cli.report.contact_sheet import Pair, contact_sheet

    pairs = []
    for row in rows:
        error = f"mean error {50 * row['distances'].p2s:.3f} %"
        caption = f"{row['source_bytes']:,} bytes to {row['record_bytes']:,}, {error}"
        pairs.append(Pair(row["name"], row["original"], row["decoded"], caption))
    contact_sheet(pairs, path, title=f"{len(rows)} models in one file of {file_bytes:,} bytes")


def draw_sizes(folder: Path, path: Path) -> None:
    """One model at three sizes: original, decoded and error, with its bytes."""
    from necgs_cli.report.contact_sheet import Pair, contact_sheet

    pairs = []
    for error in ERRORS:
        ncgs, decoded = folder / f"{Path(SHOWN).stem}-{error}.ncgs", folder / f"{Path(SHOWN).stem}-{error}"
        decoded.mkdir(exist_ok=True)
        report = necgs(["encode", str(MESHES / SHOWN), "-o", str(ncgs), "-f", "-q", "--json", "--error", error], True)
        necgs(["decode", str(ncgs), "--id", "0", "-o", str(decoded / SHOWN), "-f", "-q"], True)
        size = json.loads(report.stdout)["models"][0]["record_bytes"]
        row = measured({"name": SHOWN, "bytes": size}, decoded)
        caption = f"{size:,} bytes, mean error {50 * row['distances'].p2s:.3f} %"
        pairs.append(Pair(f"{SHOWN} --error {error}", row["original"], row["decoded"], caption))
    contact_sheet(pairs, path, title=f"One model at three sizes, of {row['source_bytes']:,} bytes", across=1)


if __name__ == "__main__":
    sys.exit(main())
