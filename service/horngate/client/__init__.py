"""Numpy in, numpy out; never TensorFlow.

>>> from horngate.client import Client
>>> with Client("localhost:8500") as client:  # doctest: +SKIP
...     client.predict("mnist_fusion", {"image": image, "context": context})["probabilities"]

``Client`` and ``AsyncClient`` are two thin fronts over one core that does no I/O (``core``): what
is sent, when it is sent again, and what the answers mean is decided there, once. They speak
TensorFlow Serving's protocol and raise ``horngate.errors``.
"""

from horngate.client.asynchronous import AsyncClient
from horngate.client.channel import Tls
from horngate.client.messages import Metadata, Prediction, Serving
from horngate.client.synchronous import Client
from horngate.lifecycle.status import State, VersionStatus

__all__ = [
    "AsyncClient",
    "Client",
    "Metadata",
    "Prediction",
    "Serving",
    "State",
    "Tls",
    "VersionStatus",
]
