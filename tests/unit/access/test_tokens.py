from __future__ import annotations

import hmac

import pytest

from horngate.access.caller import Caller, Tokens, digest
from horngate.errors import PermissionDenied, Unauthenticated

TEAM = Caller("team", predict=("mnist_*", "other"))
OPERATOR = Caller("operator", admin=True)
TOKENS = Tokens({digest("the-teams-own-token"): TEAM, digest("the-operators-token"): OPERATOR})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_stands_for_its_caller(scheme: str) -> None:
    assert TOKENS.caller(f"{scheme} the-teams-own-token") is TEAM
    assert TOKENS.caller(f"{scheme}  the-operators-token ") is OPERATOR


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic dGVhbTp0b2tlbg==",
        "Bearer",
        "Bearer ",
        "Bearer the-teams-own-toke",
        "Bearer \udcff",
    ],
)
def test_anything_else_is_nobody(authorization: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        TOKENS.caller(authorization)
    # What was presented may be a secret of somewhere else.
    assert "dGVhbTp0b2tlbg" not in str(refused.value)
    assert "toke " not in str(refused.value)


@pytest.mark.parametrize("shown", ["Bearer ", "bearer", "Bearer   ", "Bearer \t", "Bearer \u00a0"])
def test_nothing_is_no_token_whatever_is_known(shown: str) -> None:
    tokens = Tokens({digest(""): TEAM, digest("\u00a0"): TEAM})
    with pytest.raises(Unauthenticated):
        tokens.caller(shown)


def test_every_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    original = hmac.compare_digest

    def watch(known: bytes, presented: bytes) -> bool:
        compared.append(known)
        return original(known, presented)

    monkeypatch.setattr("horngate.access.caller.hmac.compare_digest", watch)
    TOKENS.caller("Bearer the-teams-own-token")
    with pytest.raises(Unauthenticated):
        TOKENS.caller("Bearer nobodys-token-at-all")
    assert len(compared) == 4


def test_a_caller_may_ask_what_their_patterns_name() -> None:
    TEAM.check_model("mnist_cnn")
    TEAM.check_model("other")
    with pytest.raises(PermissionDenied, match="'team' may ask, received 'another'"):
        TEAM.check_model("another")
    OPERATOR.check_model("another")


def test_only_an_administrator_changes_the_server() -> None:
    OPERATOR.check_admin()
    with pytest.raises(PermissionDenied, match="administrator"):
        TEAM.check_admin()
