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
        "--rest_api_timeout_in_ms=5000",
        "--grpc_socket_path=/run/tf.sock",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=2000",
        "--model_config_file_poll_wait_seconds=0",
        "--enable_serialization_as_tensor_content",
    )
    peer_flags.check(options)
    assert (options.http_deadline_seconds, options.grpc_socket_path) == ("5", "/run/tf.sock")
    assert options.grpc_channel_arguments == "grpc.max_connection_age_ms=2000"
    assert (options.model_config_file_poll_seconds, options.predict_tensor_content) == ("0", "true")
    assert (options.grpc_port, options.http_port) == ("8500", "8501")
    assert (options.model_name, options.model_base_path) == ("m", "/models/m")
    assert (options.poll_seconds, options.batching_parameters_file) == ("2", "b.txt")


THEIRS = """
    port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms
    rest_api_enable_cors_support enable_batching allow_version_labels_for_unavailable_models
    batching_parameters_file enable_per_model_batching_parameters model_config_file
    model_config_file_poll_wait_seconds model_name model_base_path num_load_threads
    num_unload_threads max_num_load_retries load_retry_interval_micros file_system_poll_wait_seconds
    flush_filesystem_caches tensorflow_session_parallelism tensorflow_session_config_file
    tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism use_alts_credentials
    ssl_config_file platform_config_file per_process_gpu_memory_fraction saved_model_tags
    grpc_channel_arguments grpc_max_threads enable_model_warmup num_request_iterations_for_warmup
    monitoring_config_file remove_unused_fields_from_bundle_metagraph prefer_tflite_model
    num_tflite_pools num_tflite_interpreters_per_pool enable_signature_method_name_check
    xla_cpu_compilation_enabled xla_gpu_compilation_enabled enable_profiler
    thread_pool_factory_config_file mixed_precision skip_initialize_tpu
    enable_grpc_healthcheck_service enable_serialization_as_tensor_content
"""
"""Every flag of TensorFlow Serving's but --version."""


@pytest.mark.parametrize("flag", THEIRS.split())
def test_every_flag_of_tensorflow_serving_has_a_meaning_or_a_remedy(flag: str) -> None:
    options = parse(f"--{flag}=1")
    assert all(remedy for _, remedy in options.absent)


TRITONS = """
    id exit-timeout-secs model-store model-repository exit-on-error disable-auto-complete-config
    strict-readiness model-control-mode repository-poll-secs load-model model-load-thread-count
    model-load-retry-count model-namespacing allow-http http-address http-port reuse-http-port
    http-header-forward-pattern http-thread-count http-restricted-api allow-grpc grpc-address
    grpc-port reuse-grpc-port grpc-header-forward-pattern grpc-infer-allocation-pool-size
    grpc-use-ssl grpc-use-ssl-mutual grpc-server-cert grpc-server-key grpc-root-cert
    grpc-infer-response-compression-level grpc-keepalive-time grpc-keepalive-timeout
    grpc-keepalive-permit-without-calls grpc-http2-max-pings-without-data
    grpc-http2-min-recv-ping-interval-without-data grpc-http2-max-ping-strikes
    grpc-max-connection-age grpc-max-connection-age-grace grpc-restricted-protocol log-verbose
    log-info log-warning log-error log-format log-file allow-sagemaker sagemaker-port
    sagemaker-safe-port-range sagemaker-thread-count allow-vertex-ai vertex-ai-port
    vertex-ai-thread-count vertex-ai-default-model allow-metrics allow-gpu-metrics allow-cpu-metrics
    metrics-address metrics-port metrics-interval-ms metrics-config trace-config cache-config
    cache-directory rate-limit rate-limit-resource pinned-memory-pool-byte-size
    cuda-memory-pool-byte-size cuda-virtual-address-size min-supported-compute-capability
    buffer-manager-thread-count host-policy model-load-gpu-limit backend-directory backend-config
    repoagent-directory strict-model-config response-cache-byte-size trace-file trace-level
    trace-rate trace-count trace-log-frequency
"""
"""Every flag of Triton's but --help."""


@pytest.mark.parametrize("flag", TRITONS.split())
def test_every_flag_of_triton_has_a_meaning_or_a_remedy(flag: str) -> None:
    options = parse(f"--{flag}=1")
    assert all(remedy for _, remedy in options.absent)


@pytest.mark.parametrize(
    "flag",
    [
        "--strict-model-config=false",
        "--exit-on-error=false",
        "--grpc-use-ssl=False",
        "--rate-limit=off",
        "--log-verbose=0",
        "--prefer_tflite_model=false",
        "--enable_profiler=0",
        "--allow-http=on",
    ],
)
def test_what_is_off_here_may_be_given_as_off(flag: str) -> None:
    peer_flags.check(parse(flag))


def test_one_repository_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--model-repository=/a", "--model-store=/b")
    assert "expected one folder, received two; put links to all models" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("horngate ")


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
        "--exit-timeout-secs=7",
    )
    peer_flags.check(options)
    assert (options.models, options.http_port, options.grpc_port) == ("/models", "8000", "8001")
    assert (options.tls_cert, options.tls_key, options.tls_client_ca) == (
        "cert.pem",
        "key.pem",
        "ca.pem",
    )
    assert (options.model_control_mode, options.load_model) == ("explicit", ["a", "b"])
    assert options.drain_seconds == "7"


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
