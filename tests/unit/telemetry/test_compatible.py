"""The peers' metrics, as the lines that a scrape reads."""

from __future__ import annotations

import re
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from horngate.call import Call
from horngate.errors import Code
from horngate.lifecycle.served import Subject
from horngate.telemetry.exposition import (
    Exposition,
    Statistics,
    tfserving_exposition,
    triton_exposition,
)
from horngate.telemetry.metrics import Metrics
from tests.unit.protocols.doubles import FakeFigures
from tests.unit.telemetry.test_metrics import PREDICT

SERVING = Subject("m", 1, "serving_default")


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def samples(text: str) -> list[Sample]:
    """Line by line: Prometheus' own parser would add ``_total`` to the names of counters."""
    assert list(text_string_to_metric_families(text)), "which reads it all the same"
    found = re.findall(r"^([^#{ ]+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
    return [
        Sample(name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value))
        for name, labels, value in found
    ]


def value(text: str, name: str, **labels: str) -> float:
    found = [
        sample.value
        for sample in samples(text)
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return float(found[0])


def observed() -> Metrics:
    """Two answered requests, of 3 and 5 ms, and a refused one; one run of 4 rows for both."""
    metrics = Metrics()
    metrics.attach([PREDICT], list, list)
    version = metrics.version_loaded("m", 1, ["serving_default"])
    version.ran("serving_default", 4, [0.0005, 0.001], 0.002)
    for seconds, code in ((0.003, Code.OK), (0.005, Code.OK), (0.001, Code.UNAVAILABLE)):
        call = Call(100.0)
        call.subject = SERVING
        call.submitted = 100.0002 if code is Code.OK else None
        metrics.calls.started(PREDICT, call)
        metrics.calls.finished(PREDICT, call, code, seconds)
    return metrics


def test_tensorflow_servings_names() -> None:
    text = tfserving_exposition(observed().calls)
    count = ":tensorflow:serving:request_count"
    assert value(text, count, model_name="m", status="OK") == 2
    assert value(text, count, model_name="m", status="UNAVAILABLE") == 1
    labels = {"model_name": "m", "API": "Predict", "entrypoint": "GRPC"}
    latency = ":tensorflow:serving:request_latency"
    assert value(text, f"{latency}_count", **labels) == 3
    assert value(text, f"{latency}_sum", **labels) == 9000
    assert value(text, f"{latency}_bucket", le="2000", **labels) == 1
    assert value(text, f"{latency}_bucket", le="5000", **labels) == 3
    assert value(text, f"{latency}_bucket", le="+Inf", **labels) == 3


def test_where_the_time_of_a_version_went() -> None:
    figures = Statistics(observed(), lambda *_: 7).of("m", 1)
    assert figures.success.number == 2
    assert round(figures.success.seconds, 6) == 0.008
    assert {name: each.number for name, each in figures.failure.items()} == {"UNAVAILABLE": 1}
    assert round(figures.decoding.seconds, 6) == 0.0004
    assert round(figures.queued.seconds, 6) == 0.0015
    assert round(figures.running.seconds, 6) == 0.004, "the run counts whole for both"
    assert round(figures.encoding.seconds, 6) == round(0.008 - 0.0004 - 0.0015 - 0.004, 6)
    assert (figures.rows, figures.runs, figures.waiting) == (4, 1, 7)
    assert figures.last_run > 1.7e9
    assert Statistics(observed(), lambda *_: 7).of("m", 2).success.number == 0


def test_the_same_version_under_other_settings_goes_on_counting() -> None:
    metrics = observed()
    metrics.version_loaded("m", 1, ["serving_default"])
    assert Statistics(metrics, lambda *_: 0).of("m", 1).rows == 4


def test_tritons_names() -> None:
    text = triton_exposition(FakeFigures(), [("digits", 3)])
    labels = {"model": "digits", "version": "3"}
    for name, expected in (
        ("request_success", 10),
        ("count", 20),
        ("exec_count", 5),
        ("pending_request_count", 3),
        ("request_duration_us", 100_000),
        ("queue_duration_us", 20_000),
        ("compute_input_duration_us", 10_000),
        ("compute_infer_duration_us", 30_000),
        ("compute_output_duration_us", 40_000),
    ):
        assert value(text, f"nv_inference_{name}", **labels) == expected
    for reason, expected in (("REJECTED", 1), ("BACKEND", 2), ("CANCELED", 0), ("OTHER", 0)):
        assert value(text, "nv_inference_request_failure", reason=reason, **labels) == expected


def test_what_a_scrape_gets() -> None:
    metrics = observed()
    figures = Statistics(metrics, lambda *_: 0)
    plain = Exposition(metrics, figures, lambda: [("m", 1)], triton=False)
    both = Exposition(metrics, figures, lambda: [("m", 1)], triton=True)
    names = [
        {sample.name for sample in samples(text.decode())}
        for text in (plain.own(), plain.tfserving(), both.own(), both.tfserving())
    ]
    own, tfserving, triton, everything = names
    assert "horngate_requests_total" in own
    assert not any("nv_" in name or ":tensorflow:" in name for name in own)
    assert ":tensorflow:serving:request_count" in tfserving - own
    assert "nv_inference_count" in triton - own
    assert tfserving | triton == everything
