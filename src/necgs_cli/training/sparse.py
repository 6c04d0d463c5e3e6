"""Joint training of the sparse decoder and the features of a set (the paper, section 3.2, with every bit counted).

loss = sum over levels of weight * mean |TSDF error| near the surface + lambda * bytes a model
The bytes are those of weights (shared over the set) and features under the entropy models that code them.
Children that the decoder drops wrongly are lost when decoding, so training keeps the union of predicted and true
cells first and the predicted ones alone at the end.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from necgs_cli.bitstream.laplace import SCALES, scale_mean
from necgs_cli.model.config import DecoderConfig
from necgs_cli.model.payload import DecoderPayload, FeatureTables, encode_features, step_code, step_of
from necgs_cli.model.sparse_decoder import Prediction, SparseDecoder
from necgs_cli.training.targets import TargetLevel


@dataclass(frozen=True)
class SparseSchedule:
    """How the sparse decoder is trained; fractions are of the whole training.

    Attributes:
        rate_weight: lambda, loss for 100 bytes a model.
        batch: models a step.
        learning_rate: of the weights, at the top of the warm-up and cosine.
        feature_rate: learning rate of the features as a multiple of that.
        rate_ramp: until here lambda grows linearly from 0.
        union_until: until here true cells stay active too.
        noise_until: until here noise stands in for rounding.
        level_weights: loss weights, finest level last; coarser levels before it.
    """

    rate_weight: float = 2e-3
    batch: int = 4
    learning_rate: float = 3e-3
    feature_rate: float = 3.0
    rate_ramp: float = 0.3
    union_until: float = 0.6
    noise_until: float = 0.75
    warm_up_steps: int = 50
    level_weights: tuple[float, ...] = (2.0, 0.7, 0.5, 0.3)

    @classmethod
    def for_append(cls, rate_weight: float) -> SparseSchedule:
        """A short schedule that fits features to a decoder that stays as it is."""
        return cls(
            rate_weight=rate_weight,
            learning_rate=2e-2,
            feature_rate=1.0,
            rate_ramp=0.2,
            union_until=0.3,
            noise_until=0.6,
            warm_up_steps=5,
        )


TABLE_STEP = math.log(scale_mean(1) / scale_mean(0))
"""Natural logarithm of the ratio of two neighbouring Laplace tables."""

PART = 2
"""Models of a batch that are worked on together by one thread; on a GPU all are, for its work is parallel as it is."""


class _Fields:
    """Targets of one part of a batch, looked up once a level."""

    def __init__(self, targets: dict[int, TargetLevel], models: Tensor, keep: float):
        self.targets, self.models, self.keep = targets, models, keep
        self.found: dict[int, tuple[Tensor, Tensor | None]] = {}

    def of(self, prediction: Prediction) -> tuple[Tensor, Tensor | None]:
        if prediction.resolution not in self.found:
            level = self.targets[prediction.resolution]
            self.found[prediction.resolution] = level.lookup(self.models, prediction.parents)
        return self.found[prediction.resolution]

    def union(self, prediction: Prediction, own: Tensor) -> Tensor:
        """Children that the decoder or the truth keeps; the truth alone while the decoder still keeps everything."""
        truth = self.of(prediction)[0].abs() < self.keep
        both = own | truth
        return truth if both.sum() > 3 * truth.sum() else both


class SparseObjective:
    """One decoder and the features of a set, trained by `step`."""

    def __init__(
        self,
        config: DecoderConfig,
        levels: list[TargetLevel],
        models: int,
        schedule: SparseSchedule,
        seed: int = 0,
        device: str = "cpu",
        workers: int = 1,
        frozen: DecoderPayload | None = None,
    ):
        """Random weights and features, or features alone for a decoder that is there.

        Args:
            config: of the decoder.
            levels: targets of every predicted resolution, coarse to fine.
            models: number of models.
            schedule: how to train.
            seed: of everything random.
            device: torch device.
            workers: threads; the result does not depend on them.
            frozen: a stored decoder that stays as it is: only features are trained (the paper, section 3.2).
        """
        self.config, self.models, self.schedule, self.device = config, models, schedule, device
        self.targets = {level.resolution: level for level in levels}
        self.frozen = frozen
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder = SparseDecoder(config, models).to(device)
        self.stored_weights: tuple[list[Tensor], Tensor] | None = None
        if frozen:
            load_stored(self.decoder, frozen)
            with torch.no_grad():
                self.stored_weights = self.decoder.weights()
        self.generator = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.queue: list[int] = []
        self.steps = 0
        self.optimiser = self._optimiser()
        self.pool = ThreadPoolExecutor(workers)

    def _optimiser(self) -> torch.optim.Optimizer:
        decoder, rate = self.decoder, self.schedule.learning_rate
        values = [f.values for f in decoder.features]
        weights = [decoder.weights.values]
        others = {id(p) for p in values + weights}
        scales = [p for p in decoder.parameters() if id(p) not in others]
        groups = [{"params": values, "lr": rate * self.schedule.feature_rate}]
        groups += (
            []
            if self.frozen
            else [
                {"params": weights, "lr": rate},
                {"params": scales, "lr": rate},
            ]
        )
        for group in groups:
            group["base"] = group["lr"]
        return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)

    def _batch(self) -> Tensor:
        if len(self.queue) < min(self.schedule.batch, self.models):
            self.queue += torch.randperm(self.models, generator=self.generator).tolist()
        size = min(self.schedule.batch, self.models)
        batch, self.queue = self.queue[:size], self.queue[size:]
        return torch.tensor(batch, device=self.device)

    def step(self, fraction: float) -> dict[str, float]:
        """One optimisation step at schedule position `fraction` in [0, 1); returns its figures."""
        plan = self.schedule
        warm = min(1.0, (self.steps + 1) / plan.warm_up_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction)))
        noise = self.noise if fraction < plan.noise_until else None
        models = self._batch()
        weights, weight_bits = self.stored_weights or self.decoder.weights(noise)
        features, feature_bits = self.decoder.draw_features(models, noise)
        bytes_per_model = (weight_bits / self.models + feature_bits.sum(0).mean()) / 8
        ramp = plan.rate_weight * min(1.0, fraction / plan.rate_ramp)
        distortion, gradients = self._distortion(models, weights, features, fraction < plan.union_until)
        self.optimiser.zero_grad(set_to_none=True)
        ends = [(ramp * bytes_per_model / 100, torch.ones((), device=self.device))]
        learnt = features if self.frozen else [*weights, *features]
        ends += list(zip(learnt, gradients, strict=True))
        torch.autograd.backward(*zip(*ends, strict=True))
        if not self.frozen:
            torch.nn.utils.clip_grad_norm_([self.decoder.weights.values], 1.0)
        self.optimiser.step()
        self.steps += 1
        return {
            "loss": distortion + ramp * bytes_per_model.item() / 100,
            "bytes_per_model": bytes_per_model.item(),
            "decoder_bytes": weight_bits.item() / 8,
            "feature_bytes": feature_bits.sum(0).mean().item() / 8,
        }

    def _distortion(self, models: Tensor, weights: list[Tensor], features: list[Tensor], union: bool):
        """Mean distortion of a batch and its gradients by weights and features.

        The batch is worked on in fixed parts, side by side on threads: each has its own graph, and sums are taken in
        the order of the parts, so that the result does not depend on the number of threads.
        """

        def work(part: slice) -> tuple[float, list[Tensor]]:
            inputs = [*weights, *(f[part] for f in features)]
            leaves = [t.detach().requires_grad_(t.requires_grad) for t in inputs]
            fields = _Fields(self.targets, models[part], self.config.keep / 256)
            predictions = self.decoder.predict(
                leaves[: len(weights)], leaves[len(weights) :], fields.union if union else None
            )
            share = len(models[part]) / len(models)
            loss = share * sum(self._level_loss(fields, p, i) for i, p in enumerate(reversed(predictions)))
            return loss.item(), list(torch.autograd.grad(loss, [t for t in leaves if t.requires_grad]))

        size = PART if models.device.type == "cpu" else len(models)
        parts = [slice(start, start + size) for start in range(0, len(models), size)]
        results = list(self.pool.map(work, parts))
        count = 0 if self.frozen else len(weights)
        of_weights = [torch.stack(g).sum(0) for g in zip(*(r[1][:count] for r in results), strict=True)]
        of_features = [torch.cat(g) for g in zip(*(r[1][count:] for r in results), strict=True)]
        return sum(r[0] for r in results), of_weights + of_features

    def start_from(self, candidates: list[list[np.ndarray]]) -> None:
        """Starts each model at the stored feature that suits it best, which saves most of the fit.

        Args:
            candidates: real-valued feature lattices of other models (`DecoderPayload.real_features`).
        """
        with torch.no_grad():
            weights, _ = self.stored_weights or self.decoder.weights()
            features = [[torch.from_numpy(f).to(self.device) for f in candidate] for candidate in candidates]
            for model in range(self.models):
                one = torch.tensor([model], device=self.device)

                def distortion(candidate: list[Tensor], one: Tensor = one) -> float:
                    fields = _Fields(self.targets, one, self.config.keep / 256)
                    said = self.decoder.predict(weights, [f[None] for f in candidate], fields.union)
                    return float(sum(self._level_loss(fields, p, i) for i, p in enumerate(reversed(said))))

                best = min(features, key=distortion)
                for lattice, values in zip(self.decoder.features, best, strict=True):
                    lattice.values[model] = values

    def _level_loss(self, fields: _Fields, prediction: Prediction, from_finest: int) -> Tensor:
        truth, moves = fields.of(prediction)
        said = prediction.values[:, :, 0]
        with torch.no_grad():
            near = (truth.abs() < 1) | (said.abs() < 1)
            weight = near * (1 + 2 * (truth.abs() < 0.5).float())
            weight /= weight.sum().clamp_min(1)
        bounded = said.clamp(-1.2, 1.2)
        loss = ((bounded - truth).abs() * weight).sum() + 0.1 * (said - bounded).abs().mean()
        if prediction.values.shape[2] == 4:
            crossing = (truth.abs() < 0.75).float()[:, :, None]
            error = (prediction.values[:, :, 1:] - moves).abs() * crossing
            loss = loss + 0.1 * error.sum() / (3 * crossing.sum().clamp_min(1))
        weights = self.schedule.level_weights
        return weights[min(from_finest, len(weights) - 1)] * loss

    def state_dict(self) -> dict:
        """Everything that a later `load_state_dict` needs to go on exactly."""
        return {
            "decoder": self.decoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "noise": self.noise.get_state(),
            "queue": list(self.queue),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict) -> None:
        """Takes up where `state_dict` left off."""
        self.decoder.load_state_dict(state["decoder"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())
        if len(state["noise"]) == len(self.noise.get_state()):
            self.noise.set_state(state["noise"].cpu())
        # Otherwise it comes from another kind of device, whose noise cannot go on here: it begins again.
        self.queue, self.steps = list(state["queue"]), state["steps"]

    def payload(self) -> DecoderPayload:
        """The decoder as integers, as it will be read from a file."""
        if self.frozen:
            return self.frozen
        decoder = self.decoder
        with torch.no_grad():
            steps = [step_code(float(s)) for s in decoder.weights.log_step.exp()]
            tables = []
            for lattice in decoder.features:
                base = torch.log(lattice.log_scale.exp() / scale_mean(0)) / TABLE_STEP
                tables.append(
                    FeatureTables(
                        tuple(step_code(float(s)) for s in lattice.log_step.exp()),
                        base.round().clamp(0, SCALES - 1).long().cpu().numpy(),
                        (lattice.context_scale / TABLE_STEP).round().clamp(-SCALES, SCALES).long().cpu().numpy(),
                    )
                )
            weights = [w.cpu().numpy() for w in decoder.weights.integers()]
        return DecoderPayload(self.config, weights, tuple(steps), tables, self.schedule.rate_weight)

    def feature_integers(self, model: int) -> list[np.ndarray]:
        """The integers of one model's feature lattices."""
        with torch.no_grad():
            return [lattice.integers(model).cpu().numpy() for lattice in self.decoder.features]

    def export(self) -> tuple[bytes, list[bytes]]:
        """The set section, and the payload of every model's record."""
        payload = self.payload()
        return payload.to_bytes(), [encode_features(payload, self.feature_integers(i)) for i in range(self.models)]


def load_stored(decoder: SparseDecoder, stored: DecoderPayload) -> None:
    """Sets a decoder's weights, steps and tables to stored ones and freezes them; features stay free."""
    for parameter in decoder.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        flat = np.concatenate([w.ravel() for w in stored.real_weights()])
        decoder.weights.values.copy_(torch.from_numpy(flat))
        decoder.weights.log_step.copy_(torch.tensor([math.log(step_of(code)) for code in stored.steps]))
        for lattice, table in zip(decoder.features, stored.tables, strict=True):
            lattice.log_step.copy_(torch.tensor([math.log(step_of(code)) for code in table.steps]))
            lattice.log_scale.copy_(torch.from_numpy(table.base) * TABLE_STEP + math.log(scale_mean(0)))
            lattice.context_scale.copy_(torch.from_numpy(table.delta) * TABLE_STEP)
            lattice.values.zero_().requires_grad_()
