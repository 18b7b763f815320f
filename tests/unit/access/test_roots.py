from __future__ import annotations

import os
from pathlib import Path

import pytest

from horngate.access.roots import Roots
from horngate.errors import ConfigError


def test_a_root_and_what_is_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    roots = Roots([models])
    assert roots.check("base_path", str(models)) == models
    assert roots.check("base_path", f"{models}/m/../n/") == models / "n"
    monkeypatch.chdir(tmp_path)
    assert roots.check("base_path", "models/m") == models / "m"
    (models / "a").mkdir(parents=True)
    (models / "b").symlink_to("a")
    assert roots.check("base_path", f"{models}/b") == models / "b", "a link that stays"


@pytest.mark.parametrize("path", ["/", "/etc", "{}", "{}/modelsomething", "{}/models/../x", ".."])
def test_all_else_is_refused_without_a_look(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = Roots([tmp_path / "models"])
    monkeypatch.setattr(os.path, "realpath", None)
    with pytest.raises(ConfigError, match=r"base_path: expected a path below .*/models, received"):
        roots.check("base_path", path.format(tmp_path))


def test_a_link_may_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "out").symlink_to("/etc")
    roots = Roots([tmp_path / "models"])
    for path in ("out", "out/ssl"):
        with pytest.raises(ConfigError, match=r"received .*, a link that leads out of it"):
            roots.check("base_path", f"{tmp_path}/models/{path}")


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "m").mkdir(parents=True)
    (tmp_path / "models").symlink_to("real")
    named = tmp_path / "models" / "m"
    assert Roots([tmp_path / "models"]).check("base_path", str(named)) == named


def test_without_roots_nothing_may_be_named() -> None:
    with pytest.raises(ConfigError, match="this server has none"):
        Roots([]).check("base_path", "/etc")
