"""``config.pbtxt``: how Triton is told of a model, taken as it is.

What has a counterpart becomes a table of ``ModelSettings``; what the model is held against, and
what is refused or means nothing here, becomes ``Declared``. Nothing is passed over in silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from google.protobuf import text_format

from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.errors import ConfigError
from horngate.lifecycle.declared import Declared, DeclaredTensor, DeclaredWarmUp, Sample
from horngate.lifecycle.settings import ModelSettings, RuntimeOptions, VersionOptions
from horngate.protocols.pb.inference import model_config_pb2
from horngate.reading import read_file
from horngate.sizes import MODEL_SETTINGS, SETTINGS
from horngate.store.annotations import check_texts, read_range
from horngate.store.layout import TRITON_WARM_UP
from horngate.tensors import FLOATS, DType, Shape

_PLAIN: Final = {
    ("platform", "tensorflow_savedmodel"): False,
    ("backend", "tensorflow"): False,
    ("platform", "onnxruntime_onnx"): True,
    ("backend", "onnxruntime"): True,
}
_FILES: Final = ("", "model.savedmodel", "model.onnx")

_REFUSED: Final = {
    "ensemble_scheduling": "call its models one by one",
    "sequence_batching": "keep what is between requests in the client",
    "batch_input": "give the model what it needs as an input",
    "batch_output": "give the model's output as it is",
    "model_operations": "libraries of operations are not loaded",
    "model_repository_agents": "`horngate publish` records checksums",
}
"""What is not served, and what to do instead."""

_NOTED: Final = {
    "optimization": "the engine's own are always on",
    "cc_model_filenames": "models run on processors",
    "metric_tags": "metrics have the labels that docs/operations.md tells",
    "model_metrics": "metrics have the buckets that docs/operations.md tells",
    "runtime": "the engine is chosen by what the folder has",
}
"""What means nothing here, and why."""

_TENSOR_REFUSED: Final = {
    "is_shape_tensor": "tensors of shapes are an engine's for GPUs",
    "allow_ragged_batch": "rows of one batch are of one shape",
    "is_non_linear_format_io": "it is a format of GPUs",
}

MOST_REPLAYED: Final = 1000
"""Runs of all of a model's ``model_warmup``: as many as TensorFlow Serving replays of a file."""


def read_triton_file(path: Path, batching: BatchingOptions | None = None) -> ModelSettings | None:
    """What the ``config.pbtxt`` at ``path`` says; None where there is none.

    Args:
        path: the file, in the model's folder. Whoever publishes a model writes it: it may be no
            link.
        batching: stands where the file says nothing of it.

    Raises:
        ConfigError: naming the file; it cannot be read, or is no such text.
    """
    config = model_config_pb2.ModelConfig()
    try:
        text_format.Parse(read_file(path, MODEL_SETTINGS, follow=False).decode(), config)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, text_format.ParseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected a ModelConfig as text; {reason}") from error
    notes: list[str] = []
    refused = list(_refused(config, path.parent.name))
    try:
        options = _batching(config, batching or BatchingOptions(), notes)
        versions = _versions(config)
        labels = dict(_labels(config, path.parent))
        pixels = _pixels(config)
        runtime = RuntimeOptions(threads=_threads(config, notes))
        warm_ups = tuple(_warm_ups(config, path.parent, notes))
        limits = LimitOptions()
        if config.max_batch_size > 0:
            limits = LimitOptions(max_request_rows=config.max_batch_size)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: label_filename: {error.strerror or error}") from error
    inputs = _tensors(config.input, config, refused)
    pictures = {
        each.name: each.format == model_config_pb2.ModelInput.FORMAT_NCHW
        for each in config.input
        if each.format
    }
    if pixels is None and any(each.name in pictures and each.dtype in FLOATS for each in inputs):
        notes.append(f"format: pixels become 0..1; say another range by the parameter {PIXELS!r}")
    declared = Declared(
        plain=_plain(config),
        batched=config.max_batch_size > 0,
        inputs=inputs,
        outputs=_tensors(config.output, config, refused),
        labels=labels,
        pictures=pictures,
        pixels=pixels,
        warm_ups=warm_ups,
        refused=tuple(refused),
        notes=(*_noted(config), *notes),
    )
    return ModelSettings(versions, runtime, options, limits, declared)


