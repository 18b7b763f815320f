"""``python -m tests.screenshots``: the pictures of the page in ``docs/``, made anew.

A server of the models, a minute of requests so that its charts have something to show, and Debian's
Chromium. Look at what it made.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from horngate.client import Client
from tests.rooms import ROOT
from tests.serving import RunningServer
from tests.web.drawing import draw

FOLDER: Final = ROOT / "docs"
SECONDS: Final = 60
COLOURS: Final = 255
"""Of a picture: a page has few, and a repository keeps every picture for ever."""

TALL: Final = {"viewport": {"width": 1180, "height": 1120}}
FOUR: Final = (((0.40, 0.22), (0.30, 0.53), (0.70, 0.53)), ((0.62, 0.20), (0.60, 0.80)))


def main() -> int:
    """Make them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of requests")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("expected chromium, found none; apt-get install chromium\n")
        return 1
    with RunningServer(options.models) as server, sync_playwright() as playwright:
        keep_busy(server, options.seconds)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        home = f"http://127.0.0.1:{server.http_port}"
        for name, path, settings in (
            ("page", "/models/mnist_fusion/try?with=mnist_cnn", TALL),
            (
                "page-dark",
                "/models/mnist_fusion/try?with=mnist_cnn",
                {"color_scheme": "dark", **TALL},
            ),
            ("page-models", "/", {}),
            ("page-model", "/models/mnist_fusion", {}),
            ("page-phone", "/models/mnist_cnn/try", {"viewport": {"width": 390, "height": 844}}),
        ):
            given: dict[str, Any] = {"viewport": {"width": 1180, "height": 860}, **settings}
            page = browser.new_page(**given)
            page.goto(home + path)
            expect(page.locator(".winner b:not(:empty), .chart .line").first).to_be_attached()
            if "/try" in path:
                draw(page, FOUR, brush=10)
                page.mouse.move(0, 0)
                expect(page.locator(".panel[aria-busy=true]")).to_have_count(0)
            save(page, FOLDER / f"{name}.png")
            page.close()
        browser.close()
    return 0


def keep_busy(server: RunningServer, seconds: float) -> None:
    """Requests of both models, more and fewer by turns."""
    over = threading.Event()
    threading.Timer(seconds, over.set).start()
    rng = np.random.default_rng(4)
    with Client(server.address) as client:
        while not over.wait(float(rng.exponential(0.02))):
            rows = int(rng.integers(1, 12))
            image = rng.random((rows, 28, 28, 1), np.float32)
            client.predict("mnist_cnn", {"image": image})
            if rows > 5:
                context = np.full((rows, 10), 0.1, np.float32)
                client.predict("mnist_fusion", {"image": image, "context": context})


def save(page: Page, path: Path) -> None:
    """What is seen, in few colours."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
