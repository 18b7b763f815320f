"""A version's compiled form: made, held against TensorFlow, and kept only where it is equal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from tensorflow.python.saved_model import loader_impl

from horngate.builder import convert
from horngate.builder.comparison import EDGES, edge_inputs, mismatch, moved, trial_inputs
from horngate.builder.equal_operations import made_with
from horngate.builder.lengths import largest_integers
from horngate.builder.staging import staging_folder
from horngate.builder.states import kept
from horngate.errors import HorngateError, InvalidRequest, LoadError, PublishError, in_full
from horngate.runtimes.contents import TAGS, sealed
from horngate.runtimes.onnx import OnnxServable
from horngate.runtimes.onnx_session import ELEMENTS
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Servable
from horngate.store import manifest
from horngate.store.compiled import (
    CompiledRecord,
    CompiledSignature,
    form_name,
    install,
    source_names,
)
from horngate.store.goldens import Golden, read_goldens, tolerances
from horngate.tensors import Array, Arrays, Signature

ROWS: Final = (1, 2, 7, 32)
"""The batches compared; a signature without a batch is compared as often."""

EDGE_ROWS: Final = (2, 1)
"""The same at the edges, each of which costs some runs more."""

LARGEST_FINITE: Final = 1e20
"""Below it, no sum of inputs is infinite; beyond, ``Form.apart`` is not compared."""

LONGEST_REASON: Final = 400
"""Characters; the converter may quote half a graph."""


class _Trial(NamedTuple):
    """Inputs that TensorFlow was asked with, and its answers; None where it refused the values.

    ``others`` are its answers to almost the same inputs, at an edge; None within the usual range.
    """

    inputs: Arrays
    answers: Arrays | None
    others: list[dict[str, Array]] | None = None


def compile_version(folder: Path, *, trust_operations: bool = False) -> CompiledRecord:
    """Compile every served signature of the version in ``folder``, and record what became of it.

    Either all signatures are compiled, each equal to TensorFlow's on its golden and on seeded
    inputs, or none and the record says why. An earlier compiled form is replaced.
    ``trust_operations`` is as ``SavedModelRuntime`` takes it.

    Raises:
        LoadError: TensorFlow cannot load the version, or a file differs from its checksum.
        PublishError: the folder cannot be written to.
    """
    hashes = manifest.Hashes(folder)
    manifest.verify_checksums(folder, hashes)
    goldens = read_goldens(folder)
    record = CompiledRecord(
        source={name: hashes(name) for name in source_names(folder)}, made_with=made_with()
    )
    try:
        with staging_folder(folder / manifest.FOLDER) as staging:
            staging.chmod(0o755)  # a server may run as somebody else
            try:
                record = replace(
                    record,
                    signatures=_compile(folder, hashes, staging, goldens, trust_operations),
                )
            except PublishError as error:
                record = replace(
                    record, refused=_in_one_line(str(error)), detail=_in_one_line(error.detail)
                )
            install(folder, staging, record)
    except OSError as error:
        raise PublishError(
            f"{folder}: expected a folder that can be written to: {error.strerror or error}"
        ) from error
    return record


def _in_one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_REASON else f"{words[:LONGEST_REASON]}…"


def _compile(
    folder: Path,
    files: manifest.Hashes,
    staging: Path,
    goldens: Mapping[str, Golden],
    trust_operations: bool,
) -> dict[str, CompiledSignature]:
    """The signatures' forms, written into ``staging``.

    Raises:
        LoadError: TensorFlow cannot load the version.
        PublishError: one of them cannot be compiled, or answers otherwise.
    """
    forms: dict[str, CompiledSignature] = {}
    tensorflow = SavedModelRuntime(trust_operations=trust_operations).load(folder, files=files)
    with contextlib.ExitStack() as stack:
        stack.callback(tensorflow.close)
        try:
            # As the converter may have it, which runs more of it than serving does.
            source = stack.enter_context(sealed(files, trust_operations=trust_operations))
        except LoadError as error:
            raise PublishError(str(error), detail=error.detail) from error
        meta_graph = _meta_graph(source)
        for name, signature in tensorflow.signatures.items():
            _check_dtypes(signature)
            state = kept(meta_graph, name)
            if state:
                raise PublishError(f"signature {name!r}: {state}")
            golden = goldens.get(name)
            trials = _trials(tensorflow, signature, golden)
            try:
                form = convert.convert(source, name)
            except PublishError as error:
                raise PublishError(f"signature {name!r}: {error}", detail=error.detail) from error
            if form.apart:
                trials = [each for trial in trials if (each := _finite(trial)) is not None]
            forms[name] = _held(staging, form.content, signature, trials)
    return forms


def _meta_graph(folder: Path) -> Any:
    """As the file has it: what is served of it."""
    known = loader_impl.parse_saved_model(str(folder)).meta_graphs
    return next(each for each in known if set(each.meta_info_def.tags) == TAGS)


def _check_dtypes(signature: Signature) -> None:
    for spec in [*signature.inputs.values(), *signature.outputs.values()]:
        if spec.dtype not in ELEMENTS:
            raise PublishError(
                f"signature {signature.name!r}: ONNX Runtime takes no {spec.dtype.value} from "
                f"Python, and {spec.name!r} is {spec}"
            )


def _trials(tensorflow: Servable, signature: Signature, golden: Golden | None) -> list[_Trial]:
    """What TensorFlow answers to each of the inputs.

    Raises:
        PublishError: it answers otherwise when asked again, or answers nothing at all.
    """
    trials: list[_Trial] = []
    for inputs in _inputs(signature, golden):
        try:
            answers = tensorflow.run(signature.name, inputs)
            again = tensorflow.run(signature.name, inputs)
        except InvalidRequest:
            trials.append(_Trial(inputs, None))
            continue
        except Exception:  # noqa: BLE001, S112 - what it cannot run proves nothing
            continue
        wrong = _golden(signature, inputs, answers).mismatch(again)
        if wrong:
            raise PublishError(
                f"signature {signature.name!r}: TensorFlow answers otherwise when it is asked "
                f"again, so that nothing can be compared: {wrong}"
            )
        trials.append(_Trial(inputs, answers))
    usual = next((trial.inputs for trial in trials if trial.answers is not None), {})
    largest = largest_integers(tensorflow, signature, usual)
    for rows in EDGE_ROWS if signature.batched else EDGE_ROWS[:1]:
        trials += (_edge(tensorflow, signature, edge, rows, largest) for edge in EDGES)
    if all(trial.answers is None for trial in trials):
        raise PublishError(
            f"signature {signature.name!r}: TensorFlow refuses every input that was tried, so that "
            "nothing can be compared"
        )
    return trials


def _finite(trial: _Trial) -> _Trial | None:
    """What is left of a trial for a form that answers otherwise where a value is not finite.

    At an edge a sum of large values may be one as well; None where nothing is left.
    """
    sizes = [
        np.abs(each.astype(np.float64)).max(initial=0.0)
        for each in trial.inputs.values()
        if each.dtype.kind == "f"
    ]
    return None if any(not size < LARGEST_FINITE for size in sizes) else trial


def _edge(
    tensorflow: Servable, signature: Signature, edge: str, rows: int, largest: Mapping[str, int]
) -> _Trial:
    """TensorFlow's answers at an edge, and to almost the same: moved a little, each row alone."""
    inputs = edge_inputs(signature, rows=rows, edge=edge, largest=largest)
    others: list[dict[str, Array]] = []
    try:
        answers = tensorflow.run(signature.name, inputs)
    except InvalidRequest:
        return _Trial(inputs, None)
    except Exception:  # noqa: BLE001 - what it cannot run proves nothing
        return _Trial({}, {})
    with contextlib.suppress(Exception):  # what it refuses of these says nothing of the others
        others += [tensorflow.run(signature.name, each) for each in moved(inputs)]
        if signature.batched and rows > 1:
            alone = [
                tensorflow.run(
                    signature.name, {key: each[i : i + 1] for key, each in inputs.items()}
                )
                for i in range(rows)
            ]
            joined = {name: np.concatenate([each[name] for each in alone]) for name in answers}
            if all(joined[name].shape == answers[name].shape for name in answers):
                others.append(joined)
    return _Trial(inputs, answers, others)


