"""Links, pipes, sockets, devices and folders where a version has files, and odd names of files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.odd.case import Case, Place, Served, Unknown, refused

LINK: Final = "a symbolic link"
EXTRA: Final = "assets.extra/horngate"
GRAPH: Final = "saved_model.pb"
INDEX: Final = "variables/variables.index"
WORDS: Final = "assets/words.txt"
GOLDENS: Final = f"{EXTRA}/goldens.json"
GOLDEN: Final = f"{EXTRA}/goldens/serving_default.npz"
CHECKSUMS: Final = f"{EXTRA}/checksums.json"
COMPILED: Final = f"{EXTRA}/compiled.json"
FORM: Final = f"{EXTRA}/compiled/serving_default.onnx"
CURVES: Final = f"{EXTRA}/curves.json"
ROWS: Final = f"{EXTRA}/rows.json"
ANNOTATIONS: Final = f"{EXTRA}/annotations.json"
PROVENANCE: Final = f"{EXTRA}/provenance.json"
WARM_UP: Final = "assets.extra/tf_serving_warmup_requests"

Change = Callable[[Path, Place], object]
"""Puts something else in the place of a path that is free."""


def instead(name: str, change: Change, *, recorded: bool = False) -> Callable[[Place], None]:
    """A published version with something else under ``name``, which its checksums may know of."""

    def make(place: Place) -> None:
        path = place.good() / name
        kept = place.folder / f"{name}.kept" if change is _to_itself_inside else None
        if kept is not None:
            path.rename(kept)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        change(path, place)
        if recorded:
            known = place.folder / CHECKSUMS
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            known.write_text(json.dumps(json.loads(known.read_text()) | {name: digest}))

    return make


def _to_the_secret(path: Path, place: Place) -> None:
    path.symlink_to(place.secret)


def _to_the_same_outside(path: Path, place: Place) -> None:
    """The very content that the checksums know, by a link to another copy of it."""
    whole = place.house.copy("published", place.model / "elsewhere")
    path.symlink_to(whole / path.relative_to(place.folder))


def _to_itself_inside(path: Path, _: Place) -> None:
    path.symlink_to(f"{path.name}.kept")


def _to_itself(path: Path, _: Place) -> None:
    path.symlink_to(path.name)


def _to_nothing(path: Path, place: Place) -> None:
    path.symlink_to(place.target)


def _to_zeros(path: Path, _: Place) -> None:
    path.symlink_to("/dev/zero")


def _to_the_folder_outside(path: Path, place: Place) -> None:
    path.symlink_to(place.outside)


def _hard(path: Path, place: Place) -> None:
    whole = place.house.copy("published", place.model / "elsewhere")
    os.link(whole / path.relative_to(place.folder), path)


def _fifo(path: Path, _: Place) -> None:
    os.mkfifo(path)


def _socket(path: Path, place: Place) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # A socket's path is short, and a test's is not.
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{handle}/{path.name}")
        finally:
            os.close(handle)


def _device(minor: int, kind: str = "c") -> Change:
    def make(path: Path, _: Place) -> None:
        mode = {"c": 0o020000, "b": 0o060000}[kind]
        try:
            os.mknod(path, mode | 0o666, os.makedev(1 if kind == "c" else 7, minor))
        except PermissionError as error:
            pytest.skip(f"making devices is not allowed here: {error}")

    return make


def _folder(path: Path, _: Place) -> None:
    path.mkdir()
    (path / "within").write_text("gotcha")


def _file(path: Path, _: Place) -> None:
    path.write_text("gotcha")


def _empty_folder(path: Path, _: Place) -> None:
    path.mkdir()


def _sparse(path: Path, _: Place) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def _to_the_process(path: Path, _: Place) -> None:
    """What the server's own environment holds."""
    path.symlink_to("/proc/self/environ")


def unreadable(place: Place) -> None:
    """For root nothing is unreadable, and there the file is a good one."""
    (place.good() / GRAPH).chmod(0)


def added(name: str | bytes, content: bytes = b"odd") -> Callable[[Place], None]:
    """A published version with one more file, which no checksum knows."""

    def make(place: Place) -> None:
        path = place.good() / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return make


def only_an_odd_file(place: Place) -> None:
    place.folder.mkdir(parents=True)
    (place.folder / os.fsdecode(b"odd\xff\x1b[2J")).write_bytes(b"odd")


def deep(place: Place) -> None:
    path = place.good() / "assets"
    for _ in range(60):
        path = path / "d"
    path.mkdir(parents=True)
    (path / "bottom").write_text("odd")


