"""A request of pictures waits for threads of its own, and for nobody else's."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate import decoding
from horngate.answer import Answer, Ticket
from horngate.batching.executor import Burst
from horngate.call import Call
from horngate.decoding import Decoders
from horngate.errors import (
    Cancelled,
    Expired,
    HorngateError,
    InvalidInput,
    InvalidRequest,
    Overloaded,
    TooManyRows,
)
from horngate.inference import Inference
from horngate.pictures import Encoded
from horngate.tensors import Array, DType, Picture, Request, Response, Signature, TensorSpec
from tests.photos import encoded, noise
from tests.unit.batching.doubles import DoublingServable, ManualClock
from tests.unit.inference.test_inference import Door

PIXELS = noise(4, 5)
FILE = encoded(PIXELS, "PNG")
PHOTO = TensorSpec("x", DType.FLOAT32, (None, 4, 5, 3))
SIGNATURE = Signature(
    "serving_default",
    {"x": PHOTO},
    {"y": replace(PHOTO, name="y")},
    pictures={"x": Picture(4, 5, 3, low=0.0, high=255.0)},
)


class Photos(Door):
    """The doubling model of photos; its decoders are held until ``go`` is set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.clock = ManualClock()
        self.engine = Inference(self.house.repository, self.house.control, self.clock)
        self.go = threading.Event()
        self.held = Decoders(1)
        self.engine._decoders = self.held
        self.held.later(self._hold)

    def ask(self, files: Array, call: Call | None = None) -> Asked:
        return Asked(self, files, call or Call(0.0))

    def _hold(self, _: object) -> Answer[Response]:
        self.go.wait(30)
        return Ticket()

    def decoded(self) -> None:
        """Let what waits be decoded, all of it."""
        self.go.set()
        # Its only thread may be about to look once more before it takes this.
        while self.held._waiting or self.held._working:
            self.held._pool.submit(int).result(30)


class Asked:
    def __init__(self, photos: Photos, files: Array, call: Call) -> None:
        self.call = call
        self.done = threading.Event()
        self.answer = photos.engine.predict(photos.request(inputs={"x": files}), call)
        self.answer.on_done(self.done.set)

    def result(self) -> Response:
        assert self.done.wait(30)
        return self.answer.result()

    def error(self) -> HorngateError:
        with pytest.raises(HorngateError) as told:
            self.result()
        return told.value


def files(*data: bytes) -> Array:
    return np.array([*data, None], object)[:-1]


def mean(monkeypatch: pytest.MonkeyPatch, signature: Signature) -> None:
    """Have versions that are loaded from now on take what ``signature`` says."""
    monkeypatch.setattr(DoublingServable, "signatures", {"serving_default": signature})


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Photos]:
    mean(monkeypatch, SIGNATURE)
    made = Photos(tmp_path)
    yield made
    made.go.set()
    made.held._pool.shutdown()


def test_nobody_waits_for_pictures_but_who_sent_them(photos: Photos) -> None:
    asked = photos.ask(files(FILE, FILE))
    tensor = photos.engine.predict(
        photos.request(inputs={"x": np.ones((1, 4, 5, 3), "f4")}), Call(0)
    )
    photos.run()
    assert tensor.result().outputs["y"][0, 0, 0, 0] == 2
    assert not asked.done.is_set()
    photos.decoded()
    photos.run()
    np.testing.assert_array_equal(asked.result().outputs["y"], np.stack([PIXELS, PIXELS]) * 2.0)


def test_the_burst_that_brought_them_is_not_given_what_comes_later(photos: Photos) -> None:
    call = Call(0.0)
    call.burst = Burst(photos.clock)
    call.burst.open()
    asked = photos.ask(files(FILE), call)
    photos.decoded()
    assert asked.call.burst is None
    photos.run()
    assert asked.result().version == 1


def test_what_else_is_wrong_is_known_before_anything_is_decoded(photos: Photos) -> None:
    with pytest.raises(TooManyRows):
        photos.ask(files(*[FILE] * 5))
    with pytest.raises(InvalidInput, match="expected inputs 'x'"):
        photos.engine.predict(
            photos.request(inputs={"x": files(FILE), "z": np.ones(1)}), photos.call
        )
    with pytest.raises(InvalidRequest, match="output 'z' is not in"):
        photos.engine.predict(Request("m", {"x": files(FILE)}, outputs=("z",)), photos.call)
    assert not photos.held._waiting


def test_a_bad_one_fails_alone(photos: Photos) -> None:
    good, bad = photos.ask(files(FILE)), photos.ask(files(FILE[:-30]))
    photos.decoded()
    photos.run()
    assert "input 'x': expected a whole picture" in str(bad.error())
    np.testing.assert_array_equal(good.result().outputs["y"][0], PIXELS * 2.0)


