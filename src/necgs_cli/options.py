"""What encoding can be asked for, and the presets: data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, replace

QUALITY_DEFAULT = 5
QUALITY_RATIO = 1.6
"""One step of `quality` divides lambda, or the error, by this."""


CODECS: dict[str, str] = {
    "auto": "mesh records; a decoder besides where it pays within --time-budget",
    "mesh": "a control mesh for each model, in seconds",
    "neural": "one decoder for the set and a feature for each model (NeCGS), in minutes to hours",
}
POLICIES: dict[str, str] = {
    "each": "every model within the error or size (the default but for --target-size)",
    "set": "the set's mean at the error with the least bytes, or at the size with the least error",
}


@dataclass(frozen=True)
class ErrorBound:
    """An asked surface distance.

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
class Goal:
    """What mesh records shall keep to: errors, or a size.

    Attributes:
        error: mean surface distance; max_error: largest one, of each model whatever the policy.
        file_bytes: of the whole file; bytes_per_model: of the whole file over the number of models.
        whole_set: whether error and size are for the set or for each model.
    """

    error: ErrorBound | None = DEFAULT_ERROR
    max_error: ErrorBound | None = None
    file_bytes: int | None = None
    bytes_per_model: float | None = None
    whole_set: bool = False

    @property
    def sized(self) -> bool:
        """Whether a size is asked for, not an error."""
        return self.file_bytes is not None or self.bytes_per_model is not None

    def most_bytes(self, model_count: int) -> float:
        """Bytes that the whole file of so many models may have; infinite where no size is asked for."""
        if self.file_bytes is not None:
            return self.file_bytes
        return self.bytes_per_model * model_count if self.bytes_per_model is not None else float("inf")


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


DEFAULT_PRESET = "balanced"


@dataclass(frozen=True)
class EncodeOptions:
    """Everything that encoding can be told.

    Attributes:
        codec: a key of CODECS. "auto" is "neural" where a preset, resolution or lambda is given; with a time
            budget it trains a decoder besides the mesh records where that is predicted to pay.
        error: mean surface distance of mesh records, None for what `quality` stands for.
        max_error: largest surface distance of each mesh record.
        target_size: bytes of the whole file, in place of an error; bytes_per_model: the same over the models.
        policy: a key of POLICIES: what error and size apply to. None for "set" with a target size, else "each".
        quality: 1..10, 5 by default: an error of 0.1 % of the longest side for mesh records, the preset's lambda for
            neural ones.
        preset: a key of PRESETS, None for "balanced".
        resolution: K, None for the preset's.
        rate_weight: lambda, None for what `quality` stands for.
        time_budget: seconds for everything, None for the preset's own length.
        resume: go on from the checkpoint of an interrupted run with the same options.
        device: "auto", "cpu" or "cuda".
        seed: of everything random.
        workers: processes that prepare meshes and threads that train; None for one a core.
        keep_interior: keep surfaces that cannot be seen from outside (mesh records always do).
        strict: stop at the first input that cannot be read.
        overwrite: replace the output.
    """

    codec: str = "auto"
    error: ErrorBound | None = None
    max_error: ErrorBound | None = None
    target_size: int | None = None
    bytes_per_model: float | None = None
    policy: str | None = None
    quality: int | None = None
    preset: str | None = None
    resolution: int | None = None
    rate_weight: float | None = None
    time_budget: float | None = None
    resume: bool = False
    device: str = "auto"
    seed: int = 0
    workers: int | None = None
    keep_interior: bool = False
    strict: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        for value, known, word in (
            (self.codec, CODECS, "codec"),
            (self.policy, POLICIES, "policy"),
            (self.preset, PRESETS, "preset"),
        ):
            if value is not None and value not in known:
                raise ValueError(f"{value!r} is no {word}; there are {', '.join(known)}")
        if self.resolution not in (None, 32, 64, 128, 256):
            raise ValueError(f"resolution {self.resolution} is none of 32, 64, 128, 256")
        if self.quality is not None and not 1 <= self.quality <= 10:
            raise ValueError("quality lies between 1 and 10")
        if self.quality is not None and (self.rate_weight is not None or self.error is not None):
            raise ValueError("quality stands for a lambda and an error: give only one of them")
        if self.rate_weight is not None and not 0 <= self.rate_weight < float("inf"):
            raise ValueError("lambda must be a number from 0 on")
        if self.time_budget is not None and not self.time_budget > 0:
            raise ValueError("the time budget must be positive")
        for size in (self.target_size, self.bytes_per_model):
            if size is not None and not 0 < size < float("inf"):
                raise ValueError("a size must be a positive number of bytes")
        self._refuse_contradictions()

    _training = ("preset", "resolution", "rate_weight")
    _sizes = ("target_size", "bytes_per_model")
    _fitting = ("error", "max_error", *_sizes, "policy")

    def _refuse_contradictions(self) -> None:
        training, fitting, sizes = (self._given(n) for n in (self._training, self._fitting, self._sizes))
        errors = self._given(("error", "max_error", "quality"))
        if len(sizes) > 1 or (sizes and errors):
            raise ValueError(f"{sizes[0]} and {(errors or sizes[1:])[0]} contradict each other: give one of them")
        if self.codec == "mesh" and (trained := training + self._given(("time_budget",))):
            raise ValueError(f"{trained[0]} is of the neural codec")
        if self.codec == "neural" and fitting:
            raise ValueError(f"{fitting[0]} is of mesh records; the neural codec takes lambda or quality")
        if training and fitting:
            raise ValueError(f"{training[0]} is of the neural codec and {fitting[0]} of mesh records: give one of them")

    def _given(self, names: tuple[str, ...]) -> list[str]:
        return [name.replace("rate_weight", "lambda").replace("_", " ") for name in names if getattr(self, name)]

    @property
    def neural(self) -> bool:
        """Whether all records are neural: asked for as codec, or by an option of training."""
        return self.codec == "neural" or (self.codec == "auto" and bool(self._given(self._training)))

    @property
    def goal(self) -> Goal:
        """What mesh records keep to."""
        error = self.error
        sized = self.target_size is not None or self.bytes_per_model is not None
        if error is None and not sized and (self.max_error is None or self.quality is not None):
            steps = QUALITY_DEFAULT - (self.quality or QUALITY_DEFAULT)
            error = ErrorBound(DEFAULT_ERROR.value * QUALITY_RATIO**steps)
        policy = self.policy or ("set" if self.target_size is not None else "each")
        return Goal(error, self.max_error, self.target_size, self.bytes_per_model, policy == "set")

    @property
    def choice(self) -> Preset:
        """The preset, resolution and lambda replaced by what was asked for."""
        preset = PRESETS[self.preset or DEFAULT_PRESET]
        rate = preset.rate_weight if self.rate_weight is None else self.rate_weight
        rate *= QUALITY_RATIO ** (QUALITY_DEFAULT - (self.quality or QUALITY_DEFAULT))
        return replace(preset, resolution=self.resolution or preset.resolution, rate_weight=rate)
