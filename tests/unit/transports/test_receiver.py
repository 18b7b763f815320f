from __future__ import annotations

from typing import Any

from horngate.transports.native.receiver import AWAKE_SECONDS, BURST, LONE, Receiver
from tests.unit.scheduling.doubles import ManualClock

CALL: Any = (0, 1, 0, b"", None, ((), "", None))


class Front:
    """Gives what it was told to: a list of events, or None for closed; [] when asked in between."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[int | None] = []
        self.arrives_after = 0.0
        self.burst: list[Any] | None = [CALL]
        self._since = clock.now

    def recv_batch_details(self, most: int, timeout_ms: int | None = None) -> list[Any] | None:
        assert most == BURST
        self.asked.append(timeout_ms)
        if timeout_ms is None:
            self.clock.now = max(self.clock.now, self._since + self.arrives_after)
        else:
            self.clock.now += AWAKE_SECONDS / 10
        if self.clock.now < self._since + self.arrives_after:
            return []
        self._since = self.clock.now
        return self.burst


class Setting:
    def __init__(self, *, awake: bool = True) -> None:
        self.clock = ManualClock()
        self.front = Front(self.clock)
        front: Any = self.front
        self.receiver = Receiver(front, self.clock, awake=awake)

    def calls(self, number: int) -> None:
        for _ in range(number):
            assert self.receiver.next() == self.front.burst
            self.receiver.answered()


def test_it_sleeps_until_a_caller_has_asked_a_few_times_in_a_row() -> None:
    setting = Setting()
    setting.front.arrives_after = AWAKE_SECONDS / 2
    setting.calls(LONE + 1)  # nothing was answered before the first
    assert setting.front.asked == [None] * (LONE + 1)
    setting.calls(1)
    assert set(setting.front.asked[LONE + 1 :]) == {0}, "it must have been awake"


def test_it_goes_to_sleep_when_the_lone_caller_has_stopped() -> None:
    setting = Setting()
    setting.front.arrives_after = AWAKE_SECONDS / 2
    setting.calls(LONE + 2)
    setting.front.arrives_after = 5.0
    setting.calls(1)
    assert setting.front.asked[-1] is None
    setting.front.asked.clear()
    setting.calls(1)
    assert setting.front.asked == [None], "a caller that comes late is not waited for awake"


def test_bursts_are_waited_for_asleep() -> None:
    setting = Setting()
    setting.front.burst = [CALL, CALL]
    setting.calls(3 * LONE)
    assert set(setting.front.asked) == {None}


def test_on_a_single_core_it_always_sleeps() -> None:
    setting = Setting(awake=False)
    setting.calls(3 * LONE)
    assert set(setting.front.asked) == {None}


def test_a_closed_front_ends_it_asleep_or_awake() -> None:
    for calls in (0, 3 * LONE):
        setting = Setting()
        setting.calls(calls)
        setting.front.burst = None
        assert setting.receiver.next() is None
