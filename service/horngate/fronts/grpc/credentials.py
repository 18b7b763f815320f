"""TLS as grpcio takes it."""

from __future__ import annotations

import threading

import grpc

from horngate.access.watched import Watched
from horngate.fronts.tls import Certificates


def credentials(certificates: Watched[Certificates]) -> grpc.ServerCredentials:
    """TLS with whatever the certificates are at each handshake.

    The core is told of a change alone: it takes what it is told in place of what other threads just
    make handshakes with, and without a lock, so that a storm of handshakes ended the process.
    """
    told = certificates()
    telling = threading.Lock()

    def news() -> grpc.ServerCertificateConfiguration | None:
        nonlocal told
        now = certificates()
        with telling:  # of a change, one handshake alone
            if now is told:
                return None
            told = now
        return _configuration(now)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(told),
        news,  # type: ignore[arg-type]  # None is for no change, which the types do not know
        require_client_authentication=told.client_ca is not None,
    )


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.cert)], root_certificates=certificates.client_ca
    )
