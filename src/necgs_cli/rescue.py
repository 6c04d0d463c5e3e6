"""A new set out of what is intact in a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from necgs_cli.bitstream.container import FileBusy, ModelRecord, write_container
from necgs_cli.bitstream.records import SECTIONS
from necgs_cli.bitstream.recovery import Salvage, salvage
from necgs_cli.outcome import NecgsError

DAMAGED, SKIPPED = 4, 3


@dataclass(frozen=True)
class Recovery:
    """What `recover` did.

    Attributes:
        path: of the new file, "-" for a stream; file_bytes: its size.
        names: of the models in it, by their new ids.
        lost: one line for each thing that is gone, with its name where that is known.
    """

    path: str
    file_bytes: int
    names: list[str]
    lost: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0 if nothing was lost, else 3."""
        return SKIPPED if self.lost else 0


def recover(source: str | Path | BinaryIO | bytes, output: str | Path | BinaryIO, overwrite: bool = False) -> Recovery:
    """Writes everything intact of a damaged file into a new one.

    Models keep their order and get new ids. Where their names are lost they are called `recovered_0007` and so on. A
    model whose decoder or whose base is lost is lost too.

    Args:
        source: path, binary stream or bytes of the damaged file. It is not changed, unless `output` names it.
        output: path of the file to write, or a binary stream.
        overwrite: replace a file that exists.
    Raises:
        NecgsError: nothing could be rescued (exit code 4), or the output exists; nothing is written then.
        OSError: a file cannot be read or written.
    """
    path = Path(output) if isinstance(output, str | Path) else None
    if path and path.exists() and not overwrite:
        raise NecgsError(f"{path}: exists already; overwrite it with -f (overwrite=True)")
    found = _without_orphans(salvage(source))
    if found.lost and not found.models:
        where = f"{source}: " if isinstance(source, str | Path) else ""
        raise NecgsError(f"{where}nothing could be rescued: {'; '.join(found.lost[:3])}", DAMAGED)
    try:
        size = write_container(path or output, found.sections, found.models)
    except (FileBusy, ValueError) as error:
        raise NecgsError(str(error)) from error
    return Recovery(str(path) if path else "-", size, [model.name for model in found.models], found.lost)


def _without_orphans(found: Salvage) -> Salvage:
    """Leaves out models that nothing can decode any more: those of a lost decoder, and what needs them."""
    decoders = {section.kind for section in found.sections}
    lost = list(found.lost)
    kept: list[ModelRecord] = []
    number: dict[int, int] = {}  # among those kept, by number among those found
    for old, model in enumerate(found.models):
        if model.kind in SECTIONS and model.kind not in decoders:
            lost.append(f"{model.name!r}: the decoder that it needs is lost")
        elif not all(other in number for other in model.depends):
            lost.append(f"{model.name!r}: it needs a model that is lost")
        else:
            number[old] = len(kept)
            kept.append(replace(model, depends=tuple(number[other] for other in model.depends)))
    return Salvage(found.sections, kept, lost)
