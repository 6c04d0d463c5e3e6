"""Text given on the command line -> values: durations, id ranges, devices."""

from __future__ import annotations

import re

import typer

from necgs_cli.options import ErrorBound

DEVICES = ("auto", "cpu", "cuda")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b?|[km]i?b)", re.ASCII)
_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
_ID_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds from `90`, `90s`, `10m`, `1h30m` or `1.5h`.

    Raises:
        typer.BadParameter: for anything else, and for durations that are not positive.
    """
    match = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    if not match or not any(match.groups()):
        raise typer.BadParameter(f"{text!r} is no duration: give seconds, or 90s, 10m, 1h30m")
    hours, minutes, seconds = (float(group or 0) for group in match.groups())
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise typer.BadParameter("a duration must be longer than 0 s")
    return total


def parse_error(text: str) -> ErrorBound:
    """An error bound from `0.1%` (of the longest side) or `0.02` (source units).

    Raises:
        typer.BadParameter: for anything else.
    """
    number = text.strip()
    relative = number.endswith("%")
    try:
        value = float(number.rstrip("%"))
        return ErrorBound(value / 100 if relative else value, relative)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no error: give 0.1% (of the longest side) or a length") from None


def parse_size(text: str) -> int:
    """Bytes from `500KB`, `1.5MB`, `120000` or `90 kB`; 1 KB = 1,000 B, 1 KiB = 1,024 B.

    Raises:
        typer.BadParameter: for anything else, and for less than a byte.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if size < 1:
        raise typer.BadParameter(f"{text!r} is no size: give bytes, or 500KB, 2MB")
    return size


def parse_device(text: str) -> str:
    """The device name; whether the machine has it is found out by the library."""
    if text not in DEVICES:
        raise typer.BadParameter(f"{text!r} is no device: give {', '.join(DEVICES)}")
    return text


def parse_ids(text: str) -> list[range]:
    """Ranges of model ids from `42` or `3,5,10-20` (both ends included).

    Ranges, not lists: `0-999999999999` must cost nothing before it is held against the number of models.

    Raises:
        typer.BadParameter: where a part is no id and no range, or a range runs backwards.
    """
    ranges = []
    for part in text.split(","):
        match = _ID_RANGE.fullmatch(part.strip())
        if not match:
            raise typer.BadParameter(f"{part.strip()!r} is no model id: give 42, or 3,5,10-20")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        if last < first:
            raise typer.BadParameter(f"the range {part.strip()} runs backwards")
        ranges.append(range(first, last + 1))
    return ranges
