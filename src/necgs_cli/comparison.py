"""A set against its originals: sizes, exact distances, and the bytes that other tools need for the same error."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from necgs_cli.bitstream.container import Entry
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.model_set import DAMAGED, open_container
from necgs_cli.outcome import NecgsError, Skipped
from necgs_cli.peers import PEERS
from necgs_cli.prepare import Input, load, run_all
from necgs_cli.progress import Progress

SAMPLES = 100_000
"""Points on each surface, as for published figures."""
INTERRUPTED = 130
_NAMED = 10


@dataclass(frozen=True)
class Match:
    """A model of a set and the original of its name."""

    original: Input
    id: int

    @property
    def name(self) -> str:
        return self.original.name


@dataclass(frozen=True)
class DamagedModel(Skipped):
    """A model whose bytes are damaged."""


def compare_models(
    items: Sequence[Input],
    path: Path,
    against: Sequence[str],
    samples: int,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Measures every model of a set that has an original among `items`; see `api.compare`."""
    unknown = sorted(set(against) - set(PEERS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no peer: give {', '.join(PEERS)}")
    usable, unavailable = _usable_peers(against, progress)
    with open_container(path) as container:
        names, sections = list(container.names), container.sizes()
    matches, missing, strangers = match_names(items, names)
    skipped: list[Skipped] = [Skipped(name, "is in the set, but not among the originals") for name in strangers]
    _tell_unmatched(strangers, "in the set without an original", progress)
    _tell_unmatched(missing, "among the originals, not in the set", progress)
    if not matches:
        raise NecgsError("no model of the set has the name of one of the originals")
    progress.phase("measuring", len(matches))
    work = partial(measure, path=path, samples=samples, peers=usable)
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for done, result in enumerate(run_all(matches, work, workers, progress), 1):
        if isinstance(result, Skipped):
            progress.skip(result.name, result.reason)
            skipped.append(result)
        else:
            rows.append(result[0])
            points += result[1]
        progress.update(done)
    if progress.stopped():
        raise NecgsError("stopped", INTERRUPTED)
    if not rows:
        raise NecgsError(
            "none of the models could be measured", DAMAGED if any(isinstance(s, DamagedModel) for s in skipped) else 1
        )
    _tell_failed_peers(rows, progress)
    rows.sort(key=lambda row: (-math.inf if row["p2s"] is None else -row["p2s"], row["id"]))
    file_bytes = sum(size for _, size in sections)
    return {
        "set": str(path),
        "file_bytes": file_bytes,
        "samples": samples,
        "models": rows,
        "summary": summarise(rows, file_bytes, len(rows) == len(names), usable),
        "sections": [{"label": label, "bytes": size} for label, size in sections],
        "peers": points,
        "missing": missing,
        "skipped": [{"name": s.name, "reason": s.reason, "damaged": isinstance(s, DamagedModel)} for s in skipped],
        "unavailable": unavailable,
        "notes": _notes(usable),
    }


@contextmanager
def as_file(source: str | Path | BinaryIO | bytes) -> Iterator[Path]:
    """A path that worker processes can open: the source itself, or a temporary copy of a stream or of bytes."""
    if isinstance(source, str | Path):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="necgs-") as folder:
        path = Path(folder) / "set.ncgs"
        path.write_bytes(source if isinstance(source, bytes) else source.read())
        yield path


def match_names(items: Sequence[Input], names: Sequence[str]) -> tuple[list[Match], list[str], list[str]]:
    """Originals and models of equal names.

    Returns:
        The matches by id, the names of originals that the set lacks, and of models without an original.
    """
    originals = {item.name: item for item in items}
    matches = [Match(originals[name], id) for id, name in enumerate(names) if name in originals]
    held = set(names)
    return matches, [name for name in originals if name not in held], [n for n in names if n not in originals]


def decode_model(name: str, id: int, path: Path) -> tuple[Entry, Mesh] | Skipped:
    """What the file says of a model, and the model, by the one decode path."""
    from necgs_cli.decoding import RecordDecoder, UnknownKind

    try:
        with open_container(path) as container:
            return container.entry(id), RecordDecoder(container).mesh(id)
    except DamagedFile as error:
        return DamagedModel(name, str(error))
    except UnknownKind as error:
        return Skipped(name, str(error))


def measure(
    match: Match, path: Path, samples: int, peers: Sequence[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]] | Skipped:
    """The row of a model in `models`, and the points of the peers for it. Runs in worker processes."""
    from necgs_cli.metrics.surface import Reference

    decoded = decode_model(match.name, match.id, path)
    if isinstance(decoded, Skipped):
        return decoded
    entry, copy = decoded
    try:
        loaded = load(match.original)
        reference = Reference(loaded.mesh.vertices, loaded.mesh.faces, samples)
    except (MeshError, ValueError) as error:
        return Skipped(match.name, f"the original: {error}")
    except MemoryError:
        return Skipped(match.name, "does not fit into memory")
    found, floor = reference.measure(copy.vertices, copy.faces, clouds=True), reference.floor()
    figures = {
        "longest_side": reference.longest_side,
        "p2s": found.p2s,
        "mean_error": found.p2s * reference.longest_side / 2,
        "p99": found.p99,
        "max_error": found.max,
        "normal_consistency": found.nc,
        "cd": found.cd,
        "cd_floor": floor.cd,
        "f1_005": found.f1_005,
        "f1_005_floor": floor.f1_005,
        "f1_01": found.f1_01,
        "f1_01_floor": floor.f1_01,
        "recorded_p2s": entry.p2s,
    }
    row: dict[str, Any] = {
        "id": match.id,
        "name": match.name,
        "kind": entry.kind_name,
        "record_bytes": entry.bytes_total,
        "source_bytes": loaded.file_bytes,
        "raw_bytes": 12 * len(loaded.mesh.vertices) + 12 * len(loaded.mesh.faces),
        **{name: _finite(value) for name, value in figures.items()},
        "peers": {},
    }
    points: list[dict[str, Any]] = []
    for peer in peers:
        row["peers"][peer], some = _measure_peer(peer, match.name, loaded.mesh, found.p2s)
        points += some
    return row, points


def _measure_peer(peer: str, name: str, mesh: Mesh, p2s: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from necgs_cli.peers.curve import bytes_at
    from necgs_cli.peers.original import Original
    from necgs_cli.peers.run import peer_points

    try:
        points = peer_points(peer, Original(mesh.vertices, mesh.faces), p2s)
    except Exception as error:  # other people's programs, each with its own ways to fail: the figures stand without it
        return {"bytes_at_equal_error": None, "problem": f"{type(error).__name__}: {error}"}, []
    rows = [{"peer": peer, "model": name, "bytes": p.bytes, "p2s": p.p2s} for p in points if math.isfinite(p.p2s)]
    return {"bytes_at_equal_error": bytes_at(points, p2s) if math.isfinite(p2s) else None}, rows


def summarise(rows: Sequence[dict[str, Any]], file_bytes: int, whole_set: bool, peers: Sequence[str]) -> dict[str, Any]:
    """The figures of a set: totals of bytes, means of errors over the models, the largest `max_error`.

    A figure that one model lacks, the set lacks too. Ratios hold the whole file against the originals of all its
    models: they are None unless `whole_set`.
    """
    source_bytes, raw_bytes = (sum(row[key] for row in rows) for key in ("source_bytes", "raw_bytes"))
    largest = [row["max_error"] for row in rows]
    return {
        "models": len(rows),
        "source_bytes": source_bytes,
        "raw_bytes": raw_bytes,
        "file_bytes": file_bytes,
        "ratio_disk": source_bytes / file_bytes if whole_set else None,
        "ratio_raw": raw_bytes / file_bytes if whole_set else None,
        **{key: _mean(row[key] for row in rows) for key in ("p2s", "p99", "normal_consistency")},
        "max_error": None if None in largest else max(largest),
        "peers": {peer: _summarise_peer(rows, peer, file_bytes if whole_set else None) for peer in peers},
    }


def _summarise_peer(rows: Sequence[dict[str, Any]], peer: str, file_bytes: int | None) -> dict[str, Any]:
    """A peer's total at equal error, and the same over the models for which it has a figure."""
    sizes = [(row["peers"][peer]["bytes_at_equal_error"], row["record_bytes"]) for row in rows]
    known = [(theirs, ours) for theirs, ours in sizes if theirs is not None]
    total = sum(theirs for theirs, _ in known) if len(known) == len(rows) else None
    reached, ours = sum(theirs for theirs, _ in known), sum(ours for _, ours in known)
    return {
        "bytes": total,
        "ratio": total / file_bytes if total is not None and file_bytes else None,
        "reached": {
            "models": len(known),
            "bytes": reached,
            "record_bytes": ours,
            "ratio": reached / ours if ours else None,
        },
    }


def _mean(values: Iterator[float | None]) -> float | None:
    listed = list(values)
    finite = [value for value in listed if value is not None]
    return sum(finite) / len(finite) if len(finite) == len(listed) else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _tell_unmatched(names: Sequence[str], where: str, progress: Progress) -> None:
    """Says in one line which models have no partner, all by name where they are few."""
    if names:
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        progress.skip(f"{len(names):,} {where}", ", ".join(names[:_NAMED]) + more)


def _usable_peers(against: Sequence[str], progress: Progress) -> tuple[list[str], list[dict[str, str]]]:
    from necgs_cli.peers.run import why_not

    usable, unavailable = [], []
    for peer in dict.fromkeys(against):
        reason = why_not(peer)
        if reason is None:
            usable.append(peer)
        else:
            progress.skip(peer, reason)
            unavailable.append({"peer": peer, "reason": reason})
    return usable, unavailable


def _tell_failed_peers(rows: Sequence[dict[str, Any]], progress: Progress) -> None:
    for row in rows:
        for peer, found in row["peers"].items():
            if "problem" in found:
                progress.warn(f"{row['name']}: {peer} failed: {found['problem']}")


def _notes(peers: Sequence[str]) -> list[str]:
    if "gpcc" not in peers:
        return []
    from necgs_cli.peers.gpcc import NOTE

    return [NOTE]
