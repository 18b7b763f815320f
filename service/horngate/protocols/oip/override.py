"""What RepositoryModelLoad may carry: a model's configuration, where it is that of the model.

Triton takes a configuration, and files, in place of what the model's folder has. Here a model is
what is in its folder, so a configuration that says the same is taken, and any other is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format

from horngate.errors import InvalidRequest, Unsupported
from horngate.protocols.pb.inference.grpc_service_pb2 import RepositoryModelLoadRequest
from horngate.protocols.pb.inference.model_config_pb2 import ModelConfig
from horngate.sizes import MODEL_SETTINGS

CONFIG: Final = "config"
_FILE: Final = "file:"
_IGNORED: Final = frozenset({"unload_dependents"})
"""There are no dependents: no model is made of others."""

_BACKENDS: Final = {"tensorflow_savedmodel": "tensorflow", "onnxruntime_onnx": "onnxruntime"}
"""Triton's, by the platform. Which engine runs a model is told by its own name here."""

_REMEDY: Final = "a model is what is in its folder; change its config.pbtxt or model.toml there"


def read_override(request: RepositoryModelLoadRequest, model: str) -> dict[str, Any] | None:
    """The configuration in the request, as JSON with the names of the fields; None for none.

    Errors begin as Triton's do.

    Raises:
        InvalidRequest: it is no ModelConfig as JSON.
        Unsupported: files in the request, or another parameter.
    """
    override = None
    for name, value in request.parameters.items():
        if name == CONFIG:
            override = _parse(value.string_param, model)
        elif name.startswith(_FILE):
            raise Unsupported(
                f"failed to load {model!r}: the parameter {name[:128]!r} is refused: no files are "
                f"taken from a request; put {name.removeprefix(_FILE)[:128]!r} into the model's "
                "folder, then load it"
            )
        elif name not in _IGNORED:
            raise Unsupported(
                f"failed to load {model!r}: the parameter {name[:128]!r} is refused: {_REMEDY}"
            )
    return override


def _parse(text: str, model: str) -> dict[str, Any]:
    if len(text) > MODEL_SETTINGS:
        raise _no_config(
            model, f"expected at most {MODEL_SETTINGS} characters, received {len(text)}"
        )
    try:
        document = json.loads(text)
        config = json_format.ParseDict(
            document if isinstance(document, dict) else {}, ModelConfig()
        )
    except (ValueError, RecursionError, json_format.ParseError) as error:
        raise _no_config(model, str(error)[:256]) from None
    if not isinstance(document, dict):
        raise _no_config(model, "it is no object")
    fields = {
        spelled: field.name
        for field in ModelConfig.DESCRIPTOR.fields
        for spelled in (field.name, field.json_name)
    }
    said = _document(config)
    # What is said and is a default, a max_batch_size of 0, is said all the same.
    return {fields[key]: said.get(fields[key]) for key in document}


def _no_config(model: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"failed to load {model!r}: the parameter {CONFIG!r}: expected a ModelConfig as JSON; {why}"
    )


def hold_override(override: dict[str, Any], config: ModelConfig) -> None:
    """Hold the ``override`` against the ``config`` that the model is served with.

    Raises:
        Unsupported: it says something else; with what, and what to do.
    """
    served = _document(config)
    if override.get("backend") == _BACKENDS[config.platform]:
        served["backend"] = override["backend"]
    for key, said in override.items():
        for where, expected, received in _differences(key, said, served.get(key)):
            raise Unsupported(
                f"failed to load {config.name!r}: the parameter {CONFIG!r} is refused: {where}: "
                f"expected {_shown(expected)}, as the model is served, received "
                f"{_shown(received)}; {_REMEDY}"
            )


def _differences(where: str, said: Any, served: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where ``said`` says more or something else than ``served``, with both."""
    if isinstance(said, dict) and isinstance(served, dict):
        for key, value in said.items():
            yield from _differences(f"{where}.{key[:64]}", value, served.get(key))
    elif isinstance(said, list) and isinstance(served, list) and len(said) == len(served):
        for index, (one, other) in enumerate(zip(said, served, strict=True)):
            yield from _differences(f"{where}[{index}]", one, other)
    elif said != served:
        yield where, served, said


def _document(config: ModelConfig) -> dict[str, Any]:
    document: dict[str, Any] = json_format.MessageToDict(config, preserving_proto_field_name=True)
    return document


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value)[:256]
