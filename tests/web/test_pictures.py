"""A version that says what its tensors mean: a file goes to the server as it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.serving import RunningServer
from tests.web.conftest import Open
from tests.web.drawing import draw
from tests.web.test_lines import KINDS, line, run, settled, shown


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Models whose records are found as they are published: one classifies, one only measures."""
    pytest.importorskip("horngate.store.annotations", reason="versions have no such record yet")
    import keras  # noqa: PLC0415 - slow

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow

    keras.utils.set_random_seed(5)
    folder = tmp_path_factory.mktemp("photos")
    photo = keras.Input((24, 32, 3), name="photo")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(photo))
    classes = keras.layers.Dense(3, activation="softmax", name="kind")(means)
    flags = keras.layers.Dense(3, activation="sigmoid", name="flags")(means)
    publish_keras(keras.Model(photo, {"kind": classes, "flags": flags}), folder, "kinds")
    publish_keras(keras.Model(photo, {"means": means}), folder, "means")
    with RunningServer(folder) as running:
        yield running


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jpeg") / "it's a photo.jpg"
    slope = np.add.outer(np.linspace(0, 200, 90), np.linspace(0, 50, 120))
    pixels = np.stack([slope, slope[::-1], 250 - slope], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=80)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_goes_as_it_is_and_so_it_does_elsewhere(
    photos: RunningServer,
    open_page: Open,
    jpeg: Path,
    clipboard: dict[str, Any],
    kind: str,
) -> None:
    page = open_page(photos, "/models/means/try", **clipboard)
    expect(page.get_by_text("Black is 0, white is 255, as the version says.")).to_be_visible()
    page.get_by_label("A picture for photo").set_input_files(jpeg)
    settled(page, "means")
    body = {"inputs": {"photo": [{"b64": base64.b64encode(jpeg.read_bytes()).decode()}]}}
    told = photos.rest("/v1/models/means:predict", body)
    seen = shown(page, "means", "means")
    assert np.allclose(np.array(json.loads(told.text)["outputs"]).ravel(), seen, rtol=1e-3)
    outputs = run(kind, line(page, kind), jpeg.parent)
    assert np.allclose(outputs["means"].ravel(), seen, rtol=1e-3)


def test_what_is_drawn_is_sent_in_the_range_that_is_recorded(
    photos: RunningServer, open_page: Open
) -> None:
    page = open_page(photos, "/models/means/try")
    draw(page, [[(0.004, row / 11), (0.996, row / 11)] for row in range(12)], brush=40)
    settled(page, "means")
    assert np.allclose(shown(page, "means", "means"), 1.0, atol=1e-3)


def test_bars_and_a_winner_are_for_what_is_recorded_so(
    photos: RunningServer, open_page: Open
) -> None:
    page = open_page(photos, "/models/kinds/try?with=means")
    kinds, means = (
        page.get_by_label(f"Answer of {name}", exact=True) for name in ("kinds", "means")
    )
    expect(kinds.get_by_label("Output kind").locator(".winner b")).not_to_be_empty()
    expect(kinds.get_by_label("Output flags").locator(".bars li")).to_have_count(3)
    expect(kinds.get_by_label("Output flags").locator(".winner")).to_have_count(0)
    expect(kinds.locator(".best")).to_have_count(1)
    expect(means.locator(".numbers .value")).to_have_count(3)
    expect(means.locator(".bars, .winner")).to_have_count(0)
