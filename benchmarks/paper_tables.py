"""The paper's own comparisons with its own configuration, small enough for a CPU. Prints Markdown tables.

    python benchmarks/paper_tables.py resolution FOLDER     Table 3: error, bytes and decode time for each K
    python benchmarks/paper_tables.py ssim FOLDER           Figs. 9b, 10: SSIM in the loss and not
    python benchmarks/paper_tables.py auto-encoder FOLDER   Fig. 9a: features optimised, or from a trained encoder
    python benchmarks/paper_tables.py times FOLDER          Table 1: seconds of every part

Models are taken evenly spaced from the folder. Errors are measured on what a reader decodes (100,000 samples, longest
side 2); CD stands beside its floor, the CD of a perfect copy.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from necgs_cli.bitstream.container import SetSection
from necgs_cli.decoding import DENSE, field_surface, open_decoder
from necgs_cli.field.fit import FieldFit
from necgs_cli.meshes.find import find_meshes
from necgs_cli.metrics.surface import Reference
from necgs_cli.model.dense_config import BASE
from necgs_cli.model.dense_decoder import to_sparse_field
from necgs_cli.model.fixed_quantiser import quantise
from necgs_cli.prepare import FieldTask, Input, Prepared, prepare
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.paper import PaperObjective, PaperOptions

ENCODER_CHANNELS = (16, 24, 32, 48, 64, 64)
"""Outputs of the auto-encoder's strided convolutions, finest first: the decoder's, mirrored."""


class AutoEncoderObjective(PaperObjective):
    """The same decoder and loss, but features come from a 3D convolutional encoder that is trained with the decoder."""

    def __init__(self, targets: Sequence[DenseTarget], resolution: int, options: PaperOptions, device: str, seed: int):
        super().__init__(targets, resolution, options, device, seed)
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        inputs = 4
        for outputs in ENCODER_CHANNELS[: (resolution // BASE).bit_length() - 1]:
            layers += [nn.Conv3d(inputs, outputs, 3, stride=2, padding=1), nn.GELU()]
            inputs = outputs
        self.encoder = nn.Sequential(*layers, nn.Conv3d(inputs, self.config.features, 3, padding=1), nn.Tanh())
        self.encoder.to(self.device)
        self.optimiser.add_param_group({"params": self.encoder.parameters()})

    def draw_features(self, models: list[int]) -> torch.Tensor:
        return quantise(self.encoder(torch.stack([self.targets[i].volume() for i in models])))

    def export(self) -> tuple[bytes, list[bytes]]:
        with torch.no_grad():
            for i in range(len(self.targets)):
                self.features[i] = self.draw_features([i])[0]
        return super().export()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--resolution", type=int, nargs="+", help="default: 32; for the table resolution 32 64")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the models (the paper: 400)")
    parser.add_argument("--minutes", type=float, help="train each configuration this long instead")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.resolution = arguments.resolution or ([32, 64] if arguments.table == "resolution" else [32])
    TABLES[arguments.table](arguments)


def table_resolution(arguments: argparse.Namespace) -> None:
    print_header("K")
    for resolution in arguments.resolution:
        models = prepare_models(arguments, resolution)
        report(str(resolution), arguments, models, new_objective(models, resolution, arguments))


def table_ssim(arguments: argparse.Namespace) -> None:
    print_header("loss")
    for resolution in arguments.resolution:
        models = prepare_models(arguments, resolution)
        for label, weight in (("with SSIM", PaperOptions().ssim_weight), ("without", 0.0)):
            options = PaperOptions(epochs=arguments.epochs, ssim_weight=weight)
            objective = new_objective(models, resolution, arguments, options=options)
            report(f"{label}, K = {resolution}", arguments, models, objective)


def table_auto_encoder(arguments: argparse.Namespace) -> None:
    print_header("features")
    for resolution in arguments.resolution:
        models = prepare_models(arguments, resolution)
        for label, kind in (("auto-decoder", PaperObjective), ("auto-encoder", AutoEncoderObjective)):
            report(f"{label}, K = {resolution}", arguments, models, new_objective(models, resolution, arguments, kind))


def table_times(arguments: argparse.Namespace) -> None:
    """Processor seconds on a CPU, which other work on the machine hardly changes; wall-clock seconds on a GPU."""
    print("| K | TSDF-Def fit, s a model | training, s a model and epoch | 400 epochs, min a model | decode, ms |")
    print("| ---: | ---: | ---: | ---: | ---: |", flush=True)
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    for resolution in arguments.resolution:
        started = clock()
        models = prepare_models(arguments, resolution)
        fit = (clock() - started) / len(models)
        objective = new_objective(models, resolution, arguments)
        objective.step(0)  # warms up
        started = clock()
        train(objective, arguments)
        seconds = (clock() - started) / (objective.steps_done - 1) / min(objective.options.batch, len(models))
        decode = 1e3 * statistics.median(decode_seconds(objective, clock) for _ in range(3))
        minutes = seconds * PaperOptions().epochs / 60
        print(f"| {resolution} | {fit:.2f} | {seconds:.3f} | {minutes:.1f} | {decode:.0f} |", flush=True)


def decode_seconds(objective: PaperObjective, clock: Callable[[], float]) -> float:
    """From a feature to a mesh. The mesh is the fitted one: a decoder of two epochs has surface everywhere."""
    volume = objective.targets[0].volume().cpu()
    started = clock()
    with torch.no_grad():
        objective.decoder(objective.draw_features([0])).cpu()
    field_surface(to_sparse_field(volume))
    return clock() - started


TABLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "resolution": table_resolution,
    "ssim": table_ssim,
    "auto-encoder": table_auto_encoder,
    "times": table_times,
}


def prepare_models(arguments: argparse.Namespace, resolution: int) -> list[Prepared[FieldFit]]:
    """The models with their TSDF-Def fits."""
    sources = find_meshes([arguments.folder])
    chosen = sources[:: max(1, len(sources) // arguments.models)][: arguments.models]
    task = FieldTask(resolution, deformation=True, keep_interior=False, seed=arguments.seed)
    return [prepare(Input(source.name, source.path), task) for source in chosen]


def new_objective(
    models: Sequence[Prepared[FieldFit]],
    resolution: int,
    arguments: argparse.Namespace,
    kind: type[PaperObjective] = PaperObjective,
    options: PaperOptions | None = None,
) -> PaperObjective:
    targets = [DenseTarget.of(model.result.levels[-1]) for model in models]
    options = options or PaperOptions(epochs=arguments.epochs)
    return kind(targets, resolution, options, arguments.device, arguments.seed)


def train(objective: PaperObjective, arguments: argparse.Namespace) -> float:
    """Train for the epochs or minutes asked for; returns seconds."""
    started = time.perf_counter()
    fraction = 0.0
    while fraction < 1:
        objective.step(fraction)
        if arguments.minutes:
            fraction = (time.perf_counter() - started) / (60 * arguments.minutes)
        else:
            fraction = objective.steps_done / objective.total_steps
    return time.perf_counter() - started


def decode_all(objective: PaperObjective) -> tuple[list, list[float], int]:
    """Surfaces of all models as a reader decodes them, the seconds each took, and the bytes of all payloads."""
    section, payloads = objective.export()
    decoder = open_decoder(SetSection(DENSE, section))
    surfaces, seconds = [], []
    for payload in payloads[:1] + payloads:  # the first call warms up
        started = time.perf_counter()
        surfaces.append(field_surface(decoder.decode(payload)))
        seconds.append(time.perf_counter() - started)
    return surfaces[1:], seconds[1:], len(section) + sum(map(len, payloads))


def print_header(first: str) -> None:
    print(f"| {first} | p2s | CD (floor) | p2s of the fit | bytes a model | training, s | steps | decode, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)


def report(
    label: str, arguments: argparse.Namespace, models: Sequence[Prepared[FieldFit]], objective: PaperObjective
) -> None:
    """Train and print one row; p2s of the fit is what a perfect decoder would reach."""
    training = train(objective, arguments)
    surfaces, seconds, size = decode_all(objective)
    distances, clouds, fitted, floors = [], [], [], []
    for model, (vertices, faces) in zip(models, surfaces, strict=True):
        reference = Reference(model.mesh.vertices, model.mesh.faces)
        found = reference.measure(model.placement.to_source(vertices), faces, clouds=True)
        distances.append(found.p2s)
        assert found.cd is not None
        clouds.append(found.cd)
        vertices, faces = field_surface(model.result.levels[-1])
        fitted.append(reference.measure(model.placement.to_source(vertices), faces).p2s)
        floors.append(reference.floor().cd)
    mean = statistics.mean
    print(
        f"| {label} | {mean(distances):.3e} | {mean(clouds):.3e} ({mean(floors):.3e}) "
        f"| {mean(fitted):.3e} | {size / len(models):,.0f} | {training:.0f} | {objective.steps_done} "
        f"| {1e3 * statistics.median(seconds):.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
