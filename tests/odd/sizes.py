"""Files that are empty, cut short, too long, of another form, or say what is not so."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any, Final

import google_crc32c
import numpy as np

from horngate.protocols.pb.tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from horngate.protocols.tfserving.tensor import encode
from horngate.store import manifest
from horngate.store.records import write_records
from tests.odd.case import Case, Place, Served, refused
from tests.odd.links import (
    ANNOTATIONS,
    CHECKSUMS,
    COMPILED,
    CURVES,
    FORM,
    GOLDEN,
    GOLDENS,
    GRAPH,
    PROVENANCE,
    ROWS,
    WARM_UP,
    WORDS,
)

Edit = Callable[[bytes], bytes]


def edited(name: str, edit: Edit, *, recorded: bool = True) -> Callable[[Place], None]:
    """A published version with ``name`` changed, which its checksums know of unless told."""

    def make(place: Place) -> None:
        path = place.good() / name
        path.write_bytes(edit(path.read_bytes() if path.exists() else b""))
        if recorded and name != CHECKSUMS:
            manifest.write_checksums(place.folder)

    return make


def content(value: Any) -> Edit:
    made = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda _: made


def document(change: Callable[[dict[str, Any]], object]) -> Edit:
    """A JSON object, changed."""

    def edit(data: bytes) -> bytes:
        read: dict[str, Any] = json.loads(data)
        change(read)
        return json.dumps(read).encode()

    return edit


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def other_case(data: bytes) -> bytes:
    read = json.loads(data)
    return json.dumps({name: digest.upper() for name, digest in read.items()}).encode()


def archive(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return made.getvalue()


def array_file(header: str, data: bytes = b"") -> bytes:
    """A ``.npy`` file with the header given."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def claims(shape: str, data: bytes = b"\0" * 4, dtype: str = "<f4") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return archive(
        ("inputs/x.npy", array_file(header, data)), ("outputs/y.npy", array_file(header, data))
    )


def bomb(_: bytes) -> bytes:
    """Some MiB that are 4 GiB unpacked."""
    made = io.BytesIO()
    zeros = b"\0" * (64 * 2**20)
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824,), }"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("inputs/x.npy", "w", force_zip64=True) as member:
            member.write(array_file(header))
            for _number in range(16):
                member.write(zeros)
        file.writestr("outputs/y.npy", array_file(header))
    return made.getvalue()


def pickled(_: bytes) -> bytes:
    made = io.BytesIO()
    stored: dict[str, Any] = {"inputs/x": np.array([{"gotcha": 1}], object), "outputs/y": 0.0}
    np.savez(made, **stored)
    return made.getvalue()


def record(data: bytes, *, length: int | None = None, broken: bool = False) -> bytes:
    def masked(part: bytes) -> bytes:
        crc = google_crc32c.value(part)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    told = struct.pack("<Q", len(data) if length is None else length)
    last = b"\0\0\0\0" if broken else masked(data)
    return told + masked(told) + data + last


def asked(
    x: Any, *, model: str = "m", signature: str = "serving_default", name: str = "x"
) -> bytes:
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model, signature
    encode(np.asarray(x, np.float32), request.inputs[name], name=name)
    return log.SerializeToString()


def warmed(*records: bytes) -> Edit:
    return content(b"".join(records))


def many_records(place: Place) -> None:
    write_records(place.good() / WARM_UP, [asked([1.0])] * 1001)
    manifest.write_checksums(place.folder)


def lost(name: str) -> Callable[[Place], None]:
    return lambda place: (place.good() / name).unlink()


def known_too_much(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"assets/more.txt": "0" * 64}).encode()


def known_outside(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"../../../outside/secret.txt": "0" * 64}).encode()


def known_by_its_path(place: Place) -> None:
    place.good()
    edit = document(lambda read: read.update({str(place.secret): "0" * 64}))
    path = place.folder / CHECKSUMS
    path.write_bytes(edit(path.read_bytes()))


