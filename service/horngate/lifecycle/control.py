"""Changing what is served while it is: what clients may order, and where they may not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from horngate.answer import Answer
from horngate.errors import LoadError, ModelNotFound, NotAllowed
from horngate.lifecycle.loop import ReconcileLoop
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.source import Listed, Listings, OnRequest, Source
from horngate.lifecycle.status import State, VersionStatus


class Known(NamedTuple):
    """A model that is or could be served; ``status`` None where none of its versions was tried."""

    model: str
    status: VersionStatus | None


class Control:
    """Thread-safe. What is asked for is done on the loop's thread and answered when it is done."""

    def __init__(self, loop: ReconcileLoop, repository: Repository, source: Source) -> None:
        self._loop = loop
        self._repository = repository
        self._source = source

    def load(self, model: str) -> Answer[None]:
        """Serve ``model``; one that is served already is looked at again, for a new version say.

        Raises:
            NotAllowed: the server serves all of its folder, or a list.

        The answer raises:
            LoadError: the repository has no such folder, or no version of it could be loaded, with
                the reason.
        """
        source = self._on_request()

        def change() -> Iterable[str]:
            source.ask_for(model)
            return (model,)

        def check() -> None:
            if not self._repository.knows(model):
                source.dismiss(model)
                raise LoadError(
                    f"failed to load {model!r}: expected a model of the repository, received a "
                    "name that it does not have"
                )
            self._check_live(model)

        return self._loop.command(change, check)

    def unload(self, model: str) -> Answer[None]:
        """Serve ``model`` no longer, if it was; accepted requests finish.

        Raises:
            NotAllowed: the server serves all of its folder, or a list.
        """
        source = self._on_request()

        def change() -> Iterable[str]:
            source.dismiss(model)
            return ()

        return self._loop.command(change, lambda: None)

    def replace(self, listings: Listings) -> Answer[None]:
        """Serve ``listings`` and nothing else.

        Raises:
            NotAllowed: the server was not started with a list.

        The answer raises:
            ConfigError: a name that no model can have; nothing was changed.
            LoadError: a model of which no version could be loaded, or a label whose version is not
                live. The rest is served all the same, and a mended version is taken up.
        """
        source = self._source
        if not isinstance(source, Listed):
            raise NotAllowed(
                "this server serves the models of one folder; start it with --model-config-file "
                "or --model-base-path to change the list of its models"
            )

        def change() -> Iterable[str]:
            source.replace(listings)
            return listings

        def check() -> None:
            for model, listing in listings.items():
                self._check_live(model)
                labels = self._repository.labels(model)
                wanted = {} if listing.versions is None else listing.versions.labels
                for label, number in wanted.items():
                    if labels.get(label) != number:
                        raise LoadError(
                            f"label {label!r} of model {model!r}: expected a live version, "
                            f"received {number}; the label moves there once it is live"
                        )

        return self._loop.command(change, check)

    def index(self) -> list[Known]:
        """Every version that is known of every model, and the models that were not asked for."""
        known: list[Known] = [Known(name, None) for name in self._repository.others]
        for model in self._repository.models():
            try:
                statuses = self._repository.statuses(model)
            except ModelNotFound:
                continue  # it left between the two questions
            known += [Known(model, status) for status in statuses] or [Known(model, None)]
        return sorted(known, key=lambda each: each.model)

    def _on_request(self) -> OnRequest:
        if not isinstance(self._source, OnRequest):
            raise NotAllowed(
                "this server decides by itself which models are loaded; start it with "
                "--model-control-mode explicit to load and unload them on request"
            )
        return self._source

    def _check_live(self, model: str) -> None:
        if self._repository.live_versions(model):
            return
        statuses = self._repository.statuses(model) if self._repository.knows(model) else []
        errors = [
            f"version {status.version}: {status.error}"
            for status in statuses
            if status.state is State.END and status.error
        ]
        reason = "; ".join(errors) or "its folder holds no version that can be read"
        raise LoadError(f"failed to load {model!r}: {reason}")
