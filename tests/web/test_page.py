"""The page in a real browser: what it shows, to whom, and what it never does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.serving import RunningServer, tokens_file
from tests.web.conftest import ODD, TEAM, Open

OPERATOR = "the-token-of-the-operator"
VIEWS = ("/", "/models/mnist_fusion", "/models/mnist_fusion/try?with=mnist_cnn")
BEYOND = """[...document.querySelectorAll("body *")]
  .filter((each) => !each.closest(".scroll, pre, svg, .hidden, .skip"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 120))"""
HOSTILE = "</script><img src=x onerror=\"window.hit=1\"><b onclick='hit()'>"
CARD = f"""# A card {HOSTILE}

[a link](javascript:window.hit=2) and [another](https://example.org/x) ![p](http://elsewhere.example/p.png)

| {HOSTILE} | b |
|---|---|
| <script>window.hit=3</script> | `{HOSTILE}` |

- <iframe src="https://elsewhere.example"></iframe>

```
{HOSTILE}
```
"""


@pytest.mark.parametrize("path", VIEWS)
def test_models_are_shown(digits: RunningServer, open_page: Open, path: str) -> None:
    page = open_page(digits, path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#state")).to_have_text("ready")
    expect(page).to_have_title(re.compile("Horngate$"))


def test_one_goes_from_view_to_view_and_back(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits)
    page.get_by_role("link", name="Try mnist_fusion and mnist_cnn side by side").click()
    expect(page.get_by_label("Answer of mnist_cnn", exact=True)).to_be_visible()
    expect(page.locator("#view")).to_be_focused()
    page.get_by_role("heading", level=1).get_by_role("link").click()
    expect(page).to_have_url(re.compile("/models/mnist_fusion$"))
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()


def test_a_model_tells_what_is_served_and_why(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, "/models/mnist_fusion")
    expect(page.get_by_label("Versions", exact=True)).to_contain_text("onnx")
    for shown in ("What a batch costs", "Compiled form", "How it was made", "accuracies.accuracy"):
        expect(page.get_by_text(shown, exact=True)).to_be_visible()
    expect(page.get_by_alt_text("Which classes are taken for which")).to_be_visible()
    expect(page.get_by_alt_text("Loss and accuracy over the epochs of training")).to_be_visible()
    expect(page.get_by_text("The context is simulated.")).to_be_visible()


def test_figures_come_without_a_reload(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, "/models/mnist_cnn")
    chart = page.get_by_role("img", name=re.compile("^requests: "))
    body = {"inputs": [[[[0.0]] * 28] * 28]}
    assert digits.rest("/v1/models/mnist_cnn:predict", body).status == 200
    expect(chart).to_have_attribute("aria-label", re.compile(r"at most (?!0/s)"), timeout=20_000)
    expect(page.get_by_role("img", name=re.compile("^latency: p50"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^memory of the process: "))).to_be_visible()


def test_an_address_that_leads_nowhere_is_told(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, "/models/nobody")
    expect(page.get_by_role("alert")).to_contain_text("no model 'nobody' is held")


@pytest.mark.parametrize("path", VIEWS)
def test_a_narrow_screen_needs_no_scrolling_sideways(
    digits: RunningServer, open_page: Open, path: str
) -> None:
    page = open_page(digits, path, viewport={"width": 340, "height": 700}, has_touch=True)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".card, .chart, .panel").nth(1)).to_be_visible()
    wide = page.evaluate(BEYOND)
    assert wide == []


@pytest.fixture(scope="module")
def locked(digit_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    flags = tokens_file(
        tmp_path_factory.mktemp("tokens"),
        f'[team]\ntoken = "{TEAM}"\npredict = ["*_cnn"]\n'
        f'[operator]\ntoken = "{OPERATOR}"\nadmin = true\n',
    )
    with RunningServer(digit_models, *flags) as running:
        yield running


def enter(page: Page, token: str) -> None:
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("button", name="Enter").click()


def test_a_token_is_asked_for_kept_in_memory_and_sent(
    locked: RunningServer, open_page: Open
) -> None:
    page = open_page(locked)
    door = page.get_by_role("dialog")
    expect(door).to_contain_text("This server asks for a token")
    assert "mnist" not in page.content()
    enter(page, "not-the-right-token")
    expect(door).to_contain_text("This server does not know that token")
    enter(page, "with spaces and ünicode")
    expect(door).to_contain_text("without spaces")
    enter(page, TEAM)
    expect(door).to_be_hidden()
    expect(page.get_by_role("heading", name="mnist_cnn")).to_be_visible()
    expect(page.get_by_role("heading", name="mnist_fusion")).to_have_count(0)
    page.get_by_role("link", name="Try it").click()
    page.get_by_role("button", name="4", exact=True).click()
    expect(page.locator(".winner b")).to_have_text("4")
    expect(page.locator("#line")).to_contain_text("$HORNGATE_TOKEN")
    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert json.loads(kept) == [{}, {}, ""]
    assert TEAM not in page.url + page.content()
    page.reload()
    expect(door).to_be_visible()


def test_what_a_model_or_its_author_writes_never_runs(
    digit_models: Path, tmp_path: Path, open_page: Open
) -> None:
    model = tmp_path / "mnist_cnn"
    shutil.copytree(digit_models / "mnist_cnn", model)
    (model / "README.md").write_text(CARD)
    (model / "labels.txt").write_text("\n".join([HOSTILE, *map(str, range(1, 10))]))
    (model / "samples" / f"{HOSTILE.replace('/', '')}.png").write_bytes(
        (model / "samples" / "0.png").read_bytes()
    )
    with RunningServer(tmp_path) as running:
        page = open_page(running, "/models/mnist_cnn")
        expect(page.locator(".prose")).to_contain_text("window.hit=3")
        hrefs = page.locator(".prose a").evaluate_all("all => all.map((each) => each.href)")
        assert hrefs == ["https://example.org/x"]
        expect(page.get_by_label("Signature serving_default")).to_contain_text(HOSTILE)
        page.goto(page.url + "/try")
        page.get_by_role("button", name=HOSTILE.replace("/", ""), exact=True).click()
        expect(page.locator(".winner b")).to_have_text(HOSTILE)
        expect(page.locator(".bars")).to_contain_text(HOSTILE)
        assert page.evaluate("window.hit") is None
        assert (
            page.locator(
                "img:not([src^='/static']):not([src^='blob:']), iframe, script:not([src])"
            ).count()
            == 0
        )


@pytest.mark.parametrize("path", ["/", "/models/odd", "/models/odd/try"])
def test_what_tensors_are_called_never_runs(
    odd_names: RunningServer, open_page: Open, path: str
) -> None:
    page = open_page(odd_names, path)
    for name in ODD:
        expect(page.locator("#view")).to_contain_text(name)
    assert page.evaluate("window.hit") is None
    assert page.locator("#view").locator("img, script").count() == 0


def test_the_page_reaches_this_server_alone(digits: RunningServer, open_page: Open) -> None:
    page = open_page(digits, "/models/mnist_fusion")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page.url + "/try")
    expect(page.locator(".winner b")).not_to_be_empty()
    ours = f"http://127.0.0.1:{digits.http_port}/"
    assert [url for url in asked if not url.startswith((ours, "blob:"))] == []


def test_without_the_page_the_apis_stay(quick_models: Path) -> None:
    with RunningServer(quick_models, "--no-pages") as running:
        for path in ("/", "/models/constant", "/models/constant/try"):
            told = running.rest(path)
            assert (told.status, told.headers["content-type"]) == (404, "text/plain; charset=utf-8")
        for path in ("/models.json", "/static/app.js", "/live.json"):
            assert running.rest(path).status == 404
        for path in ("/healthz", "/readyz", "/metrics", "/v1/models/constant"):
            assert running.rest(path).status == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", VIEWS)
def test_nothing_keeps_anybody_out(
    digits: RunningServer, open_page: Open, path: str, scheme: str
) -> None:
    page = open_page(digits, path, color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if "try" in path:
        page.get_by_role("button", name="4", exact=True).click()
        expect(page.locator(".winner b").first).to_have_text("4")
    assert hurdles(page) == []


def test_the_door_keeps_nobody_out_who_has_a_token(locked: RunningServer, open_page: Open) -> None:
    page = open_page(locked)
    enter(page, "not-the-right-token")
    expect(page.get_by_role("dialog")).to_contain_text("does not know")
    assert hurdles(page) == []


def hurdles(page: Page) -> list[str]:
    """What axe-core finds that is serious, with where."""
    axe = resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(axe.read_text("utf-8"))
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((told) => told.violations)")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
