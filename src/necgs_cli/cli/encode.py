"""`necgs encode`: meshes in, one file out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import binary_stdout, make_progress, print_json, verbosity
from necgs_cli.cli.interrupt import interruptible
from necgs_cli.cli.parse import parse_size
from necgs_cli.cli.results import encoded_json, print_encoded, tell_outcome
from necgs_cli.options import CODECS, POLICIES, PRESETS, EncodeOptions


def _listed(title: str, rows: dict[str, str]) -> str:
    return "\b\n" + "\n".join([title, *(f"  {name:<9} {text}" for name, text in rows.items())])


EPILOG = "\n\n".join(
    [
        _listed("Codecs:", CODECS),
        _listed("Policies:", POLICIES),
        _listed("Presets of the neural codec:", {name: preset.summary for name, preset in PRESETS.items()}),
    ]
)


def _one_of(known: Iterable[str], word: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is no {word}: give {', '.join(known)}")
        return name

    return check


def _known_resolution(text: str) -> int:
    if text not in ("32", "64", "128", "256"):
        raise typer.BadParameter(f"{text!r} is no resolution: give 32, 64, 128 or 256")
    return int(text)


def encode(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Mesh files, folders, quoted globs, or @list.txt with one a line."),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The .ncgs file to write; - is stdout.")
    ],
    codec: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            parser=_one_of(CODECS, "codec"),
            autocompletion=lambda: list(CODECS),
            help="What the records are; see below.",
        ),
    ] = "auto",
    error: given.Error = None,
    max_error: given.MaxError = None,
    target_size: Annotated[
        int | None,
        typer.Option(metavar="SIZE", parser=parse_size, help="Size of the whole file in place of an error: 500KB."),
    ] = None,
    bytes_per_model: Annotated[
        float | None,
        typer.Option(metavar="N", min=1, help="Bytes of the file over the models, in place of an error."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            parser=_one_of(POLICIES, "policy"),
            autocompletion=lambda: list(POLICIES),
            help="Whether error and size are for each model or for the set; see below.",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=10, metavar="1..10", help="In place of --error or --lambda: 10 is most exact."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            "-p",
            metavar="NAME",
            parser=_one_of(PRESETS, "preset"),
            autocompletion=lambda: list(PRESETS),
            help="Effort and size of neural records; see below.",
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            parser=_known_resolution,
            help="Lattice samples along each axis: 32, 64, 128 or 256; the preset's by default.",
        ),
    ] = None,
    rate_weight: Annotated[
        float | None,
        typer.Option("--lambda", metavar="X", min=0, help="Weight of bytes against distortion; more is smaller."),
    ] = None,
    time_budget: given.TimeBudget = None,
    device: given.Device = "auto",
    seed: given.Seed = 0,
    workers: given.Workers = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted run.")] = False,
    strict: given.Strict = False,
    keep_interior: given.KeepInterior = False,
    force: given.Force = False,
    quiet: given.Quiet = False,
    verbose: given.Verbose = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Compress meshes into one .ncgs file.

    Inputs that cannot be read are named and skipped (exit code 3). What an interrupted run found is kept for --resume.

    \b
    Examples:
      necgs encode meshes/ -o set.ncgs
      necgs encode 'scans/*.obj' chair.stl -o set.ncgs --error 0.05%
      necgs encode meshes/ -o set.ncgs --target-size 100KB
      necgs encode meshes/ -o set.ncgs --codec neural --preset best --time-budget 1h30m
    """
    if output == "-" and json:
        raise typer.BadParameter("--json and -o - would both write to stdout")
    level = verbosity(quiet, verbose)
    target = binary_stdout() if output == "-" else _new_file(output, force)
    options = _options(
        codec=codec,
        error=error,
        max_error=max_error,
        target_size=target_size,
        bytes_per_model=bytes_per_model,
        policy=policy,
        preset=preset,
        resolution=resolution,
        rate_weight=rate_weight,
        quality=quality,
        time_budget=time_budget,
        device=device,
        seed=seed,
        workers=workers,
        keep_interior=keep_interior,
        strict=strict,
        resume=resume,
        overwrite=force,
    )
    from necgs_cli import api

    with make_progress(level) as progress, interruptible(progress, lambda: _kept(output)):
        report = api.encode(inputs, target, options, progress)
    code = tell_outcome(report, level)
    if json:
        print_json(encoded_json(report))
    else:
        print_encoded(report, to_stderr=output == "-")
    raise typer.Exit(code)


def _kept(output: str) -> str:
    """What an interrupted run leaves, and how to go on."""
    from necgs_cli.training.loop import checkpoint_path

    checkpoint = None if output == "-" else checkpoint_path(Path(output))
    if checkpoint is None or not checkpoint.exists():
        return "nothing was written"
    return f"{checkpoint} is kept: the same command with --resume goes on"


def _options(**asked: Any) -> EncodeOptions:
    try:
        return EncodeOptions(**asked)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _new_file(output: str, force: bool) -> Path:
    """The path to write, refused early where hours of work would end in an error."""
    path = Path(output)
    if path.is_dir():
        raise typer.BadParameter(f"{output} is a folder: give the name of a file")
    if path.exists() and not force:
        raise FileExistsError(17, "exists already; give -f to replace it", output)
    if not os.access(path.parent, os.W_OK):
        raise typer.BadParameter(f"cannot write in the folder {path.parent}")
    return path
