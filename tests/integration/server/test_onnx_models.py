"""Plain ONNX models on a server, among others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from horngate.client import Client
from horngate.errors import InvalidRequest
from tests.onnx_models import model, put, scaled, value
from tests.serving import RunningServer


def test_plain_models_are_served_and_their_rows_established(tmp_path: Path) -> None:
    put(scaled(), tmp_path / "scaled" / "1")
    mixing = helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=1)
    put(
        model(
            [mixing, helper.make_node("Sub", ["x", "mean"], ["y"])],
            [value("x", ["n", 3])],
            [value("y", ["n", 3])],
        ),
        tmp_path / "mixing" / "1",
    )
    foo = model([helper.make_node("Foo", ["x"], ["y"])], [value("x", [1])], [value("y", [1])])
    put(foo, tmp_path / "foo" / "1")
    x = np.ones((2, 3), np.float32)
    with RunningServer(tmp_path, ready=False) as server:
        failed = server.wait_for_log("load failed", model="foo")
        assert "received Foo" in failed["reason"]
        server.wait_for_log("available", model="scaled")
        with Client(server.address) as client:
            answer = client.predict("scaled", {"zebra": x, "apple": x})
        np.testing.assert_array_equal(answer["sum"], 3 * x)
        told = json.loads(server.http("/v2/models/scaled/config")[1])
        assert (told["platform"], told["backend"]) == ("onnxruntime_onnx", "onnx")
        assert told["max_batch_size"] > 0
        assert [each["name"] for each in told["input"]] == ["zebra", "apple"]
        told = json.loads(server.http("/v2/models/mixing/config")[1])
        assert told["max_batch_size"] == 0
        assert (
            "changes with the rows beside it" in told["parameters"]["rows_reason"]["string_value"]
        )


def test_first_dimensions_are_free_where_nothing_is_joined(tmp_path: Path) -> None:
    """They need not agree, may be 0, and count as no rows."""
    product = helper.make_node("MatMul", ["a", "b"], ["y"])
    shapes = [value("a", ["m", "k"]), value("b", ["k", "n"])]
    put(model([product], shapes, [value("y", ["m", "n"])]), tmp_path / "product" / "1")
    node = helper.make_node("Add", ["x", "x"], ["y"])
    put(model([node], [value("x", ["n"])], [value("y", ["n"])]), tmp_path / "vector" / "1")
    (tmp_path / "vector" / "config.pbtxt").write_text('backend: "onnxruntime" max_batch_size: 0')
    with RunningServer(tmp_path) as server, Client(server.address) as client:
        a, b = np.ones((1, 2), np.float32), np.ones((2, 5), np.float32)
        assert client.predict("product", {"a": a, "b": b})["y"].tolist() == [[2] * 5]
        assert client.predict("product", {"a": a[:0], "b": b})["y"].shape == (0, 5)
        for size in (0, 1, 5000):
            answer = client.predict("vector", {"x": np.ones(size, np.float32)})
            assert answer["y"].tolist() == [2] * size
        with pytest.raises(InvalidRequest, match=r"expected shape \[\?\], received \[2, 2\]"):
            client.predict("vector", {"x": np.ones((2, 2), np.float32)})
