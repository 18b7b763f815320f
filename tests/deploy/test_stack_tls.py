"""The stack with TLS on both ports: deploy/compose.tls.yml over docker-compose.yml."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trustme

from horngate.client import Client, Tls
from horngate.errors import ConnectionFailed
from tests.deploy.conftest import READY_SECONDS, Stack, get_json, wait_until
from tests.deploy.test_stack import MODELS, SCRAPES, inputs, samples

pytestmark = pytest.mark.deploy

COMPOSE = "deploy/compose.tls.yml"


def ready(client: Client) -> bool:
    try:
        return client.health()
    except ConnectionFailed:
        return False


@pytest.fixture(scope="module")
def authority(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Who signed the server's certificate; the server and Prometheus are started anew with it."""
    folder = tmp_path_factory.mktemp("tls")
    issuer = trustme.CA()
    leaf = issuer.issue_cert("localhost", "127.0.0.1")
    (folder / "cert.pem").write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    for path in (*folder.iterdir(), folder, *folder.parents[:2]):  # for the image's user
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    ca = folder.with_suffix(".pem")
    issuer.cert_pem.write_to_path(ca)
    os.environ["HORNGATE_TLS"] = str(folder)
    try:
        again = ("up", "--detach", "--no-build", "--no-deps", "--force-recreate")
        stack.engine.run_compose(*again, "server", "prometheus", beside=COMPOSE)
        with Client(stack.grpc, tls=Tls(ca=ca)) as client:
            wait_until("the server is ready", READY_SECONDS, partial(ready, client))
        yield ca
    finally:
        del os.environ["HORNGATE_TLS"]


@pytest.mark.parametrize("model", MODELS)
def test_real_digits_are_recognised_through_tls(stack: Stack, authority: Path, model: str) -> None:
    with Client(stack.grpc, tls=Tls(ca=authority)) as client:
        for picture in samples(model):
            probabilities = client.predict(model, inputs(model, picture))["probabilities"]
            assert int(probabilities.argmax()) == int(picture.stem[0])


@pytest.mark.usefixtures("authority")
def test_prometheus_scrapes_by_https(stack: Stack) -> None:
    def up() -> bool:
        targets = get_json(f"{stack.prometheus}/api/v1/targets?state=active")
        found = [(each["scrapeUrl"], each["health"]) for each in targets["data"]["activeTargets"]]
        return found == [("https://server:8501/metrics", "up")]

    wait_until("Prometheus says that its target is up", SCRAPES, up)


@pytest.mark.usefixtures("authority")
def test_the_health_check_holds_with_tls(stack: Stack) -> None:
    stack.engine.check_health("server")
