"""The gRPC port, on the completion queue of gRPC's own core.

Whoever imports the core for it has imported this before.
"""

import os
from typing import Final

POLLED_BY_WHO_RECEIVES: Final = "-event_engine_listener"
"""Left alone, the core reads sockets on threads of its own and wakes the one that receives, at up
to five changes of thread a call. With this it is that thread which reads (docs/adr/0017)."""

_EXPERIMENTS: Final = "GRPC_EXPERIMENTS"

# An operator's own come behind, where the last word counts.
os.environ[_EXPERIMENTS] = ",".join(
    filter(None, (POLLED_BY_WHO_RECEIVES, os.environ.get(_EXPERIMENTS)))
)
