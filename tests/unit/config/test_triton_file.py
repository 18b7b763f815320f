"""``config.pbtxt``: each part of it is taken, held against the model, refused or noted by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from horngate.config.model_file import read_model_settings
from horngate.config.triton_file import MOST_REPLAYED
from horngate.errors import ConfigError, LoadError
from horngate.lifecycle.declared import Declared, DeclaredTensor, Sample
from horngate.lifecycle.settings import ModelSettings
from horngate.tensors import DType, Picture, Signature, TensorSpec

SIGNATURES = {
    "serving_default": Signature(
        "serving_default",
        {"x": TensorSpec("x", DType.FLOAT32, (None, 3))},
        {"y": TensorSpec("y", DType.INT64, (None, 2)), "z": TensorSpec("z", DType.INT64, (None,))},
    )
}
FITTING = """
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "y" data_type: TYPE_INT64 dims: [ 2 ] } ]
"""


def read(folder: Path, text: str, toml: str = "") -> ModelSettings:
    (folder / "config.pbtxt").write_text(text)
    (folder / "model.toml").write_text(toml)
    return read_model_settings(folder / "model.toml")


def declared(folder: Path, text: str) -> Declared:
    return read(folder, text).declared


def test_what_has_a_counterpart_is_taken(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        f"""
        name: "{tmp_path.name}" platform: "onnxruntime_onnx" max_batch_size: 8
        version_policy: {{ latest {{ num_versions: 2 }} }}
        instance_group [ {{ count: 2 kind: KIND_CPU }}, {{ count: 1 }} ]
        dynamic_batching {{
          preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 500 priority_levels: 3
          default_queue_policy {{ max_queue_size: 64 }}
        }}
        parameters {{ key: "intra_op_thread_count" value: {{ string_value: "2" }} }}
        """,
    )
    assert settings.versions.latest == 2
    batching = settings.batching
    assert (batching.max_batch_size, batching.max_queue_delay) == (4, 0.0005)
    assert (batching.priority_levels, batching.max_queue_rows) == (3, 64)
    assert batching.instances == 3
    assert settings.limits.max_request_rows == 8
    assert settings.runtime.threads == 2
    assert settings.declared.plain is True
    assert settings.declared.refused == ()


def test_model_toml_goes_before_it_key_by_key(tmp_path: Path) -> None:
    text = "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 500 }"
    settings = read(tmp_path, text, "[batching]\nmax_queue_delay = 0\n[versions]\nall = true\n")
    assert settings.batching.max_queue_delay == 0
    assert settings.limits.max_request_rows == 8
    assert settings.versions.all


def test_without_a_batch_nothing_shares_a_run(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert not settings.batching.enabled
    assert not settings.declared.batched


def test_a_config_that_fits(tmp_path: Path) -> None:
    found = declared(tmp_path, FITTING)
    assert found.inputs == (DeclaredTensor("x", DType.FLOAT32, (None, 3)),)
    found.hold(SIGNATURES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"x"', '"w"', r"expected 'x' too.*input 'w': expected one of 'x'"),
        ("FP32", "FP64", r"input 'x': expected float32\[\?, 3\], .* received float64\[\?, 3\]"),
        ("[ 3 ]", "[ 4 ]", r"received float32\[\?, 4\]"),
        ("[ 3 ]", "[ 3, 1 ]", r"received float32\[\?, 3, 1\]"),
        ('"y"', '"v"', "output 'v': expected one of 'y', 'z'"),
        ("max_batch_size: 8", "max_batch_size: 0", r"received float32\[3\]"),
    ],
)
def test_a_misfit_is_told_in_words(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = declared(tmp_path, FITTING.replace(old, new))
    with pytest.raises(LoadError, match=f"config.pbtxt does not fit the model: .*{said}"):
        found.hold(SIGNATURES)


def test_a_batch_needs_a_free_first_dimension(tmp_path: Path) -> None:
    fixed = Signature("s", {"x": TensorSpec("x", DType.FLOAT32, (1, 3))}, {})
    with pytest.raises(LoadError, match=r"max_batch_size: expected 0, because .* 'x' \(float32"):
        declared(tmp_path, FITTING).hold({"s": fixed})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name: "other"', "name: expected"),
        ('platform: "ensemble" ensemble_scheduling { }', "ensemble_scheduling is not served"),
        ("sequence_batching { direct { } }", "sequence_batching is not served"),
        (
            "model_transaction_policy { decoupled: true }",
            "model_transaction_policy: decoupled is not served",
        ),
        ('backend: "python"', "backend: expected one of .* received 'python'"),
        ('platform: "tensorrt_plan"', "platform: expected one of .* received 'tensorrt_plan'"),
        ('default_model_filename: "m.onnx"', "default_model_filename: .* rename the file"),
        ('model_operations { op_library_filename: "a.so" }', "model_operations is not served"),
        ("batch_input { kind: BATCH_ELEMENT_COUNT }", "batch_input is not served"),
        (
            'input { name: "x" data_type: TYPE_FP32 dims: 2 reshape { shape: [ ] } }',
            "input 'x': reshape: expected a shape with as many elements, .* as dims, received",
        ),
        (
            'input { name: "x" data_type: TYPE_FP32 dims: -1 reshape { shape: [ -1, -1 ] } }',
            r"input 'x': reshape: .* received \[-1, -1\]",
        ),
        (
            'input { name: "x" data_type: TYPE_FP32 dims: 1 optional: true }',
            "input 'x': optional is not served",
        ),
        ('input { name: "x" dims: 1 }', "input 'x': expected a name, a data_type, and dims"),
        ('input { name: "x" data_type: 99 dims: 1 }', "input 'x': expected a name, a data_type"),
        (
            'input { name: "x" data_type: TYPE_FP32 format: 99 dims: 1 }',
            "input 'x': format: expected FORMAT_NHWC or FORMAT_NCHW, received 99",
        ),
    ],
)
def test_what_is_not_served_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LoadError, match=f"config.pbtxt: {said}"):
        declared(tmp_path, text).check(plain=True)


def test_the_folder_has_what_the_platform_says(tmp_path: Path) -> None:
    found = declared(tmp_path, 'platform: "tensorflow_savedmodel"')
    found.check(plain=False)
    with pytest.raises(LoadError, match=r"expected a model\.onnx's, .* received a SavedModel's"):
        found.check(plain=True)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("response_cache { enable: true }", "response_cache"),
        ("instance_group { kind: KIND_GPU gpus: 0 }", "instance_group: KIND_GPU"),
        ("optimization { graph { level: 1 } }", "optimization"),
        ('parameters { key: "k" value { string_value: "v" } }', "parameters 'k'"),
        ("max_batch_size: 2 dynamic_batching { preserve_ordering: true }", "preserve_ordering"),
    ],
)
def test_what_means_nothing_here_is_noted(tmp_path: Path, text: str, noted: str) -> None:
    found = declared(tmp_path, text)
    assert [note.startswith(noted) for note in found.notes] == [True]
    assert not found.refused


WARM_UP = """model_warmup { name: "w" batch_size: 4 count: 3 inputs {
  key: "x" value { data_type: TYPE_FP32 dims: 3 random_data: true } } }"""


def test_what_a_model_is_warmed_up_with(tmp_path: Path) -> None:
    (found,) = declared(tmp_path, FITTING + WARM_UP).warm_ups
    assert (found.name, found.times) == ("w", 3)
    assert found.inputs == (Sample("x", DType.FLOAT32, (3,), 4, random=True),)
    text = WARM_UP.replace("random_data: true", 'input_data_file: "x.bin"')
    (found,) = declared(tmp_path, text).warm_ups
    (sample,) = found.inputs
    assert (sample.rows, sample.file) == (None, tmp_path / "warmup" / "x.bin")


def test_runs_to_warm_up_with_are_bounded(tmp_path: Path) -> None:
    text = FITTING + WARM_UP.replace("count: 3", f"count: {MOST_REPLAYED - 1}") + 2 * WARM_UP
    found = declared(tmp_path, text)
    assert [each.times for each in found.warm_ups] == [MOST_REPLAYED - 1, 1]
    assert found.notes == (
        "model_warmup 'w': it is run 1 times: 1000 are run of a model",
        "model_warmup 'w': it is run 0 times: 1000 are run of a model",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("random_data: true", 'input_data_file: "../x"', r"'w': input_data_file: .* warmup/, rec"),
        ("dims: 3", "dims: -1", "'w': input 'x': expected a data_type, and dims of 0 or more"),
        ("data_type: TYPE_FP32", "", "'w': input 'x': expected a data_type"),
    ],
)
def test_what_is_no_request_to_warm_up_with(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"model_warmup {said}"):
        declared(tmp_path, FITTING + WARM_UP.replace(old, new))


def test_a_shape_that_the_model_has_otherwise(tmp_path: Path) -> None:
    text = """max_batch_size: 4
    input { name: "x" data_type: TYPE_FP32 dims: [ 1, 3 ] reshape { shape: [ 3 ] } }
    output { name: "z" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } }"""
    found = declared(tmp_path, text)
    assert found.reshapes
    assert found.inputs == (DeclaredTensor("x", DType.FLOAT32, (None, 1, 3), (None, 3)),)
    assert found.outputs == (DeclaredTensor("z", DType.INT64, (None, 1), (None,)),)
    found.hold(SIGNATURES)
    with pytest.raises(LoadError, match=r"'x': expected float32\[\?, 3\], .* float32\[\?, 3, 1\]"):
        declared(tmp_path, text.replace("shape: [ 3 ]", "shape: [ 3, 1 ]")).hold(SIGNATURES)
    free = {"s": Signature("s", {"x": TensorSpec("x", DType.FLOAT32, (), unknown_rank=True)}, {})}
    with pytest.raises(LoadError, match="reshape: expected a model that tells how many dimensions"):
        found.hold(free)


def test_labels_are_read_from_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\t2 \n")
    text = FITTING.replace("dims: [ 2 ]", 'dims: [ 2 ] label_filename: "labels.txt"')
    assert declared(tmp_path, text).labels == {"y": ("cat", "dog 2")}
    with pytest.raises(ConfigError, match="label_filename: expected a file in the model's folder"):
        declared(tmp_path, text.replace("labels.txt", "../labels.txt"))
    (tmp_path / "labels.txt").unlink()
    (tmp_path / "labels.txt").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError, match="label_filename"):
        declared(tmp_path, text)


@pytest.mark.parametrize("label", ["\x1b[2Jcat", "\0", "c" * 257])
def test_labels_are_texts_that_can_be_told(tmp_path: Path, label: str) -> None:
    (tmp_path / "labels.txt").write_text(f"dog\n{label}\n")
    text = FITTING.replace("dims: [ 2 ]", 'dims: [ 2 ] label_filename: "labels.txt"')
    with pytest.raises(ConfigError, match=r"'labels.txt': label 1: expected a text of at most 256"):
        declared(tmp_path, text)


THREADS = 'parameters { key: "intra_op_thread_count" value { string_value: "9999" } }'


@pytest.mark.parametrize(
    "text", ["max_batch: 8", "input [", "max_batch_size: -1", "{" * 5000, THREADS]
)
def test_what_cannot_be_read_names_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.pbtxt: "):
        read(tmp_path, text)


def test_a_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError, match="expected a regular file, received a symbolic link"):
        read_model_settings(tmp_path / "model.toml")


PHOTO = Signature(
    "serving_default",
    {"photo": TensorSpec("photo", DType.FLOAT32, (None, 3, 8, 6))},
    {"kind": TensorSpec("kind", DType.FLOAT32, (None, 2))},
)
OF_PHOTOS = """
max_batch_size: 8
input [ { name: "photo" data_type: TYPE_FP32 dims: [ 3, 8, 6 ] format: FORMAT_NCHW } ]
output [ { name: "kind" data_type: TYPE_FP32 dims: [ 2 ] label_filename: "labels.txt" } ]
"""


def test_a_format_marks_a_picture_and_labels_are_those_of_their_output(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    told = declared(tmp_path, OF_PHOTOS)
    meant = told.meant({"serving_default": PHOTO})["serving_default"]
    assert meant.pictures == {"photo": Picture(8, 6, 3, True, 0.0, 1.0)}
    assert meant.labels == {"kind": ("cat", "dog")}
    assert any("say another range by the parameter 'pixels'" in note for note in told.notes)
    assert told.meant(SIGNATURES) == SIGNATURES


def test_pixels_are_a_parameter(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    pixels = 'parameters { key: "pixels" value: { string_value: "-1..1" } }'
    told = declared(tmp_path, OF_PHOTOS + pixels)
    meant = told.meant({"serving_default": PHOTO})["serving_default"]
    assert meant.pictures["photo"][-2:] == (-1.0, 1.0)
    assert not told.notes
    with pytest.raises(ConfigError, match=r"parameters 'pixels': expected .* as 0\.\.255"):
        declared(tmp_path, OF_PHOTOS + pixels.replace("-1..1", "bytes"))


def test_what_is_recorded_of_a_picture_stands_unless_pixels_are_told(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    recorded = replace(PHOTO, pictures={"photo": Picture(8, 6, 3, True, 0.0, 255.0)})
    meant = declared(tmp_path, OF_PHOTOS).meant({"serving_default": recorded})
    assert meant["serving_default"].pictures["photo"].high == 255
