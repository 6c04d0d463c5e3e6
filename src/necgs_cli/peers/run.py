"""Which peers can run here, and the points of one of them for a model."""

from __future__ import annotations

import importlib.util
import shutil

from necgs_cli.peers.curve import PeerPoint
from necgs_cli.peers.original import Original


def why_not(peer: str) -> str | None:
    """What is missing to run a peer, and how to get it; None where nothing is.

    Raises:
        ValueError: there is no such peer.
    """
    if peer in ("draco", "qem-draco"):
        missing = importlib.util.find_spec("DracoPy") is None
        return "DracoPy is not installed: pip install 'necgs[peers]'" if missing else None
    if peer == "gpcc":
        from necgs_cli.peers.gpcc import PROGRAM

        missing = shutil.which(PROGRAM) is None
        return (
            f"{PROGRAM} is not on the PATH: build MPEG's G-PCC reference software (mpeg-pcc-tmc13)" if missing else None
        )
    raise ValueError(f"{peer!r} is no peer")


def peer_points(peer: str, original: Original, wanted: float) -> list[PeerPoint]:
    """The points of a peer for one model.

    Args:
        peer: one of `PEERS`.
        original: what to code.
        wanted: the error around which points are needed, longest side = 2.
    """
    if peer == "gpcc":
        from necgs_cli.peers.gpcc import gpcc_points

        return gpcc_points(original, wanted)
    from necgs_cli.peers.draco import draco_points, qem_draco_points

    return draco_points(original, wanted) if peer == "draco" else qem_draco_points(original, wanted)