def _inputs(signature: Signature, golden: Golden | None) -> Iterator[Arrays]:
    if golden is not None:
        yield golden.inputs
    for seed, rows in enumerate(ROWS):
        known = golden.inputs if golden is not None else {}
        yield trial_inputs(signature, known, rows=rows, seed=seed)
        yield trial_inputs(signature, known, rows=rows, seed=seed, strange=True)


def _held(
    staging: Path, content: bytes, signature: Signature, trials: list[_Trial]
) -> CompiledSignature:
    """Write the form, and hold it against TensorFlow's answers.

    Raises:
        PublishError: it does not load, or answers otherwise.
    """
    file = staging / Path(form_name(signature.name)).name
    file.write_bytes(content)
    rtol, atol = tolerances(signature)
    form = CompiledSignature(
        signature=signature,
        file=str(file.relative_to(staging)),
        sha256=manifest.Hashes(staging)(file.name),
        rtol=rtol,
        atol=atol,
        largest_difference=0.0,
        rows=(),
    )
    try:
        servable = OnnxServable.of(staging, {signature.name: form})
    except HorngateError as error:
        raise PublishError(str(error), detail=error.detail) from error
    try:
        differences = [_difference(servable, signature, trial) for trial in trials]
    finally:
        servable.close()
    rows = {
        next(iter(trial.inputs.values())).shape[0]
        for trial in trials
        if signature.batched and trial.answers is not None and trial.inputs
    }
    return replace(
        form,
        file=form_name(signature.name),
        largest_difference=max(differences),
        rows=tuple(sorted(rows)),
    )


