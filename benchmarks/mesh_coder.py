"""The mesh coder against Draco on the same integers and triangles, and the making of its start tables.

    python benchmarks/mesh_coder.py compare FOLDER [FOLDER ...] [--names FILE] [--models 24] [-v]
    python benchmarks/mesh_coder.py train --smooth FOLDER [FOLDER ...] --sharp FOLDER [...] [--exclude FILE ...]

`compare`: meshes of each folder are decimated to a few sizes, rounded to a grid, welded where vertices fall together,
rid of triangles that collapse, and coded by both; Draco at the best of its levels, positions only, without metadata,
with an origin and range that keep the integers. Prints the geometric mean of the ratio of bytes for each folder.
`train`: codes decimated meshes one after the other without forgetting and writes what was learnt to
src/necgs_cli/explicit/coding/prior_tables.py. Files of names (one a line) keep test meshes out of the training.
"""

import argparse
import math
import multiprocessing
import random
import time
from pathlib import Path

import DracoPy
import fast_simplification
import igl
import numpy as np
import trimesh

from necgs_cli.explicit.coding import decode_mesh, encode_mesh, mixing, prior_tables, priors

SMOOTH_FACES, SMOOTH_BITS = (90, 220, 560, 1100, 1700), (6.5, 7, 7.5, 8, 8.5)
SHARP_FACES, SHARP_BITS = (50, 160, 500, 1300, 3000), (7, 8, 9, 10, 11)
LEVELS = (0, 1, 4, 7, 10)
TRAINED_COUNT = 20  # counters start as if seen at most this often
DRACO_SLACK = 1.1  # meshes that take more than this share of Draco's bytes teach nothing


def load(path):
    """Vertices (longest side 2, centred) and triangles of a mesh file; open meshes are welded."""
    mesh = trimesh.load(path, process=False, force="mesh")
    if not mesh.is_watertight:
        mesh.merge_vertices()
    mesh.update_faces(mesh.nondegenerate_faces())
    mesh.remove_unreferenced_vertices()
    v = np.asarray(mesh.vertices, float)
    low, high = v.min(0), v.max(0)
    return (v - (low + high) / 2) * (2 / (high - low).max()), np.asarray(mesh.faces, np.int64)


def fast(v, f, count):
    """fast_simplification, as gently as the number of triangles allows."""
    for agg in (3, 5, 7):
        out = fast_simplification.simplify(v.astype(np.float32), f.astype(np.int32), target_count=count, agg=agg)
        if len(out[1]) <= 1.05 * count:
            break
    return out


def qslim(v, f, count):
    """libigl's quadric edge collapse."""
    out = igl.qslim(v, f, count)
    return np.array(out[0]), np.array(out[1])


def in_child(function, *arguments, seconds=30):
    """`function(*arguments)` in a process of its own; None when it crashes or takes too long."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send(function(*arguments)))
    child.start()
    send.close()
    try:
        return receive.recv() if receive.poll(seconds) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()


def on_grid(v, f, bits):
    """Integers on a grid of 2**bits steps along the longest side; welded, without collapsed triangles."""
    q, index = np.unique(np.rint(v * 2**bits / 2).astype(np.int64), axis=0, return_inverse=True)
    f = index.ravel()[f]
    f = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    used, f = np.unique(f, return_inverse=True)
    return q[used], f.reshape(-1, 3)


def control_meshes(path, smooth, per_model=2):
    """Yield (name, integers, triangles): decimations of one file, sizes and grids drawn by its name."""
    draw = random.Random(path.name)
    try:
        v, f = load(path)
    except Exception as error:
        print(f"{path.name}: {error}")
        return
    for count in draw.sample(SMOOTH_FACES if smooth else SHARP_FACES, per_model):
        tool = draw.choice((fast, fast, qslim) if smooth else (fast, qslim, qslim))
        bits = draw.choice(SMOOTH_BITS if smooth else SHARP_BITS)
        made = (v, f) if len(f) <= count else in_child(tool, v, f, count) or in_child(fast, v, f, count)
        if made is None or len(made[1]) == 0:
            continue
        q, triangles = on_grid(np.asarray(made[0], float), np.asarray(made[1], np.int64), bits)
        if 8 <= len(triangles) <= 6000:
            yield f"{path.stem}_{len(triangles)}_{bits}", q, triangles


def draco_bytes(q, f):
    """Bytes of Draco's smallest stream that holds these integers."""
    q = q - q.min(0)
    bits = max(1, int(q.max()).bit_length())
    sizes = []
    for level in LEVELS:
        data = DracoPy.encode(
            q.astype(np.float32),
            faces=f.astype(np.uint32),
            quantization_bits=bits,
            quantization_range=float((1 << bits) - 1),
            quantization_origin=[0.0] * 3,
            compression_level=level,
            create_metadata=False,
            preserve_order=False,
        )
        points = np.rint(DracoPy.decode(data).points).astype(np.int64)
        assert np.array_equal(np.unique(points, axis=0), np.unique(q, axis=0)), "Draco changed the integers"
        sizes.append(len(data))
    return min(sizes)


