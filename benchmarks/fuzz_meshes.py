"""Broken mesh files by the thousand: does every one end soon, in a mesh or in one line of error?

`python benchmarks/fuzz_meshes.py --files 100000`. File i of a seed is always the same; `--only I` shows its traceback.
Prints one JSON object; exits with 1 if anything failed. Needs Linux.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mesh_bytes import (  # noqa: E402
    glb_bytes,
    gltf_document,
    mesh_3mf,
    obj_text,
    off_text,
    ply_bytes,
    sphere,
    stl_bytes,
    write_3mf,
)
from necgs_cli.meshes.mesh import MeshError  # noqa: E402
from necgs_cli.meshes.placement import Placement  # noqa: E402
from necgs_cli.meshes.read import read_mesh  # noqa: E402

HANG_SECONDS = 5
MEMORY_BYTES = 3 << 30  # of address space, above what the imports take
MOST_FAILURES = 20  # told in full
CHANGES = (1, 1, 1, 2, 5)  # to a file
WORDS = tuple(
    b"nan inf -1 0 1.5 1e309 4294967295 99999999999999999999 .. /etc/passwd {} [] null true \n".split(b" ")
) + (b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f")
NUMBER = re.compile(rb"-?\d+\.?\d*")


class Hang(BaseException):
    """A file took too long."""


def _too_long(*_: object) -> None:
    raise Hang


def seeds(folder: Path) -> list[tuple[str, bytes]]:
    """The ending and the bytes of a sound file of each format, binary and text."""
    vertices, faces = sphere(1)
    nodes = [{"mesh": 0, "translation": [1, 2, 3]}]
    document, binary = gltf_document(vertices, faces, nodes, "")
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    write_3mf(folder / "a.3mf", mesh_3mf(vertices, faces), '<item objectid="1"/>')
    rows = [" ".join(map(str, row)) for row in vertices] + ["3 " + " ".join(map(str, row)) for row in faces]
    head = ply_bytes(vertices, faces).split(b"end_header\n")[0].replace(b"binary_little_endian", b"ascii")
    return [
        ("obj", obj_text(vertices, faces).encode()),
        ("off", off_text(vertices, faces).encode()),
        ("ply", ply_bytes(vertices, faces)),
        ("ply", ply_bytes(vertices, faces, ">", "f8")),
        ("ply", head + b"end_header\n" + "\n".join(rows).encode()),
        ("stl", stl_bytes(vertices, faces)),
        ("stl", stl_text(vertices, faces).encode()),
        ("glb", glb_bytes(vertices, faces, nodes)),
        ("gltf", json.dumps(document).encode()),
        ("3mf", (folder / "a.3mf").read_bytes()),
    ]


def stl_text(vertices: np.ndarray, faces: np.ndarray) -> str:
    """STL as text."""
    lines = ["solid a"]
    for corners in vertices[faces]:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x} {y} {z}" for x, y, z in corners)]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid a", ""])


def broken(draw: random.Random, data: bytes) -> bytes:
    """The bytes with a few things changed."""
    changed = bytearray(data)
    for _ in range(draw.choice(CHANGES)):
        place, word = draw.randrange(len(changed) + 1), draw.choice(WORDS)
        match draw.randrange(7):
            case 0 if place < len(changed):
                changed[place] ^= 1 << draw.randrange(8)
            case 1:
                changed[place : place + 1] = bytes([draw.randrange(256)])
            case 2:
                del changed[place : len(changed) if draw.random() < 0.3 else place + draw.randrange(1, 20)]
            case 3:
                changed[place:place] = word
            case 4:
                changed[place : place + len(word)] = word
            case 5:
                start = draw.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + draw.randrange(1, 60)]
            case _:
                if numbers := list(NUMBER.finditer(bytes(changed))):
                    start, end = draw.choice(numbers).span()
                    changed[start:end] = word
    return bytes(changed)


def try_file(path: Path) -> str:
    """What became of a file. Documented errors end in words, others are raised."""
    try:
        Placement.of(read_mesh(path).mesh.vertices)
    except MeshError as error:
        assert "\n" not in str(error), "an error of several lines"
        return "refused"
    return "read"


def memory_bytes(field: str) -> int:
    """What Linux says of this process: VmSize is the address space, VmHWM the largest memory ever."""
    return int(re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


class Fuzzer:
    """Makes broken files in a folder and counts what becomes of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.sound = seeds(folder)
        self.outcomes: Counter[str] = Counter()
        self.failures: list[dict] = []
        self.slowest = 0.0
        for ending, data in self.sound:  # imports, before the memory is bounded
            assert try_file(self._write(ending, data)) == "read", ending

    def _write(self, ending: str, data: bytes) -> Path:
        path = self.folder / f"mesh.{ending}"
        path.write_bytes(data)
        return path

    def make(self, number: int) -> Path:
        """Broken file `number` of the seed."""
        draw = random.Random(f"{self.seed} {number}")
        ending, data = draw.choice(self.sound)
        return self._write(ending, broken(draw, data))

    def attempt(self, number: int) -> None:
        """Tries a file; a failure is counted, not raised."""
        path, started = self.make(number), time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        try:
            outcome = try_file(path)
        except BaseException as error:
            outcome = "hang" if isinstance(error, Hang) else "crash"
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} {Path(place.filename).name}:{place.lineno}"
            self.failures.append({"file": number, "ending": path.suffix, "what": outcome, "text": text[:200]})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many files (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other files")
    parser.add_argument("--only", type=int, help="try this file alone, and show its traceback")
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder), arguments.seed)
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes("VmSize") + MEMORY_BYTES,) * 2)
        if arguments.only is not None:
            print(try_file(fuzzer.make(arguments.only)))
            return
        for number in range(arguments.files):
            fuzzer.attempt(number)
    result = {
        "files": fuzzer.outcomes.total(),
        "crashes": fuzzer.outcomes["crash"],
        "hangs": fuzzer.outcomes["hang"],
        "outcomes": dict(sorted(fuzzer.outcomes.items())),
        "slowest_seconds": round(fuzzer.slowest, 3),
        "peak_memory_bytes": memory_bytes("VmHWM"),
        "seed": arguments.seed,
        "failures": fuzzer.failures[:MOST_FAILURES],
    }
    print(json.dumps(result, indent=1))
    sys.exit(bool(fuzzer.failures))


if __name__ == "__main__":
    main()