def a_golden_outside(place: Place) -> None:
    edited(GOLDENS, document(lambda read: _first(read).update(file=str(place.secret))))(place)


def _first(read: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(read.values()))
    return found


def signatures(change: Callable[[dict[str, Any]], object]) -> Edit:
    """The compiled form's record, with its only signature changed."""
    return document(lambda read: change(_first(read["signatures"])))


def another_form(place: Place) -> None:
    """A form that answers otherwise, with every checksum made new: who writes the version may."""
    path = place.good() / FORM
    data = path.read_bytes()
    changed = data.replace(struct.pack("<f", 1.0), struct.pack("<f", 2.0))
    assert changed != data
    path.write_bytes(changed)
    digest = hashlib.sha256(changed).hexdigest()
    edited_record = signatures(lambda form: form.update(sha256=digest))
    record_file = place.folder / COMPILED
    record_file.write_bytes(edited_record(record_file.read_bytes()))
    manifest.write_checksums(place.folder)


def below(*told: str) -> Served:
    """Without the compiled form, for what is ``told``."""
    return Served(engine="tensorflow", falls=told)


FINE: Final = Served()
BATCHED: Final = Served(batched=True)
"""What was found is made anew where it cannot be believed."""

LONG: Final = b" " * (300 * 2**20)

_GRAPH: Final = [
    Case("an empty graph", edited(GRAPH, content(b"")), refused("tagged")),
    Case("half a graph", edited(GRAPH, half), refused(GRAPH)),
    Case("half a graph, as the checksums see it", edited(GRAPH, half, recorded=False),
         refused(GRAPH, "differs from its checksum")),
    Case("a graph of other bytes", edited(GRAPH, content(b"\xde\xad\xbe\xef" * 99)),
         refused(GRAPH)),
    Case("a graph that is a page of the web", edited(GRAPH, content(b"<!doctype html>" * 9)),
         refused(GRAPH)),
    Case("a graph of messages within messages", edited(GRAPH, content(b"\x12\x7f" * 5000)),
         refused(GRAPH)),
    Case("no graph", lost(GRAPH), refused(GRAPH, "missing")),
]  # fmt: skip

_GOLDENS: Final = [
    Case("an empty list of goldens", edited(GOLDENS, content(b"")), refused("goldens.json")),
    Case("a list of goldens that is a list", edited(GOLDENS, content([1, 2])),
         refused("goldens.json", "object")),
    Case("a list of goldens of brackets without end", edited(GOLDENS, content(b"[" * 200_000)),
         refused("goldens.json")),
    Case("a list of goldens of 300 MB", edited(GOLDENS, content(LONG)),
         refused("goldens.json", "bytes")),
    Case("a golden of a file outside", a_golden_outside,
         refused("secret.txt", "within the version")),
    Case("a golden of a file two folders up",
         edited(GOLDENS, document(lambda read: _first(read).update(file="../../secret.npz"))),
         refused("secret.npz", "within the version")),
    Case("a golden of a dtype that nobody has heard of", edited(GOLDENS, document(
         lambda read: _first(read)["dtypes"].update({"inputs/x": "float99"}))), refused("golden")),
    Case("a golden with no number as its tolerance", edited(GOLDENS, document(
         lambda read: _first(read).update(rtol="wide"))), refused("golden")),
    Case("a golden with a tolerance that is not a number", edited(GOLDENS, document(
         lambda read: _first(read).update(rtol=float("nan")))), FINE),
    Case("a golden of a signature that is not there", edited(GOLDENS, document(
         lambda read: read.update(other=_first(read)))), refused("'other'")),
    Case("a golden of an input that is not there", edited(GOLDENS, document(
         lambda read: _first(read)["dtypes"].update({"inputs/z": "float32"}))),
         refused("golden")),
    Case("a golden that is no archive", edited(GOLDEN, content(b"PK\3\4 gotcha")),
         refused("golden")),
    Case("half a golden", edited(GOLDEN, half), refused("golden")),
    Case("a golden that is 4 GiB unpacked", edited(GOLDEN, bomb), refused("golden", "bytes")),
    Case("a golden that claims an exabyte",
         edited(GOLDEN, content(claims("(288230376151711744,)"))), refused("golden")),
    Case("a golden of a negative shape", edited(GOLDEN, content(claims("(-1,)"))),
         refused("golden")),
    Case("a golden whose header is a program", edited(GOLDEN, content(archive(
         ("inputs/x.npy", array_file("__import__('os').abort()")),
         ("outputs/y.npy", array_file("{}"))))), refused("golden")),
    Case("a golden that is pickled", edited(GOLDEN, pickled), refused("golden")),
    Case("a golden of another dtype", edited(GOLDEN, content(claims("(1,)", b"\0" * 8, "<f8"))),
         refused("golden")),
    Case("a golden of ten thousand members", edited(GOLDEN, content(archive(
         *[(f"inputs/{n}.npy", b"") for n in range(10_000)]))), refused("golden")),
]  # fmt: skip

