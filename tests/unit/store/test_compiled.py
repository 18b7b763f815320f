from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from horngate.errors import LoadError
from horngate.store.compiled import (
    EDITION,
    FORMS,
    RECORD,
    CompiledRecord,
    CompiledSignature,
    form_name,
    install,
    read_compiled,
    source_names,
    unusable,
    write_compiled,
)
from horngate.store.layout import STAGING_PREFIX
from horngate.store.manifest import (
    CHECKSUMS,
    FOLDER,
    Hashes,
    read_checksums,
    verify_checksums,
    write_checksums,
)
from horngate.tensors import DType, Signature, TensorSpec

NAME = "a/b c"
SIGNATURE = Signature(
    NAME,
    inputs={
        "z": TensorSpec("z", DType.FLOAT32, (None, 4, None)),
        "a": TensorSpec("a", DType.STRING, (None,)),
    },
    outputs={"größe": TensorSpec("größe", DType.INT64, ())},
    method="tensorflow/serving/classify",
)


def staged(version: Path, content: bytes) -> Path:
    staging = version / FOLDER / f"{STAGING_PREFIX}x"
    staging.mkdir(parents=True)
    (staging / Path(form_name(NAME)).name).write_bytes(content)
    return staging


def record_of(version: Path, staging: Path) -> CompiledRecord:
    hashes = Hashes(version)
    form = CompiledSignature(
        signature=SIGNATURE,
        file=form_name(NAME),
        sha256=Hashes(staging)(Path(form_name(NAME)).name),
        rtol=1e-4,
        atol=1e-5,
        largest_difference=2.5e-7,
        rows=(1, 2, 7),
    )
    return CompiledRecord(
        source={name: hashes(name) for name in source_names(version)},
        made_with={"tf2onnx": "1.17.0", "opset": "18"},
        signatures={NAME: form},
    )


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "variables.index").write_bytes(b"weights")
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "of_others").write_bytes(b"theirs")
    return tmp_path


@pytest.fixture
def compiled(version: Path) -> Path:
    write_checksums(version)
    staging = staged(version, b"form")
    install(version, staging, record_of(version, staging))
    return version


def test_a_record_is_read_back_as_it_was_written(version: Path) -> None:
    assert read_compiled(version) is None
    record = record_of(version, staged(version, b"form"))
    write_compiled(version, record)
    read = read_compiled(version)
    assert read == record
    assert list(read.signatures[NAME].signature.inputs) == ["z", "a"]


def test_the_source_is_the_saved_model_and_nothing_else(compiled: Path) -> None:
    assert source_names(compiled) == ["saved_model.pb", "variables/variables.index"]


def test_a_form_lies_under_its_signatures_quoted_name(compiled: Path) -> None:
    assert [path.name for path in (compiled / FORMS).iterdir()] == ["a%2Fb%20c.onnx"]
    assert not list(compiled.rglob(f"{STAGING_PREFIX}*"))


def of(version: Path) -> str | None:
    record = read_compiled(version)
    assert record is not None
    return unusable(version, record)


def test_what_fits_the_folder_is_usable(compiled: Path) -> None:
    assert of(compiled) is None
    (compiled / "assets.extra" / "of_others").write_bytes(b"changed")
    assert of(compiled) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda version: (version / "saved_model.pb").write_bytes(b"other"),
            "saved_model.pb has changed since the model was compiled; run `horngate compile`",
        ),
        (
            lambda version: (version / "variables" / "variables.index").unlink(),
            "variables/variables.index, which the model was compiled from, is missing",
        ),
        (
            lambda version: (version / "assets.txt").touch(),
            "assets.txt has come since the model was compiled",
        ),
        (
            lambda version: (version / form_name(NAME)).write_bytes(b"from"),
            "a%2Fb%20c.onnx differs from its checksum; run `horngate compile`",
        ),
        (lambda version: (version / form_name(NAME)).unlink(), "a%2Fb%20c.onnx is missing; run"),
    ],
)
def test_what_does_not_fit_says_why(
    compiled: Path, change: Callable[[Path], object], sentence: str
) -> None:
    change(compiled)
    wrong = of(compiled)
    assert wrong is not None
    assert sentence in wrong


def test_a_refusal_is_no_form_and_says_why(version: Path) -> None:
    record = CompiledRecord({}, {}, refused="tf2onnx cannot convert it", detail="at /home/me/m")
    write_compiled(version, record)
    assert read_compiled(version) == record
    assert unusable(version, record) == "not compiled: tf2onnx cannot convert it"
    assert str(record).endswith("cannot convert it; TensorFlow will serve it [at /home/me/m]")


