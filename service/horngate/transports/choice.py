"""Which transport carries the gRPC port, and why; docs/adr/0008 has what the choice rests on."""

from __future__ import annotations

import importlib.util
import ipaddress
from typing import Final, Literal, NamedTuple

from horngate.errors import ConfigError

Transport = Literal["auto", "grpcio", "native"]
NATIVE_MODULE: Final = "pygrpc_native"


class Choice(NamedTuple):
    """The transport taken, ``grpcio`` or ``native``, and the reason in words."""

    transport: Literal["grpcio", "native"]
    reason: str


def choose(wanted: Transport, host: str, *, tls: bool = False) -> Choice:
    """What ``wanted`` means for a port on ``host``, with TLS or in plain text.

    Raises:
        ConfigError: ``native`` is asked for, and is not installed or cannot do what else is asked.
    """
    if wanted == "native" and tls:
        raise ConfigError(
            "transport: native speaks no TLS; set transport to auto or grpcio, or let a proxy on "
            "this machine end TLS"
        )
    installed = importlib.util.find_spec(NATIVE_MODULE) is not None
    if wanted == "native" and not installed:
        raise ConfigError(
            "transport: native needs pygrpc-native, which is not installed; install it with "
            "pip install 'horngate[native]', or set transport to auto or grpcio"
        )
    if wanted != "auto":
        return Choice(wanted, "the settings ask for it")
    if tls:
        return Choice("grpcio", "the native front speaks no TLS")
    if not installed:
        return Choice("grpcio", "pygrpc-native is not installed")
    if not is_loopback(host):
        return Choice(
            "grpcio",
            f"{host} is open to other machines, and the native front reads a message of any size "
            "into memory before it can be refused",
        )
    return Choice("native", f"{host} is open to this machine only")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is open to this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
