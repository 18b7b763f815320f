"""One server that meets every case beside a good model, and what must not happen meanwhile."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import numpy as np
import pytest

from horngate.builder.publish import publish_saved_model
from horngate.client import Client
from horngate.config.server import KEYS
from horngate.errors import HorngateError
from tests.odd.case import Case, Place
from tests.odd.graphs import drawn
from tests.odd.publishing import Answer, Publisher
from tests.odd.watch import Watch
from tests.serving import Held, RunningServer

CANARY: Final = "the canary sings at a quarter past nine"
OPERATOR: Final = "the-token-of-the-operator"
CALLER: Final = "the-token-of-a-caller"
TOKENS: Final = f"""
[operator]
token = "{OPERATOR}"
admin = true
predict = ["*"]

[caller]
token = "{CALLER}"
predict = ["*"]
"""
SECONDS: Final = 20.0
"""How long a load may take before the server counts as held."""

LOAD_SECONDS: Final = 10
GROWTH: Final = 768
"""MiB that a load may take on top of what the server holds."""

Asked = dict[str, Any]


class Reply(NamedTuple):
    status: int
    body: str


class Described(NamedTuple):
    """What is told of a live version."""

    engine: str
    engine_reason: str
    batched: bool
    alone: str


class _LookedInto(AssertionError):
    """Folders outside were read, and none of their files."""


class House:
    """Made once for all cases."""

    def __init__(self, root: Path) -> None:
        self.repository = root / "models"
        self.published = root / "published"
        self.outside = root / "outside"
        self.secret = self.outside / "secret.txt"
        self._bases = root / "bases"
        self._root = root
        for folder in (self.repository, self.outside, self._bases):
            folder.mkdir()
        self.secret.write_text(CANARY)
        (self.outside / "folder").mkdir()
        self._tokens = root / "tokens.toml"
        self._tokens.write_text(TOKENS)
        self._make_bases()
        # One on each engine, so that no case pays for an engine's first time.
        shutil.copytree(self._bases / "published", self.repository / "good" / "1")
        shutil.copytree(self._bases / "plain", self.repository / "also_good" / "1")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._watch = Watch(self.outside)
        self._server: RunningServer | None = None
        self._handles = 0
        self._publisher: Publisher | None = None
        self._said: list[str] = []
        self._begun = 0

    def _make_bases(self) -> None:
        exported = self._bases / "plain"
        model = drawn(lambda x: x + 1)
        model.save(exported)
        (exported / "assets").mkdir()
        (exported / "assets" / "words.txt").write_text("horn\nivory\n")
        done = publish_saved_model(exported, self._bases / "made", "m")
        done.folder.rename(self._bases / "published")

    def copy(self, base: str, folder: Path) -> Path:
        return Path(shutil.copytree(self._bases / base, folder))

    # What is asked of the server.

    @property
    def server(self) -> RunningServer:
        if self._server is None:
            flags = [
                "--model-control-mode=explicit",
                "--load-models=good,also_good",
                "--poll-seconds=3600",
            ]
            flags += [f"--tokens-file={self._tokens}", "--stuck-seconds=3", "--drain-seconds=2"]
            if "load_seconds" in KEYS:
                flags.append(f"--load-seconds={LOAD_SECONDS}")
            self._server = RunningServer(self.repository, *flags)
            self._handles = Held(self._server).handles()
        return self._server

    def opened(self) -> int:
        """Handles that the server has more than it began with."""
        return Held(self.server).handles() - self._handles

    def load(self, model: str) -> Reply:
        """Command the model to be loaded, and wait for what becomes of it."""
        return self._post(f"/v2/repository/models/{quote(model, safe='')}/load")

    def status(self, model: str, version: int) -> tuple[str, str]:
        """State of a version, and all that the operator is told of it, in status and log."""
        reply = self._get(f"/v1/models/{quote(model, safe='')}/versions/{version}")
        self._get(f"/v1/models/{quote(model, safe='')}", CALLER)
        assert reply.status == 200, reply
        (one,) = json.loads(reply.body)["model_version_status"]
        logged = [
            json.dumps(line, ensure_ascii=False)
            for line in self.server.log[self._begun :]
            if line.get("model") == model
        ]
        return one["state"], "\n".join([one["status"].get("error_message", ""), *logged])

    def described(self, model: str, version: int = 1) -> Described:
        name = quote(model, safe="")
        reply = self._get(f"/v2/models/{name}/versions/{version}/config")
        if reply.status == 501:  # complex numbers, which that protocol lacks
            return Described("", "", batched=False, alone="")
        assert reply.status == 200, reply
        config = json.loads(reply.body)
        told = {
            key: value.get("string_value", "")
            for key, value in config.get("parameters", {}).items()
        }
        return Described(
            engine=config["backend"],
            engine_reason=told.get("engine_reason", ""),
            batched=int(config.get("max_batch_size", 0)) > 0,
            alone=told.get("rows_reason", ""),
        )

    def ask(
        self,
        model: str,
        inputs: Asked,
        signature: str = "serving_default",
        version: int | None = None,
    ) -> Asked:
        with Client(self.server.address, token=CALLER, retries=0) as client:
            answer = client.predict(
                model, inputs, signature=signature, version=version, timeout=SECONDS
            )
            self._said.append(repr(dict(answer)))
            return dict(answer)

    def outcome(self, model: str, inputs: Asked, version: int) -> Asked | HorngateError:
        """The answer, or the error."""
        try:
            return self.ask(model, inputs, version=version)
        except HorngateError as error:
            return error

    def refused(self, model: str, inputs: Asked, signature: str) -> None:
        """The model refuses these values, and the caller is told in a designed error."""
        with pytest.raises(HorngateError) as error:
            self.ask(model, inputs, signature)
        told = str(error.value)
        self._said.append(told)
        assert str(self._root) not in told
        assert "Traceback" not in told

    def ask_together(self, model: str, asked: list[Asked], signature: str) -> list[Asked]:
        """Several callers at the same time, each as often as needed for some to share a run."""
        with ThreadPoolExecutor(len(asked)) as callers:
            return list(callers.map(lambda one: self.ask(model, one, signature), asked))

    def _get(self, path: str, token: str = OPERATOR) -> Reply:
        return self._http("GET", path, token)

    def _post(self, path: str) -> Reply:
        return self._http("POST", path, OPERATOR)

    def _http(self, method: str, path: str, token: str) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.server.http_port, timeout=SECONDS)
        try:
            body = b"{}" if method == "POST" else None
            connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
            reply = connection.getresponse()
            told = Reply(reply.status, reply.read().decode())
        except OSError as error:
            self._end()
            pytest.fail(f"the server was held, or ended: {error}")
        finally:
            connection.close()
        self._said.append(told.body)
        return told

    def publish(self, source: Path) -> Answer:
        """Publish a SavedModel as ``horngate publish`` does."""
        if self._publisher is None:
            self._publisher = Publisher(self.published)
        try:
            answer = self._publisher.publish(source)
        except AssertionError:
            self._publisher.end()
            self._publisher = None
            raise
        self._said.append(repr(answer))
        return answer

    # A case, from its making to what must hold after it.

    def meet(self, case: Case, name: str) -> None:
        """Make the case, and hold what becomes of it.

        Where folders outside were looked into it is met again: a command that walks the whole disk
        meanwhile is not the server, and does not do so twice.
        """
        try:
            self._meet(case, name)
        except _LookedInto:
            self._meet(case, name)

    def _meet(self, case: Case, name: str) -> None:
        place = Place(self, name)
        server = self.server
        self._begun = len(server.log)
        self._said.clear()
        case.make(place)
        self._watch.read()
        _forget_peak(server)
        held = _resident(server)
        try:
            case.becomes.meet(self, place)
            self._hold(server, held)
        except BaseException:
            if server.process.poll() is not None:
                self._end()
                pytest.fail(f"the server ended with {server.process.returncode}: {server.log[-3:]}")
            raise
        finally:
            self._clear(place)

    def _hold(self, server: RunningServer, held: int) -> None:
        """The neighbour answers, and nothing was read, written, dialled, told or taken."""
        good = self.ask("good", {"x": np.array([3.0], np.float32)})
        assert good["y"].tolist() == [4.0]
        page = self._get("/").body
        log = "\n".join(json.dumps(line, ensure_ascii=False) for line in server.log[self._begun :])
        assert "Traceback" not in log, log
        assert len(log) < 20_000, log[:2000]
        for text in (*self._said, page, log):
            assert CANARY not in text
        touched = self._watch.read()
        if touched and all(name.endswith("/") for name in touched):
            raise _LookedInto(f"looked into outside: {touched}")
        assert not touched, f"touched outside: {touched}"
        assert sorted(each.name for each in self.outside.iterdir()) == ["folder", "secret.txt"]
        self._watch.read()
        with pytest.raises(BlockingIOError):
            self._listener.accept()
        assert _peak(server) - held < GROWTH, f"{_peak(server)} MiB after {held} MiB"

    def _clear(self, place: Place) -> None:
        if self._server is not None and self._server.process.poll() is None:
            self._post(f"/v2/repository/models/{quote(place.name, safe='')}/unload")
        remove(place.model)
        shutil.rmtree(self.published, ignore_errors=True)
        for each in self.outside.iterdir():
            if each.name not in ("folder", "secret.txt"):
                remove(each)
        self._watch.read()

    def _end(self) -> None:
        if self._server is not None:
            self._server.stop(signal.SIGKILL)
            self._server = None

    def close(self) -> None:
        """End what was started; the server has to end as it should."""
        self._listener.close()
        self._watch.close()
        if self._publisher is not None:
            self._publisher.end()
        if self._server is not None:
            assert self._server.stop() == 0


def remove(path: Path) -> None:
    """Whatever it is, and however it is named."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def _forget_peak(server: RunningServer) -> None:
    Path("/proc", str(server.process.pid), "clear_refs").write_text("5")


def _figure(server: RunningServer, key: str) -> int:
    text = Path("/proc", str(server.process.pid), "status").read_text()
    found = re.search(rf"{key}:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) >> 10


def _peak(server: RunningServer) -> int:
    return _figure(server, "VmHWM")


def _resident(server: RunningServer) -> int:
    return _figure(server, "VmRSS")