def thousands(place: Place) -> None:
    folder = place.good() / "assets"
    for number in range(10_001):
        (folder / str(number)).touch()


def model_settings(change: Change) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.good()
        change(place.model / "model.toml", place)

    return make


def a_version_that_is_a_link(place: Place) -> None:
    place.house.copy("published", place.model / "elsewhere")
    place.folder.symlink_to("elsewhere")


def a_version_that_links_to_itself_hides_no_other(place: Place) -> None:
    """Version 2 is a good one, and 3 a link to itself."""
    place.house.copy("published", place.model / "2")
    (place.model / "3").symlink_to("3")


def a_file_in_a_version_links_to_itself(place: Place) -> None:
    place.house.copy("published", place.model / "1")
    (place.model / "1" / "loop").symlink_to("loop")
    place.house.copy("published", place.model / "2")


def a_model_that_is_a_link(place: Place) -> None:
    place.house.copy("published", place.house.repository / ".elsewhere" / "1")
    place.model.symlink_to(".elsewhere")


def a_version_that_is_a_fifo(place: Place) -> None:
    place.house.copy("published", place.model / "1")
    os.mkfifo(place.model / "2")


def a_model_that_is_a_file(place: Place) -> None:
    place.model.write_text("gotcha")


def a_model_that_is_a_fifo(place: Place) -> None:
    os.mkfifo(place.model)


def staging(place: Place) -> None:
    """What a killed publish left behind, in the model and in the version."""
    place.good()
    shutil.copytree(place.folder, place.model / ".staging-12ab")
    (place.folder / EXTRA / ".staging-compiled.json").write_text("{")


def hidden(place: Place) -> None:
    place.good()
    for name in (".DS_Store", "assets/.keep", "variables/.nfs0001"):
        path = place.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"odd")


def case_of_a_name(place: Place) -> None:
    (place.good() / GRAPH).rename(place.folder / "Saved_Model.PB")


def a_space_at_the_end(place: Place) -> None:
    (place.good() / GRAPH).rename(place.folder / f"{GRAPH} ")


def both_forms_of_the_graph(place: Place) -> None:
    """TensorFlow also reads ``saved_model.pbtxt``: it may not stand for what was looked at."""
    (place.plain() / f"{GRAPH}txt").write_text("saved_model_schema_version: 1")


def only_the_graph_as_text(place: Place) -> None:
    (place.plain() / GRAPH).rename(place.folder / f"{GRAPH}txt")


def a_graph_in_chunks(place: Place) -> None:
    """TensorFlow prefers ``saved_model.cpb``, a chunked file, where there is one."""
    (place.plain() / "saved_model.cpb").write_bytes(b"gotcha")


def debug_information(place: Place) -> None:
    path = place.plain() / "debug" / "saved_model_debug_info.pb"
    path.parent.mkdir()
    path.symlink_to(place.secret)


FINE: Final = Served()


def at(name: str, what: str, change: Change, *told: str, recorded: bool = False) -> Case:
    return Case(f"{what} as {name}", instead(name, change, recorded=recorded), refused(name, *told))


