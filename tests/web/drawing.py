"""Strokes of the pointer on the paper of a trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from playwright.sync_api import Page

Stroke = Sequence[tuple[float, float]]
"""Points by shares of the paper's width and height."""


def draw(page: Page, strokes: Iterable[Stroke], brush: int) -> None:
    """Strokes as wide as ``brush``, in pixels of the picture."""
    page.get_by_label("Width of the brush").fill(str(brush))
    box = page.locator("canvas.paper").bounding_box()
    assert box is not None
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=4)
        page.mouse.up()
