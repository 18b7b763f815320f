"""How often one client may call: a bucket of tokens for each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from horngate.errors import ConfigError, RateLimited
from horngate.servable import Clock

BURST_SECONDS: Final = 1.0
"""A client that was quiet may make so many seconds' calls at once."""

MOST_CLIENTS: Final = 10_000
"""Clients remembered; beyond that the one that was quiet the longest is forgotten, whose bucket is
the likeliest to be full."""


class Rates:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, rate: float) -> None:
        """Count a call of ``client``, who may make ``rate`` a second.

        Raises:
            RateLimited: it is one too many; the message says when there is room again.
        """
        size = max(1.0, rate * BURST_SECONDS)
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(client, (size, now))
            left = min(size, left + (now - at) * rate)
            allowed = left >= 1.0
            self._buckets[client] = (left - 1.0 if allowed else left, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(
                f"expected at most {rate:g} requests a second from one client, received more; "
                f"retry in {(1.0 - left) / rate:.3f} s",
                retry_after=(1.0 - left) / rate,
            )


def check_rate(key: str, rate: float) -> None:
    """Check a setting.

    Raises:
        ConfigError: it is no rate.
    """
    if not 0.001 <= rate <= 1e6:
        raise ConfigError(f"{key}: expected 0.001 to 1000000 requests a second, received {rate}")