def _difference(servable: Servable, signature: Signature, trial: _Trial) -> float:
    """How far the answers are from TensorFlow's.

    Raises:
        PublishError: too far, or one of the two takes what the other refuses.
    """
    where = f"signature {signature.name!r}"
    if not trial.inputs and signature.inputs:
        return 0.0
    try:
        received = servable.run(signature.name, trial.inputs)
    except Exception as error:
        if trial.answers is None:
            return 0.0
        raise PublishError(
            f"{where}: ONNX Runtime fails on inputs that TensorFlow takes", detail=in_full(error)
        ) from error
    if trial.answers is None:
        raise PublishError(f"{where}: ONNX Runtime takes values that TensorFlow refuses")
    if trial.others is not None:
        rtol, atol = tolerances(signature)
        wrong = mismatch(trial.answers, trial.others, received, rtol=rtol, atol=atol)
    else:
        wrong = _golden(signature, trial.inputs, trial.answers).mismatch(received)
    if wrong:
        raise PublishError(f"{where}: answers otherwise than TensorFlow: {wrong}")
    if trial.others is not None:
        return 0.0  # of values of any size, which would tell nothing
    return max(
        (_largest(trial.answers[name], received[name]) for name in trial.answers), default=0.0
    )


def _largest(expected: Array, received: Array) -> float:
    if expected.dtype.kind != "f" or not expected.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        difference = np.abs(expected.astype(np.float64) - received.astype(np.float64))
    return float(np.nan_to_num(difference, nan=0.0).max())


def _golden(signature: Signature, inputs: Arrays, answers: Arrays) -> Golden:
    rtol, atol = tolerances(signature)
    return Golden(inputs, answers, rtol=rtol, atol=atol)
