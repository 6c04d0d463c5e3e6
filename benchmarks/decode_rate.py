"""How fast models of a set are decoded: the whole command, the library, and the mesh coder alone.

    python benchmarks/decode_rate.py SET [--models 1000] [--workers 1 2] [--python-models 100]

The set's models are repeated, under other names, until there are `--models` of them. Prints models a second for
`necgs decode --all` (wall-clock, start of the interpreter and writing of PLY files included), for
`ModelSet.decode_all`, and milliseconds of CPU a model for the mesh coder in both directions, in Python and compiled.
With `--coder-only` nothing but the last. Compiles the coder first if this machine has not done so, and prints how
long that took.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import necgs_cli
from necgs_cli.bitstream.container import Container, ModelRecord, write_container
from necgs_cli.decoding import EXPLICIT, POSED
from necgs_cli.explicit.coding import compiled
from necgs_cli.explicit.coding.kernel import PYTHON
from necgs_cli.explicit.records import decode_record, encode_record


def mesh_records(path):
    """The explicit records of a set that stand for themselves."""
    with Container.open(str(path)) as container:
        entries = [container.entry(id) for id in range(len(container))]
        return [
            ModelRecord(e.kind, e.name, e.placement, container.payload(e.id), e.p2s, e.max_error)
            for e in entries
            if e.kind in EXPLICIT and e.kind != POSED
        ]


def repeated(records, count):
    """So many records, all names different."""
    return [replace(records[k % len(records)], name=f"{k:05}.obj") for k in range(count)]


def time_command(path, uncompiled):
    """Models a second of the whole command."""
    environment = dict(os.environ)
    if uncompiled:
        environment["NECGS_CACHE_DIR"] = os.devnull  # no folder: nothing compiled can be kept, and nothing is compiled
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "-m", "necgs_cli", "decode", str(path), "--all", "-o", folder, "-q"]
        subprocess.run(command, check=True, env=environment)
        seconds = time.perf_counter() - started
        written = len(list(Path(folder).iterdir()))
    return written / seconds


def time_library(path, workers):
    """Models a second of `decode_all`, everything imported and loaded before."""
    with necgs_cli.open(path) as models:
        list(models.decode_all([0] * 200, workers=1))  # enough for the coder to be compiled or loaded
        started = time.perf_counter()
        count = sum(1 for _ in models.decode_all(workers=workers))
        return count / (time.perf_counter() - started)


def time_coder(records, mode):
    """CPU milliseconds a record: (decoding, encoding, surface)."""
    seconds = [0.0, 0.0, 0.0]
    for repeat in range(2):  # the first loads
        seconds = [0.0, 0.0, 0.0]
        for record in records:
            started = time.process_time()
            mesh = decode_record(record.kind, record.payload, mode)
            decoded = time.process_time()
            assert encode_record(mesh, mode)[1] == record.payload
            encoded = time.process_time()
            mesh.surface()
            for k, spent in enumerate((decoded - started, encoded - decoded, time.process_time() - encoded)):
                seconds[k] += spent
        if mode is PYTHON and not repeat:
            break
    return [1e3 * s / len(records) for s in seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--python-models", type=int, default=100, help="for what runs in Python")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--coder-only", action="store_true")
    options = parser.parse_args()
    records = mesh_records(options.set)
    size = sum(len(r.payload) for r in records) / len(records)
    print(f"{len(records)} mesh records, {size:.0f} B each")
    modes = [PYTHON]
    if compiled.is_available():
        ready, started = compiled.is_ready(), time.process_time()
        modes.append(compiled.prepare())
        print(f"{'loaded' if ready else 'compiled'} in {time.process_time() - started:.1f} s of CPU")
    for mode in modes:
        decode, encode, surface = time_coder(records, mode)
        print(f"coder, {mode.name}: decode {decode:.2f} ms, encode {encode:.2f} ms; subdivision {surface:.2f} ms")
    if options.coder_only:
        return
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.ncgs", Path(folder) / "many.ncgs"
        write_container(few, [], repeated(records, options.python_models))
        write_container(many, [], repeated(records, options.models))
        print(f"decode --all, python: {time_command(few, True):.1f} models/s ({options.python_models} models)")
        if len(modes) > 1:
            print(f"decode --all, compiled: {time_command(many, False):.1f} models/s ({options.models} models)")
            for workers in options.workers:
                rate = time_library(many, workers)
                print(f"decode_all, compiled, {workers} {'core' if workers == 1 else 'cores'}: {rate:.1f} models/s")


if __name__ == "__main__":
    main()
