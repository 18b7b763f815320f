"""ModelStatistics: how many predictions, and where their time went."""

from __future__ import annotations

from horngate.call import Call
from horngate.errors import ModelNotReady
from horngate.inference import Inference
from horngate.protocols.figures import NONE, Durations, Figures, VersionFigures
from horngate.protocols.oip.parameters import read_version
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelStatistics,
    ModelStatisticsRequest,
    ModelStatisticsResponse,
    StatisticDuration,
)


def model_statistics(
    inference: Inference, figures: Figures, request: ModelStatisticsRequest, call: Call
) -> ModelStatisticsResponse:
    """The figures of a version, without one of all live versions, without a model of all models.

    Raises:
        ModelNotFound, VersionNotFound, LabelNotFound, ModelNotReady: no such live version.
    """
    message = ModelStatisticsResponse()
    for model in [request.name] if request.name else inference.models():
        if not request.name and call.caller is not None and not call.caller.may_ask(model):
            continue
        try:
            described = inference.describe(model, read_version(request.version), call)
        except ModelNotReady:
            if request.name:
                raise
            continue
        versions = [described.version] if request.version else described.live_versions
        for version in versions:
            _write(figures.of(model, version), message.model_stats.add(name=model), version)
    return message


def _write(figures: VersionFigures, message: ModelStatistics, version: int) -> None:
    message.version = str(version)
    message.last_inference = int(figures.last_run * 1000)
    message.inference_count = figures.rows
    message.execution_count = figures.runs
    failures = figures.failure.values()
    failed = Durations(
        sum(each.number for each in failures), sum(each.seconds for each in failures)
    )
    stats = message.inference_stats
    for part, durations in (
        (stats.success, figures.success),
        (stats.fail, failed),
        (stats.queue, figures.queued),
        (stats.compute_input, figures.decoding),
        (stats.compute_infer, figures.running),
        (stats.compute_output, figures.encoding),
        (stats.cache_hit, NONE),
        (stats.cache_miss, NONE),
    ):
        _write_durations(durations, part)
    for rows, durations in sorted(figures.batches.items()):
        batch = message.batch_stats.add(batch_size=rows)
        _write_durations(durations, batch.compute_infer)
        for part in (batch.compute_input, batch.compute_output):
            _write_durations(Durations(durations.number), part)


def _write_durations(durations: Durations, message: StatisticDuration) -> None:
    message.count = durations.number
    message.ns = int(durations.seconds * 1e9)
