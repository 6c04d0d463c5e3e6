"""Models that others may be told from: those of a family that are coded already, and those that a file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from necgs_cli.bitstream.container import Container
    from necgs_cli.explicit.control_mesh import ControlMesh

LONGEST_CHAIN = 4
"""Records that must be decoded at most before a pose can be: random access stays cheap."""
MOST_NEAR = 6
"""Models coded before, of those most alike, among which the one to tell from is looked for."""
MOST_STORED, MOST_STORED_BYTES = 12, 4096
"""Models of a file, the last ones, that are looked at when others join it, and what their records may hold: decoding
takes a tenth of a second for a kilobyte."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A model whose record others may be told from.

    Attributes:
        depth: records that must be decoded before it; root: the model at the end of that chain.
    """

    mesh: ControlMesh
    depth: int
    root: int


@dataclass(frozen=True, eq=False)
class Stored:
    """Models that a file holds already, from which new ones may be told.

    Attributes:
        count: models in the file; new ones are numbered from 0, those of the file up to -1.
        coded: some of them, by their number; fingerprints: of these, in their order.
        alone: bytes and p2s of the records at the ends of their chains, by their numbers.
    """

    count: int
    coded: dict[int, Coded]
    fingerprints: list[np.ndarray]
    alone: dict[int, tuple[int, float]]

    @classmethod
    def of(cls, container: Container) -> Stored:
        """The last smooth mesh records of a container; those that cannot be decoded are passed over."""
        from necgs_cli.bitstream.errors import DamagedFile
        from necgs_cli.decoding import EXPLICIT, RecordDecoder
        from necgs_cli.explicit.control_mesh import PLAIN
        from necgs_cli.explicit.likeness import fingerprint
        from necgs_cli.explicit.records import kind_of

        left = MOST_STORED_BYTES
        count, decoder = len(container), RecordDecoder(container)
        coded: dict[int, Coded] = {}
        fingerprints = []
        alone: dict[int, tuple[int, float]] = {}
        for id in range(count - 1, -1, -1):
            if len(coded) == MOST_STORED or left <= 0:
                break
            try:
                if container.entry(id).kind not in EXPLICIT:
                    continue
                chain = decoder.chain(id)
                end = chain[-1]
                if kind_of(end.kind) == PLAIN:
                    continue
                mesh = decoder.control_mesh(id)
            except DamagedFile:
                continue
            left -= chain[0].bytes_total
            coded[id - count] = Coded(mesh, len(chain) - 1, end.id - count)
            alone[end.id - count] = end.bytes_total, end.p2s
            fingerprints.append(fingerprint(*mesh.surface()))
        return cls(count, coded, fingerprints, alone)


NOTHING_STORED = Stored(0, {}, [], {})


def near_of(of: int, alike: Sequence[int], coded: Mapping[int, Coded]) -> list[int]:
    """Models from which one may be told, of the connectivity of `of`: that one, and those most like it."""
    known = ((k, coded[k]) for k in alike if k != of and k in coded)
    same = [k for k, c in known if c.root == coded[of].root and c.depth < LONGEST_CHAIN]
    return [of, *same[:MOST_NEAR]]


def dependence_bytes(distance: int) -> int:
    """What a record's frame takes to name one other model so many models before it."""
    return 1 + max(1, -(-distance.bit_length() // 7))
