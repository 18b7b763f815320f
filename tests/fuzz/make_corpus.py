"""Write the hand-made inputs of the corpus: ``python -m tests.fuzz.make_corpus``.

What fuzzing found beside them is copied into the folder by hand and stays: nothing is removed.
"""

from __future__ import annotations

from tests.fuzz.hostile import hostile
from tests.fuzz.target import CORPUS


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for name, packed in hostile():
        (CORPUS / f"{name}.bin").write_bytes(packed)


if __name__ == "__main__":
    main()
