"""Warm-up records: what is read of them, what is written, and what of it runs."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from horngate.batching.options import BatchingOptions
from horngate.errors import LoadError
from horngate.lifecycle.warm_up import Recorded, warm_up
from horngate.protocols.pb.tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from horngate.protocols.tfserving.tensor import encode
from horngate.protocols.tfserving.warmup import FILE, MOST, read_warm_up, write_warm_up
from horngate.sizes import WARM_UP
from horngate.store.manifest import Hashes, write_checksums
from horngate.store.records import _checksum, write_records
from horngate.tensors import DType, Picture, Signature, TensorSpec
from tests.photos import encoded, noise
from tests.unit.batching.doubles import DoublingServable

NUMBERS = Signature(
    "serving_default",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (None, 2))},
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, 2))},
)
OTHER = Signature("other", NUMBERS.inputs, NUMBERS.outputs)
SIGNATURES = {"serving_default": NUMBERS, "other": OTHER}


def log(kind: str, signature: str = "") -> PredictionLog:
    made = PredictionLog()
    if kind == "predict":
        request = made.predict_log.request
        request.model_spec.signature_name = signature
        encode(np.ones((3, 2), np.float32), request.inputs["x"], name="x")
        return made
    if kind == "multi_inference":
        about = made.multi_inference_log.request
        for name in ("serving_default", "other"):
            about.tasks.add().model_spec.signature_name = name
        examples = about.input.example_list.examples
    else:
        of_kind = getattr(made, f"{kind}_log").request
        of_kind.model_spec.signature_name = signature
        examples = of_kind.input.example_list.examples
    examples.add().features.feature["x"].float_list.value.extend([1, 2])
    return made


def record(folder: Path, *logs: PredictionLog) -> None:
    write_records(folder / FILE, [each.SerializeToString() for each in logs])


def read(folder: Path) -> list[Recorded]:
    return list(read_warm_up(Hashes(folder), SIGNATURES))


def test_a_version_without_a_file_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == []


def test_every_kind_of_request(tmp_path: Path) -> None:
    kinds = [log("predict"), log("classify"), log("regress", "other"), log("multi_inference")]
    record(tmp_path, *kinds)
    recorded = read(tmp_path)
    assert [(each.signature, each.inputs["x"].shape) for each in recorded] == [
        ("serving_default", (3, 2)),
        ("serving_default", (1, 2)),
        ("other", (1, 2)),
        ("serving_default", (1, 2)),
        ("other", (1, 2)),
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    write_warm_up(tmp_path, "m", {"serving_default": {"x": x}, "other": {"x": x * 2}})
    first, second = read(tmp_path)
    assert (first.signature, first.inputs["x"].tolist()) == ("serving_default", x.tolist())
    assert (second.signature, second.inputs["x"].tolist()) == ("other", (x * 2).tolist())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PredictionLog().SerializeToString(), "expected a request to Predict"),
        (b"\xff\xff", "expected a PredictionLog"),
        (log("predict", "nobody").SerializeToString(), "no signature 'nobody'"),
    ],
)
def test_a_record_that_is_no_request_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    write_records(tmp_path / FILE, [log("predict").SerializeToString(), content])
    with pytest.raises(LoadError, match=f"record 1: .*{said}"):
        read(tmp_path)


def test_more_records_than_tensorflow_serving_takes(tmp_path: Path) -> None:
    record(tmp_path, *[log("predict")] * (MOST + 1))
    with pytest.raises(LoadError, match="at most 1000 records"):
        read(tmp_path)


def recorded(rows: int, value: float = 1.0, width: int = 2) -> Recorded:
    x = np.full((rows, width), value, np.float32)
    return Recorded("record 7", "serving_default", {"x": x})


def test_a_record_runs_at_every_allowed_size_or_at_its_own() -> None:
    servable = DoublingServable()
    warm_up(servable, {}, BatchingOptions(allowed_batch_sizes=(2, 4)), [recorded(3)])
    assert servable.calls[:2] == [(2, 2), (4, 2)]
    servable = DoublingServable()
    warm_up(servable, {}, BatchingOptions(), [recorded(3)])
    assert servable.calls[0] == (3, 2)


def test_a_record_that_fails_to_run_fails_the_load() -> None:
    with pytest.raises(LoadError, match="record 7 failed to run; the server's log") as failed:
        warm_up(DoublingServable(), {}, BatchingOptions(), [recorded(1, float("nan"))])
    assert "ValueError: not a number" in failed.value.detail


def test_a_record_that_does_not_fit_the_signature_fails_the_load() -> None:
    wrong = Recorded("record 7", "serving_default", {"z": np.ones((1, 1), np.float32)})
    with pytest.raises(LoadError, match="record 7: expected inputs 'x', received 'z'"):
        warm_up(DoublingServable(), {}, BatchingOptions(), [wrong])


@pytest.mark.parametrize("what", ["fifo", "link", "device", "folder", "long"])
def test_the_file_is_a_regular_one_of_a_size(tmp_path: Path, what: str) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    match what:
        case "fifo":
            os.mkfifo(path)
        case "link":
            write_records(tmp_path / "elsewhere", [log("predict").SerializeToString()])
            path.symlink_to(tmp_path / "elsewhere")
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "long":
            with path.open("wb") as file:
                file.truncate(WARM_UP + 1)
    with pytest.raises(LoadError, match=r"tf_serving_warmup_requests': expected (a reg|at most)"):
        read(tmp_path)


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 100])
def test_a_length_that_lies_takes_no_memory(tmp_path: Path, length: int) -> None:
    """With a checksum that holds, as whoever makes the file can make one."""
    path = tmp_path / FILE
    path.parent.mkdir()
    header = length.to_bytes(8, "little")
    path.write_bytes(header + _checksum(header) + b"short")
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=r"record 0: .*cut short"):
            read(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_requests_that_differ_from_their_checksum_are_not_replayed(tmp_path: Path) -> None:
    record(tmp_path, log("predict"))
    write_checksums(tmp_path)
    record(tmp_path, log("predict", "other"))
    with pytest.raises(LoadError, match="differs from its checksum"):
        read(tmp_path)


def test_recorded_pictures_are_decoded(tmp_path: Path) -> None:
    """A record of what callers send, in place of tensors."""
    pixels = noise(4, 5)
    photo = TensorSpec("x", DType.FLOAT32, (None, 4, 5, 3))
    pictures = {"x": Picture(4, 5, 3, low=0.0, high=255.0)}
    signature = Signature("serving_default", {"x": photo}, NUMBERS.outputs, pictures=pictures)

    def found(data: bytes) -> list[Recorded]:
        write_warm_up(tmp_path, "m", {"serving_default": {"x": np.array([data, None], object)[:1]}})
        return list(read_warm_up(Hashes(tmp_path), {"serving_default": signature}))

    (read_back,) = found(encoded(pixels, "PNG"))
    np.testing.assert_array_equal(read_back.inputs["x"], pixels[np.newaxis])
    with pytest.raises(LoadError, match="record 0: input 'x': expected a JPEG or a PNG"):
        found(b"no picture")
