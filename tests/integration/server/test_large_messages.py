"""Requests far past gRPC's own default of 4 MiB."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from horngate.builder.publish import publish_keras
from horngate.client import Client
from tests.serving import RunningServer

VALUES = 4 * 1024 * 1024


def test_a_request_of_sixty_megabytes_is_answered_by_default(tmp_path: Path) -> None:
    x = keras.Input((None, 1), name="x")
    model = keras.Model(x, layers.GlobalAveragePooling1D(name="mean")(x))
    publish_keras(model, tmp_path, "wide")
    with RunningServer(tmp_path) as running:
        sent = np.arange(15 * VALUES // 4, dtype=np.float32).reshape(15, VALUES // 4, 1) / VALUES
        assert sent.nbytes > 60_000_000
        with Client(running.address, timeout=60) as client:
            answer = client.predict("wide", {"x": sent})["mean"]
        np.testing.assert_allclose(answer, sent.mean(axis=1, dtype=np.float64), rtol=1e-3)
