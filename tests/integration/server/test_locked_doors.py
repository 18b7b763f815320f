"""TLS, client certificates, tokens, permissions and rates, on both ports."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import NamedTuple
from urllib.error import URLError

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import trustme
from tritonclient.utils import InferenceServerException

from horngate.client import Client, Tls
from horngate.errors import (
    ConnectionFailed,
    HorngateError,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from tests.clients import ask, health, look, refused, streamed
from tests.serving import RunningServer, tokens_file, wait_until

TEAM = "the-token-of-the-team"
OPERATOR = "the-token-of-the-operator"
HASTY = "the-token-of-the-hasty"
SOMEBODYS = "somebody-elses-secret-token"
TOKENS = f"""
[team]
token = "{TEAM}"
predict = ["const*"]

[operator]
token = "{OPERATOR}"
admin = true

[hasty]
token = "{HASTY}"
predict = ["*"]
rate = 2
"""


@pytest.fixture(scope="module")
def locked(quick_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    flags = tokens_file(tmp_path_factory.mktemp("tokens"), TOKENS)
    with RunningServer(quick_models, *flags, "--allow-shared-memory") as running:
        yield running


def test_a_token_opens_what_it_is_for(locked: RunningServer) -> None:
    assert ask(locked, token=TEAM) == ask(locked, token=OPERATOR)
    with pytest.raises(PermissionDenied, match=r"'team' may ask, received 'two_inputs'"):
        ask(locked, "two_inputs", token=TEAM)
    # Whether a model is there is not for everybody to know.
    with pytest.raises(PermissionDenied):
        ask(locked, "nobody", token=TEAM)


@pytest.mark.parametrize("token", [None, "not-a-token-that-is-known", TEAM[:-1]])
def test_without_a_known_token_nothing_is_answered(
    locked: RunningServer, token: str | None
) -> None:
    with pytest.raises(Unauthenticated):
        ask(locked, token=token)
    with pytest.raises(Unauthenticated), Client(locked.address, token=token) as client:
        client.metadata("constant")
    told = locked.rest("/v1/models/constant:predict", {"instances": [[1.0]]}, token=token)
    assert (told.status, told.headers["www-authenticate"]) == (401, "Bearer")
    assert "error" in json.loads(told.text)
    for path in ("/models.json", "/live.json", "/openapi.json", "/models/constant/facts.json"):
        assert locked.rest(path, token=token).status == 401, path
    for path in ("/metrics", "/monitoring/prometheus/metrics", "/v2/models/constant"):
        assert locked.rest(path, token=token).status == 401, path


def test_what_an_orchestrator_asks_needs_no_token(locked: RunningServer) -> None:
    for path in ("/healthz", "/readyz", "/v2/health/ready"):
        assert locked.rest(path).status == 200, path
    with grpc.insecure_channel(locked.address) as channel:
        check = health(channel)
        assert check(timeout=5).status == 1
        _, words = refused(lambda: check("nobody", timeout=5))
        assert "two_inputs" not in words


def test_both_ports_ask_alike(locked: RunningServer) -> None:
    body = {"instances": [[1.0]]}
    assert locked.rest("/v1/models/constant:predict", body, token=TEAM).status == 200
    assert locked.rest("/v1/models/two_inputs:predict", body, token=TEAM).status == 403
    assert locked.rest("/v1/models/two_inputs", token=TEAM).status == 403
    assert locked.rest("/v2/models/two_inputs", token=TEAM).status == 403
    assert locked.rest("/metrics", token=TEAM).status == 200
    index = json.loads(locked.rest("/v2/repository/index", {}, token=TEAM).text)
    assert {each["name"] for each in index} == {"constant"}


def test_a_stream_is_asked_as_it_opens_and_counted_by_message(locked: RunningServer) -> None:
    assert streamed(locked, TEAM, 2) == [None, None]
    refused = streamed(locked, None, 2)
    assert refused
    assert all("this server asks for a token" in str(error) for error in refused)
    hasty = streamed(locked, HASTY, 6)
    assert len(hasty) == 6
    assert any("2 requests a second" in str(error) for error in hasty)


CONTROL = ("register", "log")


@pytest.mark.parametrize("call", CONTROL)
@pytest.mark.parametrize(
    ("token", "code"), [(TEAM, "PERMISSION_DENIED"), (None, "UNAUTHENTICATED"), (OPERATOR, "")]
)
def test_only_an_administrator_changes_the_server(
    locked: RunningServer, call: str, token: str | None, code: str
) -> None:
    headers = None if token is None else {"authorization": f"Bearer {token}"}
    with triton.InferenceServerClient(locked.address) as client:

        def change() -> None:
            if call == "register":
                client.unregister_system_shared_memory("none", headers=headers)
            else:
                client.update_log_settings({"log_verbose_level": 0}, headers=headers)

        if not code:
            change()
            return
        with pytest.raises(InferenceServerException) as told:
            change()
        assert told.value.status() == f"StatusCode.{code}"


@pytest.mark.parametrize(
    ("token", "code"), [(TEAM, "PERMISSION_DENIED"), (None, "UNAUTHENTICATED")]
)
def test_only_an_administrator_looks_into_connections(
    locked: RunningServer, token: str | None, code: str
) -> None:
    with grpc.insecure_channel(locked.address) as channel:
        told, words = refused(lambda: look(channel, "GetServers", token=token))
        assert (told.name, "oken" in words) == (code, True)
        assert look(channel, "GetServers", token=OPERATOR).server


def test_a_client_that_calls_too_fast_is_told_when_to_come_back(locked: RunningServer) -> None:
    with pytest.raises(RateLimited, match="2 requests a second"):
        [ask(locked, token=HASTY) for _ in range(6)]
    assert ask(locked, token=TEAM) == ask(locked, token=TEAM)
    told = [locked.rest("/v1/models/constant", token=HASTY) for _ in range(6)]
    assert int(next(t.headers["retry-after"] for t in told if t.status == 429)) >= 1


def test_secrets_are_nowhere(locked: RunningServer) -> None:
    with pytest.raises(Unauthenticated):
        ask(locked, token=SOMEBODYS)
    pages = [
        locked.rest(path, token=OPERATOR).text for path in ("/models.json", "/metrics", "/readyz")
    ]
    everything = "\n".join([*pages, json.dumps(locked.log)])
    assert "constant" in everything
    for secret in (TEAM, OPERATOR, HASTY, SOMEBODYS):
        assert secret not in everything


def test_tokens_are_read_again(quick_models: Path, tmp_path: Path) -> None:
    flags = tokens_file(tmp_path, f'[team]\ntoken = "{TEAM}"\npredict = ["*"]\n')
    with RunningServer(quick_models, *flags) as running:
        ask(running, token=TEAM)
        tokens_file(tmp_path, "[team]\ntoken = 12")
        _asks_until(running, TEAM, lambda: _line(running, "changed file not taken"))
        assert _line(running, "changed file not taken")
        ask(running, token=TEAM)
        tokens_file(tmp_path, f'[operator]\ntoken = "{OPERATOR}"\nadmin = true\n')
        _asks_until(running, OPERATOR, lambda: _works(running, OPERATOR))
        with pytest.raises(Unauthenticated):
            ask(running, token=TEAM)


def _works(server: RunningServer, token: str) -> bool:
    try:
        ask(server, token=token)
    except HorngateError:
        return False
    return True


def _line(server: RunningServer, event: str) -> bool:
    return any(str(line.get("event")).startswith(event) for line in server.log)


def _asks_until(server: RunningServer, token: str, holds: Callable[[], bool]) -> None:
    def look() -> bool:
        _works(server, token)
        return holds()

    wait_until(look, "the file to be read again")


def test_control_is_off_without_tokens(server: RunningServer) -> None:
    with triton.InferenceServerClient(server.address) as client:
        with pytest.raises(InferenceServerException, match="--tokens-file"):
            client.update_log_settings({"log_verbose_level": 1})
        assert client.get_log_settings(as_json=True)["settings"]["log_info"]


class Issued(NamedTuple):
    """Files of one authority."""

    folder: Path
    ca: trustme.CA

    def file(self, name: str) -> Path:
        return self.folder / name

    def flags(self) -> tuple[str, ...]:
        return ("--tls-cert", str(self.file("cert.pem")), "--tls-key", str(self.file("key.pem")))

    def server(self) -> None:
        """A new certificate in the server's files, put there as certbot does: by renaming."""
        leaf = self.ca.issue_cert("localhost", "127.0.0.1")
        for name, blobs in (("key", [leaf.private_key_pem]), ("cert", leaf.cert_chain_pems)):
            fresh = self.folder / f"{name}.fresh"
            fresh.write_bytes(b"".join(blob.bytes() for blob in blobs))
            fresh.rename(self.folder / f"{name}.pem")


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    made = Issued(tmp_path, trustme.CA())
    made.ca.cert_pem.write_to_path(str(made.file("ca.pem")))
    made.server()
    mine = made.ca.issue_cert("client@example.org")
    mine.private_key_pem.write_to_path(str(made.file("mine.key")))
    mine.cert_chain_pems[0].write_to_path(str(made.file("mine.pem")))
    return made


