"""The sparse decoder on NumPy: how a neural record becomes a field when a file is read. Needs no torch."""

from __future__ import annotations

import numpy as np

from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField
from necgs_cli.model import cells
from necgs_cli.model.config import BASE, MOST_CELLS, DecoderConfig
from necgs_cli.model.payload import DecoderPayload, decode_features

CHUNK = 2048


class NumpyDecoder:
    """A set's decoder, ready to turn features into fields."""

    def __init__(self, payload: DecoderPayload):
        self.payload = payload
        self.config: DecoderConfig = payload.config
        self.weights = payload.real_weights()

    def decode(self, feature: bytes) -> SparseField:
        """The TSDF (and deformation) of one record.

        Args:
            feature: payload of the record.
        Returns:
            A field with bricks of 2^3 samples.
        Raises:
            DamagedFile: the bytes are no feature of this decoder.
        """
        return self.predict(self.payload.real_features(decode_features(self.payload, feature)))

    def predict(self, features: list[np.ndarray]) -> SparseField:
        """The field of real-valued feature lattices (channels, r, r, r)."""
        config, pending = self.config, list(features)
        index = cells.lattice_coordinates(BASE)
        table = cells.dense_neighbours(BASE, config.stencils[0])
        carried = np.zeros((len(index), 0), np.float32)
        side = np.full((BASE,) * 3, OUTSIDE, np.int32)
        for level, edge in enumerate(config.lattices):
            if config.features[level]:
                lattice = pending.pop(0)
                carried = np.concatenate([carried, lattice[:, index[:, 0], index[:, 1], index[:, 2]].T], 1)
            conv, bias, expand, out_bias = self.weights[4 * level : 4 * level + 4]
            x = _gelu(_sparse_convolution(carried, table, conv) + bias) @ expand + out_bias
            heads = config.heads(level)
            x = x.reshape(len(index), 8, out_bias.size // 8)  # -1 would not do where no cell is left
            if level + 1 == config.levels:
                return _field(config, side, index, x)
            kept = np.ones(x.shape[:2], bool)
            if heads:
                kept = np.abs(x[:, :, 0]) < config.keep / 256
                kept = _bounded(kept, MOST_CELLS * (2 * edge) ** 2)
            side = _finer_sides(side, index, x[:, :, 0] if heads else None)
            chosen = np.flatnonzero(kept)
            carried = _gelu(x.reshape(len(index) * 8, -1)[chosen, heads:])
            rows = np.full(8 * len(kept) + 8, len(chosen))
            rows[chosen] = np.arange(len(chosen))
            lookup = cells.child_lookup(table.shape[1], config.stencils[level + 1])
            table = cells.child_neighbours(table, rows, chosen >> 3, chosen & 7, lookup)
            index = index[chosen >> 3] * 2 + cells.octants()[chosen & 7]
        raise AssertionError("a decoder has at least one level")


def _gelu(x: np.ndarray) -> np.ndarray:
    """Gaussian error linear unit, tanh form (Hendrycks & Gimpel 2016), float32."""
    inner = x * x
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32(np.sqrt(2 / np.pi))
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _sparse_convolution(x: np.ndarray, table: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """y[i] = sum_k x[table[i, k]] @ weight[k]; x (n, C), table (n, S), weight (S, C, O); returns (n, O)."""
    stencil, inputs, outputs = weight.shape
    x = np.concatenate([x, np.zeros((1, inputs), np.float32)])
    weight = weight.reshape(-1, outputs)
    out = np.empty((len(table), outputs), np.float32)
    block = np.empty((min(CHUNK, len(table)) * stencil, inputs), np.float32)
    for start in range(0, len(table), CHUNK):
        rows = table[start : start + CHUNK]
        gathered = block[: rows.size]
        np.take(x, rows.ravel(), axis=0, out=gathered, mode="clip")
        np.matmul(gathered.reshape(len(rows), -1), weight, out=out[start : start + len(rows)])
    return out


def _bounded(kept: np.ndarray, most: int) -> np.ndarray:
    if kept.sum() > most:
        kept.ravel()[np.flatnonzero(kept)[most:]] = False
    return kept


def _finer_sides(side: np.ndarray, index: np.ndarray, said: np.ndarray | None) -> np.ndarray:
    """OUTSIDE or INSIDE of every cell of twice the resolution, from the children's own TSDF where there is one."""
    fine = side.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    if said is not None:
        child = (index * 2)[:, None] + cells.octants()
        fine[child[..., 0], child[..., 1], child[..., 2]] = np.where(said < 0, INSIDE, OUTSIDE)
    return fine


def _field(config: DecoderConfig, side: np.ndarray, index: np.ndarray, x: np.ndarray) -> SparseField:
    brick_map = side
    brick_map[index[:, 0], index[:, 1], index[:, 2]] = np.arange(len(index))
    values = np.clip(x, -1, 1).reshape(len(index), 2, 2, 2, x.shape[2])
    moves = np.ascontiguousarray(values[..., 1:]) if config.deformation else None
    return SparseField(config.resolution, brick_map, np.ascontiguousarray(values[..., 0]), moves)
