"""Every Python example of docs/client.md runs, one after the other, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.client.fake_server import FakeServer

PAGE = Path(__file__).parents[3] / "docs" / "client.md"


def test_the_examples_run(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 5
    fake.engine = ("onnx", "")
    namespace: dict[str, Any] = {}
    for example in examples:
        code = example.replace("localhost:8500", fake.address)
        exec(compile(code, str(PAGE), "exec"), namespace)  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert "[0] by version 3" in printed
    assert "image float32[?, 28, 28, 1]" in printed
    assert "expected dtype float32, received float64" in printed
    assert "True True" in printed
