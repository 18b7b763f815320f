from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from horngate.config.tokens_file import read_tokens_file
from horngate.errors import ConfigError, Unauthenticated

SECRET = "correct-horse-" + "battery"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
OF_NOTHING = hashlib.sha256(b"").hexdigest()
OF_A_LINE = hashlib.sha256(b"\n").hexdigest()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    return path


def test_a_token_or_its_digest(tmp_path: Path) -> None:
    other = hashlib.sha256(b"another-long-token").hexdigest()
    tokens = read_tokens_file(
        written(
            tmp_path,
            f'[team]\ntoken = "{SECRET}"\npredict = ["mnist_*"]\nrate = 5\n'
            f'[operator]\nsha256 = "{other}"\nadmin = true\n',
        )
    )
    team = tokens.caller(f"Bearer {SECRET}")
    assert (team.name, team.predict, team.admin, team.rate) == ("team", ("mnist_*",), False, 5)
    operator = tokens.caller("Bearer another-long-token")
    assert (operator.name, operator.admin, operator.rate) == ("operator", True, None)
    with pytest.raises(Unauthenticated):
        tokens.caller(f"Bearer {other}")


def test_a_digest_may_be_written_in_capitals(tmp_path: Path) -> None:
    tokens = read_tokens_file(written(tmp_path, f'[team]\nsha256 = "{DIGEST.upper()}"\n'))
    assert tokens.caller(f"bearer   {SECRET}  ").name == "team"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a table for each caller"),
        ('team = "x"', r"\[team\]: expected a table"),
        ("[team]\npredict = []", "either a token or its sha256"),
        (f'[team]\ntoken = "{SECRET}"\nsha256 = "00"', "either a token or its sha256"),
        ('[team]\ntoken = "short"', "at least 16 characters, received 5"),
        (f'[team]\nsha256 = "{SECRET}"', "64 hexadecimal digits, received 21 characters"),
        (f'[team]\ntoken = "{SECRET}"\nadmni = true', "did you mean 'admin'"),
        (f'[team]\ntoken = "{SECRET}"\npredict = "all"', "predict"),
        (f'[team]\ntoken = "{SECRET}"\nrate = 0', "rate: expected 0.001"),
        (f'[a]\ntoken = "{SECRET}"\n[b]\ntoken = "{SECRET}"', "received that of 'a'"),
        (f'[team]\ntoken = "{SECRET}', "readable TOML"),
        (f'[team]\nsha256 = "{OF_NOTHING}"', "received that of an empty token"),
        (f'[team]\nsha256 = "{OF_NOTHING.upper()}"', "received that of an empty token"),
        (f'[team]\nsha256 = "{OF_A_LINE}"', "received that of an empty line"),
        (f'[team]\nsha256 = " {"0" * 62} "', "64 hexadecimal digits, received 64 characters"),
        (f'[team]\nsha256 = "{"00 " * 31}00"', "64 hexadecimal digits, received 95 characters"),
        ('[team]\nsha256 = ""', "either a token or its sha256"),
        ('[team]\ntoken = "                "', "without white space"),
        (f'[team]\ntoken = "{SECRET} "', "without white space"),
        (f'[team]\ntoken = "{SECRET}\\u00e9"', "of ASCII"),
        (
            f'[a]\ntoken = "{SECRET}"\n[b]\nsha256 = "{DIGEST.upper()}"',
            r"\[b\]: expected a token of its own, received that of 'a'",
        ),
    ],
)
def test_what_cannot_be_used_is_named_without_the_secret(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        read_tokens_file(written(tmp_path, text))
    assert "tokens.toml" in str(refused.value)
    assert SECRET not in str(refused.value)
