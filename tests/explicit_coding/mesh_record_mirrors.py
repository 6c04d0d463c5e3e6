"""What mirrored records have beside the coded mesh, written from docs/format.md alone."""

from __future__ import annotations

from collections import Counter

from mesh_record_positions import Axes, neighbours_of, parts_of
from mesh_record_reference import Reference, decode
from mesh_record_stream import Refused


def decode_mirrored(payload: bytes) -> tuple[Axes, list[float], int, Reference, Reference]:
    """The axes, the origin in the unit frame, the grid, the part that is stored, and the whole."""
    axes, origin, bits, payload = read_head(payload)
    if not payload or payload[0] > 60:
        raise Refused("a grid out of range")
    part = decode(payload[1:], axes=axes)
    return axes, origin, payload[0], part, unfold(part, axes, set() if bits is None else without_images(part, bits))


def read_head(payload: bytes) -> tuple[Axes, list[float], bytes | None, bytes]:
    """The axes, the origin in the unit frame, the bits of the parts, and the payload that follows."""
    if not payload or payload[0] > 15 or payload[0] % 8 == 0:
        raise Refused("other flags, or no axes")
    axes, origin = tuple(axis for axis in range(3) if payload[0] >> axis & 1), [0.0] * 3
    at = 1
    for axis in axes:
        number, at = _varint(payload, at)
        place = -(number + 1) // 2 if number % 2 else number // 2
        if abs(place) > 2**14:
            raise Refused("a plane out of range")
        origin[axis] = place / 2**14
    if payload[0] < 8:
        return axes, origin, None, payload[at:]
    count, at = _varint(payload, at)
    if at + count > len(payload):
        raise Refused("cut off")
    return axes, origin, payload[at : at + count], payload[at + count :]


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """A number, and where the next one is."""
    number = shift = 0
    while at < len(payload) and shift < 70:
        number |= (payload[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if payload[at - 1] < 128:
            return number, at
    raise Refused("no number")


def without_images(mesh: Reference, bits: bytes) -> set[int]:
    """The vertices of the parts whose bits are set."""
    parts = [part for part in parts_of(neighbours_of(mesh.triangles, len(mesh.positions))) if len(part) > 1]
    if len(bits) != (len(parts) + 7) // 8:
        raise Refused("other than one bit for each part")
    number = int.from_bytes(bits, "little")
    if number >> len(parts):
        raise Refused("bits for parts that are not there")
    return {v for k, part in enumerate(parts) if number >> k & 1 for v in part}


def unfold(part: Reference, axes: Axes, single: set[int] | None = None) -> Reference:
    """The whole of a part, of which some vertices have no images."""
    positions, triangles, creases = list(part.positions), list(part.triangles), list(part.creases)
    for axis in axes:
        sides = Counter(tuple(sorted((t[i], t[(i + 1) % 3]))) for t in triangles for i in range(3))
        border = {v for side, times in sides.items() if times == 1 for v in side}
        image = {}
        for v, position in enumerate(list(positions)):
            if v in (single or ()) or (v in border and position[axis] == 0):
                image[v] = v
            else:
                image[v] = len(positions)
                positions.append([-x if d == axis else x for d, x in enumerate(position)])
        own = {v for v, other in image.items() if v == other}
        triangles += [(image[c], image[b], image[a]) for a, b, c in triangles if not {a, b, c} <= own]
        creases += [(image[a], image[b]) for a, b in creases if not {a, b} <= own]
    return Reference(positions, triangles, creases)
