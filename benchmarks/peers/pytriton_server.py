"""PyTriton with the compiled forms of the benchmark's models.

    PYTHON pytriton_server.py PORT HTTP_PORT METRICS_PORT FOLDER NAME=MODEL.onnx ...

Run by the interpreter of an environment that holds ``nvidia-pytriton`` and ``onnxruntime``. It
knows nothing of Horngate. Batches are Triton's own: up to 64 rows, without a delay. Triton's files
lie in FOLDER.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when it is imported

import numpy as np
import onnxruntime  # noqa: TID251 - Horngate is not in this environment
from pytriton.decorators import batch  # type: ignore[import-not-found]  # only in its own environment
from pytriton.model_config import (  # type: ignore[import-not-found]  # the same
    DynamicBatcher,
    ModelConfig,
    Tensor,
)
from pytriton.triton import (  # type: ignore[import-not-found]  # the same
    Triton,
    TritonConfig,
    TritonSecurityConfig,
)

MOST_ROWS = 64


def bind(triton: Any, name: str, path: str) -> None:
    """Bind one model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    outputs = [each.name for each in session.get_outputs()]

    def infer(**inputs: Any) -> dict[str, Any]:
        return dict(zip(outputs, session.run(outputs, inputs), strict=True))

    batched: Callable[..., Any] = batch(infer)
    triton.bind(
        model_name=name,
        infer_func=batched,
        inputs=[_tensor(each) for each in session.get_inputs()],
        outputs=[_tensor(each) for each in session.get_outputs()],
        config=ModelConfig(batching=True, max_batch_size=MOST_ROWS, batcher=DynamicBatcher()),
    )


def _tensor(value: Any) -> Any:
    return Tensor(name=value.name, dtype=np.float32, shape=tuple(value.shape[1:]))


def main(port: str, http_port: str, metrics_port: str, folder: str, *models: str) -> None:
    """Serve until a signal."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    security = TritonSecurityConfig(restricted_endpoints=[])  # perf_analyzer asks for figures
    config = TritonConfig(
        grpc_address="0.0.0.0",  # noqa: S104 - an open port, as the others have
        grpc_port=int(port),
        http_address="127.0.0.1",
        http_port=int(http_port),
        metrics_port=int(metrics_port),
    )
    with Triton(config=config, workspace=folder, security_config=security) as triton:
        for each in models:
            bind(triton, *each.split("=", 1))
        triton.run()
        print("starting", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
