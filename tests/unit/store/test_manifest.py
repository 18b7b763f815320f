from __future__ import annotations

import io
import json
import os
import re
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from horngate.errors import LoadError
from horngate.reading import Take
from horngate.store.archive import Archive
from horngate.store.compiled import read_compiled
from horngate.store.cost import read_cost
from horngate.store.goldens import Golden, read_goldens, write_golden
from horngate.store.layout import STAGING_PREFIX
from horngate.store.manifest import (
    CHECKSUMS,
    CURVES,
    ENGINES_OWN,
    FOLDER,
    GOLDENS,
    PROVENANCE,
    Hashes,
    file_names,
    read_checksums,
    read_provenance,
    verify_checksums,
    write_checksums,
    write_json,
    write_provenance,
)
from horngate.tensors import Array, DType

F32 = np.float32


def every_value(dtype: DType) -> Array:
    if dtype is DType.STRING:
        words = [b"", b"horn", b"\xff\xfe", "münze".encode(), b"ends in nul\0\0", b"\0"]
        return np.array(words, object).reshape(2, 3)
    if dtype is DType.BOOL:
        return np.array([[True, False, True], [False, False, True]])
    values: Array = np.arange(6).reshape(2, 3).astype(dtype.numpy)
    if dtype.numpy.kind == "c":
        values = values * dtype.numpy.type(1 + 2j)
    return values


def answering(**outputs: Any) -> Golden:
    return Golden({}, {name: np.asarray(value) for name, value in outputs.items()})


@pytest.mark.parametrize("dtype", DType)
def test_a_golden_comes_back_as_it_was_written(tmp_path: Path, dtype: DType) -> None:
    array = every_value(dtype)
    written = Golden({"x": array}, {"y": array[:1]}, rtol=0.5, atol=0.25)
    write_golden(tmp_path, "serving_default", written)
    read = read_goldens(tmp_path)["serving_default"]
    assert read.inputs["x"].dtype == dtype.numpy
    assert read.inputs["x"].tolist() == array.tolist()
    assert read.outputs["y"].tolist() == array[:1].tolist()
    assert (read.rtol, read.atol) == (0.5, 0.25)
    assert read.mismatch({"y": array[:1]}) is None


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.BFLOAT16, DType.STRING])
@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_a_scalar_and_an_empty_tensor_come_back_too(
    tmp_path: Path, dtype: DType, shape: tuple[int, ...]
) -> None:
    array = np.full(shape, b"a" if dtype is DType.STRING else 1, dtype.numpy)
    write_golden(tmp_path, "s", Golden({"x": array}, {"y": array}))
    read = read_goldens(tmp_path)["s"].outputs["y"]
    assert (read.shape, read.dtype, read.tolist()) == (shape, dtype.numpy, array.tolist())


def test_text_is_kept_as_utf8(tmp_path: Path) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.array(["münze", "a"])}, {}))
    assert read_goldens(tmp_path)["s"].inputs["x"].tolist() == ["münze".encode(), b"a"]


def test_signatures_and_tensors_may_have_any_name(tmp_path: Path) -> None:
    names = ("serving_default", "../up", "a b/ü")
    for number, name in enumerate(names):
        write_golden(tmp_path, name, Golden({"in/put": np.array([number])}, {"a/b": np.ones(1)}))
    read = read_goldens(tmp_path)
    assert [read[name].inputs["in/put"].item() for name in names] == [0, 1, 2]
    assert list(read["../up"].outputs) == ["a/b"]
    assert not (tmp_path.parent / "up.npz").exists()


