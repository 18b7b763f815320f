"""The only rooms that know an engine: each loads a folder into a ``Servable``.

Whoever imports ONNX Runtime, or what imports it, has imported this before.
"""

import os
from typing import Final

NO_TELEMETRY: Final = "ORT_DISABLE_TELEMETRY"
"""ONNX Runtime looks its maker's host up, and sends what runs there, unless this is set before it
is imported. Whatever the environment says: a server calls nobody."""

os.environ[NO_TELEMETRY] = "1"
