"""Triangle soups of sound meshes: records made through a clean surface of the field, and of the triangles as they are.

    python benchmarks/soup.py MESH... [--error 2e-3] [--seed 0]

Every mesh is split: each triangle gets corners of its own, up to 1e-5 off (longest side = 2), and half of them are
reversed. Prints for each the coded bytes and the error (p2s, 1e-3) of the mesh before it was split, of its soup, and of
its soup where the field is not used.
"""

import argparse
import time
from unittest import mock

import numpy as np

from necgs_cli.explicit import search as control_search
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.records import encode_record
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

OFFSET = 1e-5


def split(vertices: np.ndarray, faces: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same triangles, none of which shares a vertex."""
    rng = np.random.default_rng(seed)
    corners = vertices[faces] + rng.uniform(-OFFSET, OFFSET, (len(faces), 3, 3))
    reverse = rng.random(len(faces)) < 0.5
    corners[reverse] = corners[reverse][:, ::-1]
    return corners.reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)


def best(vertices: np.ndarray, faces: np.ndarray, error: float, seed: int) -> str:
    """Coded bytes, error and processor seconds of the best record."""
    started = time.process_time()
    point = control_search.Search(vertices, faces, seed).best(Bound(error))
    size = len(encode_record(point.mesh)[1])
    return f"{size:7,} B at {1e3 * point.p2s:.2f} ({time.process_time() - started:.0f} s)"


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", nargs="+", metavar="MESH")
    parser.add_argument("--error", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for path in asked.meshes:
        mesh = read_mesh(path).mesh
        vertices = Placement.of(mesh.vertices).to_unit(mesh.vertices)
        soup = split(vertices, mesh.faces, asked.seed)
        whole, cleaned = (best(*m, asked.error, asked.seed) for m in ((vertices, mesh.faces), soup))
        with mock.patch.object(control_search, "is_soup", return_value=False):
            as_it_is = best(*soup, asked.error, asked.seed)
        print(
            f"{path}: {len(mesh.faces):,} triangles; mesh {whole}; soup {cleaned}; without the field {as_it_is}",
            flush=True,
        )


if __name__ == "__main__":
    main()