def https(server: RunningServer, issued: Issued, *, show: bool = False) -> int:
    context = ssl.create_default_context(cafile=str(issued.file("ca.pem")))
    if show:
        context.load_cert_chain(issued.file("mine.pem"), issued.file("mine.key"))
    url = f"https://localhost:{server.http_port}/readyz"
    with urllib.request.urlopen(url, context=context) as reply:
        return int(reply.status)


def serial(port: int) -> int:
    """The serial number of the certificate that a port shows."""
    from cryptography import x509  # noqa: PLC0415 - trustme brings it

    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def shows_another(port: int, old: int) -> bool:
    return serial(port) != old


def test_tls_on_both_ports_with_certificates_that_rotate(
    quick_models: Path, issued: Issued
) -> None:
    tls = Tls(ca=issued.file("ca.pem"))
    x = np.ones((1, 1), np.float32)
    with RunningServer(quick_models, *issued.flags(), ready=False) as running:
        address = f"localhost:{running.grpc_port}"
        with Client(address, tls=tls) as client:
            wait_until(client.health, "the server to be ready")
            client.predict("constant", {"x": x})
            assert https(running, issued) == 200
            with pytest.raises(ConnectionFailed), Client(address, retries=0) as plain:
                plain.predict("constant", {"x": x})
            assert not any("andshake" in str(line) for line in running.log)
            before = {port: serial(port) for port in (running.grpc_port, running.http_port)}
            # Half of a rotation: the key does not fit, and the old pair stays.
            shutil.copy(issued.file("mine.key"), issued.file("key.pem"))
            wait_until(
                lambda: (
                    bool(serial(running.http_port)) and _line(running, "changed file not taken")
                ),
                "the misfit to be told",
            )
            assert serial(running.http_port) == before[running.http_port]
            issued.server()
            wait_until(
                lambda: all(serial(port) != old for port, old in before.items()),
                "the new certificate on both ports",
            )
            client.predict("constant", {"x": x})
        with Client(address, tls=tls) as another:
            another.predict("constant", {"x": x})
        assert not _line(running, "plain text on an open port")


