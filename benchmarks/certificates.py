"""Certificates for this machine's own address, made for one run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.subject import NotHere


class Certificates(NamedTuple):
    """Files in PEM: whom a client trusts, and the server's chain and key."""

    authority: Path
    chain: Path
    key: Path


def make(folder: Path) -> Certificates:
    """Make them in ``folder``.

    Raises:
        NotHere: trustme is not installed.
    """
    try:
        import trustme  # noqa: PLC0415 - a development dependency that other subjects do without
    except ImportError as error:
        raise NotHere("trustme is not installed; `make install` has it") from error
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    made = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(made.authority)
    made.chain.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(made.key)
    return made
