from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from horngate.errors import NoRoom
from horngate.lifecycle.memory import WEIGHTS, Memory, RoomTaken, needed_bytes, resident_bytes
from horngate.lifecycle.tasks import Progress
from horngate.store.compiled import FORMS

MIB = 1 << 20


def file(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def fits(memory: Memory, folder: Path) -> bool:
    with memory.reserved(folder, Progress()):
        return True


def test_a_saved_model_needs_its_weights_its_graph_and_its_words(tmp_path: Path) -> None:
    file(tmp_path / "saved_model.pb", MIB)
    file(tmp_path / "variables" / "variables.data-00000-of-00001", 4 * MIB)
    file(tmp_path / "assets" / "words.txt", 7)
    assert needed_bytes(tmp_path) == WEIGHTS * (5 * MIB + 7)


def test_a_compiled_form_is_what_is_loaded(tmp_path: Path) -> None:
    file(tmp_path / "variables" / "variables.data-00000-of-00001", 4 * MIB)
    file(tmp_path / FORMS / "serving_default.onnx", 2 * MIB)
    assert needed_bytes(tmp_path) == WEIGHTS * 2 * MIB


def test_what_does_not_fit_is_refused_with_the_figures(tmp_path: Path) -> None:
    file(tmp_path / "saved_model.pb", 2 * MIB)
    memory = Memory(16 * MIB, resident=lambda: 11 * MIB)
    with pytest.raises(NoRoom, match=r"the 5 MiB left of the limit of 16, received .* 6 MiB"):
        fits(memory, tmp_path)
    assert fits(Memory(17 * MIB, resident=lambda: 11 * MIB), tmp_path)


def test_what_is_being_loaded_counts_until_it_has_been(tmp_path: Path) -> None:
    file(tmp_path / "saved_model.pb", 2 * MIB)
    memory = Memory(17 * MIB, resident=lambda: 6 * MIB)
    with memory.reserved(tmp_path, Progress()), pytest.raises(RoomTaken):
        fits(memory, tmp_path)
    assert fits(memory, tmp_path)


def test_what_a_load_that_was_given_up_may_take_is_no_longer_waited_for(tmp_path: Path) -> None:
    file(tmp_path / "saved_model.pb", 2 * MIB)
    memory, progress = Memory(17 * MIB, resident=lambda: 6 * MIB), Progress()
    with ExitStack() as loading:
        loading.enter_context(memory.reserved(tmp_path, progress))
        assert progress.give_up()
        with pytest.raises(NoRoom, match="6 MiB of it for loads that do not come back") as refused:
            fits(memory, tmp_path)
        assert not isinstance(refused.value, RoomTaken)
    assert fits(memory, tmp_path)


def test_a_load_that_fails_gives_its_room_back(tmp_path: Path) -> None:
    file(tmp_path / "saved_model.pb", 2 * MIB)
    memory = Memory(17 * MIB, resident=lambda: 6 * MIB)
    with pytest.raises(ValueError, match="damaged"), memory.reserved(tmp_path, Progress()):
        raise ValueError("damaged")
    assert fits(memory, tmp_path)


def test_without_a_limit_the_container_or_the_machine_has_one() -> None:
    assert Memory().limit > 64 * MIB
    assert 0 < resident_bytes() < Memory().limit


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/data"])
def test_what_is_weighed_is_what_lies_there_and_no_link(tmp_path: Path, name: str) -> None:
    file(tmp_path / "elsewhere", 100 * MIB)
    version = tmp_path / "m" / "1"
    (version / "variables").mkdir(parents=True)
    (version / name).symlink_to(tmp_path / "elsewhere")
    assert needed_bytes(version) < MIB
