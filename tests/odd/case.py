"""A case of the tables: how it is made, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from horngate.errors import HorngateError
from tests.odd.graphs import Model

if TYPE_CHECKING:
    from tests.odd.house import House


class Place:
    """Where a case is made: a version's folder, and what lies outside of it."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name
        self.model = house.repository / name
        self.folder = self.model / "1"
        self.outside = house.outside
        self.secret = house.secret
        self.target = house.outside / "written"

    @property
    def address(self) -> str:
        """Where nobody may call."""
        return f"127.0.0.1:{self.house.port}"

    def good(self) -> Path:
        """A version that answers ``x`` + 1, published with everything; its folder."""
        return self.house.copy("published", self.folder)

    def plain(self) -> Path:
        """The same as another tool would have exported it, with an asset; its folder."""
        return self.house.copy("plain", self.folder)

    def save(self, model: Model) -> None:
        model.save(self.folder)

    def settings(self, text: str | bytes) -> None:
        """Write ``model.toml``."""
        self.model.mkdir(parents=True, exist_ok=True)
        content = text.encode() if isinstance(text, str) else text
        (self.model / "model.toml").write_bytes(content)


class Outcome(Protocol):
    """What becomes of a case. ``meet`` raises ``AssertionError`` where something else does."""

    def meet(self, house: House, place: Place) -> None: ...


Make = Callable[[Place], object]


@dataclass(frozen=True)
class Case:
    """``known`` says why the product does otherwise and cannot be mended; "" where it does not."""

    name: str
    make: Make
    becomes: Outcome
    known: str = ""


def graph(make: Callable[[], Model]) -> Make:
    """Of a model that needs to know nothing of its place."""
    return lambda place: place.save(make())


@dataclass(frozen=True)
class Refused:
    """It does not go live, and the operator is told these words; ``version`` is which."""

    told: tuple[str, ...]
    version: int = 1

    def meet(self, house: House, place: Place) -> None:
        loaded = house.load(place.name)
        assert loaded.status != 200, f"it was loaded: {house.described(place.name)}"
        state, told = house.status(place.name, self.version)
        assert state == "END", (state, told)
        _hold(told, self.told)
        assert len(told) < 6000, f"{len(told)} characters: {told[:300]}"


def refused(*told: str, version: int = 1) -> Refused:
    return Refused(told, version)


@dataclass(frozen=True)
class Served:
    """It goes live and answers each of ``answers``: what is sent, what comes.

    ``batched`` None is not asked; ``why`` is told as the reason why it is not, and ``falls`` as the
    reason why no faster engine serves it.
    """

    answers: tuple[tuple[Any, Any], ...] = (([1.0, 5.0], [2.0, 6.0]),)
    batched: bool | None = None
    engine: str = ""
    falls: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    version: int = 1
    dtype: Any = np.float32
    signature: str = "serving_default"
    refuses: tuple[Any, ...] = ()
    """Values that the model refuses, without harm to what follows."""
    refuses_last: tuple[Any, ...] = ()
    """Values after which it takes no more."""

    def meet(self, house: House, place: Place) -> None:
        loaded = house.load(place.name)
        assert loaded.status == 200, loaded.body
        described = house.described(place.name, self.version)
        if self.engine:
            assert described.engine == self.engine, described
        _hold(described.engine_reason, self.falls)
        if self.batched is not None:
            assert described.batched is self.batched, described
            assert not (self.batched and described.alone), described
            _hold(described.alone, self.why)
        for fed in self.refuses:
            house.refused(place.name, self._inputs(fed), self.signature)
        for fed, expected in self.answers:
            answer = house.ask(place.name, self._inputs(fed), self.signature)
            _equal(answer, expected)
        if self.answers:
            self._beside_each_other(house, place)
        for fed in self.refuses_last:
            house.refused(place.name, self._inputs(fed), self.signature)

    def _beside_each_other(self, house: House, place: Place) -> None:
        """Callers at the same time get what each got alone."""
        fed = [self._inputs(each) for each, _ in self.answers]
        together = house.ask_together(place.name, fed, self.signature)
        for answer, (_, expected) in zip(together, self.answers, strict=True):
            _equal(answer, expected)

    def _inputs(self, fed: Any) -> dict[str, Any]:
        if not isinstance(fed, dict):
            fed = {"x": fed}
        return {
            key: value if isinstance(value, np.ndarray) else np.array(value, self.dtype)
            for key, value in fed.items()
        }


def _equal(answer: dict[str, Any], expected: Any) -> None:
    if expected is None:
        return
    if not isinstance(expected, dict):
        expected = {"y": expected}
    for key, value in expected.items():
        wanted = np.asarray(value)
        if answer[key].dtype == object:
            assert answer[key].tolist() == wanted.astype(object).tolist()
        elif answer[key].dtype.kind in "iub":
            np.testing.assert_array_equal(answer[key], wanted)
        else:
            np.testing.assert_allclose(answer[key], wanted, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class Unknown:
    """It is no model and no version: nobody has heard of it."""

    def meet(self, house: House, place: Place) -> None:
        loaded = house.load(place.name)
        assert loaded.status != 200, loaded.body
        assert "received a name that it does not have" in loaded.body, loaded.body


@dataclass(frozen=True)
class NotPublished:
    """``publish`` refuses it in these words and leaves nothing behind."""

    told: tuple[str, ...]

    def meet(self, house: House, place: Place) -> None:
        answer = house.publish(place.folder)
        assert answer.refused, answer
        _hold(answer.refused, self.told)
        assert answer.left == [], answer


def not_published(*told: str) -> NotPublished:
    return NotPublished(told)


@dataclass(frozen=True)
class NotCompiled:
    """``publish`` takes it without a compiled form, for this reason."""

    told: tuple[str, ...]

    def meet(self, house: House, place: Place) -> None:
        answer = house.publish(place.folder)
        assert not answer.refused, answer
        assert answer.compiled.startswith("not compiled: "), answer
        _hold(answer.compiled, self.told)


def not_compiled(*told: str) -> NotCompiled:
    return NotCompiled(told)


@dataclass(frozen=True)
class Alike:
    """Published, compiled or not, it answers ``values`` as it did before."""

    values: tuple[Any, ...]
    dtype: Any = np.float32
    compiled: bool | None = None

    def meet(self, house: House, place: Place) -> None:
        answer = house.publish(place.folder)
        assert not answer.refused, answer
        if self.compiled is not None:
            assert answer.compiled.startswith("compiled to ONNX") is self.compiled, answer
        (house.published / "m" / "1").rename(place.model / "2")
        place.settings("[versions]\nall = true\n")
        loaded = house.load(place.name)
        assert loaded.status == 200, loaded.body
        for value in self.values:
            inputs = {"x": np.array(value, self.dtype)}
            before, after = (house.outcome(place.name, inputs, version) for version in (1, 2))
            if isinstance(before, HorngateError) or isinstance(after, HorngateError):
                assert type(before) is type(after), (value, before, after)
            else:
                _equal(after, before)


def _hold(text: str, told: Iterable[str]) -> None:
    for each in told:
        assert each in text, f"expected {each!r} in {text!r}"