def test_a_version_without_goldens_has_none(tmp_path: Path) -> None:
    assert read_goldens(tmp_path) == {}


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"s": 1}',
        '{"s": {}}',
        '{"s": {"file": "goldens/none.npz", "dtypes": {}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": []}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"inputs/x": "float31"}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"elsewhere/x": "float32"}}}',
        '{"s": {"file": "goldens/s.npz", "dtypes": {"inputs/z": "float32"}}}',
    ],
)
def test_goldens_that_cannot_be_read_are_a_load_error(tmp_path: Path, index: str) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.ones(1, F32)}, {"y": np.ones(1, F32)}))
    (tmp_path / GOLDENS).write_text(index)
    with pytest.raises(LoadError, match="goldens"):
        read_goldens(tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 40, -30])
def test_tensors_that_were_copied_in_part_are_a_load_error(tmp_path: Path, keep: int) -> None:
    write_golden(tmp_path, "s", Golden({"x": np.ones(100)}, {"y": np.ones(1)}))
    stored = tmp_path / GOLDENS.parent / "goldens" / "s.npz"
    stored.write_bytes(stored.read_bytes()[:keep])
    with pytest.raises(LoadError, match=r"the goldens in .* cannot be read"):
        read_goldens(tmp_path)


def test_what_lies_within_the_tolerance_is_right() -> None:
    golden = answering(y=np.array([1.0, 100.0], F32))
    assert golden.mismatch({"y": np.array([1.00005, 100.005], F32)}) is None
    assert golden.mismatch({"y": np.array([1.0, 100.0], F32), "more": np.ones(1)}) is None
    assert answering(y=np.array([0.0, 100.0])).mismatch({"y": np.array([0.0009, 100.0])}) is None


@pytest.mark.parametrize(
    ("expected", "received", "sentence"),
    [
        ([[1.0, 2.0]], [[1.0, 2.5]], "differs by up to 0.5, allowed 2e-05 + 0.0001 * |value|"),
        ([[0.0, 100.0]], [[0.0011, 100.0]], "differs by up to 0.0011, allowed 0.001"),
        ([1 + 1j], [1 + 4j], "differs by up to 3, "),
        ([1.0], [np.nan], "differs by up to nan, "),
        ([np.inf], [-np.inf], "differs by up to inf, "),
        ([np.inf, 1.0], [np.inf, 3.0], "differs by up to 2, "),
        ([1.0, 2.0], [1.0], "expected shape [2], received [1]"),
        ([1, 2], [1, 3], "values differ"),
        ([True], [False], "values differ"),
        ([1], [1.0], "expected int64, received float64"),
    ],
)
def test_a_wrong_answer_is_told_by_output_and_difference(
    expected: list[Any], received: list[Any], sentence: str
) -> None:
    wrong = answering(y=expected).mismatch({"y": np.array(received)})
    assert wrong is not None
    assert wrong.startswith(f"output 'y': {sentence}")


def test_a_wrong_word_is_told() -> None:
    golden = answering(y=np.array([b"horn", b"gate"], object))
    assert golden.mismatch({"y": np.array([b"horn", b"gate"], object)}) is None
    assert golden.mismatch({"y": np.array([b"horn", b"Gate"], object)}) == (
        "output 'y': values differ"
    )
    assert golden.mismatch({"y": np.ones(2)}) == "output 'y': expected string, received float64"


def test_a_missing_output_is_told_with_those_that_came() -> None:
    golden = answering(y=[1.0])
    assert golden.mismatch({"b": np.ones(1), "a": np.ones(1)}) == (
        "expected an output 'y', received a, b"
    )


def test_nan_where_nan_was_and_the_same_infinity_are_right() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 1], F32)
    assert answering(y=values).mismatch({"y": values.copy()}) is None


def test_bfloat16_is_compared_as_numbers() -> None:
    golden = answering(y=np.array([1, 2], ml_dtypes.bfloat16))
    assert golden.mismatch({"y": np.array([1, 2], ml_dtypes.bfloat16)}) is None
    wrong = golden.mismatch({"y": np.array([1, 3], ml_dtypes.bfloat16)})
    assert wrong is not None
    assert "differs by up to 1, " in wrong


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.data").write_bytes(b"weights")
    write_checksums(tmp_path)
    return tmp_path


