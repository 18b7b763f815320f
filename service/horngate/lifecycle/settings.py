"""What one model's ``model.toml`` decides for the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.errors import ConfigError
from horngate.lifecycle.policy import VersionOptions


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Table ``[runtime]`` of ``model.toml``.

    Attributes:
        engine: ``auto`` takes the compiled form where there is one that answers as TensorFlow
            does, and TensorFlow else; ``onnx`` and ``tensorflow`` insist.
        threads: threads within one run of the model; 0 for what measuring finds best: one for
            a quick model, all cores for one that answers sooner with them.
        load_seconds: how long loading a version may take; 0 for what the server's settings say.
    """

    engine: Literal["auto", "onnx", "tensorflow"] = "auto"
    threads: int = 0
    # It says nothing of how a version is served, so that a change of it reloads none.
    load_seconds: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.threads <= 1024:
            raise ConfigError(f"threads: expected 0 to 1024, received {self.threads}")
        if self.load_seconds and not 1 <= self.load_seconds <= 86400:
            raise ConfigError(
                f"load_seconds: expected 0 or 1 to 86400, received {self.load_seconds}"
            )


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The tables of ``model.toml``; the defaults where no file is."""

    versions: VersionOptions = field(default_factory=VersionOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    batching: BatchingOptions = field(default_factory=BatchingOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
