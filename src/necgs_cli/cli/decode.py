"""`necgs decode`: models of a set back into mesh files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.command import DAMAGED, DONE, FAILED, SKIPPED
from necgs_cli.cli.console import binary_stdin, binary_stdout, print_json, say, verbosity
from necgs_cli.cli.files import inside, refuse_existing, whole_file
from necgs_cli.cli.parse import parse_ids
from necgs_cli.cli.paths import output_paths
from necgs_cli.cli.selection import select_models
from necgs_cli.progress import NORMAL, VERBOSE, format_seconds, printable

if TYPE_CHECKING:
    from necgs_cli.api import Mesh, ModelSet


class Format(StrEnum):
    """The mesh formats that can be written."""

    PLY = "ply"
    OBJ = "obj"
    STL = "stl"
    OFF = "off"
    GLB = "glb"


@dataclass
class Outcome:
    """What became of the models asked for."""

    models: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    damaged: bool = False

    @property
    def exit_code(self) -> int:
        if self.damaged:
            return DAMAGED
        if self.skipped:
            return SKIPPED if self.models else FAILED
        return DONE


def decode(
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="OUT", help="A file, or a folder for several models; - is stdout."),
    ],
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="IDS", help="Models by id: 42, or 3,5,10-20. Can be repeated.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--name", metavar="NAME", help="Models by name or quoted glob. Can be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All models, into the folder OUT.")] = False,
    format: Annotated[
        Format | None, typer.Option(help="The format to write; by OUT's ending otherwise, and PLY without one.")
    ] = None,
    force: given.Force = False,
    quiet: given.Quiet = False,
    verbose: given.Verbose = False,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Write models of a set as mesh files.

    They come back in the place, scale and units of their sources. Several models go into the folder OUT under their
    names, sub-folders kept, never outside of OUT.

    \b
    Examples:
      necgs decode set.ncgs --id 42 -o chair.ply
      necgs decode set.ncgs --name 'chair*' -o out/ --format obj
      cat set.ncgs | necgs decode - --id 3 -o - --format stl > x.stl
    """
    started = time.perf_counter()
    if everything and (ids or names):
        raise typer.BadParameter("--all excludes --id and --name")
    if output == "-" and json:
        raise typer.BadParameter("--json and -o - would both write to stdout")
    level = verbosity(quiet, verbose)
    ranges = [part for text in ids or [] for part in parse_ids(text)]
    stdout = binary_stdout() if output == "-" else None
    source = binary_stdin() if set_file == "-" else set_file
    from necgs_cli import api
    from necgs_cli.meshes.write import write_mesh

    with api.open(source) as models:
        all_names = models.names
        chosen = select_models(all_names, ranges, names or [], everything)
        if stdout is not None:
            if len(chosen) != 1:
                raise typer.BadParameter(f"stdout takes one model, not {len(chosen)}: give a folder, -o out/")
            write_mesh(models[chosen[0]], stdout, format or Format.PLY)
            stdout.flush()
            return
        as_folder = everything or len(chosen) > 1 or output.endswith(("/", "\\")) or Path(output).is_dir()
        kind = format or (Format.PLY if as_folder else _format_of(output))
        targets = _targets(all_names, chosen, output, as_folder, kind)
        refuse_existing(targets, force)
        outcome = _decode_all(models, chosen, targets, kind, level)
    seconds = time.perf_counter() - started
    if json:
        rows = {"models": outcome.models, "skipped": outcome.skipped}
        print_json({"set": set_file, "format": kind.value, **rows, "seconds": seconds})
    elif level >= NORMAL:
        count = len(outcome.models)
        where = outcome.models[0]["path"] if count == 1 else output
        say(f"{count:,} {'model' if count == 1 else 'models'} to {printable(where)} in {format_seconds(seconds)}")
    raise typer.Exit(outcome.exit_code)


def _format_of(output: str) -> Format:
    """The format that a file's ending asks for.

    Raises:
        typer.BadParameter: for an ending of no known format.
    """
    ending = Path(output).suffix.lower()
    if not ending:
        return Format.PLY
    if ending[1:] not in list(Format):
        raise typer.BadParameter(f"cannot write {ending} files: give --format {', '.join(Format)}")
    return Format(ending[1:])


def _targets(names: Sequence[str], chosen: Sequence[int], output: str, as_folder: bool, kind: Format) -> list[Path]:
    """The file to write for each chosen model."""
    if not as_folder:
        return [Path(output)]
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, f"is a file, and {len(chosen)} models need a folder", output)
    paths = output_paths(names, f".{kind.value}")
    folder.mkdir(parents=True, exist_ok=True)
    return [inside(folder, paths[id]) for id in chosen]


def _decode_all(models: ModelSet, chosen: Sequence[int], targets: Sequence[Path], kind: Format, level: int) -> Outcome:
    """Decode and write; among several models, one that cannot be decoded is said and the others go on."""
    from necgs_cli import api
    from necgs_cli.meshes.write import write_mesh

    outcome = Outcome()
    names, paths = models.names, dict(zip(chosen, targets, strict=True))

    def write(id: int, mesh: Mesh) -> dict[str, Any]:
        path = paths[id]
        with whole_file(path) as file:
            write_mesh(mesh, file, kind)
        row = {"id": id, "name": names[id], "path": str(path), "bytes": path.stat().st_size}
        return row | {"vertices": len(mesh.vertices), "faces": len(mesh.faces)}

    for id, row in models.decode_all(chosen, use=write, say=say if level >= NORMAL else _silent):
        name = names[id]
        if isinstance(row, api.NecgsError):
            if len(chosen) == 1:
                raise api.NecgsError(f"model {id}, {name}: {row}", row.exit_code) from row
            say(f"skipped {id} {printable(name)}: {printable(str(row))}")
            outcome.skipped.append({"id": id, "name": name, "reason": str(row)})
            outcome.damaged |= row.exit_code == DAMAGED
            continue
        outcome.models.append(row)
        if level >= VERBOSE:
            say(f"{id} {printable(name)}: {printable(row['path'])}, {row['faces']:,} triangles")
    return outcome


def _silent(text: str) -> None:
    """Says nothing."""
