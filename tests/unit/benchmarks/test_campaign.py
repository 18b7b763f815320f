from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from benchmarks import cache
from benchmarks.campaign import order, rotated
from benchmarks.catalogue import TAKES, TITLES, chosen, chosen_loads
from benchmarks.floor import Floor
from benchmarks.load import LOADS, Load, Pace
from benchmarks.model import Published, inputs, settings_for, shapes
from benchmarks.served import counts
from benchmarks.subject import Process
from horngate.tensors import DType, Signature, TensorSpec

PACES: tuple[Pace, ...] = ("quick", "slow")
SIGNATURE = Signature(
    "serving_default",
    inputs={
        "image": TensorSpec("image", DType.FLOAT32, (None, 28, 28)),
        "words": TensorSpec("words", DType.INT32, (None, None)),
    },
    outputs={"y": TensorSpec("y", DType.FLOAT32, (None, 2))},
)


def test_every_round_has_every_pair_once_and_begins_with_another() -> None:
    subjects = [Process("horngate"), Process("horngate-tls"), Process("horngate-64")]
    rounds = [list(order(LOADS, subjects, number)) for number in (1, 2, 3)]
    names = [[(load.name, subject.name) for load, subject in each] for each in rounds]
    assert len({first for first, *_ in names}) == 3
    for each in names:
        assert sorted(each) == sorted(names[0])
        assert len(set(each)) == len(each)
    many = [load.name for load, subject in rounds[0] if subject.name == "horngate-64"]
    assert many == ["triton-1x64"]


def test_a_server_of_one_model_is_put_under_the_loads_of_that_model() -> None:
    published = Published("mnist_fusion", Path())
    quick, slow = (Floor(Path(), published, pace, ["t"]) for pace in PACES)
    for load in LOADS:
        assert not (quick.takes(load) and slow.takes(load))
        assert (quick.takes(load) or slow.takes(load)) == (load.kind == "triton")


def test_loads_have_names_of_their_own() -> None:
    assert len({load.name for load in LOADS}) == len(LOADS)
    for loads in TAKES.values():
        assert set(loads) <= set(LOADS)
    assert list(TAKES) == list(TITLES)


def test_rotating_nothing_is_nothing() -> None:
    assert rotated([], 3) == []
    assert rotated([1, 2, 3], 4) == [2, 3, 1]


def test_loads_are_chosen_by_pattern() -> None:
    assert chosen_loads("") == LOADS
    assert {load.name for load in chosen_loads("slow-triton-*, v?-json-*")} == {
        "slow-triton-1x1",
        "slow-triton-1x16",
        "slow-triton-1x64",
        "v1-json-1x16",
        "v2-json-1x16",
    }
    with pytest.raises(ValueError, match="received 'grpc'"):
        chosen_loads("triton-1x1,grpc")


def test_what_is_kept_for_the_next_run_lies_where_it_is_told_to() -> None:
    assert cache.folder({"HORNGATE_BENCH_CACHE": "/a"}) == Path("/a")
    assert cache.folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/horngate-bench")
    assert cache.folder({}).name == "horngate-bench"


def test_subjects_are_chosen_by_name() -> None:
    assert set(TITLES) < set(chosen(""))
    assert chosen("cpp-echo, engine") == ("cpp-echo", "engine")
    with pytest.raises(ValueError, match="received 'tensorflow'"):
        chosen("tensorflow")


def test_settings_keep_what_is_the_models_and_change_the_engine() -> None:
    tables: dict[str, dict[str, object]] = {
        "versions": {"latest": 1},
        "runtime": {"engine": "auto", "threads": 1},
        "batching": {"enabled": True, "max_queue_delay": 0.5},
        "build": {"floors": {"accuracy": 0.9}},
    }
    assert tomllib.loads(settings_for(tables, "onnx")) == {
        "runtime": {"engine": "onnx", "threads": 1},
        "batching": {"enabled": True, "max_queue_delay": 0.5},
    }
    assert tomllib.loads(settings_for({}, "onnx")) == {"runtime": {"engine": "onnx"}}


def test_shapes_are_told_where_perf_analyzer_cannot_know_them() -> None:
    assert list(shapes(SIGNATURE, Load("triton", 64, 4))) == ["words:32"]
    told = list(shapes(SIGNATURE, Load("tfserving", 64, 4)))
    assert told == ["image:64,28,28", "words:64,32"]
    assert inputs(SIGNATURE, 7)["words"].shape == (7, 32)


def test_a_servers_counters_are_its_predictions() -> None:
    metrics = """\
# HELP horngate_requests_total Calls
horngate_requests_total{code="OK",method="ModelInfer",model="m"} 10.0
horngate_requests_total{code="RESOURCE_EXHAUSTED",method="Predict",model="m"} 2.0
horngate_requests_total{code="OK",method="ModelMetadata",model="m"} 5.0
horngate_requests_created{code="OK",method="ModelInfer",model="m"} 1.7e+09
horngate_batch_rows_bucket{le="1.0",model="m"} 4.0
horngate_batch_rows_count{model="m"} 4.0
horngate_batch_rows_sum{model="m"} 12.0
horngate_inference_seconds_count{model="m"} 4.0
horngate_inference_seconds_sum{model="m"} 0.25
"""
    assert counts(metrics) == (12, 2, 4, 12, 0.25)