_PICTURE: Final = {
    "height": 8,
    "width": 8,
    "channels": 3,
    "channels_first": False,
    "low": 0,
    "high": 1,
}

_ANNOTATIONS: Final = [
    Case("annotations that are no JSON", edited(ANNOTATIONS, content(b"{")),
         refused("annotations.json")),
    Case("annotations of a signature that is not there",
         edited(ANNOTATIONS, content({"other": {}})), refused("annotations.json", "'other'")),
    Case("labels of an output that is not there",
         edited(ANNOTATIONS, content({"serving_default": {"labels": {"z": ["a"]}}})),
         refused("annotations.json", "'z'")),
    Case("labels that move a cursor",
         edited(ANNOTATIONS, content({"serving_default": {"labels": {"y": ["\x1b[2J"]}}})),
         refused("annotations.json")),
    Case("labels that are a string", edited(ANNOTATIONS,
         content({"serving_default": {"labels": {"y": "abc"}}})), refused("annotations.json")),
    Case("a picture of what is none", edited(ANNOTATIONS, content(
         {"serving_default": {"pictures": {"x": _PICTURE}}})), refused("annotations.json")),
    Case("annotations of 5 MB", edited(ANNOTATIONS, content({"x": "a" * 5_000_000})),
         refused("annotations.json", "bytes")),
    Case("annotations that its checksums do not know of",
         edited(ANNOTATIONS, content({}), recorded=False), FINE),
]  # fmt: skip

_CHECKSUMS: Final = [
    Case("checksums that are no JSON", edited(CHECKSUMS, content(b"\xff{")),
         refused("checksums.json")),
    Case("checksums that are a list", edited(CHECKSUMS, content(["a"])),
         refused("checksums.json", "object")),
    Case("checksums that are numbers", edited(CHECKSUMS, document(
         lambda read: read.update({GRAPH: 7}))), refused(GRAPH)),
    Case("checksums in capitals", edited(CHECKSUMS, other_case), refused("checksum")),
    Case("a checksum that is no number", edited(CHECKSUMS, document(
         lambda read: read.update({GRAPH: "no digest"}))), refused(GRAPH, "checksum")),
    Case("a checksum of a file that is not there", edited(CHECKSUMS, known_too_much),
         refused("assets/more.txt", "missing")),
    Case("a checksum of a file outside", edited(CHECKSUMS, known_outside),
         refused("secret.txt")),
    Case("a checksum of a file by its whole path", known_by_its_path, refused("secret.txt")),
    Case("no checksum of an asset", edited(CHECKSUMS, document(lambda read: read.pop(WORDS))),
         FINE),
    Case("an asset that has changed", edited(WORDS, content(b"other\n"), recorded=False),
         refused(WORDS, "differs")),
]  # fmt: skip

