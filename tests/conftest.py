"""Fixtures that start a server; nothing here imports TensorFlow until a test asks for one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.serving import RunningServer

if TYPE_CHECKING:
    import keras

# Read as TensorFlow is imported: a test log has no use for notices about the processor.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Whatever a test imports, and whatever it starts, calls nobody.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


class Served(NamedTuple):
    """A repository of small models, and the Keras models that were published into it."""

    repository: Path
    keras_models: dict[str, keras.Model]


class Said(NamedTuple):
    """What a command ended with and wrote."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def horngate(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``horngate`` with these arguments, in this process."""
    from horngate.cli.main import main  # noqa: PLC0415 - of few tests only

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        return Said(main([str(each) for each in arguments]), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Published once; a test that changes a repository makes its own."""
    from tests.small_models import publish_small_models  # noqa: PLC0415 - imports TensorFlow

    repository = tmp_path_factory.mktemp("models")
    return Served(repository, publish_small_models(repository))


@pytest.fixture(scope="session")
def quick_models(small_models: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of them, which are served without TensorFlow: a server is ready at once."""
    repository = tmp_path_factory.mktemp("quick")
    for name in ("constant", "two_inputs"):
        shutil.copytree(small_models.repository / name, repository / name)
    return repository


@pytest.fixture(scope="session")
def adders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of versions 1 to 4 of a model, each of which adds its number: to be copied."""
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    models = tmp_path_factory.mktemp("adders")
    for number in range(1, 5):
        publish_keras(constant(number), models, "adder")
    return models / "adder"


@pytest.fixture(scope="session")
def server(small_models: Served) -> Iterator[RunningServer]:
    """Serves ``small_models`` to every test that only asks."""
    with RunningServer(small_models.repository) as running:
        yield running


@pytest.fixture(scope="session")
def sharing(quick_models: Path) -> Iterator[RunningServer]:
    """Serves ``quick_models``, with shared memory allowed."""
    flags = ("--allow-shared-memory", "--allow-control")
    with RunningServer(quick_models, *flags) as running:
        yield running
