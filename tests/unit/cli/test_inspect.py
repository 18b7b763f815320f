from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from horngate.store.annotations import RECORD, write_annotations
from horngate.store.compiled import (
    CompiledRecord,
    CompiledSignature,
    form_name,
    source_names,
    write_compiled,
)
from horngate.store.cost import BatchCost, this_machine, write_cost
from horngate.store.goldens import Golden, write_golden
from horngate.store.manifest import Hashes, write_checksums, write_provenance
from horngate.store.rows_record import write_rows
from horngate.tensors import DType, Picture, Signature, TensorSpec
from tests.conftest import Command
from tests.unit.batching.doubles import DOUBLING


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "m" / "2"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


def compile_it(version: Path, refused: str = "") -> None:
    """Record a compiled form as the compiler does."""
    hashes = Hashes(version)
    forms = {}
    if not refused:
        path = version / form_name("serving_default")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"form")
        forms["serving_default"] = CompiledSignature(
            signature=DOUBLING,
            file=form_name("serving_default"),
            sha256=hashes(form_name("serving_default")),
            rtol=1e-4,
            atol=1e-5,
            largest_difference=4e-7,
            rows=(1, 7),
        )
    source = {name: hashes(name) for name in source_names(version)}
    write_compiled(version, CompiledRecord(source, {"tf2onnx": "1.17.0"}, forms, refused))


@pytest.fixture
def inspect(version: Path, horngate: Command) -> Command:
    return partial(horngate, "inspect", "--models", version.parent.parent, "m")


def test_a_version_that_somebody_else_made_has_nothing_and_is_told_so(
    version: Path, inspect: Command
) -> None:
    status, out, _ = inspect()
    assert status == 0
    assert out.startswith("m version 2\n")
    assert "checksums         none recorded" in out
    assert "goldens           none recorded" in out
    assert "compiled          no; `horngate compile m:2` does it" in out
    assert "no batch was timed" in out
    assert "up to what a server measures on its machine" in out


def test_everything_that_is_recorded_is_shown(version: Path, inspect: Command) -> None:
    x = np.ones((1, 1), np.float32)
    write_golden(version, "serving_default", Golden({"x": x}, {"y": 2 * x}))
    write_provenance(version, {"keras": "3.15.1"})
    compile_it(version)
    write_checksums(version)
    write_cost(version, "onnx", BatchCost(((1, 1e-4), (2, 1.1e-4), (4, 4e-4)), 1, this_machine()))
    status, out, _ = inspect()
    assert status == 0
    lines = out.splitlines()
    assert "  checksums         verified" in lines
    assert "  goldens           serving_default" in lines
    assert "  keras             3.15.1" in lines
    assert "  tf2onnx           1.17.0" in lines
    assert "    input   x  float32[?, ?]" in lines
    assert any("compared at [1, 7] rows: largest difference 4e-07" in line for line in lines)
    (best,) = [line for line in lines if line.endswith("best")]
    assert best.split()[:3] == ["2", "0.110", "55.0"]
    assert lines[-2] == "  requests are glued together up to 2 rows, as measured here"
    assert lines[-1] == (
        "  but only where a server finds rows to be independent: nothing is recorded that fits"
    )


def test_a_refused_model_says_why(version: Path, inspect: Command) -> None:
    compile_it(version, refused="it is random")
    status, out, _ = inspect("--json")
    assert status == 0
    compiled = json.loads(out)["compiled"]
    assert not compiled["usable"]
    assert "not compiled: it is random" in compiled["state"]


def test_a_form_of_another_model_is_told(version: Path, inspect: Command) -> None:
    compile_it(version)
    (version / "saved_model.pb").write_bytes(b"another graph")
    status, out, _ = inspect()
    assert status == 0
    assert "saved_model.pb has changed since the model was compiled" in out


def test_a_damaged_version_is_told_and_is_a_failure(version: Path, inspect: Command) -> None:
    write_checksums(version)
    (version / "saved_model.pb").write_bytes(b"damaged")
    status, out, _ = inspect()
    assert status == 1
    assert "saved_model.pb differs from its checksum" in out


def test_settings_have_the_last_word_on_the_batch(version: Path, inspect: Command) -> None:
    settings = version.parent / "model.toml"
    settings.write_text("[batching]\nmax_batch_size = 8\n")
    assert "up to 8 rows, as model.toml says\n" in inspect().out
    settings.write_text("[batching]\nenabled = false\n")
    assert "batching is switched off" in inspect().out


def test_a_version_that_is_not_there_is_an_error_with_those_that_are(
    version: Path, horngate: Command
) -> None:
    for wanted, words in (("m:7", "it has the versions 2"), ("n", "'n', which is not there")):
        status, _, err = horngate("inspect", wanted, "--models", version.parent.parent)
        assert (status, words in err) == (1, True), err


def test_what_is_recorded_of_its_rows_is_told(version: Path, inspect: Command) -> None:
    write_rows(version, {"tensorflow": {"words": "it has one row for each word", "scores": ""}})
    told = inspect().out
    assert told.endswith("  but not those to signature 'words': it has one row for each word\n")
    (version.parent / "model.toml").write_text("[batching]\ntrust_rows = true\n")
    assert "  but " not in inspect().out


def test_what_its_tensors_mean_is_told(version: Path, inspect: Command) -> None:
    spec = TensorSpec("photo", DType.FLOAT32, (None, 96, 64, 3))
    kind = TensorSpec("kind", DType.FLOAT32, (None, 2))
    known = Signature(
        "serving_default",
        {"photo": spec},
        {"kind": kind},
        labels={"kind": ("cat", "dog")},
        pictures={"photo": Picture(96, 64, 3, low=0.0, high=255.0)},
        activations={"kind": "softmax"},
    )
    write_annotations(version, [known])
    lines = inspect().out.splitlines()
    assert "  labels of kind: cat, dog" in lines
    assert "  activations of kind: softmax" in lines
    (picture,) = [line for line in lines if line.startswith("  pictures of photo: ")]
    assert "height 96, high 255.0, low 0.0, width 64" in picture
    (version / RECORD).write_text(
        '{"a": 3, "b": {"labels": [1]}, "c": {"\\u001b[2J": {"x": null}}}'
    )
    assert "  \\x1b[2J of x: None" in inspect().out


def test_what_a_version_says_of_itself_moves_no_cursor(version: Path, inspect: Command) -> None:
    """Whoever writes a version writes what an operator's terminal gets to see of it."""
    write_provenance(version, {"made\x1b[2J": "by\rme\nsignature  trusted"})
    compile_it(version, refused="no\x1b]0;title\x07")
    told = inspect().out
    assert told.replace("\n", "").isprintable()
    assert "by\\x0dme\\x0asignature  trusted" in told
    assert "no\\x1b]0;title\\x07" in told
