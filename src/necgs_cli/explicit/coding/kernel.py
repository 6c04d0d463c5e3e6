"""Functions that run in two ways: by Python on lists, or compiled to machine code on int64 arrays.

A kernel is a plain function of integers and flat sequences, without dicts, sets, objects or exceptions. `@kernel`
only takes note of it; `compiled.py` makes its compiled twin, for the types that its annotations name. Other code
calls entries only. A primitive is a small step that each way does by means of its own, with the same result: what is
defined here is Python's.
"""

from bisect import bisect_left as _bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isqrt as _isqrt
from typing import Annotated, Any, TypeVar

import numpy as np

Flat = Annotated[Any, "int64[:]"]
"""A flat sequence of integers: a list, or an array of int64."""

Vector = tuple[int, int, int]

F = TypeVar("F", bound=Callable)

KERNELS: list[Callable] = []
"""All kernels, each after those that it calls."""

ENTRIES: list[Callable] = []
"""The kernels among them that other code calls."""

INLINED: list[Callable] = []
"""Those that are copied into their callers: small ones, and those with many arguments that are called in one place."""

PRIMITIVES: list[Callable] = []


def kernel(function: F) -> F:
    """Take note of a kernel, which stays as it is."""
    KERNELS.append(function)
    return function


def entry(function: F) -> F:
    """Take note of a kernel that other code calls, through a `Mode`."""
    KERNELS.append(function)
    ENTRIES.append(function)
    return function


def inlined(function: F) -> F:
    """Take note of a kernel that is copied into those that call it."""
    KERNELS.append(function)
    INLINED.append(function)
    return function


def _primitive(function: F) -> F:
    PRIMITIVES.append(function)
    return function


@_primitive
def isqrt(n: int) -> int:
    """The square root of an integer below 2**63, rounded down."""
    return _isqrt(n)


@_primitive
def length(x: int, y: int, z: int) -> int:
    """isqrt(x*x + y*y + z*z); components below 2**53."""
    return _isqrt(x * x + y * y + z * z)


@_primitive
def isqrt_of_product(a: int, b: int) -> int:
    """isqrt(a * b); factors below 2**54."""
    return _isqrt(a * b)


@_primitive
def bit_length(n: int) -> int:
    """Number of bits of an integer >= 0."""
    return n.bit_length()


@_primitive
def bisect_left(values: Flat, value: int, low: int, high: int) -> int:
    """The first place in the sorted values[low:high] whose value is not below the given one, or high."""
    return _bisect_left(values, value, low, high)


@_primitive
def zeros(count: int) -> Flat:
    """A new sequence of zeros."""
    return [0] * count


@_primitive
def subtract_outer(matrix: Flat, n: int, columns: Flat, weights: Flat, entries: Flat, bits: int) -> None:
    """From the n * n matrix (int64, flat), at rows and columns `columns`, the outer product over 2**bits."""
    matrix[(columns * n)[:, None] + columns] -= weights[:, None] * entries >> bits


@dataclass(frozen=True)
class Mode:
    """A way to run kernels.

    Attributes:
        name: for people.
        limit: coordinates below it in magnitude are within reach; a record beyond is left to Python.
        bounded: whether integers have 64 bits.
        sequence: makes the flat sequence that kernels take, from any sequence of integers.
        blank: makes one of zeros, of a given length.
    """

    name: str
    limit: int
    bounded: bool
    sequence: Callable[[Any], Any]
    blank: Callable[[int], Any]
    _twins: dict[Callable, Callable] = field(default_factory=dict)

    def __call__(self, function: Callable) -> Callable:
        """The entry as this mode runs it."""
        return self._twins.get(function, function)


def _as_list(values) -> list[int]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


PYTHON = Mode("python", 1 << 31, False, _as_list, zeros)
