"""Bit-exact coding of triangle meshes with integer coordinates."""

from .arithmetic import DamagedRecord
from .pose import decode_pose, encode_pose
from .record import decode_mesh, encode_mesh

__all__ = ["DamagedRecord", "decode_mesh", "decode_pose", "encode_mesh", "encode_pose"]
