"""The peers' spellings of flags: taken where Horngate has what they mean, else named and refused.

TensorFlow Serving writes words with ``_`` and Triton with ``-``; a truth may stand bare. A flag
that is absent here and given as off asks for nothing: ``false``, ``off``, or the number 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final

from horngate.errors import ConfigError

ALIASES: Final = {
    "grpc_port": ("--port",),
    "http_port": ("--rest_api_port",),
    "models": ("--model-repository", "--model_repository", "--model-store"),
    "poll_seconds": ("--file_system_poll_wait_seconds", "--repository-poll-secs"),
    "model_config_file": ("--model_config_file",),
    "model_config_file_poll_seconds": ("--model_config_file_poll_wait_seconds",),
    "grpc_socket_path": ("--grpc_socket_path",),
    "grpc_channel_arguments": ("--grpc_channel_arguments",),
    "predict_tensor_content": ("--enable_serialization_as_tensor_content",),
    "server_name": ("--id",),
    "model_name": ("--model_name",),
    "model_base_path": ("--model_base_path",),
    "batching_parameters_file": ("--batching_parameters_file",),
    "drain_seconds": ("--exit-timeout-secs",),
    "tls_cert": ("--grpc-server-cert",),
    "tls_key": ("--grpc-server-key",),
    "tls_client_ca": ("--grpc-root-cert",),
}
"""Other spellings of settings."""

ALWAYS: Final = {
    "enable_batching": "to switch batching off set batching.enabled = false in model.toml",
    "enable_model_warmup": "warm-up records are always replayed; remove the file to go without",
    "enable_grpc_healthcheck_service": "the health service is always there",
    "allow_version_labels_for_unavailable_models": "a label always waits for its version",
    "enable_signature_method_name_check": "the method's name is always looked at",
    "strict-readiness": "readiness always waits for every model that was there at the start",
    "allow-grpc": "gRPC is always served",
    "allow-http": "the HTTP port is always served",
    "allow-metrics": "metrics are always served, at /metrics of the HTTP port",
    "allow-cpu-metrics": "metrics always have the process's, process_cpu_seconds_total",
    "log-info": "set log_level to warning",
    "log-warning": "set log_level to error",
    "log-error": "errors are always logged",
}
"""Truths that always hold here; what to do where somebody wants them false."""

_ARGUMENT: Final = "give {} with --grpc-channel-arguments"

ABSENT: Final = {
    "rest_api_num_threads": "the HTTP port sizes itself",
    "rest_api_enable_cors_support": "put a proxy in front",
    "enable_per_model_batching_parameters": "each model has a [batching] table in its model.toml",
    "num_load_threads": "as many load beside each other as there are cores",
    "num_unload_threads": "each version is closed on a thread of its own",
    "max_num_load_retries": "a version is tried again when its files change",
    "load_retry_interval_micros": "a version is tried again when its files change",
    "flush_filesystem_caches": "the cache is left to the system",
    "tensorflow_session_parallelism": "set threads in the [runtime] table of model.toml",
    "tensorflow_session_config_file": "set threads in the [runtime] table of model.toml",
    "tensorflow_intra_op_parallelism": "set threads in the [runtime] table of model.toml",
    "tensorflow_inter_op_parallelism": "set threads in the [runtime] table of model.toml",
    "ssl_config_file": "give the files with --tls-cert, --tls-key and --tls-client-ca",
    "use_alts_credentials": "give certificates with --tls-cert, --tls-key and --tls-client-ca",
    "platform_config_file": "a version is a SavedModel or an ONNX model, as its folder has it",
    "per_process_gpu_memory_fraction": "models run on processors",
    "saved_model_tags": "the tag serve is loaded",
    "grpc_max_threads": "the gRPC port sizes itself",
    "num_request_iterations_for_warmup": "a warm-up record is replayed once a size",
    "remove_unused_fields_from_bundle_metagraph": "there is nothing to remove",
    "prefer_tflite_model": "LiteRT models are not served",
    "num_tflite_pools": "LiteRT models are not served",
    "num_tflite_interpreters_per_pool": "LiteRT models are not served",
    "xla_cpu_compilation_enabled": "models are compiled to ONNX as they are published",
    "xla_gpu_compilation_enabled": "models run on processors",
    "enable_profiler": "profile the process from outside",
    "thread_pool_factory_config_file": "set threads in the [runtime] table of model.toml",
    "mixed_precision": "models run as they were exported",
    "skip_initialize_tpu": "models run on processors",
    "model-namespacing": "a model is called as its folder is",
    "model-load-thread-count": "as many load beside each other as there are cores",
    "model-load-retry-count": "a version is tried again when its files change",
    "model-load-gpu-limit": "models run on processors",
    "exit-on-error": "the server starts and says what failed; watch readiness",
    "disable-auto-complete-config": "what a config.pbtxt leaves out is the model's own",
    "strict-model-config": "what a config.pbtxt leaves out is the model's own",
    "http-address": "give --host, the address of both ports",
    "grpc-address": "give --host, the address of both ports",
    "metrics-address": "metrics are on the HTTP port",
    "metrics-port": "metrics are on the HTTP port",
    "metrics-interval-ms": "figures are as of each scrape",
    "metrics-config": "metrics have the buckets that docs/operations.md tells",
    "allow-gpu-metrics": "models run on processors",
    "reuse-http-port": "one server listens on a port; put a balancer before several",
    "reuse-grpc-port": "one server listens on a port; put a balancer before several",
    "http-header-forward-pattern": "models are given no headers; make it an input",
    "grpc-header-forward-pattern": "models are given no headers; make it an input",
    "http-restricted-api": "say who may do what in --tokens-file",
    "grpc-restricted-protocol": "say who may do what in --tokens-file",
    "http-thread-count": "the HTTP port sizes itself",
    "grpc-infer-thread-count": "the gRPC port sizes itself",
    "grpc-infer-allocation-pool-size": "the gRPC port sizes itself",
    "grpc-max-response-pool-size": "the gRPC port sizes itself",
    "grpc-infer-response-compression-level": "replies over gRPC are not compressed",
    "grpc-use-ssl": "give --tls-cert and --tls-key, which is all that it takes",
    "grpc-use-ssl-mutual": "give --tls-client-ca",
    "grpc-keepalive-time": "set keepalive_seconds, in seconds",
    "grpc-keepalive-timeout": "it is a third of keepalive_seconds",
    "grpc-keepalive-permit-without-calls": _ARGUMENT.format("grpc.keepalive_permit_without_calls"),
    "grpc-http2-max-pings-without-data": _ARGUMENT.format("grpc.http2.max_pings_without_data"),
    "grpc-http2-min-recv-ping-interval-without-data": _ARGUMENT.format(
        "grpc.http2.min_ping_interval_without_data_ms"
    ),
    "grpc-http2-max-ping-strikes": _ARGUMENT.format("grpc.http2.max_ping_strikes"),
    "grpc-max-connection-age": _ARGUMENT.format("grpc.max_connection_age_ms"),
    "grpc-max-connection-age-grace": _ARGUMENT.format("grpc.max_connection_age_grace_ms"),
    "backend-directory": "there are no other backends",
    "backend-config": "set the [runtime] table of model.toml",
    "repoagent-directory": "`horngate publish` records checksums",
    "host-policy": "start it with numactl or taskset",
    "buffer-manager-thread-count": "inputs are read where they lie",
    "pinned-memory-pool-byte-size": "models run on processors",
    "cuda-memory-pool-byte-size": "models run on processors",
    "cuda-virtual-address-size": "models run on processors",
    "min-supported-compute-capability": "models run on processors",
    "rate-limit": "set instances in the [batching] table of model.toml",
    "rate-limit-resource": "set instances in the [batching] table of model.toml",
    "response-cache-byte-size": "answers are not cached",
    "cache-config": "answers are not cached",
    "cache-directory": "answers are not cached",
    "trace-config": "requests are not traced",
    "trace-file": "requests are not traced",
    "trace-level": "requests are not traced",
    "trace-rate": "requests are not traced",
    "trace-count": "requests are not traced",
    "trace-log-frequency": "requests are not traced",
    "log-verbose": "set log_level",
    "log-file": "the log goes to standard error; send that to a file",
    "allow-sagemaker": "put a proxy in front that maps its routes",
    "sagemaker-port": "put a proxy in front that maps its routes",
    "sagemaker-safe-port-range": "put a proxy in front that maps its routes",
    "sagemaker-thread-count": "put a proxy in front that maps its routes",
    "allow-vertex-ai": "put a proxy in front that maps its routes",
    "vertex-ai-port": "put a proxy in front that maps its routes",
    "vertex-ai-thread-count": "put a proxy in front that maps its routes",
    "vertex-ai-default-model": "put a proxy in front that maps its routes",
}
"""Flags that have no counterpart, and what to do instead."""


_ON: Final = ("true", "on", "1")
_OFF: Final = ("false", "off", "0")


def is_on(value: str) -> bool:
    """Whether the ``value`` of a truth's flag is true; a bare flag has none."""
    return value.lower() in ("", *_ON)


