"""TSDF against TSDF-Def on thin shapes: the comparison of the paper's Table 2.

    python benchmarks/tsdf_def.py FOLDER [--limit 10] [--resolutions 64 128] [--steps 48]

Takes the thinnest models of FOLDER: least median thickness, the distance from a point of the surface along its normal,
either way, to the next surface, as a share of the longest side (2,000 points a model, by ray casting; points from
which no ray hits do not count, models where fewer than half of them hit are left out). Prints means over the models:
p2s, the paper's CD on 100,000 points (with the CD of two samplings of the original), and the seconds of `fit_field`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import point_cloud_utils as pcu
import torch

from necgs_cli.field.fit import fit_field
from necgs_cli.field.marching_cubes import extract_surface
from necgs_cli.meshes.find import find_meshes
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh
from necgs_cli.metrics.surface import Reference

L1 = 0.02
VARIANTS = {
    "exact signed distance, 8 bits": {"deform": False, "l1": 0.0, "steps": 0},
    "TSDF, values fitted": {"deform": False, "l1": 0.0},
    "TSDF-Def without L1": {"deform": True, "l1": 0.0},
    "TSDF-Def": {"deform": True, "l1": L1},
}


def thickness(vertices: np.ndarray, faces: np.ndarray, count: int = 2000) -> float:
    """Median thickness over the longest side; infinite for open sheets."""
    side = np.ptp(vertices, axis=0).max()
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    random = np.random.default_rng(0)
    face = random.choice(len(faces), count, p=length / length.sum())
    points = np.einsum("nc,ncd->nd", random.dirichlet((1, 1, 1), count), corners[face])
    normal = normal[face] / length[face, None]
    reach = [
        pcu.ray_mesh_intersection(vertices, faces, points, np.ascontiguousarray(way), side * 1e-5, side)[2]
        for way in (normal, -normal)
    ]
    nearest = np.minimum(*reach)
    found = np.isfinite(nearest)
    return float(np.median(nearest[found]) / side) if found.mean() > 0.5 else np.inf


def to_lattice(vertices: np.ndarray, resolution: int) -> tuple[np.ndarray, Placement]:
    """The vertices in the lattice frame, and the way back."""
    placement = Placement.of(vertices)
    return placement.to_unit(vertices) * (1 - 3 / resolution), placement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    models = []
    for source in find_meshes([arguments.folder]):
        mesh = read_mesh(source.path).mesh
        models.append((thickness(mesh.vertices, mesh.faces), source.name, mesh))
    models = sorted(models, key=lambda model: model[:2])[: arguments.limit]
    print("models:", ", ".join(f"{name} {100 * share:.2f} %" for share, name, _ in models), flush=True)

    rows = {(k, variant): [] for k in arguments.resolutions for variant in VARIANTS}
    for _, name, mesh in models:
        reference = Reference(mesh.vertices, mesh.faces)
        for (resolution, variant), results in rows.items():
            vertices, placement = to_lattice(mesh.vertices, resolution)
            begun = time.perf_counter()
            fit = fit_field(vertices, mesh.faces, resolution, **{"steps": arguments.steps, **VARIANTS[variant]})
            seconds = time.perf_counter() - begun
            surface, faces = extract_surface(fit.levels[-1])
            got = reference.measure(placement.to_source(surface / (1 - 3 / resolution)), faces, clouds=True)
            results.append((got.p2s, got.cd, reference.floor().cd, got.p99, got.nc, seconds))
            print(f"  {name} K={resolution} {variant} ({fit.sign}): p2s {got.p2s * 1e3:.3f}e-3", flush=True)

    print("\n| K | | p2s | CD | floor | p99 | NC | seconds |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for (resolution, variant), results in rows.items():
        p2s, cd, floor, p99, nc, seconds = np.mean(results, axis=0)
        print(
            f"| {resolution} | {variant} | {p2s * 1e3:.3f}e-3 | {cd * 1e3:.3f}e-3 | {floor * 1e3:.3f}e-3 "
            f"| {p99 * 1e3:.2f}e-3 | {nc:.3f} | {seconds:.2f} |"
        )


if __name__ == "__main__":
    main()
