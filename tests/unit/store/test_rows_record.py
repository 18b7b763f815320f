from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from horngate.store.compiled import form_name
from horngate.store.manifest import Hashes, read_checksums, verify_checksums, write_checksums
from horngate.store.rows import RULES
from horngate.store.rows_record import (
    RECORD,
    findings,
    read_rows,
    recorded_alone,
    write_rows,
)
from tests.unit.batching.doubles import DOUBLING, UNBATCHED, DoublingServable

FOUND = {"tensorflow": {"serving_default": ""}, "onnx": {"serving_default": "it sorts"}}


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    form = tmp_path / form_name("serving_default")
    form.parent.mkdir(parents=True)
    form.write_bytes(b"form")
    write_rows(tmp_path, FOUND)
    return tmp_path


def read(version: Path, engine: str) -> dict[str, str] | None:
    return read_rows(version, engine, Hashes(version))


def test_what_was_found_is_read_back_by_engine(version: Path) -> None:
    assert {engine: read(version, engine) for engine in FOUND} == FOUND
    assert read(version, "another") is None


def test_it_counts_for_the_files_that_it_was_found_for(version: Path) -> None:
    (version / form_name("serving_default")).write_bytes(b"another form")
    assert read(version, "onnx") is None
    assert read(version, "tensorflow") == FOUND["tensorflow"]
    (version / "saved_model.pb").write_bytes(b"another graph")
    assert read(version, "tensorflow") is None


@pytest.mark.parametrize("name", ["variables/variables.index", "assets/words.txt"])
def test_a_file_more_or_less_is_another_model(version: Path, name: str) -> None:
    (version / name).parent.mkdir()
    (version / name).write_text("more")
    assert read(version, "tensorflow") is None
    write_rows(version, FOUND)
    assert read(version, "tensorflow") == FOUND["tensorflow"]
    (version / name).unlink()
    assert read(version, "tensorflow") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"rules": RULES}),
        json.dumps({"rules": RULES, "engines": {"tensorflow": {"files": {}}}}),
        json.dumps({"rules": RULES, "engines": {"tensorflow": 7}}),
        json.dumps({"rules": RULES, "engines": {"tensorflow": {"files": 7, "signatures": {}}}}),
    ],
)
def test_what_cannot_be_read_is_nothing(version: Path, content: str) -> None:
    (version / RECORD).write_text(content)
    assert read(version, "tensorflow") is None


def test_what_fewer_trials_found_is_not_believed(version: Path) -> None:
    document = json.loads((version / RECORD).read_text())
    document["rules"] = RULES - 1
    (version / RECORD).write_text(json.dumps(document))
    assert read(version, "tensorflow") is None


def test_the_reasons_are_those_of_a_servables_signatures(version: Path) -> None:
    class Onnx(DoublingServable):
        engine = "onnx"

    class More(DoublingServable):
        engine = "onnx"
        signatures = {  # noqa: RUF012 - as the interface has it, never changed
            "serving_default": DOUBLING,
            "new": dataclasses.replace(DOUBLING, name="new"),
        }

    hashes = Hashes(version)
    assert recorded_alone(version, Onnx(), hashes) == FOUND["onnx"]
    assert recorded_alone(version, DoublingServable(), hashes) is None
    assert recorded_alone(version, More(), hashes) is None, "of a signature nothing is recorded"
    assert findings([DOUBLING, UNBATCHED], {}) == {"serving_default": ""}


def test_a_new_record_has_its_checksum_and_none_where_there_are_none(version: Path) -> None:
    assert read_checksums(version) is None
    write_checksums(version)
    write_rows(version, {"tensorflow": {"serving_default": "it sorts"}})
    assert verify_checksums(version)
    assert str(RECORD) in (read_checksums(version) or {})
