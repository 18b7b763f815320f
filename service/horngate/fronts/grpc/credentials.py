"""TLS as grpcio takes it."""

from __future__ import annotations

import grpc

from horngate.access.watched import Watched
from horngate.fronts.tls import Certificates


def credentials(certificates: Watched[Certificates]) -> grpc.ServerCredentials:
    """TLS with whatever the certificates are at each handshake."""

    def now() -> grpc.ServerCertificateConfiguration:
        held = certificates()
        return grpc.ssl_server_certificate_configuration(
            [(held.key, held.cert)], root_certificates=held.client_ca
        )

    return grpc.dynamic_ssl_server_credentials(
        now(), now, require_client_authentication=certificates().client_ca is not None
    )
