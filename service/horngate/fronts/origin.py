"""What a call says of itself in its headers, which HTTP/2 and HTTP have in common."""

from __future__ import annotations

from collections.abc import Iterable

from horngate.errors import Unauthenticated

Headers = Iterable[tuple[str, str | bytes]]


def authorization(headers: Headers) -> str:
    """What a caller shows; "" for nothing.

    Raises:
        Unauthenticated: it shows several, of which proxies and servers choose differently.
    """
    shown = [value for key, value in headers if key == "authorization" and isinstance(value, str)]
    if len(shown) > 1:
        raise Unauthenticated(
            f"expected one 'authorization: Bearer TOKEN', received {len(shown)}; send one"
        )
    return shown[0] if shown else ""


def forwarded(headers: Headers) -> list[str]:
    """What ``x-forwarded-for`` says, which is a caller's word until ``access.proxies`` says not."""
    return [value for key, value in headers if key == "x-forwarded-for" and isinstance(value, str)]
