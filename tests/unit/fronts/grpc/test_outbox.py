"""Answers that nobody takes: bounded all together and by connection, and given up in time."""

from __future__ import annotations

import pytest

from horngate.fronts.grpc import outbox as module
from horngate.fronts.grpc.outbox import CONNECTION_SHARE, SMALL, Outbox

MOST = 64 * SMALL


class Peer:
    """Stands for a call of the core: ``name`` is of its connection."""

    def __init__(self, name: str) -> None:
        self.name = name

    def peer(self) -> bytes:
        return self.name.encode()


class Answer:
    def __init__(self, connection: str = "ipv4:10.0.0.7:1") -> None:
        self.core = Peer(connection)
        self.given_up = 0

    def give_up(self) -> None:
        self.given_up += 1


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(MOST)


def sent(outbox: Outbox, number: int, size: int, connection: str = "a") -> list[Answer]:
    answers = [Answer(connection) for _ in range(number)]
    for each in answers:
        outbox.add(each, size)
    return answers


@pytest.mark.parametrize("size", [0, SMALL - 1, SMALL, 2 * SMALL])
def test_what_has_left_is_held_no_more(outbox: Outbox, size: int) -> None:
    for _ in range(1000):
        (answer,) = sent(outbox, 1, size)
        assert len(outbox) == 1
        outbox.left(answer)
        outbox.left(answer)
        assert len(outbox) == 0
        assert not answer.given_up


def test_small_answers_are_bounded_by_number(outbox: Outbox) -> None:
    answers = sent(outbox, 64, 10)
    assert not any(each.given_up for each in answers)
    answers += sent(outbox, 1, 10)
    assert [each.given_up for each in answers] == [1] * 32 + [0] * 33, "the older half gives way"
    assert len(outbox) == 33


def test_a_connection_may_leave_its_share_untaken(outbox: Outbox) -> None:
    share = MOST // CONNECTION_SHARE // SMALL
    answers = sent(outbox, share, SMALL)
    assert not any(each.given_up for each in answers)
    answers += sent(outbox, 1, SMALL)
    assert [each.given_up for each in answers] == [1] + [0] * share, "its oldest gives way"
    others = sent(outbox, 2, SMALL, "another")
    assert not any(each.given_up for each in others)


def test_and_all_connections_together_no_more_than_there_is(outbox: Outbox) -> None:
    share = MOST // CONNECTION_SHARE // SMALL
    answers = [
        each
        for number in range(CONNECTION_SHARE + 3)
        for each in sent(outbox, share, SMALL, str(number))
    ]
    kept = [each for each in answers if not each.given_up]
    # It is looked at again whenever a sixteenth more has come.
    assert len(kept) * SMALL <= MOST + MOST // 16 + SMALL
    assert len(kept) == len(outbox)
    assert max(each.given_up for each in answers) == 1


def test_what_is_left_untaken_for_two_looks_is_given_up(outbox: Outbox) -> None:
    small, large = sent(outbox, 1, 1)[0], sent(outbox, 1, SMALL)[0]
    outbox.expire()
    later = sent(outbox, 1, 1)[0]
    assert not small.given_up + large.given_up
    outbox.left(large)
    outbox.expire()
    assert (small.given_up, large.given_up, later.given_up) == (1, 0, 0)


def test_connections_are_asked_for_only_where_there_is_much(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: object) -> str:
        raise AssertionError("a look at the connections costs what a few answers do")

    monkeypatch.setattr(module, "peer", asked)
    sent(outbox, MOST // CONNECTION_SHARE // SMALL, SMALL)
