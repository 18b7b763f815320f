"""What KServe's own inference clients see of the server at the ports given: one JSON object.

A process of its own, because KServe declares the package ``inference`` in protobuf's default pool
under another file than ``tritonclient`` does, so that both cannot be imported into one process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc


def infer_request(model: str, *, typed: bool = False) -> Any:
    array = np.array([[1], [2]], np.float32)
    data = array.ravel().tolist() if typed else None
    tensor = InferInput("x", list(array.shape), "FP32", data)
    if not typed:
        tensor.set_data_from_numpy(array)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="7")


async def session(address: str) -> dict[str, Any]:
    async with InferenceGRPCClient(address) as client:
        answer = await client.infer(infer_request("constant"))
        typed = await client.infer(infer_request("constant", typed=True))
        seen = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model": await client.is_model_ready("constant"),
            "nobody": await client.is_model_ready("nobody"),
            "answer": [answer.model_name, answer.id, answer.outputs[0].name],
            "values": answer.outputs[0].as_numpy().tolist(),
            "typed": [typed.outputs[0].as_numpy().tolist(), list(typed.outputs[0].data)],
        }
        try:
            await client.infer(infer_request("nobody"))
        except Exception as error:  # noqa: BLE001 - whatever it makes of the status
            seen["error"] = str(error)
    return seen


async def over_rest(url: str) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    try:
        answer = await client.infer(url, infer_request("constant", typed=True), "constant")
        return {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model": await client.is_model_ready(url, "constant"),
            "nobody": await client.is_model_ready(url, "nobody"),
            "values": answer.outputs[0].as_numpy().tolist(),
        }
    finally:
        await client.close()


def loads(address: str) -> list[Any]:
    messages = grpc_predict_v2_pb2
    with grpc.insecure_channel(address) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        asked = messages.RepositoryModelLoadRequest(model_name="constant")
        loaded = stub.RepositoryModelLoad(asked)
        left = messages.RepositoryModelUnloadRequest(model_name="constant")
        unloaded = [stub.RepositoryModelUnload(left) for _ in range(2)]
    return [
        [loaded.model_name, loaded.isLoaded],
        *([each.model_name, each.isUnloaded] for each in unloaded),
    ]


if __name__ == "__main__":
    grpc_port, http_port = sys.argv[1:]
    address = f"127.0.0.1:{grpc_port}"
    told = asyncio.run(session(address))
    told["rest"] = asyncio.run(over_rest(f"http://127.0.0.1:{http_port}"))
    told["loads"] = loads(address)
    sys.stdout.write(json.dumps(told) + "\n")
