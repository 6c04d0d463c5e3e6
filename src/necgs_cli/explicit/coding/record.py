"""Mesh records: bytes of a triangle mesh with integer coordinates, without loss."""

import numpy as np

from . import connectivity, hits, positions, residual
from .arithmetic import Decoder, Encoder
from .mixing import Decision, Mixer, code_uniform

DECISIONS: tuple[Decision, ...] = connectivity.DECISIONS + residual.DECISIONS + hits.DECISIONS


def _place(decisions: tuple[Decision, ...]) -> None:
    counters = sets = 0
    for d in decisions:
        counters, sets = d.place(counters, sets)


_place(DECISIONS)
BEST={}

def encode_mesh(q, faces, methods=(0,1,2,3)):
    best=None
    for m in methods:
        coder, mixer = Encoder(), Mixer(DECISIONS)
        code_uniform(coder,4,m)
        c = connectivity.code_connectivity(coder, mixer, np.asarray(faces, np.int64), 1 << 30, 1 << 30)
        order = np.array(c.order)
        positions.code_positions(coder, mixer, c, positions.METHODS[m], np.asarray(q, np.int64)[order])
        b=coder.finish()
        if best is None or len(b)<len(best[0]): best=b,order,m
    BEST[best[2]]=BEST.get(best[2],0)+1
    return best


def decode_mesh(data, max_vertices=1 << 20):
    coder, mixer = Decoder(data), Mixer(DECISIONS)
    m=code_uniform(coder,4)
    c = connectivity.code_connectivity(coder, mixer, None, max_vertices, 4 * max_vertices)
    return positions.code_positions(coder, mixer, c, positions.METHODS[m], None), c.faces
