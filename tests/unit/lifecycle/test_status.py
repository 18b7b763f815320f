"""Why a version failed to load: what callers are told of it, and what operators are."""

from __future__ import annotations

import pytest

from horngate.errors import ConfigError, LoadError
from horngate.lifecycle.status import State, VersionStatus, why

PRIVATE = "/srv/models/m/1/variables: 7.25"


@pytest.mark.parametrize(
    "error",
    [
        LoadError("the model cannot be loaded", detail=PRIVATE),
        ConfigError(f"{PRIVATE}: model.toml: limits: unknown key"),
        OSError(13, "Permission denied", PRIVATE),
        ValueError(f"a defect, with {PRIVATE}"),
    ],
)
def test_callers_are_told_no_files_and_no_engines_words(error: Exception) -> None:
    words, detail = why(error)
    status = VersionStatus("m", 1, State.END, error=words, detail=detail)
    assert PRIVATE not in status.reason(operator=False)
    assert status.reason(operator=False)
    assert PRIVATE in status.reason(operator=True)


def test_what_we_say_ourselves_is_for_all() -> None:
    words, detail = why(LoadError("saved_model.pb differs from its checksum"))
    status = VersionStatus("m", 1, State.END, error=words, detail=detail)
    assert status.reason(operator=False) == status.reason(operator=True)
    assert status.reason(operator=True) == "saved_model.pb differs from its checksum"
