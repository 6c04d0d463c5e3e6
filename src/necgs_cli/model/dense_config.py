"""What the paper's dense decoder looks like: everything a reader must know before it sees a weight (no torch)."""

from __future__ import annotations

from dataclasses import dataclass

BASE = 4
"""Edge of the feature lattice (the paper, section 3.2)."""

RESOLUTIONS = (32, 64, 128, 256)
OUTPUTS = 4
"""Channels of the decoded volume: the TSDF, then the three components of the deformation."""

MAX_CHANNELS = 64
MAX_VALUES = 1 << 27
"""Most values of one activation, which bounds the memory that a file can ask for (about 1.5 GB in all)."""

BLOCK_CHANNELS = (64, 48, 32, 24, 16, 8)
"""Channels after each block. The paper gives the first five, for K = 128; a block of 8 continues them to K = 256."""


@dataclass(frozen=True)
class DenseConfig:
    """Shape of the dense decoder: a feature of 4^3 cells, then blocks that double the resolution.

    Attributes:
        resolution: K, the lattice of the decoded volume.
        features: channels of a model's feature.
        channels: channels after each block, one block for every doubling from 4 to K.
    """

    resolution: int = 128
    features: int = 16
    channels: tuple[int, ...] = BLOCK_CHANNELS[:5]

    def __post_init__(self) -> None:
        if self.resolution not in RESOLUTIONS:
            raise ValueError(f"resolution {self.resolution} is none of {RESOLUTIONS}")
        blocks = (self.resolution // BASE).bit_length() - 1
        if len(self.channels) != blocks:
            raise ValueError(f"a dense decoder of resolution {self.resolution} has {blocks} blocks")
        if not all(1 <= channels <= MAX_CHANNELS for channels in (self.features, *self.channels)):
            raise ValueError(f"a dense decoder has 1 to {MAX_CHANNELS} channels")
        if max(c * (2 * BASE << block) ** 3 for block, c in enumerate(self.channels)) > MAX_VALUES:
            raise ValueError("a dense decoder with more channels than memory allows")

    @classmethod
    def of(cls, resolution: int) -> DenseConfig:
        """The paper's decoder at a resolution: the last blocks are dropped below 128, one is added for 256."""
        return cls(resolution, channels=BLOCK_CHANNELS[: (resolution // BASE).bit_length() - 1])

    @property
    def feature_shape(self) -> tuple[int, int, int, int]:
        """Shape of one model's feature, (channels, 4, 4, 4)."""
        return (self.features, BASE, BASE, BASE)

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Shapes in coding order: (out, in, 3, 3, 3) and (out,) of every block's convolution, then of the head's.

        A block's outputs are its 8 children's, child by child, as pixel shuffle reads them.
        """
        shapes: list[tuple[int, ...]] = []
        inputs = self.features
        for outputs in (*(8 * channels for channels in self.channels), OUTPUTS):
            shapes += [(outputs, inputs, 3, 3, 3), (outputs,)]
            inputs = outputs // 8
        return shapes
