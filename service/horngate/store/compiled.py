"""What the compiler made of a version: the record, and whether it fits the folder as it is.

    compiled.json            one ``CompiledRecord``
    compiled/NAME.onnx       the compiled form of the signature NAME, quoted as in a URL

Both lie under ``assets.extra/horngate/``. The record says which files it was made from, so that a
form is never used for a model that has changed since. This module knows neither TensorFlow nor
ONNX: ``builder/compile.py`` makes the forms, ``runtimes/onnx.py`` runs them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from horngate.errors import LoadError, in_full
from horngate.servable import Files
from horngate.sizes import FORM
from horngate.store import manifest
from horngate.tensors import DType, Signature, TensorSpec

RECORD: Final = manifest.FOLDER / "compiled.json"
FORMS: Final = manifest.FORMS

EDITION: Final = "5f68f3d74491"
"""Of the table of equal operations that this release compiles by (``builder/equal_operations``):
forms made by another are not used, because what was taken for equal may have turned out not to be.
It stands here because a server reads it without the builder; a test holds it against the table."""


@dataclass(frozen=True)
class CompiledSignature:
    """One signature's compiled form.

    Attributes:
        signature: as TensorFlow serves it.
        file: the form's name within the version.
        sha256: of that file.
        rtol: see ``atol``.
        atol: a float output may differ as ``Golden`` has it.
        largest_difference: the largest that was seen, in absolute terms.
        rows: the batch sizes compared, ascending; empty for a signature that takes no batches.
    """

    signature: Signature
    file: str
    sha256: str
    rtol: float
    atol: float
    largest_difference: float
    rows: tuple[int, ...]


@dataclass(frozen=True)
class CompiledRecord:
    """What became of compiling a version.

    Attributes:
        source: the SHA-256 of every file of the SavedModel itself, by name.
        made_with: versions of the tools by name, and the ``opset``.
        signatures: every served signature; none where the model was refused.
        refused: why there is no compiled form; "" where there is one.
        detail: what the tools said to that, for operators alone.
        edition: of the table that it was compiled by; "" for those from before there was one.
    """

    source: Mapping[str, str]
    made_with: Mapping[str, str]
    signatures: Mapping[str, CompiledSignature] = field(default_factory=dict)
    refused: str = ""
    edition: str = EDITION
    detail: str = ""

    @property
    def largest_difference(self) -> float:
        """The largest of all signatures."""
        return max((form.largest_difference for form in self.signatures.values()), default=0.0)

    def __str__(self) -> str:
        if self.refused:
            told = f" [{self.detail}]" if self.detail else ""
            return f"not compiled: {self.refused}; TensorFlow will serve it{told}"
        return f"compiled to ONNX, largest difference {self.largest_difference:.2g}"


def form_name(signature: str) -> str:
    """The name within the version of a signature's form."""
    return str(FORMS / f"{quote(signature, safe='')}.onnx")


def source_names(version: Path) -> list[str]:
    """Every file of the SavedModel itself: all but what lies under ``assets.extra/``."""
    extra = manifest.FOLDER.parts[0]
    return [name for name in manifest.file_names(version) if Path(name).parts[0] != extra]


