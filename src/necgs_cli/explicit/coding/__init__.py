"""Bit-exact coding of triangle meshes with integer coordinates."""

from .arithmetic import DamagedRecord
from .record import decode_mesh, encode_mesh

__all__ = ["DamagedRecord", "decode_mesh", "encode_mesh"]
