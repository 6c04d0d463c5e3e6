"""Coding of integer positions on known connectivity."""

from dataclasses import dataclass
from math import isqrt

import numpy as np

from . import field, frame
from .arithmetic import DamagedRecord
from .connectivity import Connectivity
from .hits import HitState, SeenValues, code_hit
from .mixing import Coder, Mixer, code_uniform
from .parts import graph
from .residual import FRACTION, VALUE, code_coordinate

_SIZE_LEVELS = 32


@dataclass(frozen=True)
class Method:
    """How positions are predicted.

    Attributes:
        field: by the Gaussian Markov field (smooth shapes), else by parallelograms.
        hits: whether exact repeats of coordinates are told first (mechanical shapes).
    """

    field: bool
    hits: bool


METHODS = (Method(True, False), Method(False, True), Method(True, True), Method(False, False))


class Surroundings:
    """What is known about the neighbourhood of each vertex from the connectivity alone.

    Attributes:
        near: for each vertex the sorted int64 indices of its neighbours.
        known: those of them that come earlier in coding order, as lists.
        parallelograms: for each vertex the triples (a, b, opposite) of earlier vertices that make one.
    """

    def __init__(self, connectivity: Connectivity) -> None:
        n, f = connectivity.count, connectivity.faces
        self.near = graph(f, n)
        self.known = [a[a < i].tolist() for i, a in enumerate(self.near)]
        self.parallelograms: list[list[tuple[int, int, int]]] = [[] for _ in range(n)]
        apex = {}
        for a, b, c in f.tolist():
            apex[a, b], apex[b, c], apex[c, a] = c, a, b
        for (a, b), c in apex.items():
            if c > a and c > b:
                d = apex.get((b, a), -1)
                if 0 <= d < c:
                    self.parallelograms[c].append((a, b, d))