CASES: Final = [
    at(GRAPH, "a link outside", _to_the_secret, LINK),
    at(GRAPH, "a link to the same content", _to_the_same_outside, LINK),
    at(GRAPH, "a link within the version", _to_itself_inside, LINK),
    at(GRAPH, "a FIFO", _fifo, "a FIFO"),
    at(GRAPH, "a device of zeros", _device(5), "a character device"),
    at(GRAPH, "a folder", _folder),
    at(GRAPH, "a terabyte of nothing", _sparse, "bytes"),
    at(WARM_UP, "a terabyte of nothing", _sparse, "bytes"),
    at(GOLDEN, "a terabyte of nothing", _sparse, "bytes"),
    at(CHECKSUMS, "a terabyte of nothing", _sparse, "bytes"),
    Case("a terabyte of nothing as a compiled form", instead(FORM, _sparse),
         refused("MiB left of the limit")),
    Case("a terabyte of nothing as model.toml", model_settings(_sparse),
         refused("model.toml", "bytes")),
    at(INDEX, "a link outside, known to the checksums,", _to_the_secret, LINK, recorded=True),
    at(INDEX, "a FIFO", _fifo, "a FIFO"),
    at("variables", "a link to a folder", _to_the_folder_outside, LINK),
    at("variables", "a FIFO", _fifo, "a FIFO"),
    at(WORDS, "a link to a secret", _to_the_secret, LINK),
    at(WORDS, "a link to a secret, known to the checksums,", _to_the_secret, LINK, recorded=True),
    at(WORDS, "a link to nothing", _to_nothing, LINK),
    at(WORDS, "a link to itself", _to_itself, LINK),
    at(WORDS, "a socket", _socket, "a socket"),
    at(WORDS, "a block device", _device(0, "b"), "a block device"),
    at("assets", "a link to a folder", _to_the_folder_outside, LINK),
    at("assets.extra", "a link to a folder", _to_the_folder_outside, LINK),
    at(EXTRA, "a link to a folder", _to_the_folder_outside, LINK),
    at(GOLDENS, "a FIFO", _fifo, "a FIFO"),
    at(GOLDENS, "a link to zeros", _to_zeros, LINK),
    at(GOLDENS, "a folder", _folder),
    at(GOLDEN, "a link to the server's environment", _to_the_process, LINK),
    at(GOLDEN, "a FIFO", _fifo, "a FIFO"),
    at(CHECKSUMS, "a FIFO", _fifo, "a FIFO"),
    at(CHECKSUMS, "a link to the same content", _to_the_same_outside, LINK),
    at(COMPILED, "a FIFO", _fifo, "a FIFO"),
    at(FORM, "a link to the same content", _to_the_same_outside, LINK),
    at(f"{EXTRA}/compiled", "a link to a folder", _to_the_folder_outside, LINK),
    at(CURVES, "a FIFO", _fifo, "a FIFO"),
    at(CURVES, "a link to zeros", _to_zeros, LINK),
    at(ROWS, "a FIFO", _fifo, "a FIFO"),
    at(ROWS, "a link to zeros", _to_zeros, LINK),
    at(PROVENANCE, "a link outside", _to_the_secret, LINK),
    at(WARM_UP, "a FIFO", _fifo, "a FIFO"),
    at(WARM_UP, "a device of zeros", _device(5), "a character device"),
    Case("a file as variables", instead("variables", _file), FINE),
    Case("a hard link as saved_model.pb", instead(GRAPH, _hard), FINE),
    Case("an empty folder as variables", instead("variables", _empty_folder), FINE),
    Case("a graph that nobody may read", unreadable,
         FINE if os.geteuid() == 0 else refused(GRAPH)),
    Case("debug information that is a link", debug_information, refused(LINK)),
    Case("a link outside as model.toml", model_settings(_to_the_secret), refused("model.toml")),
    Case("a FIFO as model.toml", model_settings(_fifo), refused("model.toml", "a FIFO")),
    Case("a link to zeros as model.toml", model_settings(_to_zeros), refused("model.toml")),
    Case("a folder as model.toml", model_settings(_folder), refused("model.toml")),
    Case("a link to itself as model.toml", model_settings(_to_itself), refused("model.toml")),
    Case("a version that is a link", a_version_that_is_a_link, refused(LINK)),
    Case("a version that links to itself beside a good one",
         a_version_that_links_to_itself_hides_no_other, Served(version=2)),
    Case("an older version with a link to itself within", a_file_in_a_version_links_to_itself,
         Served(version=2)),
    Case("a version that is a FIFO beside a good one", a_version_that_is_a_fifo, FINE),
    Case("a model that is a link", a_model_that_is_a_link, FINE),
    Case("a model that is a file", a_model_that_is_a_file, Unknown()),
    Case("a model that is a FIFO", a_model_that_is_a_fifo, Unknown()),
    Case("what a killed publish left", staging, FINE),
    Case("hidden files", hidden, FINE),
    Case("a file with a line break in its name", added("assets/a\nb"), FINE),
    Case("a file with the controls of a terminal in its name", added("assets/\x1b[2Ja"), FINE),
    Case("a file with bytes that are no text in its name", added(b"assets/\xff\xfe"), FINE),
    Case("a version of one file, whose name is no text", only_an_odd_file, refused("SavedModel")),
    Case("a file with a name of 255 bytes", added("assets/" + "n" * 255), FINE),
    Case("a file whose name looks like another", added("\u0455aved_model.pb"), FINE),
    Case("a file that begins with a dash", added("--help"), FINE),
    Case("a file of three dots", added("assets/..."), FINE),
    Case("a file sixty folders deep", deep, refused("folders")),
    Case("ten thousand files and one", thousands, refused("more than 10000")),
    Case("a graph in capitals", case_of_a_name, refused(GRAPH)),
    Case("a graph with a space at the end of its name", a_space_at_the_end, refused(GRAPH)),
    Case("a second graph as text", both_forms_of_the_graph, FINE),
    Case("a graph as text alone", only_the_graph_as_text, refused(GRAPH)),
    Case("a graph in chunks beside it", a_graph_in_chunks, FINE),
]  # fmt: skip
