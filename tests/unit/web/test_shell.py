from __future__ import annotations

import re
from importlib import resources
from typing import Final

import pytest

from horngate.errors import Code
from horngate.fronts.http.page import Page, Visit
from horngate.protocols.http import STATUSES, HttpReply
from horngate.web.shell import PATHS, shell

STATIC: Final = resources.files("horngate") / "web" / "static"
MODULES: Final = sorted(each.name for each in STATIC.iterdir() if each.name.endswith(".js"))
TABLE: Final = {page.path: page for page in shell()}


def file(name: str, **headers: str) -> HttpReply:
    return TABLE["/static/{file}"].answer(Visit({"file": name}, headers, None))


def document(page: Page) -> HttpReply:
    return page.answer(Visit({"model": "<b>"}, {}, None))


def test_the_document_is_the_same_for_everybody_and_holds_no_script_and_no_style() -> None:
    bodies = {document(TABLE[path]).body for path in PATHS}
    assert len(bodies) == 1
    text = bodies.pop().decode()
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert "<style" not in text
    assert " style=" not in text
    assert not re.search(r"\son\w+=", text)


@pytest.mark.parametrize("reply", [document(TABLE["/"]), file("app.js"), file("style.css")])
def test_what_it_may_do_is_told_with_everything(reply: HttpReply) -> None:
    policy = reply.headers["Content-Security-Policy"].split("; ")
    assert policy == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"


def test_a_file_that_the_caller_has_is_not_sent_again() -> None:
    whole = file("app.js")
    assert whole.content_type == "text/javascript; charset=utf-8"
    again = file("app.js", **{"if-none-match": whole.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert file("app.js", **{"if-none-match": '"another"'}).status == 200


@pytest.mark.parametrize("name", ["nothing.js", "..", "__init__.py", "page.html"])
def test_no_other_file_is_served(name: str) -> None:
    assert file(name).status == STATUSES[Code.NOT_FOUND]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_makes_no_html_and_keeps_nothing(name: str) -> None:
    code = (STATIC / name).read_text("utf-8")
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
        r"|localStorage|sessionStorage|indexedDB|document\.cookie|setAttribute\(\"style\""
    )
    assert re.findall(forbidden, code) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[\w.]+", code) == []
    for imported in re.findall(r'from "\./([\w.]+)"', code):
        assert imported in MODULES
