"""Parameters of ours in the protocol's open maps, for server and client alike."""

from __future__ import annotations

from typing import Final

ENGINE_REASON: Final = "engine_reason"
"""Of a model's configuration: why no engine of earlier choice runs it."""
