"""What the HTTP port answers beside the APIs: health, metrics, and the page with its JSON."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from horngate.access.caller import Caller
from horngate.call import Call
from horngate.config.serving_files import MONITORING_PATH
from horngate.errors import ModelNotFound
from horngate.fronts.http.page import Page, Visit
from horngate.inference import Inference
from horngate.lifecycle.status import UnderWay
from horngate.protocols.http import HttpReply
from horngate.protocols.json import to_json
from horngate.telemetry.exposition import Exposition
from horngate.telemetry.metrics import CONTENT_TYPE
from horngate.versions import parse_version
from horngate.web.facts import everything, in_full, models
from horngate.web.live import Live
from horngate.web.openapi import openapi
from horngate.web.record import NoPicture, picture
from horngate.web.shell import PRIVATE, no_shell, shell
from horngate.web.starts import starts

TEXT: Final = "text/plain; charset=utf-8"
STARTS_KEPT: Final = 8
"""Versions whose starting points are kept once they were read: up to some MB each."""


def pages(
    inference: Inference, exposition: Exposition, view: View | None, *, asks: bool = False
) -> list[Page]:
    """The table of pages.

    Args:
        inference: what is served.
        exposition: what a scrape gets.
        view: what the page shows; None where it is switched off.
        asks: whether this server asks its callers for a token.
    """
    return [
        Page("/healthz", lambda _: HttpReply(b"alive\n", content_type=TEXT), open=True),
        Page(
            "/readyz",
            lambda visit: readiness(
                inference, visit.caller, named=not asks or visit.caller is not None
            ),
            open=True,
        ),
        Page("/metrics", lambda _: HttpReply(exposition.own(), content_type=CONTENT_TYPE)),
        Page(
            MONITORING_PATH, lambda _: HttpReply(exposition.tfserving(), content_type=CONTENT_TYPE)
        ),
        *(no_shell() if view is None else [*shell(), *view.pages()]),
    ]


def readiness(
    inference: Inference, caller: Caller | None = None, *, named: bool = True
) -> HttpReply:
    """200 where requests are served, else 503; either way with each model's readiness if ``named``.

    A ``caller`` who is known is told of the models that they may ask.
    """
    ready = inference.ready()
    body: dict[str, object] = {"ready": ready}
    if named:
        body["models"] = {name: inference.ready(name) for name in models(inference, caller)}
    return HttpReply((json.dumps(body) + "\n").encode(), 200 if ready else 503)


@dataclass(frozen=True)
class View:
    """What the page shows, as JSON. Thread-safe.

    Attributes:
        inference: what is served.
        live: the figures of the last minutes.
        under_way: what does not come back.
        grpc_port: where the other port is, for the lines that the page gives to copy.
    """

    inference: Inference
    live: Live
    under_way: Callable[[], UnderWay]
    grpc_port: Callable[[], int]

    def pages(self) -> list[Page]:
        """Each for callers who are known, where the server asks."""
        kept = _Starts(self.inference)
        return [
            Page("/models.json", self._everything),
            Page("/models/{model}/facts.json", self._model, reads=True),
            Page("/models/{model}/report/{picture}", self._picture, reads=True),
            Page("/models/{model}/versions/{version}/starts.json", kept.reply, reads=True),
            Page("/live.json", self._live),
            Page("/openapi.json", self._openapi),
            Page("/models/{model}/live.json", self._live),
        ]

    def _everything(self, visit: Visit) -> HttpReply:
        under_way, port = self.under_way(), self.grpc_port()
        return _json(everything(self.inference, visit.caller, under_way, port))

    def _model(self, visit: Visit) -> HttpReply:
        return _json(in_full(self.inference, visit.places["model"], visit.caller))

    def _picture(self, visit: Visit) -> HttpReply:
        model, name = visit.places["model"], visit.places["picture"]
        Call(self.inference.clock(), caller=visit.caller).check_model(model)
        folder = self.inference.folder(model)
        if folder is None:
            raise NoPicture(f"expected a model that is served, received {model[:200]!r}")
        return HttpReply(picture(folder, name), content_type="image/png", headers=PRIVATE)

    def _openapi(self, visit: Visit) -> HttpReply:
        return _json(openapi(self.inference, visit.caller))

    def _live(self, visit: Visit) -> HttpReply:
        model, caller = visit.places.get("model"), visit.caller
        if model is not None:
            Call(self.inference.clock(), caller=visit.caller).check_model(model)
        return _json(self.live.told(lambda name: caller is None or caller.may_ask(name), model))


class _Starts:
    """Starting points by version, read once for each that is loaded."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._kept: OrderedDict[tuple[object, ...], HttpReply] = OrderedDict()

    def reply(self, visit: Visit) -> HttpReply:
        """What a version was tried with.

        Raises:
            PermissionDenied, ModelNotFound, VersionNotFound: as ``Inference.describe``.
        """
        model, number = visit.places["model"], parse_version(visit.places["version"])
        if number is None:
            raise ModelNotFound("expected a version's number in the path", model=model)
        call = Call(self._inference.clock(), caller=visit.caller)
        call.check_model(model)
        key = self._key(model, number)
        described = self._inference.describe(model, number, call)
        reply = self._kept.get(key)
        if reply is None:
            reply = _json(starts(described, self._inference.folder(model)))
            if self._key(model, number) != key:  # another was loaded in its place meanwhile
                return reply
            self._kept[key] = reply
            while len(self._kept) > STARTS_KEPT:
                self._kept.popitem(last=False)
        return reply

    def _key(self, model: str, number: int) -> tuple[str, int, float, float | None]:
        (status,) = self._inference.statuses(model, number)
        return model, number, status.since, status.load_seconds


def _json(content: Any) -> HttpReply:
    return HttpReply(to_json(content), headers=PRIVATE)