def test_a_whole_version_matches_its_checksums(version: Path) -> None:
    assert set(json.loads((version / CHECKSUMS).read_text())) == {
        "saved_model.pb",
        "variables/variables.data",
    }
    assert verify_checksums(version)


def test_checksums_written_again_do_not_count_themselves(version: Path) -> None:
    before = (version / CHECKSUMS).read_text()
    write_checksums(version)
    assert (version / CHECKSUMS).read_text() == before


def test_a_missing_file_is_named(version: Path) -> None:
    (version / "variables" / "variables.data").unlink()
    with pytest.raises(LoadError, match=r"variables/variables\.data is missing; .*copied"):
        verify_checksums(version)


def test_a_changed_byte_is_noticed(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"Graph")
    with pytest.raises(LoadError, match=r"saved_model\.pb differs from its checksum"):
        verify_checksums(version)


def test_a_file_beside_the_recorded_ones_is_fine(version: Path) -> None:
    (version / "saved_model.onnx").write_bytes(b"compiled later")
    assert verify_checksums(version)


def test_a_version_without_checksums_is_not_verified(tmp_path: Path) -> None:
    assert verify_checksums(tmp_path) is False


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "checksums.json cannot be read"),
        (b"\xff", "checksums.json cannot be read"),
        (b"[]", "checksums.json: expected a JSON object, received list"),
    ],
)
def test_checksums_that_cannot_be_read_are_a_load_error(
    version: Path, content: bytes, sentence: str
) -> None:
    (version / CHECKSUMS).write_bytes(content)
    with pytest.raises(LoadError, match=re.escape(sentence)):
        verify_checksums(version)


def test_how_a_version_was_made_can_be_read_again(tmp_path: Path) -> None:
    assert read_provenance(tmp_path) == {}
    write_provenance(tmp_path, {"seed": 1, "data": "MNIST"})
    assert read_provenance(tmp_path) == {"seed": 1, "data": "MNIST"}
    assert (tmp_path / PROVENANCE).is_file()


def goldens_of(version: Path, content: bytes, dtype: str = "float32", signatures: int = 1) -> Path:
    """A version whose golden holds ``content``, for as many ``signatures``."""
    entry = {
        "file": "goldens/s.npz",
        "rtol": 0.1,
        "atol": 0.1,
        "dtypes": {"inputs/x": dtype},
    }
    (version / FOLDER / "goldens").mkdir(parents=True)
    index = {f"s{number}": entry for number in range(signatures)}
    (version / GOLDENS).write_text(json.dumps(index))
    (version / FOLDER / "goldens" / "s.npz").write_bytes(content)
    return version


