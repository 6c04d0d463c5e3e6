"""How large a sparse decoder a set deserves, and what it will take.

Its bytes are shared by the set: few models carry a small one, many a larger one. Widths grow with the cube root of
the number of models from those measured on 48 bodies (docs/decisions/neural.md); the exponent is a choice.
"""

from __future__ import annotations

from necgs_cli.model.config import DecoderConfig

REFERENCE_MODELS = 48
CHANNELS = (0, 16, 32, 32, 24, 16)
HIDDEN = (32, 48, 48, 32, 24, 16)
FEATURES = (16, 4, 2, 0, 0, 0)
WIDE_STENCIL_UP_TO = 32
"""Finer lattices than this see the faces of a cell only: a quarter of the work and of the weights."""


def sparse_config(models: int, resolution: int, width: float = 1.0, deformation: bool = False) -> DecoderConfig:
    """The decoder for a set.

    Args:
        models: number of models in the set.
        resolution: K.
        width: multiple of the channels that the number of models suggests.
        deformation: whether deformation is coded too.
    """
    factor = width * min(max((models / REFERENCE_MODELS) ** (1 / 3), 0.35), 2.0)
    levels = resolution.bit_length() - 3
    lattices = [4 << level for level in range(levels)]

    def scaled(channels: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(8, 4 * round(c * factor / 4)) if c else 0 for c in channels[:levels])

    return DecoderConfig(
        resolution=resolution,
        channels=scaled(CHANNELS),
        features=tuple(f if r <= 16 else 0 for f, r in zip(FEATURES, lattices, strict=False)),
        hidden=scaled(HIDDEN),
        stencils=tuple(27 if r <= WIDE_STENCIL_UP_TO else 7 for r in lattices),
        deformation=deformation,
    )


MEASURED_P2S = 1.86e-3
DECODER_BYTES, FEATURE_BYTES = 53_300, 837
"""A run of 48 alike models at K = 128 (docs/decisions/neural.md): its decoder, and the feature of a model."""


def predicted_bytes(models: int, p2s: float) -> float:
    """Bytes of a decoder and of the features of alike models at an error, from what was measured.

    Weights grow with the square of the widths, which grow with the cube root of the number of models; the feature's
    bytes with one over the error.
    """
    return DECODER_BYTES * (models / REFERENCE_MODELS) ** (2 / 3) + models * FEATURE_BYTES * MEASURED_P2S / p2s