def _refused(config: Any, folder: str) -> Iterator[str]:
    if config.name not in ("", folder):
        yield f"name: expected {folder!r}, as its folder is called, received {config.name[:128]!r}"
    for key in ("platform", "backend"):
        value = getattr(config, key)
        if value and (key, value) not in _PLAIN and config.platform != "ensemble":
            known = ", ".join(repr(name) for of, name in _PLAIN if of == key)
            yield f"{key}: expected one of {known}, received {value[:128]!r}, which is not served"
    if config.default_model_filename not in _FILES:
        yield (
            "default_model_filename: expected model.onnx or model.savedmodel, received "
            f"{config.default_model_filename[:128]!r}; rename the file"
        )
    for key, remedy in _REFUSED.items():
        if _given(config, key):
            yield f"{key} is not served; {remedy}"
    if config.model_transaction_policy.decoupled:
        yield "model_transaction_policy: decoupled is not served: one request has one response"


def _noted(config: Any) -> Iterator[str]:
    for key, why in _NOTED.items():
        if _given(config, key):
            yield f"{key}: {why}"
    if config.response_cache.enable:
        yield "response_cache: answers are not cached"


def _given(message: Any, key: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[key]
    value = getattr(message, key)
    if field.is_repeated or not field.has_presence:
        return bool(value)
    return bool(message.HasField(key))


def _plain(config: Any) -> bool | None:
    for key in ("backend", "platform"):
        if (key, getattr(config, key)) in _PLAIN:
            return _PLAIN[key, getattr(config, key)]
    return None


def _dtype(number: int) -> DType | None:
    """By its name: ``TYPE_FP32`` is ``float32``."""
    told = model_config_pb2.DataType.DESCRIPTOR.values_by_number.get(number)
    name = "" if told is None else told.name  # a text may have any number
    text = name.removeprefix("TYPE_").lower().replace("fp", "float")
    text = {"bf16": "bfloat16"}.get(text, text)
    return next((each for each in DType if each.value == text), None)


def _tensors(told: Any, config: Any, refused: list[str]) -> tuple[DeclaredTensor, ...]:
    tensors = []
    for each in told:
        side = type(each).__name__.removeprefix("Model").lower()
        where = f"{side} {each.name[:128]!r}"
        for key, remedy in _TENSOR_REFUSED.items():
            if key in each.DESCRIPTOR.fields_by_name and _given(each, key):
                refused.append(f"{where}: {key} is not served; {remedy}")
        if side == "input" and each.optional:
            refused.append(f"{where}: optional is not served: every input is needed")
        if side == "input" and each.format not in model_config_pb2.ModelInput.Format.values():
            refused.append(
                f"{where}: format: expected FORMAT_NHWC or FORMAT_NCHW, received {each.format}"
            )
        dtype = _dtype(each.data_type)
        if dtype is None or not each.name or any(size < -1 for size in each.dims):
            refused.append(f"{where}: expected a name, a data_type, and dims of -1 or more")
            continue
        shape, inner = _shape(each.dims, config), None
        if each.HasField("reshape"):
            sizes = each.reshape.shape
            inner = _shape(sizes, config)
            if _elements(shape) != _elements(inner) or any(size < -1 for size in sizes):
                refused.append(
                    f"{where}: reshape: expected a shape with as many elements, and as many -1, "
                    f"as dims, received {list(sizes)}"
                )
                continue
        tensors.append(DeclaredTensor(each.name, dtype, shape, inner))
    return tuple(tensors)


def _elements(shape: Shape) -> tuple[int, int]:
    """How many elements its sizes make, and how many of them are free."""
    return math.prod([size for size in shape if size is not None]), shape.count(None)


def _shape(dims: Any, config: Any) -> Shape:
    sizes = tuple(None if size < 0 else int(size) for size in dims)
    return (None, *sizes) if config.max_batch_size > 0 else sizes


def _batching(config: Any, options: BatchingOptions, notes: list[str]) -> BatchingOptions:
    rows = config.max_batch_size
    if rows < 0:
        raise ConfigError(f"max_batch_size: expected 0 or more, received {rows}")
    options = replace(options, instances=_instances(config, notes) or options.instances)
    if not rows:
        return replace(options, enabled=False)
    if options.max_batch_size is not None:
        options = replace(options, max_batch_size=min(rows, options.max_batch_size))
    told = config.dynamic_batching
    preferred = [size for size in told.preferred_batch_size if 0 < size <= rows]
    if preferred:
        # A batch of the largest that is preferred waits for no more.
        options = replace(options, max_batch_size=max(preferred))
    if told.max_queue_delay_microseconds:
        options = replace(options, max_queue_delay=told.max_queue_delay_microseconds / 1e6)
    if told.priority_levels:
        options = replace(options, priority_levels=int(told.priority_levels))
    return _queue(told, options, notes)


def _queue(told: Any, options: BatchingOptions, notes: list[str]) -> BatchingOptions:
    policy = told.default_queue_policy
    if policy.max_queue_size:
        least = max(policy.max_queue_size, options.max_batch_size or 1)
        options = replace(options, max_queue_rows=least)
        notes.append(f"max_queue_size: {least} rows may wait, whatever requests they are of")
    if told.preserve_ordering:
        notes.append("preserve_ordering: an answer is sent when it is there")
    if told.priority_queue_policy or policy.default_timeout_microseconds:
        notes.append("queue policies: a request waits until its own deadline")
    if told.default_priority_level not in (0, told.priority_levels):
        notes.append("default_priority_level: a request without a priority has the last")
    return options


def _instances(config: Any, notes: list[str]) -> int:
    """How many are told of processors; 0 for none."""
    count = 0
    for group in config.instance_group:
        if group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU or group.gpus:
            notes.append("instance_group: KIND_GPU: models run on processors")
        elif not group.passive and group.count >= 0:
            count += max(1, group.count)
    return count


def _versions(config: Any) -> VersionOptions:
    policy = config.version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return VersionOptions(all=True)
        case "specific":
            return VersionOptions(specific=tuple(policy.specific.versions))
        case "latest":
            return VersionOptions(latest=policy.latest.num_versions or 1)
        case _:
            return VersionOptions()


def _labels(config: Any, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for output in config.output:
        name = output.label_filename
        if not name:
            continue
        file = _within(folder, name, "label_filename: expected a file in the model's folder")
        try:
            lines = read_file(file, SETTINGS, follow=False).decode().splitlines()
        except UnicodeDecodeError as error:
            raise ConfigError(f"label_filename: {name[:128]!r}: expected UTF-8") from error
        labels = tuple(line.strip().replace("\t", " ") for line in lines)
        try:
            check_texts(labels)
        except ValueError as error:
            raise ConfigError(f"label_filename: {name[:128]!r}: {error}") from error
        yield output.name, labels


def _within(folder: Path, name: str, expected: str) -> Path:
    if "/" in name or name in (".", "..") or "\0" in name:
        raise ConfigError(f"{expected}, received {name[:128]!r}")
    return folder / name


_THREADS: Final = "intra_op_thread_count"
PIXELS: Final = "pixels"
"""Ours, of a model's ``parameters``: what black and white become in an input with a ``format``."""


def _pixels(config: Any) -> tuple[float, float] | None:
    if PIXELS not in config.parameters:  # looked up before it is read, which would add an entry
        return None
    try:
        return read_range(config.parameters[PIXELS].string_value)
    except ValueError as error:
        raise ConfigError(f"parameters {PIXELS!r}: {error}") from error


def _threads(config: Any, notes: list[str]) -> int:
    threads = 0
    for key in sorted(config.parameters):
        value = config.parameters[key].string_value
        if key == PIXELS:
            continue
        if key == _THREADS and value.isascii() and value.isdigit():
            threads = int(value[:9])
        else:
            notes.append(f"parameters {key[:64]!r}: it means nothing to the engine here")
    return threads


def _warm_ups(config: Any, folder: Path, notes: list[str]) -> Iterator[DeclaredWarmUp]:
    left = MOST_REPLAYED
    for each in config.model_warmup:
        where = f"model_warmup {each.name[:128]!r}"
        inputs = []
        for name in sorted(each.inputs):
            told = each.inputs[name]
            dtype = _dtype(told.data_type)
            if dtype is None or any(size < 0 for size in told.dims):
                raise ConfigError(
                    f"{where}: input {name[:128]!r}: expected a data_type, and dims of 0 or more"
                )
            expected = f"{where}: input_data_file: expected a file in {TRITON_WARM_UP}/"
            file = told.input_data_file
            inputs.append(
                Sample(
                    name,
                    dtype,
                    tuple(map(int, told.dims)),
                    max(1, each.batch_size) if config.max_batch_size > 0 else None,
                    random=bool(told.random_data),
                    file=_within(folder / TRITON_WARM_UP, file, expected) if file else None,
                )
            )
        times = max(1, each.count)
        if times > left:
            notes.append(f"{where}: it is run {left} times: {MOST_REPLAYED} are run of a model")
        if left:
            yield DeclaredWarmUp(each.name, tuple(inputs), min(times, left))
        left -= min(times, left)
