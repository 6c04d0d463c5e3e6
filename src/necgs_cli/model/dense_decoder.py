"""The paper's auto-decoder (section 3.2): a model's 4^3 feature to its dense TSDF and deformation, in torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.model.fixed_quantiser import dequantise, quantise, to_integers

BRICK = 4
"""Edge of the bricks of a decoded field."""


class DenseDecoder(nn.Module):
    """Blocks of a 3^3 convolution, GELU and 3D pixel shuffle by 2; a last 3^3 convolution to TSDF and deformation.

    Weights are seen by the forward pass as they are stored, rounded to 8 bits over [-1, 1], so that training knows
    of the rounding and a decoder made `from_integers` computes the very same.
    """

    def __init__(self, config: DenseConfig, seed: int = 0) -> None:
        """Random weights, uniform in +-1 / sqrt(fan-in); zero biases.

        Args:
            config: shape of the decoder.
            seed: of the weights.
        """
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)
        shapes = config.weight_shapes()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for kernel, bias in zip(shapes[::2], shapes[1::2], strict=True):
            bound = math.prod(kernel[1:]) ** -0.5
            weight = bound * (2 * torch.rand(kernel, generator=generator) - 1)
            # Convolutions are up to three times faster with the channels last.
            self.weights.append(nn.Parameter(weight.to(memory_format=torch.channels_last_3d)))
            self.biases.append(nn.Parameter(torch.zeros(bias)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Decode a batch.

        Args:
            features: (b, c, 4, 4, 4) float32, already quantised.
        Returns:
            (b, 4, K, K, K) volumes in [-1, 1]: TSDF, then deformation.
        """
        x = features.contiguous(memory_format=torch.channels_last_3d)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = shuffle(F.gelu(F.conv3d(x, quantise(weight), quantise(bias), padding=1)))
        x = F.conv3d(x, quantise(self.weights[-1]), quantise(self.biases[-1]), padding=1)
        return torch.tanh(x.float())  # also where autocast made the convolution's output bfloat16

    @torch.no_grad()
    def clamp_parameters(self) -> None:
        """Bring weights back into the quantiser's range after a step."""
        for parameter in self.parameters():
            parameter.clamp_(-1, 1)

    def quantised_integers(self) -> list[np.ndarray]:
        """The stored weights: int8 arrays in the order and shapes of `DenseConfig.weight_shapes`."""
        pairs = zip(self.weights, self.biases, strict=True)
        return [to_integers(tensor) for pair in pairs for tensor in pair]

    @classmethod
    def from_integers(cls, config: DenseConfig, integers: Sequence[np.ndarray]) -> DenseDecoder:
        """The decoder of stored weights, frozen; computes what the trained one computed.

        Raises:
            ValueError: the arrays do not have the shapes of `config`.
        """
        if [array.shape for array in integers] != config.weight_shapes():
            raise ValueError("decoder weights do not fit the decoder's configuration")
        decoder = cls(config)
        for parameters, arrays in ((decoder.weights, integers[::2]), (decoder.biases, integers[1::2])):
            for parameter, array in zip(parameters, arrays, strict=True):
                parameter.data.copy_(dequantise(array))
        return decoder.requires_grad_(False).eval()

    @torch.no_grad()
    def decode(self, feature: np.ndarray) -> SparseField:
        """The field of one model, in float32 on every device.

        Args:
            feature: int8 (c, 4, 4, 4), the stored integers.
        """
        with without_tf32():
            volume = self(dequantise(feature)[None].to(self.biases[0].device))
        return to_sparse_field(volume[0].float().cpu())


@contextmanager
def without_tf32() -> Iterator[None]:
    """Convolutions keep all bits of float32 on CUDA too, where PyTorch rounds what they multiply to TF32 by default."""
    if not torch.cuda.is_available():
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def shuffle(x: torch.Tensor) -> torch.Tensor:
    """3D pixel shuffle by 2: (b, 8c, d, h, w), child by child, to (b, c, 2d, 2h, 2w), channels last in memory."""
    batch, channels, *size = x.shape
    children = x.permute(0, 2, 3, 4, 1).reshape(batch, *size, 2, 2, 2, channels // 8)
    doubled = children.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(batch, *(2 * n for n in size), channels // 8)
    return doubled.permute(0, 4, 1, 2, 3)


def to_sparse_field(volume: torch.Tensor) -> SparseField:
    """Keep the bricks that marching cubes needs: those with a change of sign inside or one sample beside them.

    Args:
        volume: (4, K, K, K) float32 on the CPU: TSDF, then deformation.
    """
    resolution = volume.shape[-1]
    tsdf = volume[0]
    inside = F.pad((tsdf < 0).float(), (1,) * 6)[None]  # beyond the border is outside
    some = F.max_pool3d(inside, BRICK + 2, stride=BRICK)[0] > 0
    every = F.max_pool3d(1 - inside, BRICK + 2, stride=BRICK)[0] == 0
    kept = (some & ~every).numpy()

    grid = resolution // BRICK
    bricks = volume.reshape(4, grid, BRICK, grid, BRICK, grid, BRICK).permute(1, 3, 5, 2, 4, 6, 0).numpy()[kept]
    brick_map = np.where(tsdf[::BRICK, ::BRICK, ::BRICK].numpy() < 0, INSIDE, OUTSIDE).astype(np.int32)
    brick_map[kept] = np.arange(len(bricks), dtype=np.int32)
    return SparseField(
        resolution=resolution,
        brick_map=brick_map,
        tsdf=np.ascontiguousarray(bricks[..., 0]),
        deformation=np.ascontiguousarray(bricks[..., 1:]),
    )
