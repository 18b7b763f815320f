from __future__ import annotations

from pathlib import Path

import pytest

from horngate.batching.options import BatchingOptions
from horngate.config.model_file import read_model_settings
from horngate.config.serving_files import (
    check_monitoring_config_file,
    read_batching_parameters_file,
    read_model_config_file,
)
from horngate.errors import ConfigError
from horngate.lifecycle.settings import VersionOptions
from horngate.lifecycle.source import Listing

MODELS = """
# as TensorFlow Serving's documentation writes it
model_config_list {
  config {
    name: 'first'
    base_path: '/models/first'
    model_platform: 'tensorflow'
  }
  config {
    name: "second"
    base_path: "/models/second"
    model_version_policy { latest { num_versions: 2 } }
    version_labels { key: 'stable' value: 1 }
    version_labels { key: 'canary' value: 2 }
  }
  config { name: "third" base_path: "/models/third" model_version_policy: { all: {} } }
  config {
    name: "fourth" base_path: "/models/fourth"
    model_version_policy { specific { versions: 42 versions: 43 } }
  }
}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.config"
    path.write_text(text)
    return path


def test_a_list_of_models(tmp_path: Path) -> None:
    assert read_model_config_file(write(tmp_path, MODELS)) == {
        "first": Listing(Path("/models/first"), VersionOptions(latest=1)),
        "second": Listing(
            Path("/models/second"), VersionOptions(latest=2, labels={"stable": 1, "canary": 2})
        ),
        "third": Listing(Path("/models/third"), VersionOptions(all=True)),
        "fourth": Listing(Path("/models/fourth"), VersionOptions(specific=(42, 43))),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a list of models, received nothing"),
        ("model_config_lisst {}", "expected a tensorflow.serving.ModelServerConfig as text"),
        ("model_config_list { config { base_path: '/m' } }", "name: expected letters"),
        ("model_config_list { config { name: '../m' base_path: '/m' } }", r"received '\.\./m'"),
        ("model_config_list { config { name: 'm' } }", "base_path: expected a folder"),
        (
            "model_config_list { config { name: 'm' base_path: '/m' model_platform: 'caffe' } }",
            "model_platform: expected 'tensorflow' for model 'm', received 'caffe'; leave it out",
        ),
        (
            (
                "model_config_list { config { name: 'm' base_path: '/m' }"
                " config { name: 'm' base_path: '/n' } }"
            ),
            "each model once, received 'm' twice",
        ),
        (
            "model_config_list { config { name: 'm' base_path: '/m' logging_config {} } }",
            "logging_config: expected none",
        ),
        (
            (
                "model_config_list { config { name: 'm' base_path: '/m'"
                " model_version_policy { specific {} } } }"
            ),
            "specific: expected at least one version",
        ),
    ],
)
def test_a_list_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read_model_config_file(write(tmp_path, text))
    assert "file.config" in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        read_model_config_file(tmp_path / "absent")


BATCHING = """
max_batch_size { value: 128 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 10 }
num_batch_threads { value: 4 }
thread_pool_name { value: 'pool' }
allowed_batch_sizes: 8
allowed_batch_sizes: 128
pad_variable_length_inputs: true
"""


def test_batching_parameters(tmp_path: Path) -> None:
    assert read_batching_parameters_file(write(tmp_path, BATCHING)) == BatchingOptions(
        max_batch_size=128,
        max_queue_rows=1280,
        max_queue_delay=0.002,
        instances=4,
        allowed_batch_sizes=(8, 128),
        pad_variable_length_inputs=True,
    )


def test_what_is_left_out_is_tensorflow_servings_default_or_left_open(tmp_path: Path) -> None:
    assert read_batching_parameters_file(write(tmp_path, "")) == BatchingOptions(
        max_batch_size=1000
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_batch_size: 128", "expected a tensorflow.serving.BatchingParameters as text"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            r"the last one to be max_batch_size \(8\), received 4",
        ),
        ("max_enqueued_batches { value: 0 }", "max_queue_rows: expected at least 1"),
        ("num_batch_threads { value: -1 }", "instances: expected at least 1, received -1"),
        ("num_batch_threads { value: 9999 }", "instances: expected at most 1024, received 9999"),
        ("batch_timeout_micros { value: 60000000 }", "max_queue_delay: expected 0 to 10 seconds"),
    ],
)
def test_batching_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read_batching_parameters_file(write(tmp_path, text))
    assert "file.config" in str(refused.value)


def test_a_models_own_batching_wins_key_by_key(tmp_path: Path) -> None:
    shared = BatchingOptions(max_batch_size=128, instances=4)
    path = tmp_path / "model.toml"
    assert read_model_settings(path, shared).batching == shared
    path.write_text("[batching]\nmax_batch_size = 16\n")
    own = read_model_settings(path, shared).batching
    assert (own.max_batch_size, own.instances) == (16, 4)


def test_metrics_may_only_be_asked_for_where_they_are(tmp_path: Path) -> None:
    for path in ("", "path: '/monitoring/prometheus/metrics'"):
        file = write(tmp_path, f"prometheus_config {{ enable: true {path} }}")
        check_monitoring_config_file(file)
    for text in (
        "prometheus_config { enable: false }",
        "prometheus_config { enable: true path: '/m' }",
    ):
        with pytest.raises(ConfigError, match="expected enable: true and path"):
            check_monitoring_config_file(write(tmp_path, text))
