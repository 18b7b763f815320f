"""TraceSetting and LogSettings: honest answers."""

from __future__ import annotations

import pytest

from horngate.errors import HorngateError, InvalidRequest, ModelNotFound, Unsupported
from horngate.protocols.oip.settings import TRACE, log_settings, trace_setting
from horngate.protocols.pb.inference import grpc_service_pb2 as pb
from tests.unit.protocols.doubles import FakeEngine, FakeLogs, new_call


def asked(**settings: bool | int | str) -> pb.LogSettingsRequest:
    request = pb.LogSettingsRequest()
    for name, value in settings.items():
        kind = {bool: "bool_param", int: "uint32_param", str: "string_param"}[type(value)]
        setattr(request.settings[name], kind, value)
    return request


def told(logs: FakeLogs, request: pb.LogSettingsRequest | None = None) -> dict[str, object]:
    reply = log_settings(FakeEngine(), logs, request or pb.LogSettingsRequest(), new_call())
    return {
        name: getattr(value, str(value.WhichOneof("parameter_choice")))
        for name, value in reply.settings.items()
    }


@pytest.mark.parametrize(
    ("level", "info", "warning", "verbose"),
    [
        ("debug", True, True, 1),
        ("info", True, True, 0),
        ("warning", False, True, 0),
        ("error", False, False, 0),
    ],
)
def test_what_is_logged(level: str, info: bool, warning: bool, verbose: int) -> None:
    logs = FakeLogs()
    logs.now = level
    assert told(logs) == {
        "log_info": info,
        "log_warning": warning,
        "log_error": True,
        "log_verbose_level": verbose,
        "log_file": "",
        "log_format": "default",
    }


@pytest.mark.parametrize(
    ("before", "settings", "after"),
    [
        ("info", {"log_info": False}, "warning"),
        ("info", {"log_info": False, "log_warning": False}, "error"),
        ("error", {"log_info": True, "log_warning": True}, "info"),
        ("info", {"log_verbose_level": 2}, "debug"),
        ("debug", {"log_verbose_level": 0}, "info"),
        ("debug", {"log_info": False}, "warning"),
        ("info", {"log_file": "", "log_format": "default"}, "info"),
    ],
)
def test_levels_change(before: str, settings: dict[str, bool | int | str], after: str) -> None:
    logs = FakeLogs()
    logs.now = before
    told(logs, asked(**settings))
    assert logs.now == after


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"log_warning": False}, InvalidRequest),
        ({"log_error": False}, InvalidRequest),
        ({"log_info": 1}, InvalidRequest),
        ({"log_everything": True}, InvalidRequest),
        ({"log_file": "/etc/passwd"}, Unsupported),
        ({"log_format": "ISO8601"}, Unsupported),
    ],
)
def test_what_cannot_be_changed(
    settings: dict[str, bool | int | str], error: type[HorngateError]
) -> None:
    logs = FakeLogs()
    with pytest.raises(error):
        told(logs, asked(**settings))
    assert logs.now == "info"


def test_tracing_is_off_and_stays_off() -> None:
    reply = trace_setting(FakeEngine(), pb.TraceSettingRequest(model_name="digits"), new_call())
    assert {name: list(each.value) for name, each in reply.settings.items()} == {
        name: [value] for name, value in TRACE.items()
    }
    request = pb.TraceSettingRequest()
    request.settings["trace_level"].value.append("OFF")
    request.settings["trace_rate"].SetInParent()
    trace_setting(FakeEngine(), request, new_call())
    request.settings["trace_level"].value[:] = ["TIMESTAMPS"]
    with pytest.raises(Unsupported, match="trace_level: expected 'OFF', received 'TIMESTAMPS'"):
        trace_setting(FakeEngine(), request, new_call())
    wrong = pb.TraceSettingRequest()
    wrong.settings["trace"].value.append("OFF")
    with pytest.raises(InvalidRequest, match="received 'trace'"):
        trace_setting(FakeEngine(), wrong, new_call())
    with pytest.raises(ModelNotFound):
        trace_setting(FakeEngine(), pb.TraceSettingRequest(model_name="m"), new_call())
