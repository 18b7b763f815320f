"""What is served and why, as the page shows it: models, versions, signatures, in plain values.

Whoever asks is told of the models that they may ask; what is for operators alone goes to
administrators.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from horngate import __version__
from horngate.access.caller import Caller
from horngate.call import Call
from horngate.errors import RequestError
from horngate.inference import Inference, ModelDescription
from horngate.lifecycle.loop import LOOK_SECONDS
from horngate.lifecycle.status import UnderWay, VersionStatus
from horngate.protocols.oip.tensor import DATATYPES
from horngate.tensors import Signature, TensorSpec
from horngate.web.record import of_model, of_version

Plain = dict[str, Any]

RECORDS_KEPT: Final = 64
"""Versions whose files are not read again each time that somebody looks."""

LABELS_SHOWN: Final = 10_000
"""Names of an output's classes that are handed to the page, at most."""


def models(inference: Inference, caller: Caller | None) -> list[str]:
    """The names of the models that ``caller`` may ask; all where nobody is asked for a token."""
    return [name for name in inference.models() if caller is None or caller.may_ask(name)]


def everything(
    inference: Inference, caller: Caller | None, under_way: UnderWay, grpc_port: int
) -> Plain:
    """The server, what does not come back, and each model in short."""
    told = [in_short(inference, name, caller) for name in models(inference, caller)]
    return {
        "server": {
            "version": __version__,
            "ready": inference.ready(),
            "grpc_port": grpc_port,
            "caller": None if caller is None else caller.name,
        },
        "notices": held_up(under_way, caller),
        "models": [each for each in told if each],
    }


def in_short(inference: Inference, name: str, caller: Caller | None) -> Plain:
    """A model: its versions, and how its newest is called; empty where it is gone."""
    try:
        statuses = inference.statuses(name)
    except RequestError:
        return {}  # it left the repository a moment ago
    operator = caller is not None and caller.admin
    told: Plain = {
        "name": name,
        "ready": inference.ready(name),
        "versions": [_status(each, operator=operator) for each in statuses],
    }
    try:
        described = inference.describe(name, None, Call(inference.clock(), caller=caller))
    except RequestError as error:
        return {**told, "newest": None, "labels": {}, "signatures": [], "why": str(error)}
    return {
        **told,
        "newest": described.version,
        "labels": dict(described.labels),
        "signatures": [signature(each) for each in described.signatures.values()],
        "why": "",
    }


def in_full(inference: Inference, name: str, caller: Caller | None) -> Plain:
    """A model, and what its files say of it and of each live version.

    Raises:
        PermissionDenied: it is not the caller's.
        ModelNotFound: no such model.
    """
    call = Call(inference.clock(), caller=caller)
    call.check_model(name)
    statuses = inference.statuses(name)
    folder = inference.folder(name)
    live: dict[str, Plain] = {}
    for status in statuses:
        try:
            described = inference.describe(name, status.version, call)
        except RequestError:
            continue  # not live
        record = _record(described.folder, status.since, status.load_seconds)
        live[str(status.version)] = {**_described(described), **record}
    return {
        **in_short(inference, name, caller),
        "live": live,
        **({} if folder is None else of_model(folder)),
    }


@lru_cache(RECORDS_KEPT)
def _record(folder: Path, since: float, load_seconds: float | None) -> Plain:  # noqa: ARG001 - tells one load from another
    """What a version's files say, read once for each time that it is loaded."""
    return of_version(folder)


def signature(told: Signature) -> Plain:
    """A signature, its tensors in their order."""
    return {
        "name": told.name,
        "method": told.method,
        "batched": told.batched,
        "inputs": [
            {
                **_spec(spec),
                "optional": spec.name in told.defaults,
                "picture": _optional(told.pictures.get(spec.name)),
            }
            for spec in told.inputs.values()
        ],
        "outputs": [
            {
                **_spec(spec),
                "labels": list(told.labels.get(spec.name, ())[:LABELS_SHOWN]),
                "activation": told.activations.get(spec.name, ""),
            }
            for spec in told.outputs.values()
        ],
    }


def held_up(under_way: UnderWay, caller: Caller | None) -> list[str]:
    """What does not come back, a line each."""
    told = [
        f"{model} {version or 'settings'}: a load or a closing does not come back"
        for model, version in under_way.stuck
        if caller is None or caller.may_ask(model)
    ]
    if under_way.scan_seconds > LOOK_SECONDS:
        told.append(
            f"the models folder has not answered for {under_way.scan_seconds:.0f} s; what is live "
            "stays live"
        )
    return told


def _described(told: ModelDescription) -> Plain:
    cost = told.cost
    return {
        "engine": told.engine,
        "signatures": [signature(each) for each in told.signatures.values()],
        "max_batch_size": told.max_batch_size,
        "max_request_rows": told.max_request_rows,
        "cost": None
        if cost is None
        else {"points": cost.points, "threads": cost.threads, "machine": cost.machine},
    }


def _status(status: VersionStatus, *, operator: bool) -> Plain:
    return {
        "version": status.version,
        "state": status.state.name.lower(),
        "since": status.since,
        "error": status.reason(operator=operator),
        "engine": status.engine,
        "engine_reason": status.engine_reason,
        "load_seconds": status.load_seconds,
        "rows_reason": status.rows_reason,
        "notes": status.notes,
    }


def _spec(spec: TensorSpec) -> Plain:
    return {
        "name": spec.name,
        "dtype": spec.dtype.value,
        "datatype": DATATYPES.get(spec.dtype),
        "shape": None if spec.unknown_rank else spec.shape,
        "text": str(spec),
    }


def _optional(picture: Any) -> Mapping[str, Any] | None:
    return None if picture is None else dict(picture._asdict())