def read_compiled(version: Path, files: Files | None = None) -> CompiledRecord | None:
    """The record; None where the version was never compiled.

    Args:
        version: its folder.
        files: reads it, and holds it against its checksum; None for any content.

    Raises:
        LoadError: it is there and cannot be read.
    """
    document = manifest.read_json(version / RECORD, files)
    if document is None:
        return None
    try:
        return CompiledRecord(
            source=dict(document["source"]),
            made_with=dict(document["made_with"]),
            signatures={
                name: _read_signature(name, entry) for name, entry in document["signatures"].items()
            },
            refused=str(document["refused"]),
            edition=str(document.get("edition", "")),
            detail=str(document.get("detail", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadError(
            f"{RECORD.name} cannot be read; run `horngate compile`", detail=in_full(error)
        ) from error


def write_compiled(version: Path, record: CompiledRecord) -> None:
    """Write ``record``, replacing the one that is there whole."""
    content = {
        "source": dict(record.source),
        "made_with": dict(record.made_with),
        "edition": record.edition,
        "refused": record.refused,
        "detail": record.detail,
        "signatures": {name: _document(form) for name, form in record.signatures.items()},
    }
    manifest.write_json(version / RECORD, content)


def unusable(
    version: Path,
    record: CompiledRecord,
    files: Files | None = None,
    *,
    leave_forms: bool = False,
) -> str | None:
    """Why ``record`` cannot be used for the folder as it is, in words; None where it can.

    Args:
        version: the folder.
        record: what ``read_compiled`` read there.
        files: shared with another check of the same files, so that each is read once.
        leave_forms: whether the content of the forms is left to ``read_form``.

    Raises:
        LoadError: a file is no regular file.
    """
    files = files or manifest.Hashes(version)
    fault = next(_faults(version, record, files, leave_forms=leave_forms), None)
    return f"{fault}; run `horngate compile`" if fault and not record.refused else fault


def read_form(form: CompiledSignature, files: Files) -> bytes:
    """The form as it was compiled.

    Raises:
        LoadError: it cannot be read, or is another.
    """
    content = files.read(form.file, FORM)
    if files(form.file) != form.sha256:
        raise LoadError(f"{form.file} differs from its checksum; run `horngate compile`")
    return content


def _faults(
    version: Path, record: CompiledRecord, files: Files, *, leave_forms: bool
) -> Iterator[str]:
    if record.refused:
        yield f"not compiled: {record.refused}"
    if not record.signatures:
        yield f"{RECORD.name} lists no signature"
    yield from _outdated(record)
    found = set(source_names(version))
    for name in sorted(found | record.source.keys()):
        if name not in record.source:
            yield f"{name} has come since the model was compiled"
        elif name not in found:
            yield f"{name}, which the model was compiled from, is missing"
        elif files(name) != record.source[name]:
            yield f"{name} has changed since the model was compiled"
    for form in record.signatures.values():
        if not files.exists(form.file):
            yield f"{form.file} is missing"
        elif not leave_forms and files(form.file) != form.sha256:
            yield f"{form.file} differs from its checksum"


def _outdated(record: CompiledRecord) -> Iterator[str]:
    if record.edition != EDITION:
        yield (
            f"it was compiled by the edition {record.edition or 'none'} of what is known to be "
            f"equal, and this release goes by {EDITION}"
        )


def install(version: Path, staging: Path, record: CompiledRecord) -> None:
    """Put ``record`` and the forms in the folder ``staging`` in the place of those that are there.

    At no instant is a recorded checksum wrong (``manifest.changing``), or a record beside forms
    that are not its own.

    Args:
        version: the folder of the version.
        staging: a folder beside the record, with each form under its last name; it is used up
            where the record has signatures.
        record: of these forms.
    """
    with manifest.changing(version, _ours):
        (version / RECORD).unlink(missing_ok=True)
        if (version / FORMS).exists():
            shutil.rmtree(version / FORMS)
        if record.signatures:
            staging.rename(version / FORMS)
        write_compiled(version, record)


def _ours(name: str) -> bool:
    path = Path(name)
    return path == RECORD or FORMS in path.parents


def _document(form: CompiledSignature) -> dict[str, Any]:
    return {
        "file": form.file,
        "sha256": form.sha256,
        "method": form.signature.method,
        "inputs": [_tensor(spec) for spec in form.signature.inputs.values()],
        "outputs": [_tensor(spec) for spec in form.signature.outputs.values()],
        "rtol": form.rtol,
        "atol": form.atol,
        "largest_difference": form.largest_difference,
        "rows": list(form.rows),
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    told = {"name": spec.name, "dtype": spec.dtype.value, "shape": list(spec.shape)}
    return told | ({"tensor": spec.tensor} if spec.tensor else {})


def _read_signature(name: str, entry: Mapping[str, Any]) -> CompiledSignature:
    signature = Signature(
        name,
        inputs=_read_tensors(entry["inputs"]),
        outputs=_read_tensors(entry["outputs"]),
        method=str(entry["method"]),
    )
    if entry["file"] != form_name(name):
        raise ValueError(f"expected the file {form_name(name)}, received {entry['file']}")
    return CompiledSignature(
        signature=signature,
        file=form_name(name),
        sha256=str(entry["sha256"]),
        rtol=float(entry["rtol"]),
        atol=float(entry["atol"]),
        largest_difference=float(entry["largest_difference"]),
        rows=tuple(int(rows) for rows in entry["rows"]),
    )


def _read_tensors(entries: list[Mapping[str, Any]]) -> dict[str, TensorSpec]:
    specs = [
        TensorSpec(
            str(entry["name"]),
            DType(entry["dtype"]),
            tuple(None if size is None else int(size) for size in entry["shape"]),
            tensor=str(entry.get("tensor", "")),
        )
        for entry in entries
    ]
    return {spec.name: spec for spec in specs}
