from __future__ import annotations

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from prometheus_client.parser import text_string_to_metric_families

from horngate.batching.observer import Refusal
from horngate.call import Call
from horngate.errors import Code, HorngateError
from horngate.lifecycle.served import Subject
from horngate.lifecycle.status import State, UnderWay, VersionStatus
from horngate.protocols.method import Status, UnaryMethod
from horngate.telemetry.metrics import UNLOADED_KEPT, Metrics

ORDER = ("model", "version", "signature", "protocol", "method", "code", "reason", "state")


def answer(message: Message, call: Call) -> Message:
    return message


def status(error: HorngateError) -> Status:
    return Status(error.code, str(error))


PREDICT = UnaryMethod(
    protocol="tfserving",
    service="s",
    name="Predict",
    request=Empty,
    response=Empty,
    status=status,
    handler=answer,
    predicts=True,
)


def attached() -> Metrics:
    metrics = Metrics()
    states = [VersionStatus("m", 1, State.AVAILABLE, load_seconds=0.5)]
    metrics.attach([PREDICT], lambda: states, lambda: [("m", 1, 7)])
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sample.labels[key] for key in ORDER if key in sample.labels)): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def call(subject: Subject | None) -> Call:
    made = Call(0)
    made.subject = subject
    return made


def test_a_call_is_counted_under_its_subject_and_code() -> None:
    metrics = attached()
    metrics.version_loaded("m", 1, ["serving_default"])
    one = call(Subject("m", 1, "serving_default"))
    metrics.calls.started(PREDICT, one)
    assert samples(metrics)["horngate_requests_in_flight", ("tfserving", "Predict")] == 1
    metrics.calls.finished(PREDICT, one, Code.OK, 0.003)
    labels = ("m", "1", "serving_default", "tfserving", "Predict")
    found = samples(metrics)
    assert found["horngate_requests_total", (*labels, "OK")] == 1
    assert found["horngate_request_seconds_count", labels] == 1
    assert found["horngate_request_seconds_sum", labels] == 0.003
    assert found["horngate_requests_in_flight", ("tfserving", "Predict")] == 0


def test_names_that_no_loaded_model_has_make_no_series() -> None:
    metrics = attached()
    before = len(samples(metrics))
    for _ in range(1000):
        metrics.calls.started(PREDICT, call(None))
        metrics.calls.finished(PREDICT, call(None), Code.NOT_FOUND, 0.001)
    found = samples(metrics)
    assert (
        found["horngate_requests_total", ("", "", "", "tfserving", "Predict", "NOT_FOUND")] == 1000
    )
    # One counter in two codes and one histogram, their creation times included, and no more.
    assert len(found) - before < 30


def test_what_was_never_asked_is_a_counter_at_0_and_no_histogram() -> None:
    """One is a line a method and code, the other seventeen, and few methods of a model are used."""
    metrics = attached()
    version = metrics.version_loaded("m", 1, ["serving_default"])
    labels = ("m", "1", "serving_default")
    found = samples(metrics)
    assert found["horngate_requests_total", (*labels, "tfserving", "Predict", "OK")] == 0
    assert not any(name.endswith(("_bucket", "_sum", "_count")) for name, _ in found)
    version.ran("serving_default", 5, [0.0], 0.01)
    assert samples(metrics)["horngate_queue_seconds_count", labels] == 1


def test_batches_and_refusals_are_figures_of_the_version() -> None:
    metrics = attached()
    version = metrics.version_loaded("m", 1, ["serving_default"])
    version.ran("serving_default", 5, [0.001, 0.002], 0.01)
    version.refused(Refusal.EXPIRED, 3)
    found, labels = samples(metrics), ("m", "1", "serving_default")
    assert found["horngate_batch_rows_sum", labels] == 5
    assert found["horngate_queue_seconds_count", labels] == 2
    assert found["horngate_inference_seconds_sum", labels] == 0.01
    assert found["horngate_requests_refused_total", ("m", "1", "expired")] == 3


def test_states_load_times_and_queues_are_read_at_the_scrape() -> None:
    found = samples(attached())
    assert found["horngate_version_state", ("m", "1", "available")] == 1
    assert found["horngate_version_load_seconds", ("m", "1")] == 0.5
    assert found["horngate_queue_rows", ("m", "1")] == 7


def test_what_does_not_come_back_is_read_at_the_scrape() -> None:
    metrics, known = Metrics(), VersionStatus("m", 1, State.LOADING)
    stuck = UnderWay(12.5, (("gone", 2), ("gone", 3)))
    metrics.attach([], lambda: [known], list, lambda: stuck)
    found = samples(metrics)
    assert found["horngate_loads_stuck", ("m",)] == 0
    assert found["horngate_loads_stuck", ("gone",)] == 2
    assert found["horngate_repository_scan_running_seconds", ()] == 12.5


def test_a_thousand_swaps_leave_the_series_of_a_few_versions() -> None:
    metrics = attached()
    for number in range(1000):
        metrics.version_loaded("m", number, ["serving_default"])
        metrics.calls.started(PREDICT, call(None))
        metrics.calls.finished(
            PREDICT, call(Subject("m", number, "serving_default")), Code.OK, 0.001
        )
        metrics.version_unloaded("m", number)
    versions = {
        labels[1] for (name, labels) in samples(metrics) if name == "horngate_requests_total"
    }
    assert len(versions) == UNLOADED_KEPT
