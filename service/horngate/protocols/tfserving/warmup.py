"""``assets.extra/tf_serving_warmup_requests``: requests to replay before a version goes live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from horngate.call import Call
from horngate.decoding import decoded, encoded, stand_ins
from horngate.errors import HorngateError, LoadError
from horngate.lifecycle.served import find_signature
from horngate.lifecycle.warm_up import Recorded
from horngate.protocols.pb.tensorflow_serving.apis.input_pb2 import Input
from horngate.protocols.pb.tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from horngate.protocols.tfserving.examples import read_examples, to_inputs
from horngate.protocols.tfserving.tensor import decode, encode
from horngate.servable import Files
from horngate.sizes import WARM_UP
from horngate.store.records import read_records, write_records
from horngate.tensors import DEFAULT_SIGNATURE, Arrays, Signature

FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")
MOST: Final = 1000
"""TensorFlow Serving's limit."""


def read_warm_up(files: Files, signatures: Mapping[str, Signature]) -> Iterator[Recorded]:
    """The recorded requests among the ``files`` of a version; none where it carries no such file.

    The model and the version that a record names mean nothing, its signature does.

    Raises:
        LoadError: the file is damaged or too large, or a record is no request for ``signatures``.
    """
    if not files.exists(str(FILE)):
        return
    content = files.read(str(FILE), WARM_UP)
    for number, record in enumerate(read_records(content, FILE.name, most=MOST)):
        where = f"{FILE.name}: record {number}"
        try:
            log = PredictionLog.FromString(record)
            for name, inputs in _requests(log, signatures):
                yield Recorded(where, name, _tensors(signatures[name], inputs))
        except DecodeError as error:
            raise LoadError(f"{where}: expected a PredictionLog, received other bytes") from error
        except HorngateError as error:
            raise LoadError(f"{where}: {error}") from error


def write_warm_up(folder: Path, model: str, recorded: Mapping[str, Arrays]) -> None:
    """Write a request to Predict for each of ``recorded``, inputs by signature."""
    records = []
    for signature, inputs in recorded.items():
        log = PredictionLog()
        request = log.predict_log.request
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            encode(array, request.inputs[name], name=name)
        records.append(log.SerializeToString(deterministic=True))
    write_records(folder / FILE, records)


def _requests(
    log: PredictionLog, signatures: Mapping[str, Signature]
) -> Iterator[tuple[str, Arrays]]:
    match log.WhichOneof("log_type"):
        case "predict_log":
            request = log.predict_log.request
            signature = _signature(request.model_spec, signatures)
            inputs = {name: decode(tensor, name) for name, tensor in request.inputs.items()}
            yield signature.name, inputs
        case "classify_log":
            yield _of_examples(log.classify_log.request.model_spec, log.classify_log, signatures)
        case "regress_log":
            yield _of_examples(log.regress_log.request.model_spec, log.regress_log, signatures)
        case "multi_inference_log":
            for task in log.multi_inference_log.request.tasks:
                yield _of_examples(task.model_spec, log.multi_inference_log, signatures)
        case _:
            raise LoadError(
                "expected a request to Predict, Classify, Regress or MultiInference, received "
                "none of these"
            )


def _tensors(signature: Signature, inputs: Arrays) -> Arrays:
    """``inputs`` with tensors in place of encoded pictures."""
    names = encoded(signature, inputs)
    if not names:
        return inputs
    stand_ins(signature, inputs, names)
    return decoded(signature, inputs, names, Call(0.0), WARM_UP, check=lambda: None)


def _of_examples(spec: Any, log: Any, signatures: Mapping[str, Signature]) -> tuple[str, Arrays]:
    signature = _signature(spec, signatures)
    message: Input = log.request.input
    return signature.name, to_inputs(read_examples(message), signature)


def _signature(spec: Any, signatures: Mapping[str, Signature]) -> Signature:
    return find_signature(signatures, spec.signature_name or DEFAULT_SIGNATURE, "of the version")
