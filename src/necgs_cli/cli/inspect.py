"""`necgs inspect`: what a set holds, and where its bytes go."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import binary_stdin, print_json, print_table
from necgs_cli.cli.parse import parse_ids
from necgs_cli.cli.selection import select_models
from necgs_cli.progress import printable


def inspect(
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="IDS", help="Only these models: 42, or 3,5,10-20.")
    ] = None,
    json: given.Json = False,
    debug: given.Debug = False,
) -> None:
    """Show what a set holds and where its bytes go.

    Distances are in a frame where the longest side of each model is 2.

    \b
    Examples:
      necgs inspect set.ncgs
      necgs inspect set.ncgs --id 10-20 --json
    """
    ranges = [part for text in ids or [] for part in parse_ids(text)]
    source = binary_stdin() if set_file == "-" else set_file
    from necgs_cli import api

    contents = api.inspect(source)
    models = contents["models"]
    if ranges:
        chosen = select_models([model["name"] for model in models], ranges, [], everything=False)
        models = [models[id] for id in chosen]
    if json:
        print_json(contents | {"models": models})
        return
    if not ranges:
        _print_overview(set_file, contents)
    _print_models(models)


def _print_overview(set_file: str, contents: dict[str, Any]) -> None:
    count, size = len(contents["models"]), contents["file_bytes"]
    each = f" ({size / count:,.0f} a model)" if count else ""
    print(f"{printable(set_file)}: format {contents['format_version']}, {count:,} models, {size:,} bytes{each}")
    print(f"codec: {contents['codec']}")
    if contents["decoder"]:
        print("decoder: " + ", ".join(_setting(key, value) for key, value in contents["decoder"].items()))
    print()
    sections = [(section["label"], section["bytes"]) for section in contents["sections"]]
    rows = [(f"{part:,}", f"{100 * part / max(size, 1):.1f}", label) for label, part in sections]
    total = sum(part for _, part in sections)
    print_table([*rows, (f"{total:,}", f"{100 * total / max(size, 1):.1f}", "file")], ">><", ("bytes", "%", "section"))
    print()


def _setting(key: str, value: Any) -> str:
    return f"{key.replace('_', ' ')} {format(value, '.3g') if isinstance(value, float) else value}"


def _print_models(models: list[dict[str, Any]]) -> None:
    header = ("id", "kind", "bytes", "p2s", "max error", "name")
    rows = []
    for model in models:
        name = printable(model["name"]) + ("" if model["decodable"] else "  (this version cannot decode it)")
        figures = (f"{model['bytes']:,}", f"{model['p2s']:.2e}", f"{model['max_error']:.2e}")
        rows.append((str(model["id"]), str(model["kind"]), *figures, name))
    print_table(rows, "><>>><", header)
