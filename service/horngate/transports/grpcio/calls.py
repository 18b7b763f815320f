"""A call between gRPC's terms and ours."""

from __future__ import annotations

from typing import Final

import grpc

from horngate.engine import Call
from horngate.transports.grpcio.handlers import Context

CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def call_of(context: Context, now: float) -> Call:
    """A call that begins ``now``, in seconds of the server's clock."""
    remaining: float | None = context.time_remaining()  # None where the caller set none
    return Call(now, None if remaining is None else now + remaining)