def long_header() -> bytes:
    """A header of numpy's second format that says that it is gigabytes long, and is long."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("inputs/x.npy", "w", force_zip64=True) as file,
    ):
        file.write(b"\x93NUMPY\2\0" + (2**32 - 1).to_bytes(4, "little"))
        for part in [b" " * 2**20] * 160:
            file.write(part)
    return made.getvalue()


def many_members() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}", b"")
    return made.getvalue()


def npz(
    descr: str,
    shape: str,
    data: Iterable[bytes],
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An archive whose only array has this header and these bytes."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", compression) as archive,
        archive.open("inputs/x.npy", "w", force_zip64=True) as file,
    ):
        file.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
        for part in data:
            file.write(part)
    return made.getvalue()


def declared(content: bytes, size: int) -> bytes:
    """The archive, saying of its member that it has ``size`` bytes unpacked."""
    start = content.rindex(b"PK\1\2")
    return content[: start + 24] + size.to_bytes(4, "little") + content[start + 28 :]


ZEROS = [bytes(2**20)] * 160

BOMBS = {
    "what it says": npz("<f4", f"({160 * 2**18},)", ZEROS),
    "a header that says more than there is": npz("<f4", f"({2**40},)", []),
    "a header that says less than there is": npz("<f4", "(10,)", ZEROS),
    "a size that says a little": declared(npz("<f4", f"({160 * 2**18},)", ZEROS), 200),
    "strings that grow as objects": npz("|S1", f"({2**22},)", [bytes(2**22)]),
    "strings of no length": npz("|S0", f"({10**12},)", []),
    "a product past any integer": npz("<f4", f"({2**62}, {2**62})", []),
    "less than nothing": npz("<f4", "(-1,)", []),
    "another compression": npz("<f4", f"({160 * 2**18},)", ZEROS, zipfile.ZIP_BZIP2),
    "objects": npz("|O", "(1,)", [b"cos\nsystem\n."]),
    "records": npz("|V8", "(1,)", [bytes(8)]),
    "texts": npz("<U4", "(1,)", [bytes(16)]),
    "a header without end": long_header(),
    "members without end": many_members(),
    "a list that is elsewhere": many_members() + b"PK\5\6".ljust(22, b"\0"),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_goldens_take_no_more_memory_than_was_allowed_for(tmp_path: Path, content: bytes) -> None:
    dtype = "string" if b"|S" in content else "float32"
    goldens_of(tmp_path, content, dtype)
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=r"goldens in .* cannot be read"):
            read_goldens(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_the_goldens_of_all_signatures_share_one_bound(tmp_path: Path) -> None:
    content = npz("<f4", f"({2**20},)", [bytes(2**20)] * 4)
    goldens_of(tmp_path / "few", content, signatures=3)
    assert len(read_goldens(tmp_path / "few")) == 3
    goldens_of(tmp_path / "many", content, signatures=1000)
    with pytest.raises(LoadError) as refused:
        read_goldens(tmp_path / "many")
    assert "expected arrays of at most" in refused.value.detail


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_comes_back_in_either_order_of_memory(tmp_path: Path, order: Any) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], np.float32, order=order)
    write_golden(tmp_path, "s", Golden({"x": array}, {}))
    assert read_goldens(tmp_path)["s"].inputs["x"].tolist() == array.tolist()


def test_what_a_golden_takes_is_what_reading_it_allows_for(tmp_path: Path) -> None:
    golden = Golden({"x": np.ones((3, 5), np.float32)}, {"y": every_value(DType.STRING)})
    write_golden(tmp_path, "s", golden)
    content = (tmp_path / FOLDER / "goldens" / "s.npz").read_bytes()
    archive = Archive(content, 10_000)
    for name in ("inputs/x", "outputs/y"):
        archive.array(name)
    assert golden.taken == 10_000 - archive.room


def deep() -> bytes:
    return b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize("name", [CHECKSUMS, GOLDENS, PROVENANCE, CURVES], ids=str)
@pytest.mark.parametrize("what", ["deep", "long", "fifo", "link", "device", "self", "folder"])
def test_a_record_that_is_no_json_of_a_size_is_refused_by_name(
    tmp_path: Path, name: Path, what: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    match what:
        case "deep":
            path.write_bytes(deep())
        case "long":
            path.write_bytes(b'{"a": "' + b"a" * 5 * 2**20 + b'"}')
        case "fifo":
            os.mkfifo(path)
        case "link":
            (tmp_path / "elsewhere.json").write_text('{"serving_default": 1}')
            path.symlink_to(tmp_path / "elsewhere.json")
        case "device":
            path.symlink_to("/dev/zero")
        case "self":
            path.symlink_to(path.name)
        case "folder":
            path.mkdir()
    if name == CURVES:
        assert read_cost(tmp_path, "onnx") is None
        return
    reads: dict[Path, Callable[[Path], object]] = {
        CHECKSUMS: read_checksums,
        GOLDENS: read_goldens,
        PROVENANCE: read_provenance,
    }
    with pytest.raises(LoadError, match=name.name):
        reads[name](tmp_path)


def test_writing_a_record_follows_no_link_that_lies_in_its_way(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    version = tmp_path / "m" / "1"
    (version / FOLDER).mkdir(parents=True)
    for name in ("provenance.json", f"{STAGING_PREFIX}provenance.json"):
        (version / FOLDER / name).symlink_to(precious)
    write_provenance(version, {"seed": 1})
    assert precious.read_text() == "precious"
    assert read_provenance(version) == {"seed": 1}


def test_a_record_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_provenance(tmp_path, {"seed": 1})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["assets/vocab.txt", "notes", "variables/link"])
def test_a_link_anywhere_in_a_version_is_refused_by_name(version: Path, name: str) -> None:
    (version / name).parent.mkdir(exist_ok=True)
    (version / name).symlink_to("/etc/passwd")
    for check in (verify_checksums, file_names, write_checksums):
        with pytest.raises(LoadError, match=f"'{name}'.*received a symbolic link"):
            check(version)


class Counting(Hashes):
    """Counts how often each file is read."""

    def __init__(self, folder: Path, counts: Counter[str]) -> None:
        super().__init__(folder)
        self.counts = counts

    def _read(self, name: str, limit: int, take: Take) -> None:
        self.counts[name] += 1
        super()._read(name, limit, take)


@pytest.fixture
def counted(version: Path) -> tuple[Hashes, Counter[str]]:
    counts = Counter[str]()
    return Counting(version, counts), counts


def test_what_an_engine_reads_is_hashed_as_it_reads_and_never_again(
    version: Path, tmp_path_factory: pytest.TempPathFactory, counted: tuple[Hashes, Counter[str]]
) -> None:
    hashes, counts = counted
    target = tmp_path_factory.mktemp("sealed") / "copy"
    verify_checksums(version, hashes, leave=ENGINES_OWN)
    assert counts == {}
    assert hashes.read("saved_model.pb", 100) == b"graph"
    hashes.copy("variables/variables.data", target)
    assert verify_checksums(version, hashes)
    assert target.read_bytes() == b"weights"
    assert counts == {"saved_model.pb": 1, "variables/variables.data": 1}


def test_what_differs_from_its_checksum_is_not_handed_out(version: Path, tmp_path: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"WriteFile")
    hashes, target = Hashes(version), tmp_path / "copy"
    for use in (
        lambda: hashes.read("saved_model.pb", 100),
        lambda: hashes.copy("saved_model.pb", target),
    ):
        with pytest.raises(LoadError, match=r"saved_model\.pb differs from its checksum"):
            use()
    assert not target.exists()


@pytest.mark.parametrize(
    ("read", "name"), [(read_goldens, GOLDENS), (read_compiled, FOLDER / "compiled.json")]
)
def test_a_record_that_is_swapped_after_it_was_hashed_is_refused(
    version: Path, read: Callable[[Path, Hashes], object], name: Path
) -> None:
    write_json(version / name, {})
    write_checksums(version)
    hashes = Hashes(version)
    assert verify_checksums(version, hashes)
    write_json(version / name, {"swapped": {}})
    with pytest.raises(LoadError, match=r"\.json has changed while it was loaded"):
        read(version, hashes)


def test_a_file_that_changes_between_two_readings_is_refused(version: Path, tmp_path: Path) -> None:
    (version / CHECKSUMS).unlink()
    hashes = Hashes(version)
    assert hashes.read("saved_model.pb", 100) == b"graph"
    (version / "saved_model.pb").write_bytes(b"swapped")
    with pytest.raises(LoadError, match=r"saved_model\.pb has changed while it was loaded"):
        hashes.read("saved_model.pb", 100)
    with pytest.raises(LoadError, match="has changed"):
        hashes.copy("saved_model.pb", tmp_path / "copy")


def test_what_an_engine_is_to_read_must_be_there(version: Path) -> None:
    (version / "variables" / "variables.data").unlink()
    with pytest.raises(LoadError, match=r"variables/variables\.data is missing"):
        verify_checksums(version, leave=ENGINES_OWN)
