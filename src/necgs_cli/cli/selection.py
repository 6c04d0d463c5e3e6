"""Which models of a set `--id`, `--name` and `--all` mean."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import typer

from necgs_cli.progress import printable


class NoSuchModel(Exception):
    """The set holds no model of the asked id or name."""

    exit_code = 1


def select_models(names: Sequence[str], ids: Sequence[range], patterns: Sequence[str], everything: bool) -> list[int]:
    """The ids asked for, ascending, each once.

    Args:
        names: all names of the set, by id.
        ids: ranges of ids.
        patterns: names or globs (`*`, `?`, `[...]`; `*` crosses folders).
        everything: all models.

    Raises:
        NoSuchModel: when an id or a pattern matches nothing.
        typer.BadParameter: when nothing was asked for and the set holds several models.
    """
    count = len(names)
    if everything or not (ids or patterns):
        if not everything and count != 1:
            raise typer.BadParameter(f"the set holds {count} models: give --id, --name or --all")
        return list(range(count))
    chosen: set[int] = set()
    for wanted in ids:
        if wanted[-1] >= count:
            missing = max(wanted[0], count)
            held = f"ids 0 to {count - 1}" if count else "none"
            raise NoSuchModel(f"no model {missing}: the set holds {count} ({held})")
        chosen.update(wanted)
    for pattern in patterns:
        # A name may hold the characters of a glob: the literal name is tried first.
        found = [id for id, name in enumerate(names) if name == pattern]
        found = found or [id for id, name in enumerate(names) if fnmatchcase(name, pattern)]
        if not found:
            raise NoSuchModel(f"no model is named {printable(pattern)!r}; necgs inspect lists the names")
        chosen.update(found)
    return sorted(chosen)
