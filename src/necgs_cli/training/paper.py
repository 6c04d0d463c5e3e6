"""The paper's own training (section 3.2): one dense decoder and a feature a model, jointly, on the TSDF-Def tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from necgs_cli.field.sparse_field import SparseField
from necgs_cli.model.dense_config import OUTPUTS, DenseConfig
from necgs_cli.model.dense_decoder import DenseDecoder
from necgs_cli.model.dense_payload import pack_decoder, pack_feature
from necgs_cli.model.fixed_quantiser import dequantise, quantise, to_integers
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.ssim import ssim3d

CPU_MEMORY = 3e9
"""Bytes that the activations of one step may take on a CPU; a batch beyond is passed through in parts."""


@dataclass(frozen=True)
class PaperOptions:
    """The paper's training configuration.

    Attributes:
        epochs: passes over the set where nothing else ends training.
        batch: models a step.
        learning_rate, final_rate: Adam's rate after warm-up and at the end.
        warm_up: share of training in which the rate grows linearly from zero.
        masked_weight: weight of the error near the surface, |TSDF| < 1.
        ssim_weight: weight of 1 - SSIM; 0 leaves the term out.
        bf16: run convolutions in bfloat16 (CUDA only); weights, losses and Adam stay float32.
    """

    epochs: int = 400
    batch: int = 4
    learning_rate: float = 1e-3
    final_rate: float = 1e-5
    warm_up: float = 0.2
    masked_weight: float = 5.0
    ssim_weight: float = 10.0
    bf16: bool = False


class PaperObjective:
    """Decoder, features and their optimiser, stepped from outside."""

    def __init__(
        self,
        targets: Sequence[DenseTarget],
        resolution: int,
        options: PaperOptions | None = None,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        """Start from random weights and features.

        Args:
            targets: one a model.
            resolution: K of the targets.
            options: training configuration, the paper's where None.
            device: "cpu" or a CUDA device.
            seed: of weights, features and the order of models.
        """
        self.options = options or PaperOptions()
        self.device = torch.device(device)
        self.targets = [target.to(self.device) for target in targets]
        self.config = DenseConfig.of(resolution)
        self.decoder = DenseDecoder(self.config, seed).to(self.device)
        self._generator = torch.Generator().manual_seed(seed + 1)
        self.features = new_features(len(targets), self.config, self._generator).to(self.device).requires_grad_()
        self.optimiser = torch.optim.Adam([*self.decoder.parameters(), self.features])
        self._queue: list[int] = []
        self.steps_done = 0

    @property
    def total_steps(self) -> int:
        """Steps of the paper's schedule."""
        return self.options.epochs * math.ceil(len(self.targets) / self.options.batch)

    def step(self, fraction: float) -> dict[str, float]:
        """One step on one batch.

        Args:
            fraction: position in the schedule, 0 at the start of training, 1 at its end.
        Returns:
            The loss and its terms.
        """
        chosen = self._next_batch()
        set_rate(self.optimiser, fraction, self.options)
        self.optimiser.zero_grad(set_to_none=True)
        figures: dict[str, torch.Tensor] = {}
        for part in split_batch(chosen, self.config, self.device):
            terms = loss_terms(self.decoder, self.draw_features(part), [self.targets[i] for i in part], self.options)
            share = len(part) / len(chosen)
            (terms["loss"] * share).backward()
            for name, value in terms.items():
                figures[name] = figures.get(name, torch.zeros_like(value)) + share * value.detach()
        self.optimiser.step()
        self.decoder.clamp_parameters()
        self.features.data.clamp_(-1, 1)
        self.steps_done += 1
        return numbers(figures)

    def draw_features(self, models: list[int]) -> torch.Tensor:
        """Quantised features of some models, (b, c, 4, 4, 4), with gradients to what they come from."""
        return quantise(self.features[models])

    def _next_batch(self) -> list[int]:
        """The next models of this epoch's random order; the last batch of an epoch may be smaller."""
        if not self._queue:
            self._queue = torch.randperm(len(self.targets), generator=self._generator).tolist()
        chosen, self._queue = self._queue[: self.options.batch], self._queue[self.options.batch :]
        return chosen

    def state_dict(self) -> dict:
        """Everything that a later `load_state_dict` needs to go on as if nothing had happened."""
        return {
            "decoder": self.decoder.state_dict(),
            "features": self.features.detach().clone(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self._generator.get_state(),
            "queue": list(self._queue),
            "steps_done": self.steps_done,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go back to a state of an objective of the same targets and options."""
        self.decoder.load_state_dict(state["decoder"])
        self.features.data.copy_(state["features"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"].cpu())
        self._queue = list(state["queue"])
        self.steps_done = state["steps_done"]

    def export(self) -> tuple[bytes, list[bytes]]:
        """What goes into the file: the decoder's payload and one feature payload a model."""
        decoder = pack_decoder(self.config, self.decoder.quantised_integers())
        return decoder, [pack_feature(self.config, feature) for feature in to_integers(self.features)]

    def decode(self, id: int) -> SparseField:
        """The field that a reader of the exported payloads gets."""
        stored = DenseDecoder.from_integers(self.config, self.decoder.quantised_integers())
        return stored.to(self.device).decode(to_integers(self.features[id]))


def fit_feature(
    decoder: DenseDecoder,
    target: DenseTarget,
    steps: int,
    *,
    start: np.ndarray | None = None,
    options: PaperOptions | None = None,
    rate: float = 1e-2,
    seed: int = 0,
    on_step: Callable[[int, dict[str, float]], bool] | None = None,
) -> np.ndarray:
    """A feature for a new model with the decoder frozen, as the paper appends (section 3.2).

    Args:
        decoder: from stored integers, on the device to work on.
        target: the new model's tensor, of the decoder's resolution.
        steps: Adam steps.
        start: int8 (c, 4, 4, 4) feature to start from, random where None.
        options: weights of the loss and shape of the schedule; its learning rate is scaled to `rate`.
        rate: learning rate after warm-up.
        seed: of a random start.
        on_step: called after every step with the number of steps done and the figures; stops where it returns True.

    Returns:
        int8 (c, 4, 4, 4), the best of all steps by the loss.
    """
    options = options or PaperOptions()
    device = decoder.biases[0].device
    target = target.to(device)
    if start is None:
        feature = new_features(1, decoder.config, torch.Generator().manual_seed(seed))
    else:
        feature = dequantise(start)[None]
    feature = feature.to(device).requires_grad_()
    optimiser = torch.optim.Adam([feature])
    best, least = to_integers(feature[0]), math.inf
    for index in range(steps):
        set_rate(optimiser, index / steps, options, rate / options.learning_rate)
        optimiser.zero_grad(set_to_none=True)
        terms = loss_terms(decoder, quantise(feature), [target], options)
        figures = numbers(terms)
        if figures["loss"] < least:
            best, least = to_integers(feature[0]), figures["loss"]
        terms["loss"].backward()
        optimiser.step()
        feature.data.clamp_(-1, 1)
        if on_step is not None and on_step(index + 1, figures):
            break
    return best


def new_features(models: int, config: DenseConfig, generator: torch.Generator) -> torch.Tensor:
    """Random features to start from, (models, c, 4, 4, 4), normal with a standard deviation of 0.3."""
    return (0.3 * torch.randn(models, *config.feature_shape, generator=generator)).clamp(-1, 1)


def loss_terms(
    decoder: DenseDecoder, features: torch.Tensor, targets: Sequence[DenseTarget], options: PaperOptions
) -> dict[str, torch.Tensor]:
    """The paper's loss of a batch: MAE + 5 x masked MAE + 10 x (1 - SSIM of the TSDF) + 10 x (1 - SSIM of the rest).

    Args:
        decoder: the decoder.
        features: (b, c, 4, 4, 4), quantised.
        targets: b targets on the decoder's device.
        options: the weights.
    Returns:
        Scalars: "loss" (with its gradient), "mae" over the volume, "masked_mae" over samples with |TSDF| < 1 of the
        target, and "ssim" of the TSDF where it is part of the loss.
    """
    wanted = torch.stack([target.volume() for target in targets])
    with torch.autocast(features.device.type, torch.bfloat16, enabled=options.bf16):
        decoded = decoder(features)
    # The decoder's channels lie last in memory, those of the targets first: what mixes them is slow.
    decoded = decoded.float().contiguous()
    error = (decoded - wanted).abs()
    near = (wanted[:, :1].abs() < 1).float()
    # A model at a time, so that a batch may be passed through in parts.
    masked = (error * near).sum((1, 2, 3, 4)) / (OUTPUTS * near.sum((1, 2, 3, 4))).clamp(min=1)
    terms = {"mae": error.mean(), "masked_mae": masked.mean()}
    loss = terms["mae"] + options.masked_weight * terms["masked_mae"]
    if options.ssim_weight:
        terms["ssim"] = ssim3d(decoded[:, :1], wanted[:, :1])
        deformation = ssim3d(decoded[:, 1:], wanted[:, 1:])
        loss = loss + options.ssim_weight * (2 - terms["ssim"] - deformation)
    return {"loss": loss, **{name: value.detach() for name, value in terms.items()}}


def numbers(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    """Scalar tensors as numbers, fetched together: a GPU is waited for once."""
    return dict(zip(terms, torch.stack([value.detach() for value in terms.values()]).tolist(), strict=True))


def set_rate(optimiser: torch.optim.Optimizer, fraction: float, options: PaperOptions, scale: float = 1.0) -> None:
    """The learning rate at a position of the schedule: linear warm-up, then half a cosine down to the final rate."""
    if fraction < options.warm_up:
        # Never zero: the first step counts too.
        rate = options.learning_rate * max(fraction / options.warm_up, 1e-3)
    else:
        position = min((fraction - options.warm_up) / (1 - options.warm_up), 1.0)
        fall = (1 + math.cos(math.pi * position)) / 2
        rate = options.final_rate + (options.learning_rate - options.final_rate) * fall
    for group in optimiser.param_groups:
        group["lr"] = scale * rate


def split_batch(chosen: list[int], config: DenseConfig, device: torch.device) -> list[list[int]]:
    """Parts of a batch that fit in memory one after another; gradients add up over them."""
    if device.type != "cpu":
        return [chosen]
    # Kept for the backward pass a sample of the finest block: its convolution's output, GELU's and the shuffled one;
    # and about 14 volumes of 4 channels in the loss.
    bytes_per_model = 4 * config.resolution**3 * (4 * config.channels[-1] + 14 * OUTPUTS)
    size = max(1, int(CPU_MEMORY // bytes_per_model))
    return [chosen[first : first + size] for first in range(0, len(chosen), size)]
