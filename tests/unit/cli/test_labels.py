"""``publish --labels``: a file, a list, or either of an output that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from horngate.cli.publish import read_labels
from horngate.errors import PublishError


def test_a_list_or_a_file_with_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("cat\r\n  größer \n\nfox\n\n".encode())
    assert read_labels([]) is None
    assert read_labels(["cat, dog"]) == ["cat", "dog"]
    assert read_labels([str(file)]) == ["cat", "größer", "", "fox"]
    assert read_labels([f"kind={file}", "size=small,large"]) == {
        "kind": ["cat", "größer", "", "fox"],
        "size": ["small", "large"],
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["labels.txt"], "expected a file with one label a line, or a list a,b,c"),
        (["a,b", "c,d"], "expected OUTPUT=FILE or OUTPUT=a,b,c"),
        (["kind=a,b", "kind=c,d"], "each output once"),
    ],
)
def test_what_names_no_labels_is_refused(arguments: list[str], told: str) -> None:
    with pytest.raises(PublishError, match=told):
        read_labels(arguments)


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"\xff\xfe")
    with pytest.raises(PublishError, match="expected a text file in UTF-8"):
        read_labels([str(tmp_path / "labels")])
