"""Awkward and broken meshes: does each give what its folder's EXPECT.csv says?

    python benchmarks/hard.py FOLDER               encode and decode every file with the command line
    python benchmarks/hard.py FOLDER --read-only   read every file only

EXPECT.csv has the columns file, class (ok or error) and what. A file of class error must fail with one line, no
traceback; one of class ok must come back in its place and size. Every file gets a process of its own, with limits
on time and memory. The exit code is 1 if any file behaves otherwise.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from necgs_cli.meshes.read import Loaded, read_mesh

READ = """
import sys
from necgs_cli.meshes.mesh import MeshError
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh
try:
    mesh = read_mesh(sys.argv[1]).mesh
    Placement.of(mesh.vertices)
except MeshError as error:
    sys.exit(f"error: {error}")
"""
SKIPPED_OR_FAILED = (1, 3)


@dataclass(frozen=True)
class Limits:
    """What one file may take."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Row:
    """What a file gave."""

    file: str
    expected: str
    right: bool
    seconds: float
    said: str


def run(command: list[str], limits: Limits) -> tuple[int | None, str, str]:
    """Run a command within limits; the exit code (None: out of time), stdout and stderr."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes,) * 2)

    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limits.seconds, preexec_fn=limit
        )
    except subprocess.TimeoutExpired:
        return None, "", f"took more than {limits.seconds:.0f} s"
    return done.returncode, done.stdout, done.stderr


def judge_error(code: int | None, stderr: str, codes: tuple[int, ...]) -> tuple[bool, str]:
    """An error must be told in one line by the exit code, and not by a traceback."""
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    said = lines[-1] if lines else "nothing"
    if code not in codes:
        return False, f"exit code {code}: {said}"
    if "Traceback" in stderr or "a defect of this program" in stderr:
        return False, f"a traceback: {said}"
    return bool(lines), said


def judge_place(source: Path, decoded: Path, tolerance: float) -> tuple[bool, str]:
    """Bounds of the decoded mesh against the source's, as a share of the source's longest side."""
    original, back = (read_mesh(path).mesh.vertices for path in (source, decoded))
    side = np.ptp(original, axis=0).max()
    ends = np.stack([back.min(axis=0) - original.min(axis=0), back.max(axis=0) - original.max(axis=0)])
    error = float(np.abs(ends).max() / side)
    return error <= tolerance, f"bounds off by {error:.1e} of the longest side"


def read_only(path: Path, expected: str, limits: Limits) -> tuple[bool, str]:
    """Read a file in a process of its own."""
    code, _, stderr = run([sys.executable, "-c", READ, str(path)], limits)
    if expected == "error":
        return judge_error(code, stderr, (1,))
    if code != 0 or stderr.strip():
        return False, f"exit code {code}: {stderr.strip()[-200:]}"
    return True, _described(read_mesh(path))


def encode_and_decode(path: Path, expected: str, limits: Limits, arguments: argparse.Namespace) -> tuple[bool, str]:
    """Take a file through `necgs encode` and `necgs decode`."""
    with tempfile.TemporaryDirectory() as folder:
        packed, decoded = Path(folder) / "set.ncgs", Path(folder) / "model.ply"
        necgs, options = shlex.split(arguments.necgs), shlex.split(arguments.options)
        command = [*necgs, "encode", str(path), "-o", str(packed), "--json", "-f", *options]
        code, stdout, stderr = run(command, limits)
        if expected == "error":
            right, said = judge_error(code, stderr, SKIPPED_OR_FAILED)
            return right and not packed.exists(), said
        if code != 0:
            return False, f"encode gave {code}: {stderr.strip()[-200:]}"
        json.loads(stdout)
        command = [*necgs, "decode", str(packed), "--id", "0", "-o", str(decoded)]
        code, _, stderr = run(command, limits)
        if code != 0:
            return False, f"decode gave {code}: {stderr.strip()[-200:]}"
        right, said = judge_place(path, decoded, arguments.tolerance)
        return right, f"{packed.stat().st_size:,} B, {said}"


def _described(loaded: Loaded) -> str:
    mesh = loaded.mesh
    sides = " x ".join(f"{side:.4g}" for side in np.ptp(mesh.vertices, axis=0))
    return "; ".join([f"{len(mesh.vertices):,} vertices, {len(mesh.faces):,} faces, {sides}", *loaded.repairs])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--read-only", action="store_true", help="read the files, encode nothing")
    parser.add_argument("--only", default="", help="files whose name holds this text")
    parser.add_argument("--seconds", type=float, default=120, help="limit for each command (default: 120)")
    parser.add_argument("--memory", type=float, default=8, help="limit of address space in GB (default: 8)")
    parser.add_argument("--tolerance", type=float, default=0.02, help="bounds, of the longest side (default: 0.02)")
    parser.add_argument("--necgs", default=f"{sys.executable} -m necgs_cli", help="the command to test")
    parser.add_argument("--options", default="", help="further options for encode, such as --options='--preset tiny'")
    arguments = parser.parse_args()
    limits = Limits(arguments.seconds, int(arguments.memory * 1e9))

    rows = []
    with (arguments.folder / "EXPECT.csv").open(newline="", encoding="utf-8") as file:
        entries = [entry for entry in csv.DictReader(file) if arguments.only in entry["file"]]
    for entry in entries:
        path, started = arguments.folder / entry["file"], time.perf_counter()
        if arguments.read_only:
            right, said = read_only(path, entry["class"], limits)
        else:
            right, said = encode_and_decode(path, entry["class"], limits, arguments)
        rows.append(Row(entry["file"], entry["class"], right, time.perf_counter() - started, said))
        row = rows[-1]
        print(f"{'' if right else 'WRONG':6}{row.expected:6}{row.seconds:7.1f} s  {row.file:32} {row.said}", flush=True)
    wrong = sum(not row.right for row in rows)
    print(f"{len(rows)} files, {wrong} otherwise than expected")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
