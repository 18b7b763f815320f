"""All models as requests see them: what is held, what is live, whether the server is ready.

Written by the loop alone, which replaces mappings whole and changes none that a reader may hold,
so that readers need no lock.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from horngate.errors import LabelNotFound, ModelNotFound, ModelNotReady, VersionNotFound
from horngate.lifecycle.model import Model
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.status import State, VersionStatus
from horngate.versions import VersionRef, parse_version


class Repository:
    """Thread-safe for readers. What changes it is the loop's, and stands at the end.

    ``others`` are models that could be served and were not asked for. A server that
    ``may_be_empty`` is ready without any model.
    """

    def __init__(self, *, may_be_empty: bool = False) -> None:
        self._may_be_empty = may_be_empty
        self._models: Mapping[str, Model] = {}
        self._settled = False
        self.others: frozenset[str] = frozenset()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._listeners_lock = threading.Lock()

    def find(self, model: str, version: VersionRef) -> ServedVersion:
        """The live version asked for, the newest where ``version`` is None.

        A label that nobody defined and that is a number means the version of that number.

        Raises:
            ModelNotFound: no such model.
            ModelNotReady: the model has no live version.
            VersionNotFound: the model has live versions and not this one.
            LabelNotFound: no live version has the label.
        """
        held = self._models.get(model)
        if held is None:
            raise ModelNotFound(
                f"expected one of the models of this server, received {model!r}; "
                "its models are listed on the HTTP port",
                model=model,
                version=_number(version),
            )
        number = version
        if isinstance(number, str):
            labelled = held.labelled.get(number)
            if labelled is not None:
                return labelled
            number = _numeric(held, number)
        found = held.newest if number is None else held.live.get(number)
        if found is not None:
            return found
        if number is None:
            raise ModelNotReady(
                f"model {model!r} has no live version: {_why_not_live(held)}", model=model
            )
        live = ", ".join(map(str, sorted(held.live))) or "none"
        raise VersionNotFound(
            f"expected a live version of model {model!r} ({live}), received {number}",
            model=model,
            version=number,
        )

    def models(self) -> list[str]:
        """The names of all models held, sorted."""
        return sorted(self._models)

    def knows(self, model: str) -> bool:
        """Whether the repository holds ``model``, live or not."""
        return model in self._models

    def folder(self, model: str) -> Path | None:
        """The folder of ``model``, as the last look found it; None where it did not."""
        held = self._models.get(model)
        return None if held is None or held.folder is None else held.folder.path

    def labels(self, model: str) -> dict[str, int]:
        """The labels in effect, each with the live version that it means."""
        held = self._models.get(model)
        return {label: version.number for label, version in held.labelled.items()} if held else {}

    def live_versions(self, model: str) -> tuple[int, ...]:
        """The numbers that take requests, ascending; empty for an unknown model."""
        held = self._models.get(model)
        return tuple(sorted(held.live)) if held else ()

    def statuses(self, model: str, version: VersionRef = None) -> list[VersionStatus]:
        """What is known of a model's versions, newest first.

        Raises:
            ModelNotFound, VersionNotFound, LabelNotFound: nothing is known of it.
        """
        held = self._models.get(model)
        if held is None:
            raise ModelNotFound(
                f"no model {model!r} is held", model=model, version=_number(version)
            )
        if isinstance(version, str):
            labelled = held.labelled.get(version)
            version = _numeric(held, version) if labelled is None else labelled.number
        statuses = [_as_of_now(held, status) for status in held.statuses]
        if version is None:
            return statuses
        found = [status for status in statuses if status.version == version]
        if not found:
            raise VersionNotFound(
                f"nothing is known of version {version} of model {model!r}",
                model=model,
                version=version,
            )
        return found

    def ready(self) -> bool:
        """Whether every model that was there at the start has a live version.

        False before the first look at the disk is done and where there is no live model at all. A
        model that was added later and does not load takes no server out of rotation.
        """
        models = self._models.values()
        return (
            self._settled
            and all(model.live for model in models if model.essential)
            and (self._may_be_empty or any(model.live for model in models))
        )

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback``, on the loop's thread, after every change; returns how to stop."""
        with self._listeners_lock:
            self._listeners = (*self._listeners, callback)

        def stop() -> None:
            with self._listeners_lock:
                # Equality, not identity: a bound method is a new object each time it is named.
                self._listeners = tuple(each for each in self._listeners if each != callback)

        return stop

    # The loop's, but for ``held`` and ``tell_change`` -------------------------------------------

    @property
    def settled(self) -> bool:
        """Whether the disk was looked at once and all that was there was loaded or has failed."""
        return self._settled

    def held(self) -> Mapping[str, Model]:
        """Every model by name."""
        return self._models

    def add(self, model: Model) -> None:
        """Hold one more model."""
        self._models = {**self._models, model.name: model}
        self.tell_change()

    def remove(self, name: str) -> None:
        """Hold a model no longer."""
        self._models = {key: value for key, value in self._models.items() if key != name}
        self.tell_change()

    def settle(self) -> None:
        """The first look is done: readiness may be concluded from what is live."""
        self._settled = True
        self.tell_change()

    def tell_change(self) -> None:
        """Call every listener: something that readers may ask for has changed."""
        for listener in self._listeners:
            listener()


def _number(version: VersionRef) -> int | None:
    return parse_version(version) if isinstance(version, str) else version


def _numeric(model: Model, label: str) -> int:
    """The version that a label nobody defined spells.

    Raises:
        LabelNotFound: it is no number, or is defined and its version not live.
    """
    number = parse_version(label)
    defined = model.settings is not None and label in model.settings.versions.labels
    if number is None or defined:
        known = ", ".join(sorted(model.labelled)) or "none"
        raise LabelNotFound(
            f"expected a label of a live version of model {model.name!r} ({known}), received "
            f"{label!r}; leave it out for the newest version",
            model=model.name,
            label=label,
        )
    return number


def _as_of_now(model: Model, status: VersionStatus) -> VersionStatus:
    """``status`` with what a live version has found out about its rows since it was loaded."""
    live = model.live.get(status.version)
    if live is None or live.rows_reason == status.rows_reason:
        return status
    return dataclasses.replace(status, rows_reason=live.rows_reason)


def _why_not_live(model: Model) -> str:
    for status in model.statuses:
        if status.state is State.LOADING:
            return f"version {status.version} is still loading; retry shortly"
        if status.error:
            return f"version {status.version} failed to load: {status.error}"
    return "its folder holds no version"