def mesh_files(folder, names, models):
    """The first meshes of a folder, all or those named."""
    files = sorted(p for p in Path(folder).iterdir() if p.suffix in {".ply", ".obj", ".stl", ".off"})
    return [p for p in files if names is None or p.name in names][:models]


def compare(options):
    """Print the ratios for each folder."""
    names = set(Path(options.names).read_text().split()) if options.names else None
    for folder in options.folders:
        logs, encode_seconds, decode_seconds, vertices = [], 0.0, 0.0, 0
        for path in mesh_files(folder, names, options.models):
            for name, q, f in control_meshes(path, not options.sharp):
                start = time.process_time()
                data, order = encode_mesh(q, f)
                middle = time.process_time()
                q2, f2, _ = decode_mesh(data)
                decode_seconds += time.process_time() - middle
                encode_seconds += middle - start
                assert np.array_equal(q2, q[order]) and len(f2) == len(f)
                vertices += len(q)
                draco = draco_bytes(q, f)
                logs.append(math.log(len(data) / draco))
                if options.verbose:
                    print(f"  {name:44} {len(q):5} vertices {len(data):6} B, Draco {draco:6} B {len(data) / draco:.3f}")
        print(
            f"{folder}: {len(logs)} meshes, {math.exp(sum(logs) / len(logs)):.3f} of Draco's bytes "
            f"(geometric mean), worst {math.exp(max(logs)):.3f}, larger than Draco on "
            f"{sum(x > 0 for x in logs)}; CPU ms a 1,000 vertices: encode {1e6 * encode_seconds / vertices:.0f}, "
            f"decode {1e6 * decode_seconds / vertices:.0f}",
            flush=True,
        )


class Trainer:
    """Starts each record where the last mesh of the training ended, and keeps what the record makes of it."""

    def __init__(self):
        self.state, self.made = priors.blank(), None

    def sequences(self, mode, hits):
        """In place of `priors.sequences`."""
        self.made = list(self.state.probabilities), list(self.state.counts), list(self.state.weights)
        return self.made

    def learnt(self):
        """The state at the end of the last record."""
        return priors.State(*map(tuple, self.made))


def train(options):
    """Write the start tables."""
    excluded = {n for file in options.exclude for n in Path(file).read_text().split()}
    mixing.COUNT_LIMIT = 250  # remember all of the training
    mixing.RATES[:] = [(1 << 16) * 10 // (10 * n + 16) for n in range(mixing.COUNT_LIMIT + 1)]
    mixing.CONFIDENCE[:] = [min(256, 256 * (10 * n + 4) // 30) for n in range(mixing.COUNT_LIMIT + 1)]
    tables = []
    for folders, methods in ((options.smooth, (0,)), (options.sharp, (1, 2))):
        trainer, total = Trainer(), 0
        priors.sequences = trainer.sequences
        files = [p for folder in folders for p in mesh_files(folder, None, None) if p.name not in excluded]
        random.Random(0).shuffle(files)
        for path in files[: options.models]:
            for _, q, f in control_meshes(path, methods == (0,)):
                ends = []
                for method in methods:
                    try:
                        data = encode_mesh(q, f, methods=(method,))[0]
                    except ValueError:
                        continue
                    ends.append((len(data), trainer.learnt()))
                if not ends or len(q) > 2000 or min(ends, key=lambda e: e[0])[0] > DRACO_SLACK * draco_bytes(q, f):
                    continue
                size, end = min(ends, key=lambda e: e[0])
                total += size
                trainer.state = end
        counts = tuple(min(TRAINED_COUNT, c) for c in trainer.state.counts)
        tables.append(priors.pack(priors.State(trainer.state.probabilities, counts, trainer.state.weights)))
        print(f"{len(files[: options.models])} models, {total} B while learning, table {len(tables[-1])} B", flush=True)
    write_tables(tables)


def write_tables(tables):
    """Write the module of the tables."""
    lines = [
        '"""Start tables of the mesh coder, made by `benchmarks/mesh_coder.py train`; see priors.py."""',
        "",
        "TABLES = (",
    ]
    for table in tables:
        text = table.decode()
        lines += ["    ("] + [f"        b{text[i : i + 100]!r}" for i in range(0, len(text), 100)] + ["    ),"]
    Path(prior_tables.__file__).write_text("\n".join(lines + [")", ""]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("compare")
    one.add_argument("folders", nargs="+")
    one.add_argument("--names", help="file of the names to take")
    one.add_argument("--models", type=int, default=24)
    one.add_argument("--sharp", action="store_true", help="sizes, grids and decimators for mechanical things")
    one.add_argument("-v", "--verbose", action="store_true")
    one.set_defaults(run=compare)
    two = commands.add_parser("train")
    two.add_argument("--smooth", nargs="+", required=True)
    two.add_argument("--sharp", nargs="+", required=True)
    two.add_argument("--exclude", nargs="*", default=[])
    two.add_argument("--models", type=int, default=60, help="of each kind")
    two.set_defaults(run=train)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