STORM = """
import socket, ssl, sys, threading
tls = ssl.create_default_context()
tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
tls.set_alpn_protocols(["h2"])
def shake():
    while True:
        try:
            tls.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])))).close()
        except OSError:
            pass
for _ in range(16):
    threading.Thread(target=shake, daemon=True).start()
sys.stdin.read()
"""


def test_a_storm_of_handshakes_while_certificates_rotate(
    quick_models: Path, issued: Issued
) -> None:
    x = np.ones((1, 1), np.float32)
    with (
        RunningServer(quick_models, *issued.flags(), ready=False) as running,
        Client(f"localhost:{running.grpc_port}", tls=Tls(ca=issued.file("ca.pem"))) as client,
    ):
        port = running.grpc_port
        wait_until(client.health, "the server to be ready")
        storm = subprocess.Popen([sys.executable, "-c", STORM, str(port)], stdin=PIPE)
        try:
            for _ in range(3):
                another = partial(shows_another, port, serial(port))
                issued.server()
                wait_until(another, "the new certificate")
                for _ in range(100):
                    client.predict("constant", {"x": x})
        finally:
            storm.kill()
            storm.communicate()


def test_mutual_tls_asks_for_a_certificate(quick_models: Path, issued: Issued) -> None:
    flags = (*issued.flags(), "--tls-client-ca", str(issued.file("ca.pem")), "--allow-control")
    x = np.ones((1, 1), np.float32)
    mine = Tls(issued.file("ca.pem"), issued.file("mine.pem"), issued.file("mine.key"))
    with RunningServer(quick_models, *flags, ready=False) as running:
        address = f"localhost:{running.grpc_port}"
        with Client(address, tls=mine) as client:
            wait_until(client.health, "the server to be ready")
            client.predict("constant", {"x": x})
        with (
            pytest.raises(ConnectionFailed),
            Client(address, tls=Tls(ca=issued.file("ca.pem")), retries=0) as stranger,
        ):
            stranger.predict("constant", {"x": x}, timeout=2)
        assert https(running, issued, show=True) == 200
        files = [issued.file(name).read_bytes() for name in ("ca.pem", "mine.key", "mine.pem")]
        with grpc.secure_channel(address, grpc.ssl_channel_credentials(*files)) as channel:
            (server,) = look(channel, "GetServers").server
            listed = look(channel, "GetServerSockets", server_id=server.ref.server_id).socket_ref
            shown = [look(channel, "GetSocket", socket_id=each.socket_id) for each in listed]
            assert files[-1] in [each.socket.security.tls.remote_certificate for each in shown]
        with pytest.raises((URLError, ssl.SSLError, ConnectionError)):
            https(running, issued)
