"""What mirrored records have beside the coded mesh, written from docs/format.md alone."""

from __future__ import annotations

from collections import Counter

from mesh_record_positions import Axes
from mesh_record_reference import Reference


def read_head(payload: bytes) -> tuple[Axes, list[float], bytes]:
    """The axes, the origin in the unit frame, and the payload that follows."""
    axes, origin = tuple(axis for axis in range(3) if payload[0] >> axis & 1), [0.0] * 3
    at = 1
    for axis in axes:
        number = shift = 0
        while True:
            number |= (payload[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if payload[at - 1] < 128:
                break
        origin[axis] = (-(number + 1) // 2 if number % 2 else number // 2) / 2**14
    return axes, origin, payload[at:]


def unfold(part: Reference, axes: Axes) -> Reference:
    """The whole of a part."""
    positions, triangles, creases = list(part.positions), list(part.triangles), list(part.creases)
    for axis in axes:
        sides = Counter(tuple(sorted((t[i], t[(i + 1) % 3]))) for t in triangles for i in range(3))
        border = {v for side, times in sides.items() if times == 1 for v in side}
        image = {}
        for v, position in enumerate(list(positions)):
            if v in border and position[axis] == 0:
                image[v] = v
            else:
                image[v] = len(positions)
                positions.append([-x if d == axis else x for d, x in enumerate(position)])
        own = {v for v, other in image.items() if v == other}
        triangles += [(image[c], image[b], image[a]) for a, b, c in triangles if not {a, b, c} <= own]
        creases += [(image[a], image[b]) for a, b in creases if not {a, b} <= own]
    return Reference(positions, triangles, creases)
