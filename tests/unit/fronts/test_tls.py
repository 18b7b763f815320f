from __future__ import annotations

import dataclasses
import os
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from horngate.errors import ConfigError
from horngate.fronts import tls
from horngate.fronts.tls import TlsOptions, read, watch
from tests.unit.batching.doubles import ManualClock

AUTHORITY = trustme.CA()


def pair(folder: Path, name: str = "localhost") -> TlsOptions:
    leaf = AUTHORITY.issue_cert(name)
    options = TlsOptions(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem")
    leaf.private_key_pem.write_to_path(str(options.key))
    options.cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    return options


def test_what_the_files_hold(tmp_path: Path) -> None:
    options = pair(tmp_path)
    found = read(options)
    assert (found.cert, found.key) == (options.cert.read_bytes(), options.key.read_bytes())
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert found.context.minimum_version is ssl.TLSVersion.TLSv1_3
    alone = read(TlsOptions(options.cert, options.key))
    assert alone.client_ca is None
    assert alone.context.verify_mode is ssl.CERT_NONE
    assert alone.context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_cannot_be_used_are_named_and_not_repeated(tmp_path: Path) -> None:
    good, other = pair(tmp_path), pair(tmp_path, "other")
    encrypted = tmp_path / "encrypted.key"
    key = serialization.load_pem_private_key(good.key.read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    nothing = tmp_path / "nothing"
    for wrong, told in (
        (TlsOptions(nothing, good.key), "tls_cert: .*nothing.*No such file"),
        (TlsOptions(good.cert, other.key), r"tls_cert: .*MISMATCH|tls_cert: .*mismatch"),
        (TlsOptions(good.key, good.key), "tls_cert"),
        (TlsOptions(good.cert, encrypted), "encrypted; give one without a password"),
        (TlsOptions(good.cert, good.key, nothing), "tls_client_ca: .*No such file"),
        (TlsOptions(good.cert, good.key, good.key), "tls_client_ca"),
    ):
        with pytest.raises(ConfigError, match=told) as refused:
            read(wrong)
        assert "PRIVATE KEY" not in str(refused.value)


def test_whoever_asks_is_given_what_the_files_hold_then(tmp_path: Path) -> None:
    options, clock = pair(tmp_path), ManualClock()
    reports: list[Exception] = []
    certificates = watch(TlsOptions(options.cert, options.key), clock, reports.append)
    before = certificates().context
    fresh = pair(tmp_path)
    clock.now += 2
    assert fresh == options
    assert certificates().context is not before
    options.key.write_text("no key")
    clock.now += 2
    kept = certificates()
    assert kept.key != b"no key"
    assert len(reports) == 1


@pytest.mark.parametrize("which", ["cert", "key", "client_ca"])
@pytest.mark.parametrize("what", ["fifo", "device", "long"])
def test_a_file_of_tls_is_a_regular_one_of_a_size(tmp_path: Path, which: str, what: str) -> None:
    options = pair(tmp_path)
    odd = tmp_path / "odd"
    if what == "fifo":
        os.mkfifo(odd)
    elif what == "device":
        odd.symlink_to("/dev/zero")
    else:
        odd.write_bytes(b"#" * 5_000_000)
    with pytest.raises(ConfigError, match=r"expected a regular file|expected at most"):
        read(dataclasses.replace(options, **{which: odd}))


def test_files_of_tls_may_be_links_as_mounted_secrets_are(tmp_path: Path) -> None:
    options = pair(tmp_path)
    links = {}
    for which in ("cert", "key", "client_ca"):
        links[which] = tmp_path / f"link-{which}"
        links[which].symlink_to(getattr(options, which))
    found = read(TlsOptions(**links))
    assert found.context.verify_mode is ssl.CERT_REQUIRED


def test_a_key_that_changes_while_it_is_read_is_loaded_as_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = pair(tmp_path)

    def swapped(path: Path, limit: int) -> bytes:
        content = path.read_bytes()
        path.write_bytes(b"rotated")
        return content

    monkeypatch.setattr(tls, "read_file", swapped)
    found = read(options)
    assert b"PRIVATE KEY" in found.key
    assert found.context.get_ca_certs()
