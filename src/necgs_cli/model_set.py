"""An open `.ncgs` file: names, figures, and any model when it is asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from necgs_cli.batch import cores, in_order
from necgs_cli.bitstream.container import Container, DamagedFile
from necgs_cli.decoding import DENSE, SPARSE, RecordDecoder, UnknownKind
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.outcome import NecgsError

FORMAT_VERSION = 1
DAMAGED = 4


@dataclass(frozen=True)
class Entry:
    """What a set says of one model.

    Attributes:
        bytes: of its record.
        p2s, max_error: as measured when it was encoded, longest side = 2.
        note: how inside and outside were told apart.
        decodable: whether this version knows its kind.
    """

    id: int
    name: str
    kind: str
    bytes: int
    p2s: float
    max_error: float
    note: str
    decodable: bool


class ModelSet:
    """The models of a file. `s[3]` and `s["chair.obj"]` decode one; nothing else is decoded.

    Names come from whoever wrote the file: do not use them as paths as they are.
    """

    def __init__(self, container: Container):
        self._container = container
        self._decoder = RecordDecoder(container)

    def __len__(self) -> int:
        return len(self._container)

    @property
    def names(self) -> list[str]:
        """Names by id."""
        return list(self._container.names)

    @property
    def entries(self) -> list[Entry]:
        """What the file says of each model, by id.

        Raises:
            NecgsError: a record is damaged.
        """
        try:
            found = [self._container.entry(id) for id in range(len(self))]
        except DamagedFile as error:
            raise NecgsError(str(error), DAMAGED) from error
        return [Entry(e.id, e.name, e.kind_name, e.bytes_total, e.p2s, e.max_error, e.note, e.known) for e in found]

    def __getitem__(self, key: int | str) -> Mesh:
        """Decodes a model, in the place, scale and units of its source.

        Args:
            key: id (negative counts from the end) or name.
        Raises:
            IndexError, KeyError: there is no such model. NecgsError: its bytes are damaged.
        """
        return self._decode(self._id(key))

    def decode_all(
        self,
        keys: Sequence[int | str] | None = None,
        *,
        use: Callable[[int, Mesh], Any] | None = None,
        workers: int | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> Iterator[tuple[int, Any]]:
        """Decodes many models, on several cores, with few of them in memory at a time.

        Args:
            keys: ids or names; None: all models.
            use: called with a model's id and mesh in the thread that decoded it; by default the mesh itself is given.
            workers: threads; by default one a core where the decoder is compiled, else one.
            say: told when the decoder is compiled first, which happens once on a machine with Numba and many models.

        Yields:
            In the order of the keys, the id of each model and what `use` returned, or the NecgsError where it cannot
            be decoded.

        Raises:
            IndexError, KeyError: there is no such model. Whatever `use` raises.
        """
        ids = list(range(len(self))) if keys is None else [self._id(key) for key in keys]
        mode = self._decoder.mode_for(ids, say)

        def one(id: int) -> tuple[int, Any]:
            try:
                mesh = self._decode(id, mode)
            except NecgsError as error:
                return id, error
            return id, mesh if use is None else use(id, mesh)

        threads = workers or (cores() if mode.bounded else 1)  # in Python, threads would wait for each other
        return in_order(one, ids, min(threads, max(len(ids), 1)))

    def _decode(self, id: int, mode: Any = None) -> Mesh:
        try:
            return self._decoder.mesh(id, mode)
        except DamagedFile as error:
            raise NecgsError(str(error), DAMAGED) from error
        except UnknownKind as error:
            raise NecgsError(str(error)) from error

    def _id(self, key: int | str) -> int:
        if isinstance(key, str):
            found = self._container.find(key)
            if not found:
                raise KeyError(key)
            return found[0]
        if not -len(self) <= key < len(self):
            raise IndexError(f"the set holds models 0 to {len(self) - 1}, not {key}")
        return key % len(self)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def __enter__(self) -> ModelSet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_container(source: str | Path | BinaryIO | bytes) -> Container:
    """Opens a container.

    Raises:
        NecgsError: it is no readable `.ncgs` file. OSError: it cannot be opened.
    """
    try:
        return Container.open(source)
    except DamagedFile as error:
        where = f"{source}: " if isinstance(source, str | Path) else ""
        raise NecgsError(f"{where}{error}", DAMAGED) from error


def inspect(source: str | Path | BinaryIO) -> dict[str, Any]:
    """What a file holds and where its bytes go, ready for JSON: format_version, file_bytes, sections (label, bytes,
    which add up to the file), codec (what was chosen and why, in one line), decoder (its configuration, or None) and
    models."""
    with ModelSet(open_container(source)) as models:
        container = models._container
        try:
            sizes, sections = container.sizes(), container.sections
            decoder = next((d for s in sections if (d := _describe_decoder(s.kind, s.payload))), None)
        except DamagedFile as error:
            raise NecgsError(str(error), DAMAGED) from error
        return {
            "format_version": FORMAT_VERSION,
            "file_bytes": sum(size for _, size in sizes),
            "sections": [{"label": label, "bytes": size} for label, size in sizes],
            "codec": _describe_codec(models.entries, sum(len(s.payload) for s in sections)),
            "decoder": decoder,
            "models": [vars(entry) for entry in models.entries],
        }


def _describe_codec(entries: Sequence[Entry], decoder_bytes: int) -> str:
    """Which kinds of records a set holds, and what the other codec would take."""
    from necgs_cli.model.capacity import predicted_bytes

    kinds = Counter(entry.kind for entry in entries)
    held = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()) or "no models"
    if decoder_bytes:
        return f"{held}; a decoder of {decoder_bytes:,} B for the set"
    errors = [entry.p2s for entry in entries if 0 < entry.p2s < math.inf]
    if not errors:
        return held
    about = predicted_bytes(len(entries), math.fsum(errors) / len(errors)) / len(entries)
    here = sum(entry.bytes for entry in entries) / len(entries)
    return f"{held}: {here:,.0f} B a model, where a decoder for the set would take about {about:,.0f}"


def _describe_decoder(kind: int, payload: bytes) -> dict[str, Any] | None:
    if kind == SPARSE:
        from necgs_cli.model.payload import read_config

        config, rate_weight = read_config(payload)
        weights = sum(_product(shape) for shape in config.weight_shapes())
        return {"kind": "sparse", "weights": weights, "rate_weight": rate_weight, **vars(config)}
    if kind == DENSE:
        from necgs_cli.model.dense_payload import unpack_config

        dense = unpack_config(payload)
        return {"kind": "dense", "weights": sum(map(_product, dense.weight_shapes())), **vars(dense)}
    return None


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
