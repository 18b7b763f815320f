from __future__ import annotations

import argparse

import pytest

from horngate.cli import peer_flags, serve
from horngate.errors import ConfigError


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    serve.configure(parser)
    return parser.parse_args(arguments)


def test_tensorflow_servings_spellings_are_taken() -> None:
    options = parse(
        "--port=8500",
        "--rest_api_port=8501",
        "--model_name=m",
        "--model_base_path=/models/m",
        "--file_system_poll_wait_seconds=2",
        "--batching_parameters_file=b.txt",
        "--enable_batching",
        "--enable_model_warmup=true",
        "--allow_version_labels_for_unavailable_models=true",
    )
    peer_flags.check(options)
    assert (options.grpc_port, options.http_port) == ("8500", "8501")
    assert (options.model_name, options.model_base_path) == ("m", "/models/m")
    assert (options.poll_seconds, options.batching_parameters_file) == ("2", "b.txt")


def test_tritons_spellings_are_taken() -> None:
    options = parse(
        "--model-repository=/models",
        "--http-port=8000",
        "--grpc-port=8001",
        "--model-control-mode=explicit",
        "--load-model=a",
        "--load-model=b",
        "--grpc-server-cert=cert.pem",
        "--grpc-server-key=key.pem",
        "--grpc-root-cert=ca.pem",
    )
    peer_flags.check(options)
    assert (options.models, options.http_port, options.grpc_port) == ("/models", "8000", "8001")
    assert (options.tls_cert, options.tls_key, options.tls_client_ca) == (
        "cert.pem",
        "key.pem",
        "ca.pem",
    )
    assert (options.model_control_mode, options.load_model) == ("explicit", ["a", "b"])


def test_every_flag_that_has_no_counterpart_is_named_with_a_remedy() -> None:
    options = parse("--grpc_max_threads=4", "--ssl_config_file=x", "--enable_batching=false")
    with pytest.raises(ConfigError) as refused:
        peer_flags.check(options)
    for flag in ("--grpc_max_threads", "--ssl_config_file", "--enable_batching=false"):
        assert flag in str(refused.value)
    assert "batching.enabled = false" in str(refused.value)


def test_a_flag_that_nobody_has_ends_with_usage() -> None:
    with pytest.raises(SystemExit):
        parse("--no_such_flag=1")


def test_the_help_of_each_flag_has_its_purpose_bounds_default_and_variable() -> None:
    parser = argparse.ArgumentParser()
    serve.configure(parser)
    told = " ".join(parser.format_help().split())
    assert (
        "calls of one port that may wait for their answers; one more is UNAVAILABLE at once: "
        "1 to 1000000 (default 8192; also HORNGATE_MAX_IN_FLIGHT)"
    ) in told