def test_one_that_is_cancelled_is_not_decoded(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = photos.ask(files(FILE))
    asked.answer.cancel()
    assert isinstance(asked.error(), Cancelled)
    monkeypatch.setattr("horngate.inference.decoded", None)
    photos.decoded()
    assert not photos.held._waiting
    assert photos.house.executors["m", 1].wakes == 0


def test_one_that_is_cancelled_is_kept_by_nobody_until_it_would_have_had_its_turn(
    photos: Photos,
) -> None:
    asked = photos.ask(files(FILE))
    sent = weakref.ref(asked.answer._begin)  # type: ignore[attr-defined]  # what holds its bytes
    asked.answer.cancel()
    asked.done.wait(30)
    del asked
    assert sent() is None, "its pictures go before those that wait ahead of it are decoded"


def test_one_whose_caller_left_is_decoded_no_further(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = photos.ask(files(FILE, FILE, FILE))
    decode, rows = Encoded.row, []

    def left_meanwhile(picture: Encoded, *arguments: Any) -> Array:
        asked.answer.cancel()
        rows.append(decode(picture, *arguments))
        return rows[-1]

    monkeypatch.setattr(Encoded, "row", left_meanwhile)
    photos.decoded()
    assert isinstance(asked.error(), Cancelled)
    assert len(rows) == 1


def test_one_whose_deadline_passes_is_decoded_no_further(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = photos.ask(files(FILE, FILE), Call(0.0, deadline=photos.clock.now + 1))
    decode, rows = Encoded.row, []

    def too_late(picture: Encoded, *arguments: Any) -> Array:
        photos.clock.now += 2
        rows.append(decode(picture, *arguments))
        return rows[-1]

    monkeypatch.setattr(Encoded, "row", too_late)
    photos.decoded()
    assert isinstance(asked.error(), Expired)
    assert len(rows) == 1


def test_what_a_picture_was_decoded_into_goes_before_the_next_is(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Encoded.row
    before: list[weakref.ref[Encoded]] = []

    def alone(picture: Encoded, *arguments: Any) -> Array:
        assert not any(each() for each in before), "its pixels are counted no more"
        before.append(weakref.ref(picture))
        return decode(picture, *arguments)

    monkeypatch.setattr(Encoded, "row", alone)
    asked = photos.ask(files(FILE, FILE, FILE))
    photos.decoded()
    photos.run()
    assert asked.result().outputs["y"].shape == (3, 4, 5, 3)
    assert len(before) == 3


def test_one_that_is_cancelled_once_it_is_queued_leaves_the_queue(photos: Photos) -> None:
    asked = photos.ask(files(FILE))
    photos.decoded()
    asked.answer.cancel()
    assert isinstance(asked.error(), Cancelled)
    assert photos.house.repository.find("m", 1).scheduler.waiting.rows == 0


def test_one_that_is_cancelled_while_it_is_decoded_leaves_the_queue(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = photos.ask(files(FILE))
    decode = decoding.decoded

    def cancelled_meanwhile(*arguments: Any, check: Callable[[], None]) -> object:
        made = decode(*arguments, check=check)
        asked.answer.cancel()
        return made

    monkeypatch.setattr("horngate.inference.decoded", cancelled_meanwhile)
    photos.decoded()
    assert isinstance(asked.error(), Cancelled)
    assert photos.house.repository.find("m", 1).scheduler.waiting.rows == 0


def test_one_whose_deadline_passed_meanwhile_is_not_decoded(photos: Photos) -> None:
    asked = photos.ask(files(FILE), Call(0.0, deadline=photos.clock.now + 1))
    photos.clock.now += 2
    photos.decoded()
    assert isinstance(asked.error(), Expired)


def test_more_than_may_wait_are_refused_at_once(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MOST_WAITING", 2)
    waiting = [photos.ask(files(FILE)) for _ in range(2)]
    with pytest.raises(Overloaded, match="expected at most 2 requests whose pictures wait"):
        photos.ask(files(FILE))
    photos.decoded()
    photos.run()
    assert all(asked.result() for asked in waiting)
    assert not photos.held._waiting


def test_a_version_in_place_of_the_one_asked_decodes_them_by_its_own_range(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = photos.ask(files(FILE))
    mean(monkeypatch, replace(SIGNATURE, pictures={"x": Picture(4, 5, 3, low=0.0, high=1.0)}))
    photos.house.write("m", 2)
    photos.house.look(2)
    photos.go.set()
    photos.decoded()
    photos.decoded()
    photos.run(2)
    response = asked.result()
    assert response.version == 2
    np.testing.assert_allclose(response.outputs["y"][0], PIXELS / 255 * 2, rtol=1e-6)


def test_pictures_that_come_to_too_much_are_refused_by_their_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = replace(PHOTO, shape=(None, None, None, 3))
    mean(
        monkeypatch,
        replace(SIGNATURE, inputs={"x": free}, pictures={"x": Picture(None, None, 3)}),
    )
    photos = Photos(tmp_path)
    photos.house.repository.find("m", 1).max_tensor_bytes = 4 * 5 * 3 * 4
    asked, fits = photos.ask(files(FILE, FILE)), photos.ask(files(FILE))
    photos.decoded()
    photos.run()
    assert "expected pictures that come to at most 240 bytes, received such of 480" in str(
        asked.error()
    )
    assert fits.result().outputs["y"].shape == (1, 4, 5, 3)
