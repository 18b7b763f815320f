"""A real browser, Debian's Chromium, and servers for it to look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

REFERENCE = Path(__file__).resolve().parents[2] / "models"
DIGITS = ("mnist_cnn", "mnist_fusion")
EXPECTED = ("Failed to load resource", "net::ERR")
"""What a browser says of a server that is lost, or that refuses: no fault of the page."""

TEAM = "the-token-of-the-team"

ODD = (
    '<img src=x onerror="window.hit=1">',
    'it\'s $HOME `ls` \\ """ {0}',
    "</script><script>window.hit=2</script>",
)
"""Names of two inputs and of an output."""

ARGUMENTS = (
    "--no-sandbox",
    # A camera that shows a test picture, and nobody to ask whether it may.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests; each has its own context."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of these tests only

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a path of a server in a tab of its own. No tab may have said that anything is wrong."""
    said: list[str] = []
    contexts = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            said.append(message.text)

    def opened(server: RunningServer, path: str = "/", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]  # of Playwright's many
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"a dialog: {dialog.message}"))
        page.goto(f"http://127.0.0.1:{server.http_port}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="session")
def digit_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference models, with names for their classes."""
    repository = tmp_path_factory.mktemp("digits")
    for name in DIGITS:
        if not (REFERENCE / name / "1").is_dir():
            pytest.skip("the reference models are not built: make models")
        shutil.copytree(REFERENCE / name, repository / name)
        (repository / name / "model.toml").unlink()
        (repository / name / "config.pbtxt").write_text(
            'max_batch_size: 32 output [ { name: "probabilities" data_type: TYPE_FP32 dims: [ 10 ] '
            'label_filename: "labels.txt" } ]'
        )
        (repository / name / "labels.txt").write_text("\n".join(map(str, range(10))))
    return repository


@pytest.fixture(scope="session")
def digits(digit_models: Path) -> Iterator[RunningServer]:
    """Serves the reference models."""
    with RunningServer(digit_models) as running:
        yield running


@pytest.fixture(scope="session")
def odd_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A model whose author calls its tensors what would run, in HTML, a shell or Python."""
    from onnx import helper  # noqa: PLC0415 - slow

    from tests.onnx_models import model, put, value  # noqa: PLC0415 - imports onnx

    shape: tuple[str | int, ...] = ("rows", 3)
    node = helper.make_node("Add", list(ODD[:2]), [ODD[2]])
    made = model([node], [value(each, shape) for each in ODD[:2]], [value(ODD[2], shape)])
    repository = tmp_path_factory.mktemp("odd")
    put(made, repository / "odd" / "1")
    (repository / "odd" / "README.md").write_text(f"# {ODD[0]}\n")
    with RunningServer(repository) as running:
        yield running


@pytest.fixture
def clipboard(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("HORNGATE_TOKEN", TEAM)
    return {"permissions": ["clipboard-read", "clipboard-write"]}
