"""The one way by which a version comes into a repository.

It is written into a staging folder beside the versions, checked there, and renamed into place: a
server sees either the whole version or nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from horngate import __version__
from horngate.builder.answers import check_answers
from horngate.builder.backend import publish_on_tensorflow
from horngate.builder.comparison import made_up_inputs
from horngate.builder.compile import compile_version
from horngate.builder.export import NamedModel
from horngate.builder.meaning import Labels, Meaning, Pixels, annotate
from horngate.builder.measure import measure_version
from horngate.builder.staging import staging_folder, sync
from horngate.errors import HorngateError, LoadError, PublishError
from horngate.protocols.tfserving import warmup
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Servable
from horngate.sizes import GOLDEN
from horngate.store import manifest
from horngate.store.annotations import read_annotations, write_annotations
from horngate.store.compiled import CompiledRecord
from horngate.store.files import VersionFiles
from horngate.store.goldens import Golden, write_golden
from horngate.store.layout import check_model_name, check_version_is_free, next_version
from horngate.tensors import DEFAULT_SIGNATURE, Arrays

RECORDED: Final = GOLDEN // 2
"""Bytes of the goldens of a version: less than a server takes, which counts their files too."""


class Tell(Protocol):
    """Told of each stage as it begins, and again with the share of it that is done, 0 to 1."""

    def __call__(self, stage: str, share: float | None = None, note: str = "") -> None: ...


def tell_nobody(stage: str, share: float | None = None, note: str = "") -> None:
    """A ``Tell`` where nobody wants to know."""


@dataclass(frozen=True)
class Published:
    """Where the version went, and what became of compiling it; None where that was left out.

    ``alone`` says by name why signatures will run request by request, though they could share runs
    by their shapes. ``notes`` tell what its pictures are taken to be.
    """

    model: str
    version: int
    folder: Path
    compiled: CompiledRecord | None = None
    alone: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def publish_keras(
    model: keras.Model,
    repository: Path,
    name: str,
    *,
    version: int | None = None,
    inputs: Arrays | None = None,
    provenance: Mapping[str, Any] | None = None,
    compiled: bool = True,
    trust_operations: bool = False,
    image_input: str | None = None,
    pixels: Pixels | None = None,
    labels: Labels | None = None,
    imports: Sequence[str] = (),
    tell: Tell = tell_nobody,
) -> Published:
    """Publish a trained Keras model, on whichever backend it was trained.

    Args:
        model: any model with known inputs: Sequential, functional, or a class of one's own that was
            called once, whose inputs are named as those of its ``call``.
        repository: the models folder.
        name: the model's name there.
        version: a number not taken yet; None for one more than the highest.
        inputs: what its goldens are made of, by input name; made up where None. They also say of
            which dtypes the inputs of a class of one's own are, else float32.
        provenance: added to what is recorded of every version.
        compiled: whether to compile it as well. A model that cannot be compiled is published all
            the same.
        trust_operations: whether it may read or write files, run Python or reach the network.
        image_input: the input that is a picture; None for each that is of the shape of one.
        pixels: what black and white are in it, (0, 255) say; None for what the model's first layer
            tells, else (0, 1).
        labels: what the classes of an output are called, in order; by its name where there are
            several.
        imports: files or modules that define the model's own layers. Only asked for where Keras
            runs on another backend than TensorFlow here, so that another process has to load it.
        tell: told of each stage.

    Raises:
        PublishError: it cannot be exported, or its SavedModel answers otherwise than Keras does.
            Nothing is left behind.
    """
    if keras.backend.backend() != "tensorflow":
        given = {each: np.asarray(value) for each, value in (inputs or {}).items()}
        asked = {"repository": repository, "name": name, "version": version, "inputs": given}
        asked |= {"provenance": provenance, "compiled": compiled}
        asked |= {"trust_operations": trust_operations, "image_input": image_input}
        asked |= {"pixels": pixels, "labels": labels}
        tell("publishing on TensorFlow, in another process")
        return publish_on_tensorflow(model, imports, asked)
    named = NamedModel(model, inputs)

    def check(servable: Servable) -> dict[str, Golden]:
        signature = servable.signatures[DEFAULT_SIGNATURE]
        fed = dict(inputs or made_up_inputs(signature))
        if fed.keys() != signature.inputs.keys():
            raise PublishError(
                f"inputs: expected {', '.join(sorted(signature.inputs))}, received "
                f"{', '.join(sorted(fed))}"
            )
        answers = named({key: tf.constant(value) for key, value in fed.items()})
        expected = {key: np.asarray(value) for key, value in answers.items()}
        golden = Golden(fed, expected)
        wrong = golden.mismatch(servable.run(DEFAULT_SIGNATURE, fed))
        if wrong:
            raise PublishError(f"the SavedModel answers otherwise than Keras does: {wrong}")
        return {DEFAULT_SIGNATURE: golden}

    made_by = {"keras": keras.__version__, "class": type(model).__name__, **(provenance or {})}
    meaning = Meaning(image_input, pixels, labels).of(named)
    making = _Making(named.export, check, made_by, compiled, trust_operations, meaning, tell)
    return _publish(repository, name, version, making)


def publish_saved_model(
    source: Path,
    repository: Path,
    name: str,
    *,
    version: int | None = None,
    compiled: bool = True,
    trust_operations: bool = False,
    image_input: str | None = None,
    pixels: Pixels | None = None,
    labels: Labels | None = None,
    tell: Tell = tell_nobody,
) -> Published:
    """Publish a SavedModel that somebody else exported, as it is.

    Its goldens are its own answers to made-up inputs; a signature that refuses those, or answers
    otherwise when asked again, gets none. ``trust_operations`` and ``tell`` as for
    ``publish_keras``.

    Raises:
        PublishError: ``source`` is no SavedModel that loads, or none of its signatures can answer
            anything. Nothing is left behind.
    """
    # The folder may be named by a link; what is in it may be none.
    files = VersionFiles(source.resolve())
    names = _names(source, files)

    def write(folder: Path) -> None:
        for each in names:
            target = folder / each
            # What another server left under assets.extra/horngate is not about this copy.
            if manifest.FOLDER in Path(each).parents:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            files.copy(each, target)
            target.chmod(0o644)  # a server may run as somebody else

    def check(servable: Servable) -> dict[str, Golden]:
        goldens: dict[str, Golden] = {}
        for key, signature in servable.signatures.items():
            fed = made_up_inputs(signature)
            with contextlib.suppress(Exception):  # a model may refuse made-up inputs in any way
                golden = Golden(fed, servable.run(key, fed))
                if golden.mismatch(servable.run(key, fed)) is None:
                    goldens[key] = golden
        if not goldens:
            check_answers(servable)
        return goldens

    meaning = Meaning(image_input, pixels, labels)
    made_by = {"source": source.name}
    making = _Making(write, check, made_by, compiled, trust_operations, meaning, tell)
    return _publish(repository, name, version, making)


def _names(source: Path, files: VersionFiles) -> list[str]:
    """What ``source`` consists of.

    Raises:
        PublishError: it is no SavedModel, or holds what is no regular file.
    """
    try:
        names = files.names()
    except LoadError as error:
        raise PublishError(f"{source}: {error}; `cp -rL` makes a copy without links") from error
    if "saved_model.pb" not in names:
        raise PublishError(
            f"{source}: expected a SavedModel, a folder with saved_model.pb in it, or a .keras file"
        )
    return names


class _Making(NamedTuple):
    """How a version is made: its SavedModel, its goldens, what its tensors mean.

    The rest is as for ``publish_keras``.
    """

    write: Callable[[Path], None]
    check: Callable[[Servable], dict[str, Golden]]
    provenance: Mapping[str, Any]
    compiled: bool
    trust_operations: bool
    meaning: Meaning
    tell: Tell


def _publish(repository: Path, name: str, version: int | None, making: _Making) -> Published:
    model_folder = repository / check_model_name(name)
    with _told(name, model_folder):
        check_version_is_free(model_folder, version)
        with staging_folder(model_folder) as staging:
            filled = _fill(staging, name, making)
            # It is made for its owner alone; a server may run as somebody else.
            staging.chmod(0o755)
            _sync(staging)
            published = _move_into_place(staging, model_folder, name, version)
        sync(model_folder)
        return replace(published, compiled=filled.compiled, alone=filled.alone, notes=filled.notes)


@contextlib.contextmanager
def _told(name: str, model_folder: Path) -> Iterator[None]:
    """Have whatever goes wrong raised as ``PublishError``."""
    try:
        yield
    except LoadError as error:
        raise PublishError(
            f"{name}: not published: expected a SavedModel that loads; {error}"
        ) from error
    except HorngateError:
        raise
    except OSError as error:
        raise PublishError(
            f"{name}: not published: expected {model_folder} with room and the right to write "
            f"there, received: {error.strerror or error}; nothing is left behind"
        ) from error
    except Exception as error:
        raise PublishError(
            f"{name}: could not be exported: {type(error).__name__}: {error}"
        ) from error


class _Filled(NamedTuple):
    """What ``Published`` tells of a version but its name."""

    compiled: CompiledRecord | None
    alone: Mapping[str, str]
    notes: tuple[str, ...]


def _fill(staging: Path, name: str, making: _Making) -> _Filled:
    """Write a whole version into ``staging``."""
    write, check, provenance, compiled, trust_operations, meaning, tell = making
    tell("writing the SavedModel")
    write(staging)
    tell("checking its answers")
    servable = SavedModelRuntime(trust_operations=trust_operations).load(staging)
    try:
        annotated = annotate(servable.signatures, meaning)
        goldens = _recordable(check(servable))
    finally:
        servable.close()
    write_annotations(staging, annotated.signatures.values())
    read_annotations(staging, annotated.signatures)
    for signature, golden in goldens.items():
        write_golden(staging, signature, golden)
    if goldens and not (staging / warmup.FILE).exists():
        fed = {signature: golden.inputs for signature, golden in goldens.items()}
        warmup.write_warm_up(staging, name, fed)
    manifest.write_provenance(
        staging, {"horngate": __version__, "tensorflow": tf.__version__, **provenance}
    )
    tell("compiling" if compiled else "measuring")
    record = compile_version(staging, trust_operations=trust_operations) if compiled else None
    tell("measuring")
    measured = measure_version(staging, record, trust_operations=trust_operations)
    manifest.write_checksums(staging)
    return _Filled(record, measured.alone, annotated.notes)


def _recordable(goldens: dict[str, Golden]) -> dict[str, Golden]:
    """Those that a server will read: all together take no more than it allows for."""
    kept: dict[str, Golden] = {}
    room = RECORDED
    for signature, golden in goldens.items():
        if golden.taken <= room:
            room -= golden.taken
            kept[signature] = golden
    return kept


def _move_into_place(
    staging: Path, model_folder: Path, name: str, version: int | None
) -> Published:
    """Rename ``staging`` to its number; where another publisher took that first, to the next."""
    while True:
        number = version or next_version(model_folder)
        target = model_folder / str(number)
        try:
            # Onto an existing version this fails, because that is a folder with files in it.
            staging.rename(target)
        except OSError as error:
            if not target.is_dir():
                raise
            if version is not None:
                raise PublishError(
                    f"version {version} of {name!r} was published by somebody else meanwhile"
                ) from error
            continue
        return Published(name, number, target)


def _sync(folder: Path) -> None:
    """Have every byte on disk before the name that promises it is."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)
