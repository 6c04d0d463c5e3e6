"""G-PCC, MPEG's codec for point clouds, through its reference software `tmc3`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from necgs_cli.peers.curve import PeerPoint
from necgs_cli.peers.original import Original

PROGRAM = "tmc3"
NOTE = "gpcc codes points: its error is the mean distance from its points to the surface, one way, no mesh is rebuilt"
DEPTHS = range(3, 10)
"""Octree depths: the surface is put on a grid of 2^depth cells a side."""
CHUNKS, CHUNK = 12, 500_000
"""Points drawn on the surface, so many at a time: enough that few of the cells it crosses have none."""
MEASURED = 20_000
"""Most decoded points whose distance is measured."""
FRAME_BYTES = 16
"""Origin and step of the grid, which the stream does not hold, as four floats."""
SECONDS = 120
"""Longest run of the program."""


class GpccFailed(Exception):
    """The program failed; the message is its last line."""


def gpcc_points(original: Original, wanted: float) -> list[PeerPoint]:
    """The cells that the surface crosses, on finer and finer grids, coded without loss by octree.

    Args:
        original: what to code.
        wanted: grids get finer until the error is below this, longest side = 2.

    Raises:
        GpccFailed: the program ended with an error, or took too long.
    """
    finest = _crossed_cells(original)
    points = []
    with tempfile.TemporaryDirectory(prefix="necgs-gpcc-") as folder:
        for depth in DEPTHS:
            cells = _coarser(finest, depth)
            size, decoded = _through_program(cells, Path(folder))
            some = decoded[:: -(-len(decoded) // MEASURED)]
            distance = original.reference.distances_at((some + 0.5) * (2 / 2**depth) - 1)
            points.append(PeerPoint(size + FRAME_BYTES, float(distance.mean())))
            if points[-1].p2s < wanted:
                break
    return points


def _crossed_cells(original: Original) -> np.ndarray:
    """Numbers (n,) of the cells of the finest grid that hold a point of the surface; see `_coarser`."""
    side = 2 ** DEPTHS[-1]
    rng = np.random.default_rng(0)
    crossed = np.zeros(side**3, bool)
    for _ in range(CHUNKS):
        points, _ = original.reference.surface.sample(CHUNK, rng)
        cells = np.clip(((points + 1) * (side / 2)).astype(np.int64), 0, side - 1)
        crossed[cells @ (side * side, side, 1)] = True
    return np.flatnonzero(crossed)


def _coarser(finest: np.ndarray, depth: int) -> np.ndarray:
    """Places (m, 3) of the cells of a grid that hold one of the finest grid's cells (n,)."""
    side, shift = 2 ** DEPTHS[-1], DEPTHS[-1] - depth
    x, y, z = finest // (side * side) >> shift, finest // side % side >> shift, finest % side >> shift
    crossed = np.zeros((side >> shift,) * 3, bool)
    crossed[x, y, z] = True
    return np.argwhere(crossed)


def _through_program(cells: np.ndarray, folder: Path) -> tuple[int, np.ndarray]:
    """Bytes of the stream of (n, 3) integer points, and the points that come back."""
    cloud, stream, back = folder / "cloud.ply", folder / "cloud.bin", folder / "back.ply"
    _write_points(cloud, cells)
    _run("--mode=0", f"--uncompressedDataPath={cloud}", f"--compressedStreamPath={stream}",
         "--mergeDuplicatedPoints=1", "--positionQuantizationScale=1", "--trisoupNodeSizeLog2=0",
         "--neighbourAvailBoundaryLog2=8", "--intra_pred_max_node_size_log2=6", "--inferredDirectCodingMode=1",
         "--maxNumQtBtBeforeOt=4", "--minQtbtSizeLog2=0", "--planarEnabled=1", "--planarModeIdcmUse=0",
         "--disableAttributeCoding=1")  # fmt: skip
    _run("--mode=1", f"--compressedStreamPath={stream}", f"--reconstructedDataPath={back}", "--outputBinaryPly=0")
    return stream.stat().st_size, _read_points(back)


def _run(*options: str) -> None:
    try:
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise GpccFailed(f"{PROGRAM} took longer than {SECONDS} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise GpccFailed(f"{PROGRAM} ended with {done.returncode}: {lines[-1] if lines else 'no message'}")


def _write_points(path: Path, cells: np.ndarray) -> None:
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(cells)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_bytes(head.encode() + cells.astype("<f4").tobytes())


def _read_points(path: Path) -> np.ndarray:
    """(n, 3) float64 from an ASCII PLY whose vertices begin with x, y, z."""
    with path.open() as file:
        for line in file:
            if line.strip() == "end_header":
                return np.loadtxt(file, ndmin=2)[:, :3]
    raise GpccFailed(f"{PROGRAM} wrote no points")