class _PositionCoder:
    def __init__(self, coder: Coder, mixer: Mixer, connectivity: Connectivity, method: Method,
                 positions: np.ndarray | None) -> None:
        self.coder, self.mixer, self.connectivity, self.method = coder, mixer, connectivity, method
        self.given = None if positions is None else positions.tolist()
        self.surroundings = Surroundings(connectivity)
        self.array = np.zeros((connectivity.count, 3), np.int64)
        self.found: list[list[int]] = []
        self.relative = [0] * connectivity.count  # distance from the prediction, over the field's deviation
        self.anisotropy = frame.Anisotropy()
        self.seen, self.state = SeenValues(), HitState()
        level = None if positions is None else _first_level(positions, connectivity.faces)
        self.first_size = self.typical = 16 << code_uniform(coder, _SIZE_LEVELS, level)
        self.rows = field.conditionals(self.surroundings.near) if method.field else None

    def predict(self, i: int) -> tuple[list[int], int]:
        """Prediction of vertex i with FRACTION bits, and its deviation in field units (0: hardly a prediction)."""
        known = self.surroundings.known[i]
        if self.rows is not None:
            before, weights, pivot = self.rows[i]
            if len(before):
                reference = known[-1] if known else i - 1
                offset = weights @ (self.array[before] - self.array[reference]) >> field.BITS - FRACTION
                return (offset + (self.array[reference] << FRACTION)).tolist(), max(1, isqrt(pivot))
        else:
            x = self.found
            corners = self.surroundings.parallelograms[i]
            if corners:
                total = [sum(x[a][d] + x[b][d] - x[c][d] for a, b, c in corners) for d in range(3)]
                return [(t << FRACTION) // len(corners) for t in total], 1024
            if known:
                total = [sum(x[j][d] for j in known) for d in range(3)]
                return [(t << FRACTION) // len(known) for t in total], 512
        return ([v << FRACTION for v in self.found[-1]] if self.found else [0, 0, 0]), 0

    def suggestions(self, i: int) -> tuple[list[tuple[list[int], int]], bool]:
        """Positions that vertex i may share coordinates with, and their sources; whether it starts a part."""
        x, gate = self.found, self.connectivity.gates[i]
        if gate is None:
            return [(x[j], 1 + k) for k, j in enumerate(range(i - 1, max(-1, i - 4), -1))], True
        f, v, p = gate
        out = [(x[f], 1), (x[v], 2)]
        if p >= 0:
            out += [([x[f][d] + x[v][d] - x[p][d] for d in range(3)], 0), (x[p], 3)]
        for a, b, c in self.surroundings.parallelograms[i][:4]:
            if c != p:
                out.append(([x[a][d] + x[b][d] - x[c][d] for d in range(3)], 4))
        out += [(x[j], 5) for j in self.surroundings.known[i][-6:] if j not in (f, v)]
        return out, False

    def code_vertex(self, i: int) -> None:
        mean, deviation = self.predict(i)
        known = self.surroundings.known[i]
        size = self.first_size
        n = None
        if deviation:
            local = sum(self.relative[j] for j in known)
            size = max(1, (local + self.typical) * 1024 // ((len(known) + 1) * deviation))
            if self.rows is not None:
                n = frame.normal(self.found, self.surroundings.parallelograms[i])
        if n is not None:
            f, v, _ = self.connectivity.gates[i] or (known[0], known[-1], 0)
            step = frame.forward_step(mean, self.found[f], self.found[v], n, len(known), size, FRACTION)
            mean = [m + s for m, s in zip(mean, step, strict=True)]
        if self.method.hits:
            here, spread = self.code_repeating(i, mean, size, deviation)
        else:
            here, spread = self.code_free(i, mean, size, deviation, n)
        for d in range(3):
            if not -(1 << 31) <= here[d] < 1 << 31:
                raise DamagedRecord("a position in the mesh record is out of range")
        self.found.append(here)
        self.array[i] = here
        if deviation:
            self.relative[i] = spread * deviation // (3 * 1024)
            self.typical += (self.relative[i] - self.typical) // min(i + 1, 8)

    def code_free(self, i: int, mean: list[int], size: int, deviation: int, n: list[int] | None
                  ) -> tuple[list[int], int]:
        """Code a vertex by its residuals alone; returns it, and the sum of the sizes found (sixteenths)."""
        given = (None, None, None) if self.given is None else self.given[i]
        share = self.anisotropy.share
        here: list[int] = []
        rest: list[int] = []
        total = 0
        around = min(5, len(self.surroundings.known[i])) * 2 + (len(self.surroundings.near[i]) > 6)
        corners = self.surroundings.parallelograms[i] if n is not None else []
        x = self.found
        for d in range(3):
            m, spread = mean[d], 1 << 16
            if n is not None:
                shift, spread = frame.conditional(d, share, n, rest)
                m += shift
            expected = max(1, size * spread >> 16)
            other = max(1, ((2 * size + total) * spread >> 16) // (2 + d))
            ratio = 0 if d == 0 else _ratio(total, size * d)
            lean = 4
            if corners:
                apart = sum([x[a][d] + x[b][d] - x[c][d] for a, b, c in corners]) * 16 // len(corners) - (mean[d] >> 4)
                lean = max(0, min(8, 4 + 2 * apart // expected))
            v = code_coordinate(self.coder, self.mixer, VALUE, m, (expected, other), (lean * 3 + d, lean),
                                (ratio * 3 + d, around), given[d])
            here.append(v)
            rest.append((v << FRACTION) - mean[d])
            total += abs((v << FRACTION) - m) * (1 << 12) // spread
        if n is not None:
            self.anisotropy.update(rest, n, size)
        return here, total

    def code_repeating(self, i: int, mean: list[int], size: int, deviation: int) -> tuple[list[int], int]:
        """Code a vertex whose coordinates may repeat others; returns it, and the sum of the sizes found."""
        given = (None, None, None) if self.given is None else self.given[i]
        suggested, is_start = self.suggestions(i)
        self.state.start_vertex()
        here: list[int] = []
        total = 0
        deviation_class = min(11, max(0, deviation.bit_length() - 1))
        for d in range(3):
            v = code_hit(self.coder, self.mixer, self.state, self.seen, d, [(s[d], k) for s, k in suggested],
                         is_start, mean[d], given[d])
            if v is None:
                other = max(1, (2 * size + total) // (2 + d)) if d else size
                ratio = 0 if d == 0 else _ratio(total, size * d)
                v = code_coordinate(self.coder, self.mixer, VALUE, mean[d], (size, other), (0, d),
                                    (ratio * 3 + d, deviation_class), given[d])
            here.append(v)
            total += abs((v << FRACTION) - mean[d]) >> 4
            self.seen.add(d, v)
        return here, total


def code_positions(coder: Coder, mixer: Mixer, connectivity: Connectivity, method: Method,
                   positions: np.ndarray | None) -> np.ndarray:
    """Code the positions of a mesh's vertices.

    Args:
        coder: encoder or decoder.
        mixer: adaptive state.
        connectivity: as decoded.
        method: how to predict.
        positions: int64 (n, 3) in decoding numbering, when encoding.

    Returns:
        int64 (n, 3).

    Raises:
        DamagedRecord: when positions out of range are read.
    """
    state = _PositionCoder(coder, mixer, connectivity, method, positions)
    for i in range(connectivity.count):
        state.code_vertex(i)
    return state.array


def _first_level(positions: np.ndarray, faces: np.ndarray) -> int:
    """Size level for the first vertices: about the mean edge, or the mean coordinate without edges."""
    sizes = np.abs(positions[faces[:, 0]] - positions[faces[:, 1]]) if len(faces) else np.abs(positions)
    return int(sizes.mean()).bit_length() if sizes.size else 0


def _ratio(total: int, expected: int) -> int:
    """Class 1..5 of the size found so far over the size expected."""
    return 1 + (4 * total > expected) + (2 * total > expected) + (total > expected) + (total > 2 * expected)
