"""Every subject by name, in the order of tables."""

from __future__ import annotations

from typing import Final

TITLES: Final = {
    "cpp-echo": "C++ gRPC echo",
    "native-echo": "native echo (Python)",
    "grpcio-echo": "grpcio echo (Python)",
    "cpp-tensorflow": "C++ gRPC + TF_SessionRun",
    "native-onnx": "Horngate, native, ONNX",
    "native-tensorflow": "Horngate, native, TensorFlow",
    "grpcio-onnx": "Horngate, grpcio, ONNX",
    "grpcio-tensorflow": "Horngate, grpcio, TensorFlow",
}
ENGINES: Final = ("onnx", "tensorflow")
TRANSPORTS: Final = ("native", "grpcio")
ENGINE_SUBJECT: Final = "engine"
"""Chooses the engines without a network."""


def chosen(text: str) -> tuple[str, ...]:
    """The names in a comma-separated list; all where it is empty.

    Raises:
        ValueError: an unknown one.
    """
    known = (*TITLES, ENGINE_SUBJECT)
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    for name in names:
        if name not in known:
            raise ValueError(f"expected subjects of {', '.join(known)}; received {name!r}")
    return names or known
