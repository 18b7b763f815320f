"""The largest that a file of each kind may be, in bytes; ``docs/untrusted-models.md`` tells them.

A file is refused by its size before it is read, and cut off where it grows meanwhile. What a file
holds may take more memory than the file: such kinds have a second bound.
"""

from __future__ import annotations

from typing import Final

_MIB: Final = 1024 * 1024
_GIB: Final = 1024 * _MIB

VERSION_FILE: Final = 256 * _GIB
"""Any file of a version: more would be hashed for longer than anybody waits."""

SAVED_MODEL: Final = 2 * _GIB
"""``saved_model.pb``: what a message of protobuf may be."""

FORM: Final = 2 * _GIB
"""A compiled form: the same."""

RECORD: Final = 4 * _MIB
"""Each JSON file under ``assets.extra/horngate``."""

GOLDEN: Final = 64 * _MIB
"""The tensors of one signature's golden, compressed."""

GOLDENS_UNPACKED: Final = 128 * _MIB
"""All tensors of a version's goldens in memory."""

WARM_UP: Final = 256 * _MIB
"""``tf_serving_warmup_requests``."""

MODEL_SETTINGS: Final = 64 * 1024
"""A ``model.toml``."""

SETTINGS: Final = _MIB
"""The server's settings file, and TensorFlow Serving's of batching and monitoring."""

LISTED: Final = 4 * _MIB
"""Files with an entry for each of many: the list of models, the tokens."""

CERTIFICATES: Final = 4 * _MIB
"""Each file of TLS."""