@pytest.mark.parametrize("edition", ["", "0123456789ab"])
def test_a_form_of_another_edition_is_not_used(compiled: Path, edition: str) -> None:
    record = read_compiled(compiled)
    assert record is not None
    assert record.edition == EDITION
    write_compiled(compiled, replace(record, edition=edition))
    wrong = of(compiled)
    assert wrong is not None
    assert f"compiled by the edition {edition or 'none'} of what is known to be equal" in wrong
    assert wrong.endswith("run `horngate compile`")


def test_a_record_from_before_there_were_editions_is_of_none(compiled: Path) -> None:
    file = compiled / FOLDER / "compiled.json"
    document = json.loads(file.read_text())
    del document["edition"]
    file.write_text(json.dumps(document))
    record = read_compiled(compiled)
    assert record is not None
    assert record.edition == ""
    assert unusable(compiled, record) is not None


def test_a_record_without_signatures_is_no_form(version: Path) -> None:
    assert unusable(version, CompiledRecord({}, {})) == (
        "compiled.json lists no signature; run `horngate compile`"
    )


def test_two_checks_read_each_file_once(compiled: Path) -> None:
    hashes, record = Hashes(compiled), read_compiled(compiled)
    assert verify_checksums(compiled, hashes)
    (compiled / "saved_model.pb").write_bytes(b"changed after it was read")
    assert record is not None
    assert unusable(compiled, record, hashes) is None


def test_checksums_learn_the_new_files_and_keep_what_they_said_of_others(version: Path) -> None:
    write_checksums(version)
    before = read_checksums(version)
    (version / "saved_model.pb").write_bytes(b"damaged")
    staging = staged(version, b"form")
    install(version, staging, record_of(version, staging))
    after = read_checksums(version)
    assert before is not None
    assert after is not None
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {str(RECORD), form_name(NAME)}
    with pytest.raises(LoadError, match=r"saved_model\.pb differs"):
        verify_checksums(version)


def test_a_version_without_checksums_stays_without(version: Path) -> None:
    staging = staged(version, b"form")
    install(version, staging, record_of(version, staging))
    assert not (version / CHECKSUMS).exists()
    assert of(version) is None


def test_an_earlier_form_gives_way_even_to_a_refusal(compiled: Path) -> None:
    staging = staged(compiled, b"better")
    install(compiled, staging, record_of(compiled, staging))
    assert (compiled / form_name(NAME)).read_bytes() == b"better"
    assert verify_checksums(compiled)
    record = read_compiled(compiled)
    assert record is not None
    install(compiled, compiled / "unused", replace(record, signatures={}, refused="no"))
    assert not (compiled / FORMS).exists()
    assert verify_checksums(compiled)
    assert of(compiled) == "not compiled: no"


def test_at_no_instant_is_a_checksum_wrong(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def looking(method: str) -> None:
        does = getattr(Path, method)

        def then_look(self: Path, *arguments: object, **more: object) -> object:
            answer = does(self, *arguments, **more)
            verify_checksums(compiled)
            record = read_compiled(compiled)
            looks.append(None if record is None else unusable(compiled, record))
            return answer

        monkeypatch.setattr(Path, method, then_look)

    staging = staged(compiled, b"better")
    record = record_of(compiled, staging)
    for method in ("replace", "rename", "unlink"):
        looking(method)
    install(compiled, staging, record)
    monkeypatch.undo()
    assert len(looks) >= 5
    assert set(looks) == {None}


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("source"),
        lambda document: document.update(signatures=[1]),
        lambda document: document["signatures"][NAME].update(file="../../elsewhere.onnx"),
        lambda document: document["signatures"][NAME]["inputs"][0].update(dtype="float31"),
        lambda document: document["signatures"][NAME].pop("rtol"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_load_error(
    compiled: Path, damage: Callable[[dict[str, object]], object]
) -> None:
    document = json.loads((compiled / RECORD).read_text())
    damage(document)
    (compiled / RECORD).write_text(json.dumps(document))
    with pytest.raises(LoadError, match=r"compiled\.json cannot be read; .*`horngate compile`"):
        read_compiled(compiled)


def test_a_record_that_is_no_json_is_a_load_error(compiled: Path) -> None:
    (compiled / RECORD).write_text("{")
    with pytest.raises(LoadError, match=r"compiled\.json cannot be read"):
        read_compiled(compiled)


def test_a_record_says_how_far_it_was_off(compiled: Path) -> None:
    record = read_compiled(compiled)
    assert record is not None
    assert str(record) == "compiled to ONNX, largest difference 2.5e-07"
