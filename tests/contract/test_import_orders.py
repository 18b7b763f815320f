"""Horngate's messages in one process with the packages that declare the same names.

Two orders, one the reverse of the other, so that of any two modules each comes first once.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import pytest

HORNGATE = "horngate.protocols.pb.tensorflow_serving.apis.predict_pb2"
TENSORFLOW = "tensorflow"
SERVING = "tensorflow_serving.apis.predict_pb2"
TRITON = "tritonclient.grpc"

ORDERS = [
    (HORNGATE, TENSORFLOW, SERVING, TRITON),
    (TRITON, SERVING, TENSORFLOW, HORNGATE),
]

SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from horngate.protocols.pb.tensorflow_serving.apis import predict_pb2 as ours
from horngate.protocols.pb.inference import grpc_service_pb2
from tensorflow_serving.apis import predict_pb2 as theirs
import pickle
request = ours.PredictRequest()
request.inputs["x"].float_val.append(1.5)
request.inputs["x"].tensor_shape.dim.add(size=1)
again = theirs.PredictRequest.FromString(request.SerializeToString())
assert again.inputs["x"].float_val[0] == 1.5
for message in (request, request.inputs["x"], request.inputs["x"].tensor_shape.dim[0], again):
    assert type(pickle.loads(pickle.dumps(message))) is type(message)
print("ok")
"""


def test_the_orders_hold_every_pair_both_ways() -> None:
    pairs = {
        (first, second)
        for order in ORDERS
        for index, first in enumerate(order)
        for second in order[index + 1 :]
    }
    assert pairs == set(permutations([HORNGATE, TENSORFLOW, SERVING, TRITON], 2))


@pytest.mark.parametrize("order", ORDERS, ids=["horngate first", "horngate last"])
def test_all_import_in_one_process(order: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *order], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ok\n", done.stderr
