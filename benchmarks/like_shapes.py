"""Like shapes: records of models told from another one, against records of their own.

    python benchmarks/like_shapes.py FIRST OTHER... [--vertices 205] [--bits 2.5 5] [--seed 0]

The control mesh of FIRST, with about so many vertices, is laid onto each of OTHER (in the frame in which it comes), and
fitted there. Prints for each the coded bytes and the error (p2s, 1e-3) of what was found, those of a fit of its own
with as many vertices, and the geometric mean of the ratio of bytes times error, the best of each.
"""

import argparse

import numpy as np

from necgs_cli.explicit import pose
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.control_mesh import SMOOTH
from necgs_cli.explicit.records import encode_posed, encode_record
from necgs_cli.explicit.search import Search
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

ERROR_TIMES_VERTICES = 0.36  # of a first fit, about
FARTHEST = 4.0  # expected errors from which a shape counts as not alike


def search(path: str, seed: int) -> Search:
    """All fits to a mesh file."""
    mesh = read_mesh(path).mesh
    return Search(Placement.of(mesh.vertices).to_unit(mesh.vertices), mesh.faces, seed)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", metavar="FIRST")
    parser.add_argument("others", nargs="+", metavar="OTHER")
    parser.add_argument("--vertices", type=int, default=205)
    parser.add_argument("--bits", type=float, nargs="+", help="prices of a bit: what a vertex takes, about")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.bits:
        pose.TOLD_BITS_PER_VERTEX = tuple(asked.bits)
    expected = ERROR_TIMES_VERTICES / asked.vertices
    first = search(asked.first, asked.seed).suited(asked.vertices, SMOOTH, expected).mesh
    ratios = []
    for path in asked.others:
        other = search(path, asked.seed)
        own = other.suited(asked.vertices, SMOOTH, expected)
        own_bytes = len(encode_record(own.mesh)[1])
        found = pose.pose_points([first], None, other, Bound(FARTHEST * expected), beyond=True)[0]
        told = [(len(encode_posed(point.mesh, first)[1]), point.p2s) for point in found]
        print(
            path,
            f"own {own_bytes} B at {1e3 * own.p2s:.2f}, told",
            ", ".join(f"{size} B at {1e3 * p2s:.2f}" for size, p2s in told) or "nothing",
            flush=True,
        )
        if told:
            ratios.append(min(size * p2s for size, p2s in told) / (own_bytes * own.p2s))
    if ratios:
        print(f"bytes times error, told over own: {np.exp(np.mean(np.log(ratios))):.3f} on {len(ratios)}")


if __name__ == "__main__":
    main()
