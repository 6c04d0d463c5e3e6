"""Where the time of a training step goes, for the paper's configuration and the sparse decoder. Prints Markdown tables.

    python benchmarks/gpu.py FOLDER [--device cpu] [--resolution 64] [--autotune] [--profile]

Targets are those of models taken evenly spaced from the folder. Every figure is the mean of `--steps` turns after as
many that warm up; the device has finished its work at both ends. `--autotune` lets cuDNN try its kernels
first, `--profile` lists the kernels that take longest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from necgs_cli.decoding import field_surface
from necgs_cli.field.fit import FieldFit
from necgs_cli.meshes.find import find_meshes
from necgs_cli.model.capacity import sparse_config
from necgs_cli.model.dense_decoder import to_sparse_field, without_tf32
from necgs_cli.prepare import FieldTask, Input, Prepared, prepare
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.paper import PaperObjective, PaperOptions, loss_terms
from necgs_cli.training.sparse import SparseObjective, SparseSchedule
from necgs_cli.training.ssim import ssim3d
from necgs_cli.training.targets import TargetLevel

MIDDLE = 0.5
"""Position in the schedule at which steps are timed."""

PAPER_STEPS = 12_000
"""400 epochs of 120 models, 4 a step."""

KERNELS = 15
PROFILED_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=4, help="as many as the paper has in a batch")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--autotune", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    torch.backends.cudnn.benchmark = arguments.autotune
    name = torch.cuda.get_device_name() if arguments.device != "cpu" else "CPU"
    print(f"{name}, torch {torch.__version__}, K = {arguments.resolution}, {arguments.models} models a step\n")

    models = prepare_models(arguments)
    targets = [DenseTarget.of(model.result.levels[-1]) for model in models]
    float32, bf16, plain = PaperOptions(), PaperOptions(bf16=True), PaperOptions(ssim_weight=0)
    configurations = {"float32": float32, "bfloat16": bf16, "float32 without SSIM": plain}
    objectives = {
        label: PaperObjective(targets, arguments.resolution, options, arguments.device)
        for label, options in configurations.items()
    }
    print(f"| step | ms | {PAPER_STEPS:,} steps, min | peak, GB |\n| --- | ---: | ---: | ---: |", flush=True)
    for label, objective in objectives.items():
        report(f"paper, {label}", arguments, lambda objective=objective: objective.step(MIDDLE))
    sparse = sparse_objective(models, arguments)
    report("sparse", arguments, lambda: sparse.step(MIDDLE))

    print("\n| part, forward and backward | float32, ms | bfloat16, ms |\n| --- | ---: | ---: |", flush=True)
    times = [parts(objectives[label], arguments) for label in ("float32", "bfloat16")]
    for part in times[0]:
        print(f"| {part} | {times[0][part]:.2f} | {times[1][part]:.2f} |")
    print(f"\ndecoding: {decode_milliseconds(objectives['float32'], arguments):.0f} ms a model", flush=True)
    if arguments.profile:
        for label in ("float32", "bfloat16"):
            print(f"\n{PROFILED_STEPS} steps, {label}\n{slowest_kernels(objectives[label], arguments)}", flush=True)
        print(f"\n{PROFILED_STEPS} steps, sparse\n{slowest_kernels(sparse, arguments)}", flush=True)


def prepare_models(arguments: argparse.Namespace) -> list[Prepared[FieldFit]]:
    """The models with their TSDF-Def fits."""
    sources = find_meshes([arguments.folder])
    chosen = sources[:: max(1, len(sources) // arguments.models)][: arguments.models]
    task = FieldTask(arguments.resolution, deformation=True, keep_interior=False, seed=0)
    return [prepare(Input(source.name, source.path), task) for source in chosen]


def sparse_objective(models: Sequence[Prepared[FieldFit]], arguments: argparse.Namespace) -> SparseObjective:
    levels = [
        TargetLevel([model.result.levels[i] for model in models], arguments.device)
        for i in range(len(models[0].result.levels))
    ]
    config = sparse_config(len(models), arguments.resolution)
    return SparseObjective(config, levels, len(models), SparseSchedule(), device=arguments.device)


def report(label: str, arguments: argparse.Namespace, step: Callable[[], object]) -> None:
    """Time a step and print its row."""
    cuda = arguments.device != "cpu"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    taken = milliseconds(step, arguments)
    peak = f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if cuda else ""
    print(f"| {label} | {taken:.1f} | {taken * PAPER_STEPS / 60e3:.1f} | {peak} |", flush=True)


def milliseconds(work: Callable[[], object], arguments: argparse.Namespace) -> float:
    """Mean time of the work, warm."""
    for _ in range(arguments.steps):
        work()
    finish(arguments.device)
    started = time.perf_counter()
    for _ in range(arguments.steps):
        work()
    finish(arguments.device)
    return 1e3 * (time.perf_counter() - started) / arguments.steps


def finish(device: str) -> None:
    """Wait for what the device was given to do."""
    if device != "cpu":
        torch.cuda.synchronize()


def parts(objective: PaperObjective, arguments: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the parts of a step, each by itself: together they take longer than the step."""
    chosen = list(range(len(objective.targets)))
    targets, options = objective.targets, objective.options
    wanted = torch.stack([target.volume() for target in targets])
    decoded = wanted.clone().requires_grad_()

    def decode() -> torch.Tensor:
        with torch.autocast(objective.device.type, torch.bfloat16, enabled=options.bf16):
            return objective.decoder(objective.draw_features(chosen))

    def network() -> None:
        decode().backward(wanted)

    def absolute() -> None:
        loss_terms(lambda _: decoded, objective.features, targets, PaperOptions(ssim_weight=0))["loss"].backward()

    def similarity() -> None:
        (ssim3d(decoded[:, :1], wanted[:, :1]) + ssim3d(decoded[:, 1:], wanted[:, 1:])).backward()

    def adam() -> None:
        objective.optimiser.step()
        objective.decoder.clamp_parameters()

    works = {
        "targets alone": lambda: torch.stack([target.volume() for target in targets]),
        "network, forward alone": decode,
        "network": network,
        "MAE and masked MAE, with their targets": absolute,
        "SSIM": similarity,
        "Adam": adam,
    }
    return {name: milliseconds(work, arguments) for name, work in works.items()}


def decode_milliseconds(objective: PaperObjective, arguments: argparse.Namespace) -> float:
    """From a feature to a mesh. The mesh is the fitted one: an untrained decoder has surface everywhere."""
    volume = objective.targets[0].volume().cpu()

    def decode() -> None:
        with torch.no_grad(), without_tf32():
            objective.decoder(objective.draw_features([0])).cpu()
        field_surface(to_sparse_field(volume))

    return milliseconds(decode, arguments)


def slowest_kernels(objective: PaperObjective | SparseObjective, arguments: argparse.Namespace) -> str:
    """A table of the kernels (of the operations on a CPU) that take longest over a few steps."""
    from torch.profiler import ProfilerActivity, profile

    cuda = arguments.device != "cpu"
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as profiler:
        for _ in range(PROFILED_STEPS):
            objective.step(MIDDLE)
        finish(arguments.device)
    by = "self_device_time_total" if cuda else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=by, row_limit=KERNELS, max_name_column_width=90)


if __name__ == "__main__":
    main()
