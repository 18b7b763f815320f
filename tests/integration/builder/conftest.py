"""Models of every kind, each published once however many tests look at it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from horngate.builder.comparison import made_up_inputs
from horngate.builder.publish import Published, publish_keras
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.tensors import DEFAULT_SIGNATURE, Signature
from tests.integration.builder.models import CASES


class Kind:
    """A case, published, and what TensorFlow answers to inputs other than those of the goldens."""

    def __init__(self, name: str, folder: Callable[[str], Path]) -> None:
        self.case = CASES[name]
        self.model = self.case.model()
        self.published: Published = publish_keras(self.model, folder("kind"), "m")
        servable = SavedModelRuntime().load(self.published.folder)
        self.signatures = dict(servable.signatures)
        self.inputs = made_up_inputs(self.signature, seed=5)
        self.outputs = servable.run(DEFAULT_SIGNATURE, self.inputs)
        servable.close()

    @property
    def signature(self) -> Signature:
        return self.signatures[DEFAULT_SIGNATURE]


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Kind]:
    return functools.cache(lambda name: Kind(name, tmp_path_factory.mktemp))


@pytest.fixture(params=CASES)
def kind(request: pytest.FixtureRequest, kinds: Callable[[str], Kind]) -> Kind:
    return kinds(request.param)
