"""The page's shell: one document for every path, its modules and its style, and what they may do.

The same for everybody: it holds nothing of any model, so that it may be served to strangers. What
it shows is fetched as JSON, by whoever may ask. Files are read once, at the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader

from horngate import __version__
from horngate.errors import Code
from horngate.fronts.http.page import Page, Visit
from horngate.protocols.http import HttpReply, failed

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""What the page may do: run and fetch what this server has, and nothing else."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Of the document and its files. ``no-cache``: kept, and asked for by its tag each time."""

PRIVATE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Of what is a model's, or somebody's: it is kept nowhere."""

HTML: Final = "text/html; charset=utf-8"
_KINDS: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
PATHS: Final = ("/", "/models/{model}", "/models/{model}/try")
"""Where the document is served: its modules tell the paths apart."""


class Kept:
    """Something that does not change while the server runs, and the tag that it goes by."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        headers = {**HEADERS, "ETag": self._tag}
        self._whole = HttpReply(body, content_type=content_type, headers=headers)
        self._known = HttpReply(status=304, content_type=content_type, headers=headers)

    def reply(self, visit: Visit) -> HttpReply:
        """All of it, or that the caller has it."""
        held = visit.headers.get("if-none-match", "")
        return self._known if self._tag in held else self._whole


def shell() -> list[Page]:
    """The document and its files."""
    templates = Environment(loader=PackageLoader("horngate", "web/templates"), autoescape=True)
    document = templates.get_template("page.html").render(version=__version__)
    page = Kept(document.encode(), HTML)
    files = {
        file.name: Kept(file.read_bytes(), _KINDS[file.name[file.name.rindex(".") :]])
        for file in (resources.files("horngate") / "web" / "static").iterdir()
        if file.is_file()
    }

    def static(visit: Visit) -> HttpReply:
        name = visit.places["file"]
        if name not in files:
            return failed(Code.NOT_FOUND, f"expected a file of the page, received {name[:80]!r}")
        return files[name].reply(visit)

    return [
        *(Page(path, page.reply, open=True) for path in PATHS),
        Page("/static/{file}", static, open=True),
    ]


def no_shell() -> list[Page]:
    """What stands in its place where the page is switched off."""
    told = HttpReply(
        b"The page is switched off on this server (--no-pages). Health, metrics and the APIs are "
        b"served.\n",
        status=404,
        content_type="text/plain; charset=utf-8",
        headers=PRIVATE,
    )
    return [Page(path, lambda _: told, open=True) for path in PATHS]