_COMPILED: Final = [
    Case("a compiled form's record that is no JSON", edited(COMPILED, content(b"{")),
         below("compiled.json")),
    Case("a compiled form of another table of operations", edited(COMPILED, document(
         lambda read: read.update(edition="0" * 12))), below("edition")),
    Case("a compiled form of a graph that has changed since", edited(COMPILED, document(
         lambda read: read["source"].update({GRAPH: "0" * 64}))), below(GRAPH, "changed")),
    Case("a compiled form in a file outside", edited(COMPILED, signatures(
         lambda form: form.update(file="../../../../outside/secret.txt"))), below("compiled.json")),
    Case("a compiled form of another dtype than its signature", edited(COMPILED, signatures(
         lambda form: form["inputs"][0].update(dtype="int64"))), below("int64")),
    Case("a compiled form of another name than its signature", edited(COMPILED, signatures(
         lambda form: form["inputs"][0].update(name="z"))), below("z")),
    Case("a compiled form whose signature claims less", edited(COMPILED, signatures(
         lambda form: form["outputs"][0].update(shape=[5]))), Served(batched=False)),
    Case("a compiled form of the signature without rows", edited(COMPILED, document(
         lambda read: read["signatures"].clear())), below("no signature")),
    Case("a compiled form that is empty", edited(FORM, content(b"")), below(".onnx")),
    Case("a compiled form that answers otherwise, with new checksums", another_form,
         below("golden")),
]  # fmt: skip

_OTHERS: Final = [
    Case("curves that are no JSON", edited(CURVES, content(b"\0")), FINE),
    Case("curves of 300 MB", edited(CURVES, content(LONG)), FINE),
    Case("curves of negative times", edited(CURVES, document(lambda read: [
         entry.update(seconds=[-1.0]) for entry in read.values() if isinstance(entry, dict)])),
         FINE),
    Case("findings about rows that are no JSON", edited(ROWS, content(b"{")), BATCHED),
    Case("findings about rows that are a list", edited(ROWS, content([1])), BATCHED),
    Case("findings about rows of 300 MB", edited(ROWS, content(LONG)), BATCHED),
    Case("findings about rows of fewer trials", edited(ROWS, document(
         lambda read: read.update(rules=1))), BATCHED),
    Case("findings about rows of another graph", edited(ROWS, document(
         lambda read: read.update(engines={"onnx": {"files": {GRAPH: "0" * 64}}}))), BATCHED),
    Case("a provenance that is no JSON", edited(PROVENANCE, content(b"no")), FINE),
    Case("a warm-up that is no record", edited(WARM_UP, content(b"no record at all")),
         refused("tf_serving_warmup_requests", "record 0")),
    Case("a warm-up with a wrong checksum", edited(WARM_UP, warmed(
         record(asked([1.0])), record(asked([1.0]), broken=True))), refused("record 1")),
    Case("a warm-up of a record that claims an exabyte", edited(WARM_UP, warmed(
         record(asked([1.0]), length=2**60))), refused("record 0")),
    Case("a warm-up of 1001 records", many_records, refused("at most 1000 records")),
    Case("a warm-up of an empty record", edited(WARM_UP, warmed(record(b""))), refused("record 0")),
    Case("a warm-up of another model's name", edited(WARM_UP, warmed(
         record(asked([1.0], model="other")))), FINE),
    Case("a warm-up of a signature that is not there", edited(WARM_UP, warmed(
         record(asked([1.0], signature="other")))), refused("record 0", "'other'")),
    Case("a warm-up of an input that is not there", edited(WARM_UP, warmed(
         record(asked([1.0], name="z")))), refused("record 0", "'z'")),
    Case("a warm-up of a shape that does not fit", edited(WARM_UP, warmed(
         record(asked([[1.0]])))), refused("record 0", "shape")),
    Case("a warm-up that is empty", edited(WARM_UP, content(b"")), FINE),
]  # fmt: skip


CASES: Final = [
    *_GRAPH, *_GOLDENS, *_ANNOTATIONS, *_CHECKSUMS, *_COMPILED, *_OTHERS,
]  # fmt: skip
