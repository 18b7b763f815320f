"""TraceSetting and LogSettings."""

from __future__ import annotations

from typing import Final, Protocol

from horngate.call import Call
from horngate.errors import InvalidRequest, ModelNotFound, Unsupported
from horngate.inference import Inference
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    LogSettingsRequest,
    LogSettingsResponse,
    TraceSettingRequest,
    TraceSettingResponse,
)

TRACE: Final = {
    "trace_level": "OFF",
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "",
    "trace_mode": "triton",
}
"""Triton's settings, as they always are here: requests are not traced."""

LEVELS: Final = ("log_info", "log_warning", "log_error")
_VERBOSE: Final = "log_verbose_level"
_FIXED: Final = {"log_file": "", "log_format": "default"}


class LogControl(Protocol):
    """The level of the server's log. Thread-safe."""

    def level(self) -> str:
        """``debug``, ``info``, ``warning`` or ``error``."""

    def set_level(self, level: str) -> None:
        """Change it, for all of the server."""


def trace_setting(
    inference: Inference, request: TraceSettingRequest, call: Call
) -> TraceSettingResponse:
    """The settings, of one model or of the server: tracing is off, and stays off.

    Raises:
        ModelNotFound: the model is not held.
        InvalidRequest: a setting that there is not.
        Unsupported: a setting that would trace something.
        PermissionDenied: a model that the caller may not ask.
    """
    if request.model_name:
        call.check_model(request.model_name)
    if request.model_name and not inference.knows(request.model_name):
        raise ModelNotFound(
            f"expected a model of this server, received {request.model_name!r}",
            model=request.model_name,
        )
    for name, setting in request.settings.items():
        if name not in TRACE:
            raise InvalidRequest(
                f"expected a trace setting of {', '.join(TRACE)}, received {name[:80]!r}"
            )
        if setting.value and list(setting.value) != [TRACE[name]]:
            raise Unsupported(
                f"{name}: expected {TRACE[name]!r}, received {', '.join(setting.value)[:80]!r}; "
                "requests are not traced here"
            )
    message = TraceSettingResponse()
    for name, value in TRACE.items():
        message.settings[name].value.append(value)
    return message


def log_settings(
    inference: Inference, control: LogControl, request: LogSettingsRequest, call: Call
) -> LogSettingsResponse:
    """Change what is asked to change, and tell what is.

    Raises:
        InvalidRequest: a setting that there is not, of another kind, or that contradicts another.
        Unsupported: another file or format.
        PermissionDenied: the caller may not change the server.
    """
    if request.settings:
        inference.check_control(call)
        control.set_level(_level(control.level(), request))
    return _write(control.level())


def _level(now: str, request: LogSettingsRequest) -> str:
    """The level that the settings asked for come to."""
    wanted = _flags(now)
    verbose = now == "debug"
    for name, setting in request.settings.items():
        kind = setting.WhichOneof("parameter_choice")
        if name in LEVELS and kind == "bool_param":
            wanted[name] = setting.bool_param
        elif name == _VERBOSE and kind == "uint32_param":
            verbose = setting.uint32_param > 0
        elif name in _FIXED and kind == "string_param":
            if setting.string_param != _FIXED[name]:
                raise Unsupported(
                    f"{name}: expected {_FIXED[name]!r}, received {setting.string_param[:80]!r}; "
                    "the log goes to standard error, in the format of the setting log_format"
                )
        else:
            raise InvalidRequest(
                f"{name[:80]!r}: expected {', '.join(LEVELS)} as bool_param, {_VERBOSE} as "
                f"uint32_param, or {', '.join(_FIXED)} as string_param, received "
                f"{kind or 'nothing'}"
            )
    for level in ("info", "warning", "error"):
        if wanted == _flags(level):
            return "debug" if verbose and level == "info" else level
    raise InvalidRequest(
        "expected levels that hold one another (log_info only with log_warning, both only with "
        f"log_error, which is always on), received {wanted}"
    )


def _flags(level: str) -> dict[str, bool]:
    return {
        "log_info": level in ("debug", "info"),
        "log_warning": level in ("debug", "info", "warning"),
        "log_error": True,
    }


def _write(level: str) -> LogSettingsResponse:
    message = LogSettingsResponse()
    for name, on in _flags(level).items():
        message.settings[name].bool_param = on
    message.settings[_VERBOSE].uint32_param = int(level == "debug")
    for name, value in _FIXED.items():
        message.settings[name].string_param = value
    return message
