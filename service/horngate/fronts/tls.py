"""Certificates of both ports, read again as they rotate.

A connection made after the files have changed is answered with the new certificate; those that are
open stay. Files that do not fit together, half-way through a rotation, leave the old ones in use.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from horngate.access.watched import Watched
from horngate.errors import ConfigError
from horngate.reading import in_memory, read_file
from horngate.servable import Clock
from horngate.sizes import CERTIFICATES

HANDSHAKE_SECONDS: Final = 10.0
"""How long a handshake may take. libuv's own are 60, those of gRPC's core 120."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Files in PEM. With ``client_ca`` a caller has to show a certificate that it signed."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class Certificates(NamedTuple):
    """What the files hold, and the same as the standard library takes it."""

    cert: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


def watch(
    options: TlsOptions, clock: Clock, report: Callable[[Exception], None]
) -> Watched[Certificates]:
    """The certificates as they are now, whenever asked.

    Raises:
        ConfigError: they cannot be used at the start.
    """
    paths = (options.cert, options.key, *([options.client_ca] if options.client_ca else []))
    return Watched(paths, lambda: read(options), clock, report)


def read(options: TlsOptions) -> Certificates:
    """Read and check the files.

    Raises:
        ConfigError: one cannot be read, or they do not fit together; it repeats no content.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        cert, key = (read_file(path, CERTIFICATES) for path in (options.cert, options.key))
        # It takes paths only: of what was read, which may be half-way through a rotation by now.
        with in_memory(cert) as cert_path, in_memory(key) as key_path:
            context.load_cert_chain(cert_path, key_path, password=_no_password)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"tls_cert: expected a certificate in {options.cert} and its key in {options.key}, "
            f"both in PEM; {_why(error)}"
        ) from error
    if options.client_ca is None:
        return Certificates(cert, key, None, context)
    try:
        client_ca = read_file(options.client_ca, CERTIFICATES)
        with in_memory(client_ca) as ca_path:
            context.load_verify_locations(ca_path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"tls_client_ca: expected certificates in PEM in {options.client_ca}; {_why(error)}"
        ) from error
    context.verify_mode = ssl.CERT_REQUIRED
    # A session that is taken up again shows no certificate, and would outlive the authority that
    # let it in. Without tickets TLS 1.3 has no sessions; those of TLS 1.2 Python cannot forbid.
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    return Certificates(cert, key, client_ca, context)


def _no_password() -> str:
    # Without it a key that is encrypted would have the server ask at a terminal.
    raise ValueError("the key is encrypted; give one without a password, readable by the server")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
