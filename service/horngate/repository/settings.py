"""What one model's ``model.toml`` decides for the server."""

from __future__ import annotations

from dataclasses import dataclass, field

from horngate.repository.policy import VersionOptions
from horngate.scheduling.options import BatchingOptions, LimitOptions


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Tables ``[versions]``, ``[batching]``, ``[limits]``; the defaults where no file is."""

    versions: VersionOptions = field(default_factory=VersionOptions)
    batching: BatchingOptions = field(default_factory=BatchingOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
