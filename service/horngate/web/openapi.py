"""The REST APIs as OpenAPI 3.1: each model's calls by both protocols, from its signatures.

It says what the newest version of each model takes and gives. Models that the caller may not ask
are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import ml_dtypes
import numpy as np

from horngate import __version__
from horngate.access.caller import Caller
from horngate.call import Call
from horngate.errors import RequestError
from horngate.inference import Inference, ModelDescription
from horngate.protocols.oip.tensor import DATATYPES
from horngate.protocols.tfserving.classify import find_outputs
from horngate.protocols.tfserving.regress import find_output
from horngate.tensors import DType, Signature, TensorSpec
from horngate.web.facts import models

Schema = dict[str, Any]

FAILURE: Final[Schema] = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_OBJECT: Final[Schema] = {"type": "object"}
_B64: Final[Schema] = {
    "type": "object",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
    "additionalProperties": False,
}
_FEATURE: Final[Schema] = {"type": ["number", "string", "array", "object"]}
_JSON: Final = "application/json"


def openapi(inference: Inference, caller: Caller | None) -> Schema:
    """The document, for ``caller``; with how to show a token where there is one."""
    paths: Schema = dict(_server())
    for name in models(inference, caller):
        call = Call(inference.clock(), caller=caller)
        try:
            paths |= _model(inference.describe(name, None, call))
        except RequestError:
            continue  # none of its versions is live
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Horngate",
            "version": __version__,
            "description": "TensorFlow Serving's REST API below /v1, the Open Inference Protocol's "
            "below /v2; the newest live version of each model.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Failure": FAILURE},
            "responses": {
                "Failure": {
                    "description": "What was expected, what was received, what to do.",
                    "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Failure"}}},
                }
            },
        },
    }
    if caller is not None:
        scheme = {"type": "http", "scheme": "bearer"}
        document["components"]["securitySchemes"] = {"token": scheme}
        document["security"] = [{"token": []}]
    return document


def _server() -> Schema:
    return {
        "/v2": _path("get", "The server: its name, version and extensions.", "server", _OBJECT),
        "/v2/health/live": _path("get", "Whether the process answers.", "live", _OBJECT),
        "/v2/health/ready": _path("get", "Whether requests are served.", "ready", _OBJECT),
        "/v2/repository/index": _path(
            "post", "Every model and its state.", "index", {"type": "array"}, _OBJECT
        ),
    }


def _model(told: ModelDescription) -> Schema:
    name = told.model
    signatures = list(told.signatures.values())
    v1, v2 = f"/v1/models/{name}", f"/v2/models/{name}"
    paths: Schema = {
        v1: _path("get", "The state of its versions.", f"{name}.status", _OBJECT),
        f"{v1}/metadata": _path("get", "Its signatures.", f"{name}.metadata", _OBJECT),
        v2: _path("get", "Its inputs and outputs.", f"{name}.describe", _OBJECT),
        f"{v2}/ready": _path("get", "Whether it is live.", f"{name}.ready", _OBJECT),
        f"{v2}/config": _path("get", "How it is served.", f"{name}.config", _OBJECT),
        f"{v2}/stats": _path("get", "Its figures.", f"{name}.stats", _OBJECT),
    }
    if all(spec.dtype in DATATYPES for each in signatures for spec in _specs(each)):
        rows = told.max_request_rows
        asked = [_predict(each, rows) for each in signatures]
        given = [_predicted(each) for each in signatures]
        paths[f"{v1}:predict"] = _path(
            "post",
            "Predict, by rows or by inputs.",
            f"{name}.predict",
            _any(given),
            _any(asked),
        )
        paths[f"{v2}/infer"] = _path(
            "post",
            "Predict, tensor by tensor.",
            f"{name}.infer",
            _any(map(_inferred, signatures)),
            _any(_infer(each, rows, named=len(signatures) > 1) for each in signatures),
        )
    for verb, fits, result in (
        ("classify", find_outputs, {"type": "array", "items": {"type": "array"}}),
        ("regress", find_output, {"type": "array"}),
    ):
        able = [each for each in signatures if _fits(fits, each)]
        if able:
            paths[f"{v1}:{verb}"] = _path(
                "post",
                f"{verb.capitalize()} examples.",
                f"{name}.{verb}",
                _object(results=result),
                _any(_examples(each) for each in able),
            )
    return paths


def _path(
    verb: str,
    summary: str,
    operation: str,
    answer: Schema,
    body: Schema | None = None,
) -> Schema:
    told: Schema = {
        "summary": summary,
        "operationId": operation,
        "tags": [operation.rpartition(".")[0] or "server"],
        "responses": {
            "200": {"description": "The answer.", "content": {_JSON: {"schema": answer}}},
            "4XX": {"$ref": "#/components/responses/Failure"},
            "5XX": {"$ref": "#/components/responses/Failure"},
        },
    }
    if operation.endswith("ready") or operation == "live":
        told["responses"]["4XX"] = {"description": "No."}
    if body is not None:
        told["requestBody"] = {"required": True, "content": {_JSON: {"schema": body}}}
    return {verb: told}


def _fits(find: Callable[[Signature], object], signature: Signature) -> bool:
    try:
        find(signature)
    except RequestError:
        return False
    return True


def _specs(signature: Signature) -> Iterable[TensorSpec]:
    return (*signature.inputs.values(), *signature.outputs.values())


def _any(schemas: Iterable[Schema]) -> Schema:
    listed = list(schemas)
    return listed[0] if len(listed) == 1 else {"anyOf": listed}


def _object(_required: Iterable[str] | None = None, /, **properties: Schema) -> Schema:
    needed = list(properties if _required is None else _required)
    return {"type": "object", "properties": properties, "required": needed}


def _named(schemas: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    needed = [name for name in schemas if name not in set(optional)]
    return {"type": "object", "properties": dict(schemas), "required": needed}


def _predict(signature: Signature, rows: int) -> Schema:
    """By inputs, and by rows where each input has them."""
    whole = {spec.name: _input(spec, signature, rows) for spec in signature.inputs.values()}
    name = {"signature_name": {"const": signature.name}}
    forms = [_object(["inputs"], inputs=_named(whole, signature.defaults), **name)]
    if signature.inputs and all(spec.batched for spec in signature.inputs.values()):
        one = {name: schema["items"] for name, schema in whole.items() if "items" in schema}
        if len(one) == len(whole):
            row = _named(one, signature.defaults)
            instances = {"type": "array", "items": row, "minItems": 1, "maxItems": max(rows, 1)}
            forms.append(_object(["instances"], instances=instances, **name))
    return _any(forms)


def _predicted(signature: Signature) -> Schema:
    whole = {spec.name: _tensor(spec) for spec in signature.outputs.values()}
    only = next(iter(whole.values())) if len(whole) == 1 else _named(whole)
    return _any([_object(outputs=only), _object(predictions={"type": "array"})])


def _infer(signature: Signature, rows: int, *, named: bool) -> Schema:
    tensors = [
        _object(
            name={"const": spec.name},
            datatype={"const": DATATYPES[spec.dtype]},
            shape=_shape(spec, rows),
            data=_data(spec),
        )
        for spec in signature.inputs.values()
    ]
    encoded = [
        _object(
            name={"const": name},
            datatype={"const": DATATYPES[DType.STRING]},
            shape={"type": "array", "items": {"type": "integer"}},
            data={"type": "array", "items": _B64},
        )
        for name in signature.pictures
    ]
    inputs = {
        "type": "array",
        "items": _any([*tensors, *encoded]),
        "minItems": len(tensors) - len(signature.defaults),
        "maxItems": len(tensors),
    }
    outputs = {"type": "array", "items": _object(name={"enum": list(signature.outputs)})}
    schema = _object(["inputs"], inputs=inputs, outputs=outputs, id={"type": "string"})
    if named:
        schema["properties"]["parameters"] = _object(signature_name={"const": signature.name})
        schema["required"].append("parameters")
    return schema


def _inferred(signature: Signature) -> Schema:
    tensors = [
        _object(
            ["name", "datatype", "shape"],
            name={"const": spec.name},
            datatype={"const": DATATYPES[spec.dtype]},
            shape={"type": "array", "items": {"type": "integer"}},
            data=_data(spec, answered=True),
        )
        for spec in signature.outputs.values()
    ]
    text = {"type": "string"}
    outputs = {"type": "array", "items": _any(tensors)}
    return _object(model_name=text, model_version=text, outputs=outputs)


def _examples(signature: Signature) -> Schema:
    features = {spec.name: _FEATURE for spec in signature.inputs.values()}
    examples = {"type": "array", "items": _named(features, features), "minItems": 1}
    name = {"const": signature.name}
    return _object(["examples"], examples=examples, signature_name=name)


def _input(spec: TensorSpec, signature: Signature, rows: int) -> Schema:
    """An input: its tensor, or encoded pictures where it takes them."""
    schema = _tensor(spec, rows)
    if spec.name in signature.pictures and "items" in schema:
        schema = {**schema, "items": {"anyOf": [schema["items"], _B64]}}
    return schema


def _tensor(spec: TensorSpec, rows: int | None = None) -> Schema:
    """Nested lists; of what is asked ``rows`` at most, where they are free and it is not 0."""
    schema = element(spec.dtype, answered=rows is None)
    if spec.unknown_rank:
        return {"description": f"{spec}"}
    for place, size in reversed(list(enumerate(spec.shape))):
        schema = {"type": "array", "items": schema}
        if size is not None:
            schema |= {"minItems": size, "maxItems": size}
        elif place == 0 and rows:
            schema |= {"minItems": 1, "maxItems": rows}
    return {**schema, "description": str(spec)}


def _shape(spec: TensorSpec, rows: int) -> Schema:
    size: Schema = {"type": "integer", "minimum": 0}
    if spec.unknown_rank:
        return {"type": "array", "items": size}
    sizes: list[Schema] = [size if each is None else {"const": each} for each in spec.shape]
    if spec.batched and rows:
        sizes[0] = {"type": "integer", "minimum": 1, "maximum": rows}
    return {"type": "array", "prefixItems": sizes, "minItems": len(sizes), "maxItems": len(sizes)}


def _data(spec: TensorSpec, *, answered: bool = False) -> Schema:
    """Row by row in one list."""
    row = math.prod(spec.row) if spec.row is not None else None
    told = f"{spec}, row by row" + ("" if row is None else f", {row} values each")
    items = element(spec.dtype, answered=answered)
    return {"type": "array", "items": items, "description": told}


def element(dtype: DType, *, answered: bool = False) -> Schema:
    """A value of a tensor, as JSON has it; what is ``answered`` may be no number."""
    if dtype is DType.STRING:
        return {"anyOf": [{"type": "string"}, _B64]}
    if dtype is DType.BOOL:
        return {"type": "boolean"}
    if dtype.numpy.kind in "iu":
        limits = np.iinfo(dtype.numpy)
        return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
    if answered:
        told = (
            "NaN and Infinity are written by name; what reads plain JSON alone may make null of it"
        )
        return {"type": ["number", "null"], "description": told}
    most = float(ml_dtypes.finfo(dtype.numpy).max)  # type: ignore[no-untyped-call]  # it has no types
    return {"type": "number", "minimum": -most, "maximum": most}
