"""What a sparse decoder looks like: everything a reader must know before it sees a weight."""

from __future__ import annotations

from dataclasses import dataclass

BASE = 4
"""Edge of the coarsest feature lattice (the paper, section 3.2)."""

DENSE = 8
"""Up to this resolution every cell is active; finer levels keep the cells near the surface."""

MOST_CELLS = 40
"""A level keeps at most MOST_CELLS * (its edge)^2 cells: a damaged feature cannot ask for the whole volume."""

MOST_VALUES = 1 << 27
"""Most values of one activation of a level that keeps that many cells, which bounds a reader's memory."""

MOST_WORK = 1 << 36
"""Most multiplications of a level that keeps that many cells, which bounds a reader's time."""

STENCILS = (7, 27)
RESOLUTIONS = (32, 64, 128, 256)


@dataclass(frozen=True)
class DecoderConfig:
    """Shape of the sparse coarse-to-fine decoder.

    Level `l` works on cells of a lattice of `4 * 2**l` a side and predicts their 8 children; there are
    `log2(K / 4)` levels.

    Attributes:
        resolution: K, the lattice of the decoded TSDF.
        channels: values a cell carries into level `l` from its parent; `channels[0]` is 0.
        features: values of the model's own feature that level `l` reads besides, 0 for none.
        hidden: outputs of the convolution of level `l`.
        stencils: neighbours the convolution of level `l` sees, 27 (cube) or 7 (cell and faces); never growing.
        deformation: whether the last level predicts three deformation values beside the TSDF.
        keep: children with |TSDF| below keep / 256 stay active (TSDF in units of two steps of their level).
    """

    resolution: int
    channels: tuple[int, ...]
    features: tuple[int, ...]
    hidden: tuple[int, ...]
    stencils: tuple[int, ...]
    deformation: bool = False
    keep: int = 166

    def __post_init__(self) -> None:
        levels = self.levels
        if self.resolution not in RESOLUTIONS:
            raise ValueError(f"resolution {self.resolution} is none of {RESOLUTIONS}")
        if not all(len(x) == levels for x in (self.channels, self.features, self.hidden, self.stencils)):
            raise ValueError(f"a decoder of resolution {self.resolution} has {levels} levels")
        if (
            self.channels[0]
            or not self.features[0]
            or min(self.hidden) < 1
            or set(self.stencils) - set(STENCILS)
            or any(a < b for a, b in zip(self.stencils, self.stencils[1:], strict=False))
        ):
            raise ValueError("impossible decoder configuration")
        if any(f and r > 16 for f, r in zip(self.features, self.lattices, strict=True)):
            raise ValueError("features are coded on lattices of up to 16 a side")
        if max(*self.channels, *self.features, *self.hidden) > 256 or not 0 < self.keep <= 256:
            raise ValueError("decoder configuration out of bounds")
        if any(max(self.values_and_work(level)[0]) > MOST_VALUES for level in range(levels)):
            raise ValueError("a decoder with more channels than memory allows")
        if any(self.values_and_work(level)[1] > MOST_WORK for level in range(levels)):
            raise ValueError("a decoder with more channels than anyone can wait for")

    @property
    def levels(self) -> int:
        """Number of levels, each doubling the resolution."""
        return (self.resolution // BASE).bit_length() - 1

    @property
    def lattices(self) -> tuple[int, ...]:
        """Edge of the lattice that level `l` reads."""
        return tuple(BASE << level for level in range(self.levels))

    def inputs(self, level: int) -> int:
        """Values a cell brings into the convolution of `level`."""
        return self.channels[level] + self.features[level]

    def heads(self, level: int) -> int:
        """Values of the field that `level` predicts for each child: none, the TSDF, or the TSDF and deformation."""
        if level == self.levels - 1:
            return 4 if self.deformation else 1
        return int(self.lattices[level] >= DENSE)

    def outputs(self, level: int) -> int:
        """Values each child gets from `level`: field values first, then what it carries on."""
        carried = self.channels[level + 1] if level + 1 < self.levels else 0
        return self.heads(level) + carried

    def values_and_work(self, level: int) -> tuple[tuple[int, int, int], int]:
        """Values of the inputs, hidden and output activations of a level that is full, and its multiplications."""
        edge, hidden, outputs = self.lattices[level], self.hidden[level], 8 * self.outputs(level)
        cells = min(edge**3, MOST_CELLS * edge**2)
        work = cells * hidden * (self.stencils[level] * self.inputs(level) + outputs)
        return (cells * self.inputs(level), cells * hidden, cells * outputs), work

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weight tensors in coding order: a level's convolution, bias, expansion, bias.

        A convolution is (stencil, inputs, hidden), an expansion (hidden, 8 * outputs).
        """
        shapes: list[tuple[int, ...]] = []
        for level in range(self.levels):
            hidden, out = self.hidden[level], 8 * self.outputs(level)
            shapes += [(self.stencils[level], self.inputs(level), hidden), (hidden,), (hidden, out), (out,)]
        return shapes

    def feature_shapes(self) -> list[tuple[int, int]]:
        """Shapes (edge, channels) of one model's features, coarse to fine, levels without features left out."""
        return [(r, f) for r, f in zip(self.lattices, self.features, strict=True) if f]
