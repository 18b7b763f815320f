from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from horngate.cli.main import main
from horngate.config.server import (
    SETTINGS,
    ServerSettings,
    read_server_settings,
    unknown_variables,
)
from horngate.config.values import OR_ZERO, Setting
from horngate.errors import ConfigError


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = read_server_settings({}, {})
    assert (settings.host, settings.grpc_port, settings.http_port) == ("127.0.0.1", 8500, 8501)
    assert settings.models == Path("models")
    assert settings.max_message_bytes == 64 * 1024 * 1024


def test_flags_win_over_environment_and_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "horngate.toml"
    file.write_text("grpc_port = 1\nhttp_port = 2\ndrain_seconds = 3\nmodels = '/m'\n")
    settings = read_server_settings(
        {"config": str(file), "grpc_port": "10"},
        {"HORNGATE_GRPC_PORT": "20", "HORNGATE_HTTP_PORT": "30"},
    )
    assert (settings.grpc_port, settings.http_port, settings.drain_seconds) == (10, 30, 3)
    assert settings.models == Path("/m")


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "horngate.toml"
    file.write_text("host = '::1'")
    assert read_server_settings({}, {"HORNGATE_CONFIG": str(file)}).host == "::1"


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ({"grpc_port": "x"}, {}, r"flag --grpc-port: grpc_port: expected `int`"),
        (
            {},
            {"HORNGATE_HTTP_PORT": "70000"},
            r"environment HORNGATE_HTTP_PORT: http_port: .*65535",
        ),
        ({"log_level": "loud"}, {}, r"flag --log-level: log_level: invalid enum value 'loud'"),
        ({"http_port": "8500"}, {}, r"http_port: expected another port than grpc_port"),
        ({"host": ""}, {}, r"host: expected an address"),
        ({"config": "/nowhere.toml"}, {}, r"/nowhere.toml: expected a readable TOML file"),
        (
            {"tls_cert": "cert.pem"},
            {},
            r"flag --tls-cert: tls_key: expected a certificate and its key",
        ),
        (
            {"tls_client_ca": "ca.pem"},
            {},
            r"flag --tls-client-ca: tls_client_ca: expected tls_cert",
        ),
        ({"client_rate": "-1"}, {}, r"flag --client-rate: client_rate: expected 0.001 to"),
        ({"max_in_flight": "0"}, {}, r"flag --max-in-flight: max_in_flight: expected 1 to"),
        (
            {"max_header_bytes": "10"},
            {},
            r"flag --max-header-bytes: max_header_bytes: expected 1024 to",
        ),
        (
            {"keepalive_seconds": "0.5"},
            {},
            r"flag --keepalive-seconds: keepalive_seconds: expected 1 to",
        ),
        ({"stuck_seconds": "0"}, {}, r"flag --stuck-seconds: stuck_seconds: expected 0.1 to"),
    ],
)
def test_a_mistake_is_named_with_its_source_and_key(
    flags: dict[str, str], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_server_settings(flags, environment)


def test_a_mistake_in_the_file_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "horngate.toml"
    file.write_text("grpc_prot = 1")
    with pytest.raises(ConfigError, match=r"horngate.toml: grpc_prot: .*mean 'grpc_port'"):
        read_server_settings({"config": str(file)}, {})


def test_variables_that_are_no_settings_are_told_but_kubernetes_own_are_not() -> None:
    environment = {
        "HORNGATE_HOST": "x",
        "HORNGATE_GRPC_PROT": "1",
        "HORNGATE_PORT": "tcp://10.0.0.1:8500",
        "HORNGATE_PORT_8500_TCP": "tcp://10.0.0.1:8500",
        "HORNGATE_SERVICE_HOST": "10.0.0.1",
    }
    assert unknown_variables(environment) == ["HORNGATE_GRPC_PROT"]


def test_a_setting_that_is_gone_is_told_so_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "horngate.toml"
    file.write_text("transport = 'native'\n")
    gone = "transport: the setting is gone: one front carries gRPC"
    for flags, environment, source in (
        ({"config": str(file)}, {}, str(file)),
        ({}, {"HORNGATE_CONFIG": str(file)}, str(file)),
        ({}, {"HORNGATE_TRANSPORT": "grpcio"}, "environment HORNGATE_TRANSPORT"),
        ({"transport": "auto"}, {}, "flag --transport"),
    ):
        with pytest.raises(ConfigError) as told:
            read_server_settings(flags, environment)
        assert str(told.value).startswith(f"{source}: {gone}")
        assert "take the setting out" in str(told.value)


def test_the_command_line_tells_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--transport", "native"]) != 0
    assert "flag --transport: transport: the setting is gone" in capsys.readouterr().err


def test_grpc_waits_for_a_list_of_models_unless_it_is_told_otherwise() -> None:
    listed = {"model_base_path": "m"}
    assert not read_server_settings({}, {}).waits_for_models
    assert read_server_settings(listed, {}).waits_for_models
    assert read_server_settings({"model_config_file": "m.config"}, {}).waits_for_models
    assert not read_server_settings({**listed, "wait_for_models": "off"}, {}).waits_for_models
    assert read_server_settings({"wait_for_models": "on"}, {}).waits_for_models


def given(key: str, value: float) -> ServerSettings:
    settings: dict[str, Any] = {key: value}
    return ServerSettings(**settings)


BOUNDED = [setting for setting in SETTINGS if setting.meta.ge is not None]


@pytest.mark.parametrize("setting", BOUNDED, ids=lambda setting: setting.key)
def test_a_setting_is_held_to_the_bounds_that_are_told_of_it(setting: Setting) -> None:
    low, high = setting.meta.ge, setting.meta.le
    assert low is not None
    assert high is not None
    for inside in (low, high):
        given(setting.key, inside)
    for outside in (low - 1, high + 1, -1):
        if outside == 0 and setting.meta.extra == OR_ZERO:
            continue
        with pytest.raises(ConfigError) as told:
            given(setting.key, outside)
        assert str(told.value) == (f"{setting.key}: expected {setting.allowed}, received {outside}")


def test_zero_stands_for_none_beside_bounds_where_that_is_told() -> None:
    told = [setting for setting in BOUNDED if setting.meta.extra == OR_ZERO]
    assert {setting.key for setting in told} == {
        "client_rate",
        "http_deadline_seconds",
        "max_tensor_bytes_in_flight",
    }
    for setting in told:
        assert setting.allowed.endswith(", or 0")
        given(setting.key, 0)


def test_a_setting_of_earlier_releases_is_refused_with_why_it_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "horngate.toml"
    file.write_text("transport = 'native'")
    said = r"transport: the setting is gone: one front carries gRPC on every address"
    with pytest.raises(ConfigError, match=rf"horngate.toml: {said}"):
        read_server_settings({"config": str(file)}, {})
    with pytest.raises(ConfigError, match=rf"environment HORNGATE_TRANSPORT: {said}"):
        read_server_settings({}, {"HORNGATE_TRANSPORT": "grpcio"})
