"""What the HTTP port answers: metrics, health, and a status page for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape

from horngate import __version__
from horngate.access.caller import Caller
from horngate.config.serving_files import MONITORING_PATH
from horngate.errors import RequestError
from horngate.fronts.http.page import Page
from horngate.inference import Call, Inference
from horngate.lifecycle.loop import LOOK_SECONDS
from horngate.lifecycle.status import State, UnderWay
from horngate.protocols.http import HttpReply
from horngate.telemetry.exposition import Exposition
from horngate.telemetry.metrics import CONTENT_TYPE
from horngate.tensors import Signature

TEXT = "text/plain; charset=utf-8"
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c1c1c}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd;"
    "vertical-align:top}code{background:#f3f3f3;padding:.1rem .3rem}.bad{color:#a40000}"
)


def pages(
    inference: Inference,
    exposition: Exposition,
    under_way: Callable[[], UnderWay] = UnderWay,
    *,
    asks: bool = False,
) -> list[Page]:
    """The table of pages; ``asks`` is whether this server asks its callers for a token."""

    def status(caller: Caller | None = None) -> HttpReply:
        page = status_page(inference, caller, under_way())
        return HttpReply(page.encode(), content_type="text/html; charset=utf-8")

    return [
        Page("/", status, known=status),
        Page("/healthz", lambda: HttpReply(b"alive\n", content_type=TEXT), open=True),
        Page(
            "/readyz",
            lambda: readiness(inference, named=not asks),
            open=True,
            known=lambda caller: readiness(inference, caller),
        ),
        Page("/metrics", lambda: HttpReply(exposition.own(), content_type=CONTENT_TYPE)),
        Page(MONITORING_PATH, lambda: HttpReply(exposition.tfserving(), content_type=CONTENT_TYPE)),
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
        body["models"] = {name: inference.ready(name) for name in _models(inference, caller)}
    return HttpReply((json.dumps(body) + "\n").encode(), 200 if ready else 503)


def status_page(
    inference: Inference, caller: Caller | None = None, under_way: UnderWay | None = None
) -> str:
    """Models, versions, states, inputs and outputs as HTML.

    A ``caller`` who is known sees the models that they may ask, an administrator also what is for
    operators alone.
    """
    operator = caller is not None and caller.admin
    models = "".join(
        _model(inference, name, operator=operator) for name in _models(inference, caller)
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Horngate</title>"
        f"<style>{STYLE}</style><h1>Horngate {escape(__version__)}</h1>"
        f"<p>{'Ready' if inference.ready() else '<span class=bad>Not ready</span>'}. "
        '<a href="metrics">metrics</a> · <a href="readyz">readiness</a></p>'
        f"{_held_up(under_way or UnderWay(), caller)}"
        f"{models or '<p>No models: the repository is empty.</p>'}</html>"
    )


def _models(inference: Inference, caller: Caller | None) -> list[str]:
    return [name for name in inference.models() if caller is None or caller.may_ask(name)]


def _held_up(under_way: UnderWay, caller: Caller | None) -> str:
    """What does not come back."""
    told = [
        f"{model} {version or 'settings'}: a load or a closing does not come back"
        for model, version in under_way.stuck
        if caller is None or caller.may_ask(model)
    ]
    if under_way.scan_seconds > LOOK_SECONDS:
        told.append(
            f"the models folder has not answered for {under_way.scan_seconds:.0f} s; what is live "
            "stays live"
        )
    return "".join(f"<p class=bad>{escape(each)}</p>" for each in told)


def _model(inference: Inference, name: str, *, operator: bool) -> str:
    rows: list[str] = []
    try:
        statuses = inference.statuses(name)
    except RequestError:
        return ""  # it left the repository a moment ago
    for status in statuses:
        reason = escape(status.reason(operator=operator))
        note = f"<span class=bad>{reason}</span>" if reason else ""
        if status.state is State.AVAILABLE:
            note = f"{escape(status.engine)}, loaded in {status.load_seconds or 0:.2f} s"
            if status.engine_reason:
                note += f"<br>not on the fastest engine: {escape(status.engine_reason)}"
            if status.rows_reason:
                note += f"<br>not batched: {escape(status.rows_reason)}"
            if status.notes:
                note += f"<br>not as its config.pbtxt says: {escape(status.notes)}"
        rows.append(
            f"<tr><td>{status.version}<td>{escape(status.state.name.lower())}<td>{note}</tr>"
        )
    try:
        described = inference.describe(name, None, Call(inference.clock()))
        signatures = _labels(described.labels)
        signatures += "".join(_signature(each) for each in described.signatures.values())
    except RequestError as error:
        signatures = f"<p class=bad>{escape(str(error))}</p>"
    return (
        f"<h2>{escape(name)}</h2><table><tr><th>version<th>state<th></tr>{''.join(rows)}</table>"
        f"{signatures}"
    )


def _labels(labels: Mapping[str, int]) -> str:
    if not labels:
        return ""
    listed = ", ".join(f"<code>{escape(label)}</code> {labels[label]}" for label in sorted(labels))
    return f"<p>labels: {listed}</p>"


def _signature(signature: Signature) -> str:
    rows = "".join(
        f"<tr><td>{kind}<td><code>{escape(spec.name)}</code><td>{escape(str(spec))}</tr>"
        for kind, specs in (("input", signature.inputs), ("output", signature.outputs))
        for spec in specs.values()
    )
    return (
        f"<table><tr><th colspan=3>signature <code>{escape(signature.name)}</code></tr>{rows}"
        "</table>"
    )