def is_off(value: str) -> bool:
    """Whether it is false, or a number that asks for nothing."""
    return value.lower() in _OFF


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` take every peer's flag; ``check`` judges them."""
    parser.set_defaults(absent=())
    parser.add_argument(
        "--rest_api_timeout_in_ms",
        dest="http_deadline_seconds",
        type=_seconds,
        help=argparse.SUPPRESS,
    )
    for action, flags in ((_Always, ALWAYS), (_Absent, ABSENT)):
        for name, remedy in flags.items():
            parser.add_argument(
                f"--{name}", nargs="?", action=action, remedy=remedy, help=argparse.SUPPRESS
            )


def check(options: argparse.Namespace) -> None:
    """Refuse what was given and is not there.

    Raises:
        ConfigError: naming every such flag, and what to do instead.
    """
    if options.absent:
        raise ConfigError(
            "flags without a counterpart here: "
            + "; ".join(f"{flag}: {remedy}" for flag, remedy in options.absent)
        )


def _seconds(milliseconds: str) -> str:
    return f"{float(milliseconds) / 1000:g}"


class Once(argparse.Action):
    """Refuses a flag that is given again: of two folders the first would not be served."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes them
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002 - the same
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(
                self, "expected one folder, received two; put links to all models into one"
            )
        setattr(namespace, self.dest, values)


class _Absent(argparse.Action):
    """Remembers that the flag was given."""

    def __init__(self, *, remedy: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._remedy = remedy

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes them
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if not is_off(str(values or "")):
            namespace.absent = (*namespace.absent, (option_string, self._remedy))


class _Always(_Absent):
    """Takes a truth, and remembers a flag that was given as false."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if not is_on(str(values or "")):
            super().__call__(parser, namespace, None, f"{option_string}={values}")
