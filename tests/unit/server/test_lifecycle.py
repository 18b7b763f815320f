"""What the server says of how it is reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from horngate.config.server import ServerSettings
from horngate.server.lifecycle import warn_of_open_control, warn_of_plain_text

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


def test_control_that_is_open_to_everybody_is_warned_of() -> None:
    anywhere = "0.0.0.0"  # noqa: S104 - the same
    with capture_logs() as lines:
        warn_of_open_control(
            ServerSettings(host=anywhere, model_control_mode="explicit", allow_control=True)
        )
    (line,) = lines
    assert line["reason"] == "allow_control, model_control_mode = explicit without tokens"
    with capture_logs() as lines:
        warn_of_open_control(ServerSettings(host=anywhere))
        warn_of_open_control(ServerSettings(allow_control=True, allow_shared_memory=True))
        warn_of_open_control(
            ServerSettings(host=anywhere, allow_control=True, tokens_file=Path("tokens.toml"))
        )
    assert not lines
