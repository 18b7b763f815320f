"""What the files of a model and of a version say of them: card, pictures of a build, provenance.

Whoever can write a version can write them: each is a regular file of its own folder, bounded, and
shown as text. One that cannot be read is left out: nothing depends on it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

from horngate.errors import LoadError, RequestError
from horngate.store.compiled import read_compiled
from horngate.store.files import VersionFiles
from horngate.store.manifest import read_provenance

CARD: Final = "README.md"
CARD_BYTES: Final = 64 * 1024
PICTURES: Final = ("training.png", "confusion.png")
"""What ``horngate build`` draws of a training, in the folder ``report``."""

PICTURE_BYTES: Final = 1024 * 1024
PNG: Final = b"\x89PNG\r\n\x1a\n"
ENTRIES: Final = 100
"""Lines of a provenance that are shown, each a name and a value cut to ``CHARACTERS``."""

CHARACTERS: Final = 500


class NoPicture(RequestError):
    """The model has no such picture."""


def of_model(folder: Path) -> dict[str, Any]:
    """The card as text, "" for none, and the names of the pictures that are there."""
    files = model_files(folder)
    pictures = []
    for name in PICTURES:
        with contextlib.suppress(LoadError):
            if files.exists(f"report/{name}"):
                pictures.append(name)
    return {"card": _card(files), "pictures": pictures}


def of_version(folder: Path) -> dict[str, Any]:
    """How it was made, by name, and how its compiled form differs from TensorFlow."""
    told: dict[str, Any] = {"provenance": {}, "compiled": None}
    with contextlib.suppress(LoadError):
        told["provenance"] = _flat(read_provenance(folder))
    with contextlib.suppress(LoadError):
        record = read_compiled(folder)
        if record is not None:
            told["compiled"] = {
                "refused": record.refused,
                "made_with": _flat(dict(record.made_with)),
                "signatures": [
                    {
                        "name": name,
                        "largest_difference": form.largest_difference,
                        "rtol": form.rtol,
                        "atol": form.atol,
                        "rows": form.rows,
                    }
                    for name, form in record.signatures.items()
                ],
            }
    return told


def picture(folder: Path, name: str) -> bytes:
    """The PNG ``name`` of the model's report.

    Raises:
        NoPicture: there is none of that name, or what is there is none.
    """
    content = b""
    if name in PICTURES:
        with contextlib.suppress(LoadError):
            content = model_files(folder).read(f"report/{name}", PICTURE_BYTES)
    if not content.startswith(PNG):
        raise NoPicture(f"expected a picture of the model's report, received {name[:80]!r}")
    return content


def model_files(folder: Path) -> VersionFiles:
    """The files of a model's folder, which may itself be a link; nothing in it may."""
    return VersionFiles(folder.resolve())


def _card(files: VersionFiles) -> str:
    with contextlib.suppress(LoadError):
        return files.read(CARD, CARD_BYTES).decode("utf-8", "replace")
    return ""


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Names and values as text, those of tables within it by the way there."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, dict) and prefix.count(".") < 2:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"[:CHARACTERS]] = str(value)[:CHARACTERS]
        if len(flat) >= ENTRIES:
            break
    return dict(list(flat.items())[:ENTRIES])
