"""What one model's ``model.toml`` decides for the server; which versions, as a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.errors import ConfigError
from horngate.lifecycle.declared import Declared

MAX_LABEL: Final = 128


@dataclass(frozen=True, slots=True)
class VersionOptions:
    """Table ``[versions]`` of ``model.toml``: give one of the first three keys.

    Attributes:
        latest: serve the newest so many.
        all: serve every version on disk.
        specific: serve exactly these.
        labels: names by which requests may ask for a version, ``{stable = 3, canary = 4}``. A
            label moves when the version that it should mean is live, and not before.
        allow_changed_signatures: whether a newer version may take other inputs, or give other
            outputs, than the newest that is live. Where it may not, that one keeps serving.
    """

    latest: int | None = None
    all: bool = False
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    allow_changed_signatures: bool = False

    def __post_init__(self) -> None:
        given = [key for key in ("latest", "all", "specific") if getattr(self, key)]
        if self.latest == 0 or (self.latest is not None and self.latest < 0):
            raise ConfigError(f"latest: expected at least 1, received {self.latest}")
        if len(given) > 1:
            raise ConfigError(
                f"{given[1]}: expected one of latest, all, specific; received {', '.join(given)}"
            )
        for label, version in self.labels.items():
            if not 0 < len(label) <= MAX_LABEL or version < 0:
                raise ConfigError(
                    f"labels: expected names of 1 to {MAX_LABEL} characters and version numbers, "
                    f"received {label[:MAX_LABEL]!r} = {version}"
                )

    def desired(self, available: Iterable[int]) -> frozenset[int]:
        """The versions of ``available`` that should be live.

        ``available`` leaves out those that failed to load, so that ``latest`` falls back to
        the newest version that works.
        """
        versions = sorted(available, reverse=True)
        if self.all:
            return frozenset(versions)
        if self.specific:
            return frozenset(versions) & frozenset(self.specific)
        return frozenset(versions[: self.latest or 1])


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
    """The tables of ``model.toml``, and what a ``config.pbtxt`` says; the defaults without."""

    versions: VersionOptions = field(default_factory=VersionOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    batching: BatchingOptions = field(default_factory=BatchingOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    declared: Declared = field(default_factory=Declared)
