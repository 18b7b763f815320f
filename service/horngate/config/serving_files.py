"""Files of TensorFlow Serving, taken as they are: the list of models, how they are batched."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from horngate.batching.options import BatchingOptions
from horngate.errors import ConfigError
from horngate.lifecycle.source import Listing
from horngate.protocols.pb.tensorflow_serving.config.model_server_config_pb2 import (
    ModelServerConfig,
)
from horngate.protocols.pb.tensorflow_serving.config.monitoring_config_pb2 import (
    MonitoringConfig,
)
from horngate.protocols.pb.tensorflow_serving.config.session_bundle_config_pb2 import (
    BatchingParameters,
)
from horngate.protocols.tfserving.model_list import read_model_list
from horngate.reading import read_file
from horngate.sizes import LISTED, SETTINGS

MONITORING_PATH: Final = "/monitoring/prometheus/metrics"
DEFAULT_MAX_BATCH_SIZE: Final = 1000
"""TensorFlow Serving's, where the file has none."""

M = TypeVar("M", bound=Message)


def read_model_config_file(path: Path) -> dict[str, Listing]:
    """The models of ``--model_config_file`` by name.

    Raises:
        ConfigError: naming the file; it cannot be read, is no such text, or lists what cannot be
            served.
    """
    message = _read(path, ModelServerConfig, LISTED)
    try:
        return read_model_list(message)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_batching_parameters_file(path: Path) -> BatchingOptions:
    """The options that ``--batching_parameters_file`` gives every model.

    ``max_enqueued_batches`` becomes rows, by ``max_batch_size``; ``num_batch_threads`` the batches
    that may run at the same time; ``thread_pool_name`` means nothing here.

    Raises:
        ConfigError: naming the file and the key.
    """
    message = _read(path, BatchingParameters)
    rows = message.max_batch_size.value or DEFAULT_MAX_BATCH_SIZE
    queue_rows = max(rows, BatchingOptions().max_queue_rows)
    if message.HasField("max_enqueued_batches"):
        queue_rows = message.max_enqueued_batches.value * rows
    threads = message.num_batch_threads.value if message.HasField("num_batch_threads") else None
    try:
        return BatchingOptions(
            max_batch_size=rows,
            max_queue_rows=queue_rows,
            max_queue_delay=message.batch_timeout_micros.value / 1e6,
            instances=threads,
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def check_monitoring_config_file(path: Path) -> None:
    """Check that ``--monitoring_config_file`` asks for metrics at ``MONITORING_PATH``.

    Raises:
        ConfigError: naming the file; another path, or metrics switched off.
    """
    wanted = _read(path, MonitoringConfig).prometheus_config
    if not wanted.enable or wanted.path not in ("", MONITORING_PATH):
        raise ConfigError(
            f"{path}: prometheus_config: expected enable: true and path: {MONITORING_PATH!r}, "
            f"received enable: {wanted.enable} and path: {wanted.path!r}; scrape that path"
        )


def _read(path: Path, kind: type[M], limit: int = SETTINGS) -> M:
    try:
        return text_format.Parse(read_file(path, limit).decode(), kind())
    except (OSError, ValueError, RecursionError, text_format.ParseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"Error parsing text-format {kind.DESCRIPTOR.full_name}: {path}: expected a "
            f"{kind.DESCRIPTOR.full_name} as text; {reason}"
        ) from error
