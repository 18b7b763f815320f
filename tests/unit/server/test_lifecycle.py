"""What the server says of how it is reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from horngate.config.server import ServerSettings
from horngate.server.lifecycle import warn_of_plain_text

PAIR = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "::", "server.example"])  # noqa: S104 - named, not listened on
def test_plain_text_on_an_open_port_is_warned_of(host: str) -> None:
    with capture_logs() as lines:
        warn_of_plain_text(ServerSettings(host=host, tokens_file=Path("tokens.toml")))
    (line,) = lines
    assert (line["log_level"], line["host"]) == ("warning", host)
    assert "tokens included" in line["reason"]
    assert "tls_cert" in line["remedy"]


def test_no_warning_where_nobody_can_listen_in() -> None:
    with capture_logs() as lines:
        warn_of_plain_text(ServerSettings(host="127.0.0.1"))
        warn_of_plain_text(ServerSettings(host="localhost"))
        warn_of_plain_text(ServerSettings(host="0.0.0.0", **PAIR))  # type: ignore[arg-type]  # noqa: S104 - the same
    assert not lines
