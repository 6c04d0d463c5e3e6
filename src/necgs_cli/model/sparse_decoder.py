"""The sparse, quantisation-aware auto-decoder, as it is trained (the paper, section 3.2, made sparse).

From a small feature per model the decoder predicts the TSDF coarse to fine. Every level gathers the neighbours of
its active cells, applies one matrix product, a GELU and an expansion to 8 children; children that may hold the
surface stay active. Cost therefore grows with the surface (K^2). Weights and features are integers times a learned
step; noise stands in for rounding while training (Balle et al. 2017), straight-through rounding ends it.
`model.numpy_decoder` is the same network on decoded integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from necgs_cli.model import cells, contexts
from necgs_cli.model.config import BASE, DecoderConfig

CHUNK, GPU_CHUNK = 1024, 1 << 17
"""Cells gathered at once: on a CPU the gathered block stays in the cache, on a GPU few products keep it busy."""


class SparseConvolution(torch.autograd.Function):
    """y[i] = sum_k x[table[i, k]] @ weight[k], a row behind the last standing for zero.

    The table is symmetric (offset k of i is offset S-1-k of j), so the gradient is again a gather, never a scatter.
    """

    @staticmethod
    def forward(ctx, x: Tensor, table: Tensor, weight: Tensor) -> Tensor:
        """x (n, C), table (n, S) with n for "none", weight (S, C, O); returns (n, O)."""
        ctx.save_for_backward(x, table, weight)
        return _gather_product(x, table, weight.reshape(-1, weight.shape[2]))

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, table, weight = ctx.saved_tensors
        stencil, inputs, outputs = weight.shape
        grad = grad.contiguous()
        flipped = weight.flip(0).transpose(1, 2).reshape(stencil * outputs, inputs)
        of_weight = _gather_outer(x, table, grad).view_as(weight) if ctx.needs_input_grad[2] else None
        return _gather_product(grad, table, flipped), None, of_weight


def _gathered(x: Tensor, table: Tensor):
    """Yields (first row, rows in the block, gathered block (rows, S * C)): blocks reuse one buffer, fresh pages cost
    more than the gather itself."""
    x = torch.cat([x, x.new_zeros(1, x.shape[1])])
    stencil = table.shape[1]
    chunk = CHUNK if x.device.type == "cpu" else GPU_CHUNK
    buffer = x.new_empty(min(chunk, len(table)) * stencil, x.shape[1])
    for start in range(0, len(table), chunk):
        rows = table[start : start + chunk].reshape(-1)
        block = buffer[: len(rows)]
        torch.index_select(x, 0, rows, out=block)
        yield start, len(rows) // stencil, block.view(len(rows) // stencil, -1)


def _gather_product(x: Tensor, table: Tensor, weight: Tensor) -> Tensor:
    out = x.new_empty(len(table), weight.shape[1])
    for start, count, block in _gathered(x, table):
        torch.mm(block, weight, out=out[start : start + count])
    return out


def _gather_outer(x: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    out = x.new_zeros(table.shape[1] * x.shape[1], grad.shape[1])
    for start, count, block in _gathered(x, table):
        out.addmm_(block.t(), grad[start : start + count])
    return out


def straight_through(x: Tensor) -> Tensor:
    """Rounds; the gradient passes unchanged."""
    return (x.round() - x).detach() + x


def quantised(x: Tensor, noise: torch.Generator | None) -> Tensor:
    """Uniform noise of one step added, the differentiable stand-in for rounding; rounded where `noise` is None."""
    if noise is None:
        return straight_through(x)
    return x + torch.rand(x.shape, generator=noise, device=x.device) - 0.5


def laplace_bits(values: Tensor, scale: Tensor) -> Tensor:
    """Bits of values under a Laplace density of mean magnitude `scale`, integrated over one step; any shape."""
    size = values.abs()
    tail = (size - 0.5) / scale + math.log(2) - torch.log(-torch.expm1(-1 / scale))
    inner = size.clamp(max=0.5)
    centre = 1 - 0.5 * (torch.exp((inner - 0.5) / scale) + torch.exp((-inner - 0.5) / scale))
    return torch.where(size < 0.5, -torch.log(centre.clamp_min(1e-9)), tail) / math.log(2)


class QuantisedWeights(nn.Module):
    """All weight tensors of a decoder as integers times one learned step a tensor.

    They live in one flat parameter, so that a training step needs a few large operations instead of many small ones.
    """

    def __init__(self, shapes: list[tuple[int, ...]]):
        super().__init__()
        self.shapes = shapes
        self.sizes = [math.prod(shape) for shape in shapes]
        values, steps, tensor, channel, channels = [], [], [], [], 0
        deviation = 1.0
        for i, (shape, size) in enumerate(zip(shapes, self.sizes, strict=True)):
            if len(shape) > 1:
                deviation = 1 / math.sqrt(math.prod(shape[:-1]))
            values.append(torch.randn(size) * deviation if len(shape) > 1 else torch.zeros(size))
            steps.append(math.log(deviation / 6))
            tensor.append(torch.full((size,), i))
            outputs = shape[-1] if len(shape) > 1 else 1  # a bias is one group, else its scale would be its own size
            channel.append(channels + torch.arange(size) % outputs)
            channels += outputs
        self.values = nn.Parameter(torch.cat(values))
        self.log_step = nn.Parameter(torch.tensor(steps))
        self.register_buffer("tensor", torch.cat(tensor), persistent=False)
        self.register_buffer("channel", torch.cat(channel), persistent=False)
        self.register_buffer("members", torch.bincount(self.channel).float(), persistent=False)

    def forward(self, noise: torch.Generator | None = None) -> tuple[list[Tensor], Tensor]:
        """The tensors to compute with, and the bits of all under one Laplace scale for each output channel."""
        step = self.log_step.exp().index_select(0, self.tensor)
        scaled = self.values / step
        coded = quantised(scaled, noise)
        mean = torch.zeros_like(self.members).index_add(0, self.channel, coded.abs()) / self.members
        bits = laplace_bits(coded, mean.clamp_min(0.03).index_select(0, self.channel)).sum()
        return self.shaped(coded * step), bits

    def shaped(self, flat: Tensor) -> list[Tensor]:
        """Views of a flat tensor in the shapes of the weights."""
        return [part.view(shape) for part, shape in zip(flat.split(self.sizes), self.shapes, strict=True)]

    def integers(self) -> list[Tensor]:
        """The integers that are coded, int64, one tensor each."""
        return self.shaped((self.values / self.log_step.exp()[self.tensor]).round().long())


class FeatureLattice(nn.Module):
    """One level's features of all models: integers times a learned step per channel, with the coder's contexts."""

    def __init__(self, models: int, edge: int, channels: int, deviation: float):
        super().__init__()
        self.edge = edge
        self.values = nn.Parameter(torch.randn(models, channels, edge, edge, edge) * deviation)
        self.log_step = nn.Parameter(torch.full((channels,), -1.5))
        self.log_scale = nn.Parameter(torch.full((channels,), 1.0 if deviation else -0.5))
        self.context_scale = nn.Parameter(torch.zeros(contexts.CONTEXTS))
        self.register_buffer("odd", torch.from_numpy(contexts.parity(edge)).float(), persistent=False)

    def steps(self) -> Tensor:
        return self.log_step.exp()[:, None, None, None]

    def forward(
        self, models: Tensor, coarser: Tensor | None, noise: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Values (B, channels, r, r, r), bits (B,) and the rounded integers, for the models of a batch."""
        step = self.steps()
        scaled = self.values[models] / step
        coded = quantised(scaled, noise)
        with torch.no_grad():
            integers = scaled.round()
            above = contexts.above_bin(coarser, self.edge)
            where = contexts.context(integers.abs(), self.odd, above if coarser is None else above[:, None]).long()
        scale = (self.log_scale[:, None, None, None] + self.context_scale[where]).clamp(-4.5, 6).exp()
        return coded * step, laplace_bits(coded, scale).sum((1, 2, 3, 4)), integers

    def integers(self, model: int) -> Tensor:
        return (self.values[model] / self.steps()).round().long()


