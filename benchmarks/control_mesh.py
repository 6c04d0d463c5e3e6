"""Control meshes of a folder of meshes: bytes, error and seconds a model.

    python benchmarks/control_mesh.py MESHES... [--names FILE] [--error 2e-3] [--curve] [--limit 8]

Errors are mean distances between the surfaces, both ways averaged, where the longest side is 2. Bytes are those of
the project's own mesh coder. With --curve, the points of each model's curve and the least bytes with which the set's
mean error is met (equal slope over the models) are printed instead.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.coding import encode_mesh
from necgs_cli.explicit.control_mesh import ControlMesh
from necgs_cli.explicit.point import Point
from necgs_cli.explicit.search import Search, fit_control_mesh
from necgs_cli.mesh_codec import NEAR, cheapest_hull
from necgs_cli.meshes.find import find_meshes
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

CURVE_ERRORS = (5e-3, 2.2e-3, 1e-3, 5e-4)


def coded_bytes(mesh: ControlMesh) -> int:
    """Bytes of the record, two of them for kind and grid."""
    return len(encode_mesh(mesh.positions, mesh.faces, creases=mesh.creases)[0]) + 2


def equal_slope(curves: list[list[tuple[int, float]]], error: float) -> float:
    """Least mean bytes at which the mean error is met, from each model's (bytes, error) hull; nan out of range."""
    steps, size, mean = [], 0.0, 0.0
    for points in curves:
        hull: list[tuple[int, float]] = []
        for p in sorted(points):
            if hull and p[1] >= hull[-1][1]:
                continue
            while len(hull) > 1 and (
                (p[1] - hull[-1][1]) * (hull[-1][0] - hull[-2][0]) <= (hull[-1][1] - hull[-2][1]) * (p[0] - hull[-1][0])
            ):
                hull.pop()
            hull.append(p)
        size, mean = size + hull[0][0], mean + hull[0][1]
        steps += [
            ((b[1] - a[1]) / (b[0] - a[0]), b[0] - a[0], b[1] - a[1]) for a, b in zip(hull, hull[1:], strict=False)
        ]
    wanted = error * len(curves)
    for _, more, less in sorted(steps):
        if mean + less <= wanted:
            return (size + more * (wanted - mean) / less) / len(curves)
        size, mean = size + more, mean + less
    return float("nan")


def curve_points(vertices: np.ndarray, faces: np.ndarray) -> list[Point]:
    """A model's curve of bytes against error from 5e-3 to 0.5e-3."""
    search = Search(vertices, faces)
    return cheapest_hull([p for error in CURVE_ERRORS for p in search.curve(search.best(Bound(error)), NEAR)])


def show(name: str, point: Point, size: int, seconds: float) -> None:
    """One line for a model."""
    mesh = point.mesh
    print(
        f"{name:40.40} {mesh.kind:8} {len(mesh.positions):5} v  {1 + mesh.grid / 2:4.1f} bits {size:6} B  "
        f"p2s {1e3 * point.p2s:6.3f}e-3  p99 {1e3 * point.p99:6.2f}e-3  max {1e3 * point.max_error:6.1f}e-3  "
        f"{seconds:5.2f} s",
        flush=True,
    )


def main() -> None:
    """Read the command line, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", nargs="+")
    parser.add_argument("--names", type=Path, help="file with the names of the models to take, one a line")
    parser.add_argument("--error", type=float, default=2e-3)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    sources = find_meshes(arguments.meshes)
    if arguments.names:
        names = {n for n in arguments.names.read_text().splitlines() if n}
        sources = [s for s in sources if Path(s.name).name in names]
    curves, rows = [], []
    for source in sources[: arguments.limit]:
        mesh = read_mesh(source.path).mesh
        vertices = Placement.of(mesh.vertices).to_unit(mesh.vertices)
        start = time.process_time()
        if arguments.curve:
            points = curve_points(vertices, mesh.faces)
            seconds = time.process_time() - start
            curves.append([(coded_bytes(p.mesh), p.p2s) for p in points])
            for p, (size, _) in zip(points, curves[-1], strict=True):
                show(source.name, p, size, seconds)
        else:
            point = fit_control_mesh(vertices, mesh.faces, target_p2s=arguments.error)
            rows.append((coded_bytes(point.mesh), point.p2s, time.process_time() - start))
            show(source.name, point, rows[-1][0], rows[-1][2])
    for error in (5e-3, 3e-3, 2e-3, 1e-3, 0.5e-3) if curves else ():
        print(f"mean p2s {error:.1e}: {equal_slope(curves, error):8.0f} B a model")
    if rows:
        size, error, seconds = np.mean(rows, axis=0)
        print(f"mean of {len(rows)}: {size:.0f} B, p2s {1e3 * error:.3f}e-3, {seconds:.2f} s of CPU")


if __name__ == "__main__":
    main()
