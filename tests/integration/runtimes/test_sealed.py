"""What was looked at is what is loaded, whatever becomes of the files meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from horngate.errors import LoadError
from horngate.private import private_folder
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store import manifest
from horngate.store.manifest import Hashes
from tests.integration.runtimes.hostile import writing
from tests.integration.runtimes.saved import answered, answering, doubling, with_a_vocabulary

X = np.array([3.0], np.float32)


class Swapped(Hashes):
    """Files of a version that ``swap`` changes as soon as the one called ``after`` was taken."""

    def __init__(self, version: Path, after: str, swap: Callable[[], object]) -> None:
        super().__init__(version)
        self._after = after
        self._swap = swap

    def read(self, name: str, limit: int) -> bytes:
        content = super().read(name, limit)
        if name == self._after:
            self._swap()
        return content

    def copy(self, name: str, target: Path) -> str:
        digest = super().copy(name, target)
        if name == self._after:
            self._swap()
        return digest


def test_a_graph_that_is_swapped_after_the_look_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "target"
    folder = doubling(tmp_path / "m")
    answering(tmp_path / "hostile", writing(target))

    def swap() -> None:
        (tmp_path / "hostile" / "saved_model.pb").replace(folder / "saved_model.pb")

    files = Swapped(folder, "saved_model.pb", swap)
    assert answered(folder, files=files, x=X) == [6.0]
    assert not target.exists()
    assert b"WriteFile" in (folder / "saved_model.pb").read_bytes()


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
def test_variables_that_are_swapped_after_they_were_hashed_are_not_served(
    tmp_path: Path, name: str
) -> None:
    folder, other = doubling(tmp_path / "m"), doubling(tmp_path / "other", 5.0)

    def swap() -> None:
        shutil.rmtree(folder / "variables")
        shutil.copytree(other / "variables", folder / "variables")

    last = max(each.name for each in (folder / "variables").iterdir())
    files = Swapped(folder, f"variables/{last}", swap)
    assert answered(folder, files=files, x=X) == [6.0]
    # Changed before that, they differ from their checksum.
    manifest.write_checksums(folder)
    (folder / "variables" / name).write_bytes((tmp_path / "m" / "saved_model.pb").read_bytes())
    with pytest.raises(LoadError, match=f"{name} differs from its checksum"):
        SavedModelRuntime().load(folder)


def test_a_vocabulary_is_the_models_own_file(tmp_path: Path) -> None:
    folder = with_a_vocabulary(tmp_path / "m")
    assert answered(folder, word=np.array([b"ivory", b"hidden"], object)) == [1, -1]
    secret = tmp_path / "secret"
    secret.write_text("hidden\n")
    (folder / "assets" / "words.txt").unlink()
    (folder / "assets" / "words.txt").symlink_to(secret)
    for runtime in (SavedModelRuntime(), SavedModelRuntime(trust_operations=True)):
        with pytest.raises(LoadError, match=r"words.txt.*a symbolic link"):
            runtime.load(folder)


def test_variables_are_the_models_own_files(tmp_path: Path) -> None:
    folder, other = doubling(tmp_path / "m"), doubling(tmp_path / "other", 5.0)
    shutil.rmtree(folder / "variables")
    (folder / "variables").symlink_to(other / "variables")
    with pytest.raises(LoadError, match=r"variables.*a symbolic link"):
        SavedModelRuntime().load(folder)


def test_a_graph_that_never_ends_is_not_read(tmp_path: Path) -> None:
    folder = doubling(tmp_path / "m")
    (folder / "saved_model.pb").unlink()
    os.mkfifo(folder / "saved_model.pb")
    with pytest.raises(LoadError, match=r"saved_model.pb.*a FIFO"):
        SavedModelRuntime().load(folder)


def test_nothing_of_the_private_copy_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_folder() as folder:
        home = folder.parent
    before = sorted(home.iterdir())
    servable = SavedModelRuntime().load(with_a_vocabulary(tmp_path / "m"))
    assert sorted(home.iterdir()) == before
    servable.close()
    broken = doubling(tmp_path / "broken")
    (broken / "variables" / "variables.index").write_bytes(b"not an index")
    with pytest.raises(LoadError, match="TensorFlow cannot load"):
        SavedModelRuntime().load(broken)
    assert sorted(home.iterdir()) == before


def test_a_saved_model_as_text(tmp_path: Path) -> None:
    folder = doubling(tmp_path / "m")
    binary = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(binary.read_bytes())
    binary.unlink()
    (folder / "saved_model.pbtxt").write_text(text_format.MessageToString(saved))
    assert answered(folder, x=X) == [6.0]
    (folder / "saved_model.pbtxt").write_text("meta_graphs {" * 5000)
    with pytest.raises(LoadError, match="what cannot be parsed"):
        SavedModelRuntime().load(folder)


def test_a_file_without_a_graph_to_serve(tmp_path: Path) -> None:
    folder = doubling(tmp_path / "m")
    binary = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(binary.read_bytes())
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    binary.write_bytes(saved.SerializeToString())
    with pytest.raises(LoadError, match=r"tagged \['serve'\], received \['train'\]"):
        SavedModelRuntime().load(folder)
