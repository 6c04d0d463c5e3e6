"""What encoding can be asked for, and the presets: data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

QUALITY_DEFAULT = 5
QUALITY_RATIO = 1.6
"""One step of `quality` divides lambda by this."""


CODECS: dict[str, str] = {
    "auto": "the smallest file at the asked error: mesh records, for now always",
    "mesh": "a control mesh for each model, in seconds",
    "neural": "one decoder for the set and a feature for each model (NeCGS), in minutes to hours",
}
POLICIES: dict[str, str] = {
    "each": "every model within the error",
    "set": "the mean of the set at the error, with the least bytes",
}


@dataclass(frozen=True)
class ErrorBound:
    """An asked mean surface distance.

    Attributes:
        value: a share of the model's longest side, or a length in source units.
        relative: which of the two.
    """

    value: float = 0.001
    relative: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.value < float("inf"):
            raise ValueError("the error must be a positive number")

    def of(self, longest_side: float) -> float:
        """The bound for a model whose longest side is that, where the longest side counts 2."""
        return 2 * (self.value if self.relative else self.value / longest_side)


DEFAULT_ERROR = ErrorBound()
"""0.1 % of the longest side."""


@dataclass(frozen=True)
class Preset:
    """A named configuration of the neural codec.

    Attributes:
        summary: one line for the help.
        decoder: "sparse" (ours) or "dense" (the paper's own).
        resolution: K.
        rate_weight: lambda, loss for 100 bytes a model; 0 where the preset does not count bits.
        epochs: passes over the set, and least steps, where no time budget is given.
        width: channels of the decoder as a multiple of what the number of models suggests.
        deformation: whether the deformation of the lattice is coded besides the TSDF.
    """

    summary: str
    decoder: str
    resolution: int
    rate_weight: float
    epochs: int
    least_steps: int
    width: float
    deformation: bool


PRESETS: dict[str, Preset] = {
    "tiny": Preset("smallest file, K = 64, minutes", "sparse", 64, 6e-3, 150, 1200, 0.75, False),
    "fast": Preset("a first look, K = 64, minutes", "sparse", 64, 2e-3, 120, 1000, 1.0, False),
    "balanced": Preset(
        "K = 128, tens of minutes for some dozens of models", "sparse", 128, 3e-3, 400, 2500, 1.0, False
    ),
    "best": Preset("K = 128, hours", "sparse", 128, 1e-3, 1600, 10000, 1.25, False),
    "paper": Preset(
        "NeCGS as published: dense decoder, TSDF-Def, K = 128, a GPU", "dense", 128, 0.0, 400, 0, 1.0, True
    ),
}


@dataclass(frozen=True)
class EncodeOptions:
    """Everything that encoding can be told.

    Attributes:
        codec: a key of CODECS.
        error: mean surface distance of mesh records, None for 0.1 % of the longest side.
        policy: a key of POLICIES: what the error applies to.
        preset: a key of PRESETS; how the neural codec trains.
        resolution: K, None for the preset's.
        rate_weight: lambda, None for the preset's.
        quality: 1..10 in place of lambda, 5 is the preset's.
        time_budget: seconds for everything, None for the preset's own length.
        device: "auto", "cpu" or "cuda".
        seed: of everything random.
        workers: processes that prepare meshes and threads that train; None for one a core.
        keep_interior: keep surfaces that cannot be seen from outside.
        strict: stop at the first input that cannot be read.
        resume: go on from the checkpoint of an interrupted run.
        overwrite: replace the output.
    """

    codec: str = "auto"
    error: ErrorBound | None = None
    policy: str = "each"
    preset: str = "balanced"
    resolution: int | None = None
    rate_weight: float | None = None
    quality: int | None = None
    time_budget: float | None = None
    device: str = "auto"
    seed: int = 0
    workers: int | None = None
    keep_interior: bool = False
    strict: bool = False
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"{self.codec!r} is no codec; there are {', '.join(CODECS)}")
        if self.policy not in POLICIES:
            raise ValueError(f"{self.policy!r} is no policy; there are {', '.join(POLICIES)}")
        if self.error is not None and self.codec == "neural":
            raise ValueError("the neural codec takes a quality or lambda, not an error")
        if self.preset not in PRESETS:
            raise ValueError(f"{self.preset!r} is no preset; there are {', '.join(PRESETS)}")
        if self.resolution not in (None, 32, 64, 128, 256):
            raise ValueError(f"resolution {self.resolution} is none of 32, 64, 128, 256")
        if self.quality is not None and self.rate_weight is not None:
            raise ValueError("quality and rate_weight say the same thing: give one of them")
        if self.quality is not None and not 1 <= self.quality <= 10:
            raise ValueError("quality lies between 1 and 10")
        if self.rate_weight is not None and not 0 <= self.rate_weight < float("inf"):
            raise ValueError("rate_weight must be a number from 0 on")
        if self.time_budget is not None and not self.time_budget > 0:
            raise ValueError("the time budget must be positive")

    @property
    def choice(self) -> Preset:
        """The preset, resolution and lambda replaced by what was asked for."""
        from dataclasses import replace

        preset = PRESETS[self.preset]
        rate = preset.rate_weight if self.rate_weight is None else self.rate_weight
        if self.quality is not None:
            rate *= QUALITY_RATIO ** (QUALITY_DEFAULT - self.quality)
        return replace(preset, resolution=self.resolution or preset.resolution, rate_weight=rate)