@dataclass
class Prediction:
    """What one level says of its children.

    Attributes:
        resolution: of the children.
        parents: (n, 4) int64, place in the batch and cell of every parent.
        values: (n, 8, heads): TSDF first, then deformation where the level predicts it.
    """

    resolution: int
    parents: Tensor
    values: Tensor


class SparseDecoder(nn.Module):
    """Decoder weights and the features of `models` models."""

    def __init__(self, config: DecoderConfig, models: int):
        super().__init__()
        self.config = config
        self.weights = QuantisedWeights(config.weight_shapes())
        self.features = nn.ModuleList(
            FeatureLattice(models, edge, channels, 0.5 if edge == BASE else 0.0)
            for edge, channels in config.feature_shapes()
        )
        self.register_buffer("octants", torch.from_numpy(cells.octants()), persistent=False)

    def draw_features(self, models: Tensor, noise: torch.Generator | None = None) -> tuple[list[Tensor], Tensor]:
        """Feature lattices of a batch, (B, channels, r, r, r) coarse to fine, and bits (lattices, B)."""
        values, bits, coarser = [], [], None
        for lattice in self.features:
            value, bit, integers = lattice(models, coarser, noise)
            values.append(value)
            bits.append(bit)
            coarser = integers
        return values, torch.stack(bits)

    def predict(self, weights: list[Tensor], features: list[Tensor], keep=None) -> list[Prediction]:
        """Runs the decoder on a batch.

        Args:
            weights, features: drawn from `self.weights` and by `draw_features`.
            keep: optional function (prediction, own choice (n, 8) bool) -> (n, 8) bool that may change which
                children stay active while training.
        Returns:
            The predictions of all levels that have heads, coarse to fine.
        """
        config, batch = self.config, len(features[0])
        index, table = self._base(batch, features[0].device)
        carried, predictions, pending = None, [], list(features)
        for level, edge in enumerate(config.lattices):
            parts = [] if carried is None else [carried]
            if config.features[level]:
                lattice = pending.pop(0).flatten(2).transpose(1, 2).reshape(batch * edge**3, -1)
                rows = ((index[:, 0] * edge + index[:, 1]) * edge + index[:, 2]) * edge + index[:, 3]
                parts.append(lattice.index_select(0, rows))
            conv, bias, expand, out_bias = weights[4 * level : 4 * level + 4]
            x = SparseConvolution.apply(torch.cat(parts, 1), table, conv)
            x = torch.addmm(out_bias, functional.gelu(x + bias, approximate="tanh"), expand)
            heads = config.heads(level)
            said, carried = x.view(len(index), 8, -1).split([heads, config.outputs(level) - heads], 2)
            if heads:
                predictions.append(Prediction(2 * edge, index, said))
            if level + 1 == config.levels:
                return predictions
            with torch.no_grad():
                kept = torch.ones(len(index), 8, dtype=torch.bool, device=index.device)
                if heads:
                    kept = said[:, :, 0].abs() < config.keep / 256
                    kept = kept if keep is None else keep(predictions[-1], kept)
                index, table, chosen = self._descend(index, table, kept, config.stencils[level + 1])
            carried = functional.gelu(carried.reshape(len(kept) * 8, -1).index_select(0, chosen), approximate="tanh")
        raise AssertionError("a decoder has at least one level")

    def _base(self, batch: int, device) -> tuple[Tensor, Tensor]:
        grid = torch.from_numpy(cells.lattice_coordinates(BASE)).to(device)
        models = torch.arange(batch, device=device).repeat_interleave(len(grid))[:, None]
        index = torch.cat([models, grid.repeat(batch, 1)], 1)
        one = torch.from_numpy(cells.dense_neighbours(BASE, self.config.stencils[0])).to(device).repeat(batch, 1)
        return index, torch.where(one == len(grid), batch * len(grid), one + models * len(grid))

    def _descend(self, index: Tensor, table: Tensor, kept: Tensor, stencil: int) -> tuple[Tensor, Tensor, Tensor]:
        """Index, neighbour table and place among all children of the kept ones."""
        chosen = kept.view(-1).nonzero()[:, 0]
        rows = torch.full((8 * len(kept) + 8,), len(chosen), device=table.device)
        rows[chosen] = torch.arange(len(chosen), device=table.device)
        parent, octant = chosen >> 3, chosen & 7
        lookup = [torch.from_numpy(x).to(table.device) for x in cells.child_lookup(table.shape[1], stencil)]
        below = index.index_select(0, parent)
        below[:, 1:] = below[:, 1:] * 2 + self.octants.index_select(0, octant)
        return below, cells.child_neighbours(table, rows, parent, octant, lookup), chosen
