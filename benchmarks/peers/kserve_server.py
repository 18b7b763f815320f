"""KServe's SDK with the compiled forms of the benchmark's models.

    PYTHON kserve_server.py PORT HTTP_PORT RECORDING NAME=MODEL.onnx ...

Run by the interpreter of an environment that holds ``kserve`` and ``onnxruntime``. It knows nothing
of Horngate. perf_analyzer asks for a ModelConfig, which KServe does not have: RECORDING holds one
reply for each model, as bytes in base64. All else is KServe's own, without the
lines that it logs for each request.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when it is imported

import kserve
import numpy as np
import onnxruntime  # noqa: TID251 - Horngate is not in this environment
from grpc import GenericRpcHandler, aio, unary_unary_rpc_method_handler

MODEL_CONFIG = "/inference.GRPCInferenceService/ModelConfig"


class Onnx(kserve.Model):  # type: ignore[misc]  # KServe ships no types
    """One model: a run for each request, in the server's own thread, as KServe's guide shows it."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options)
        self._outputs = [each.name for each in self._session.get_outputs()]
        self.ready = True

    async def get_input_types(self) -> list[dict[str, Any]]:
        """What it takes, for ModelMetadata."""
        return [_described(each) for each in self._session.get_inputs()]

    async def get_output_types(self) -> list[dict[str, Any]]:
        """What it gives, for ModelMetadata."""
        return [_described(each) for each in self._session.get_outputs()]

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        """Run it on the rows of one request."""
        feed = {each.name: each.as_numpy() for each in payload.inputs}
        answers = self._session.run(self._outputs, feed)
        outputs = []
        for name, array in zip(self._outputs, answers, strict=True):
            output = kserve.InferOutput(name, list(array.shape), "FP32")
            output.set_data_from_numpy(np.ascontiguousarray(array), binary_data=True)
            outputs.append(output)
        return kserve.InferResponse(payload.id, self.name, outputs)


def _described(value: Any) -> dict[str, Any]:
    shape = [-1, *value.shape[1:]]
    return {"name": value.name, "datatype": "FP32", "shape": shape}


class Configured(GenericRpcHandler):
    """Answers ModelConfig with what was recorded."""

    def __init__(self, replies: dict[str, bytes]) -> None:
        self._replies = replies

    def service(self, handler_call_details: Any) -> Any:
        """The handler, for a grpcio server."""
        if handler_call_details.method != MODEL_CONFIG:
            return None
        return unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, request: bytes, _: Any) -> bytes:
        return next(reply for name, reply in self._replies.items() if name.encode() in request)


def main(port: str, http_port: str, recording: str, *models: str) -> None:
    """Serve until a signal."""
    kept = json.loads(Path(recording).read_text(encoding="utf-8"))
    configured = Configured({name: base64.b64decode(text) for name, text in kept.items()})
    server = aio.server

    def with_configuration(*given: Any, **named: Any) -> Any:
        made = server(*given, **named)
        made.add_generic_rpc_handlers((configured,))
        return made

    aio.server = with_configuration
    served = [Onnx(*each.split("=", 1)) for each in models]
    serving = kserve.ModelServer(
        http_port=int(http_port), grpc_port=int(port), enable_latency_logging=False, workers=1
    )
    logging.getLogger("kserve").setLevel(logging.WARNING)  # else a line for each request
    serving.start(served)


if __name__ == "__main__":
    main(*sys.argv[1:])
