"""`necgs render`: pictures of the models of a set."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.command import DAMAGED, DONE, SKIPPED
from necgs_cli.cli.console import binary_stdin, binary_stdout, make_progress, print_json, say, verbosity
from necgs_cli.cli.files import refuse_existing, whole_file
from necgs_cli.cli.interrupt import interruptible
from necgs_cli.cli.parse import parse_ids
from necgs_cli.cli.selection import select_models
from necgs_cli.progress import NORMAL, printable

if TYPE_CHECKING:
    from PIL import Image

    from necgs_cli.report.set_pictures import Picture

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


class Up(StrEnum):
    """The axis that points up in the pictures."""

    AUTO = "auto"
    Y = "y"
    Z = "z"


def render(
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The picture: .png, .jpg or .webp; - is stdout, PNG.")
    ],
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="IDS", help="Models by id: 42, or 3,5,10-20. Can be repeated.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--name", metavar="NAME", help="Models by name or quoted glob. Can be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="A sheet of all models, with names and bytes.")] = False,
    originals: Annotated[
        list[str] | None,
        typer.Option("--originals", metavar="MESHES", help="Draw these and the error beside them. Can be repeated."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=16, max=4096, metavar="PIXELS", help="Of one model: 800 alone, 190 on a sheet."),
    ] = None,
    azimuth: Annotated[float, typer.Option(metavar="DEGREES", help="Turn to the side; 0 is the front.")] = 32,
    elevation: Annotated[
        float, typer.Option(min=-89, max=89, metavar="DEGREES", help="Look from above, or below with a minus.")
    ] = 18,
    up: Annotated[Up, typer.Option(help="The axis that points up; auto guesses by the shape.")] = Up.AUTO,
    wireframe: Annotated[bool, typer.Option("--wireframe", help="Draw the triangles' edges too.")] = False,
    workers: given.Workers = None,
    force: given.Force = False,
    quiet: given.Quiet = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Draw models of a set, without a display or a GPU.

    One model fills its picture. Several, or all with --all, come on a sheet; --originals adds pictures of the originals
    and of the error.

    \b
    Examples:
      necgs render set.ncgs --id 3 -o shot.png
      necgs render set.ncgs --all -o sheet.png
      necgs render set.ncgs --name 'chair*' --originals meshes/ -o chairs.png
    """
    if everything and (ids or names):
        raise typer.BadParameter("--all excludes --id and --name")
    if not (math.isfinite(azimuth) and math.isfinite(elevation)):
        raise typer.BadParameter("--azimuth and --elevation are degrees")
    if output == "-" and json:
        raise typer.BadParameter("--json and -o - would both write to stdout")
    level = verbosity(quiet, False)
    ranges = [part for text in ids or [] for part in parse_ids(text)]
    form, stdout = _format_of(output), binary_stdout() if output == "-" else None
    if stdout is None:
        refuse_existing([Path(output)], force)
    source = binary_stdin().read() if set_file == "-" else set_file
    from necgs_cli import api
    from necgs_cli.report.view import Look

    with make_progress(level) as progress, interruptible(progress):
        with api.open(source) as held:
            chosen = select_models(held.names, ranges, names or [], everything)
        picture = api.render(
            source,
            chosen[0] if len(chosen) == 1 and not everything else chosen,
            originals=originals or (),
            size=size,
            look=Look(up.value, azimuth, elevation, wireframe),
            workers=workers,
            progress=progress,
        )
    _write(picture.image, form, stdout, output)
    if picture.missing:
        more = " ..." if len(picture.missing) > 10 else ""
        say(f"without an original: {printable(', '.join(picture.missing[:10]))}{more}")
    if json:
        print_json(_described(set_file, output, picture))
    elif level >= NORMAL:
        count = f"{len(picture.models):,} {'model' if len(picture.models) == 1 else 'models'}"
        where = "stdout" if stdout else printable(output)
        say(f"{count} to {where}, {picture.image.width} x {picture.image.height} pixels")
    raise typer.Exit(_exit_code(picture))


def _format_of(output: str) -> str:
    """What to write, by the ending of a file's name.

    Raises:
        typer.BadParameter: for an ending of no known format.
    """
    if output == "-":
        return "PNG"
    form = FORMATS.get(Path(output).suffix.lower())
    if form is None:
        raise typer.BadParameter(f"cannot write {output!r}: give a name that ends with {', '.join(FORMATS)}")
    return form


def _write(image: Image.Image, form: str, stdout: BinaryIO | None, output: str) -> None:
    if stdout is not None:
        image.save(stdout, form)
        stdout.flush()
        return
    with whole_file(Path(output)) as file:
        image.save(file, form)


def _described(set_file: str, output: str, picture: Picture) -> dict[str, Any]:
    """The documented JSON object (docs/cli.md)."""
    return {
        "set": set_file,
        "path": output,
        "width": picture.image.width,
        "height": picture.image.height,
        "models": [{"id": id, "name": name} for id, name in picture.models],
        "missing": picture.missing,
        "skipped": [{"name": lost.name, "reason": lost.reason} for lost in picture.skipped],
    }


def _exit_code(picture: Picture) -> int:
    from necgs_cli.comparison import DamagedModel

    if any(isinstance(lost, DamagedModel) for lost in picture.skipped):
        return DAMAGED
    return SKIPPED if picture.skipped or picture.missing else DONE
