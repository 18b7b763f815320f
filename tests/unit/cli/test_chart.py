import io

import numpy as np
import pytest

from horngate.cli.chart import Answer, Style, bars, render

ONE_OF = Answer(activation="softmax")
EACH = Answer(activation="sigmoid")
PLAIN = Style(width=40)
ROW = np.array([0.0, 0.25, 1.0, 0.5], np.float32)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_each_value_has_a_bar_and_the_winner_a_mark() -> None:
    lines = bars(ROW, PLAIN)
    assert [line.rstrip()[-1] for line in lines] == ["0", "0", "◀", "0"]
    assert [line.count("█") for line in lines] == [0, 6, 27, 13]
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert "1.0000" in lines[2]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("labels", [2, 10, 40])
def test_lines_fit_the_terminal(width: int, labels: int) -> None:
    row = np.ones((1, labels), np.float32)
    assert all(len(line) <= width for line in render("y", row, Style(width=width), ONE_OF)[1:])
    named = Answer(["a long name of a class"] * labels, "softmax")
    assert all(len(line) <= width for line in render("y", row, Style(width=width), named)[1:])


def test_the_first_of_equals_wins() -> None:
    assert [line[-1] for line in bars(np.array([0.5, 0.5]), PLAIN)] == ["◀", "0"]


def test_without_block_characters_there_are_others() -> None:
    text = "\n".join(bars(ROW, Style(width=40, blocks=False)))
    assert text.isascii()
    assert text.count("<") == 1


def test_colours_only_where_they_are_wanted() -> None:
    assert not any("\x1b" in line for line in bars(ROW, PLAIN))
    coloured = bars(ROW, Style(width=40, colour=True))
    assert [("\x1b" in line) for line in coloured] == [False, False, True, False]


def test_the_style_follows_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "33")
    assert Style.of(Terminal()) == Style(width=33, colour=True, blocks=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style.of(Terminal()).colour
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert Style.of(pipe) == Style(width=80, colour=False, blocks=False)


def test_rows_are_told_apart_and_many_are_cut() -> None:
    lines = render("y", np.full((10, 3), 0.5), PLAIN, ONE_OF)
    assert lines[0] == "y  float64[10, 3]"
    assert [line for line in lines if "row" in line] == [
        *[f"  row {number}" for number in range(8)],
        "  and 2 more rows; --json prints all",
    ]


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, 0.0]]),
        np.array([[np.nan, 0.0]]),
        np.array([0.5, 0.5]),
        np.zeros((0, 2)),
        np.zeros((1, 2, 2)),
        np.float32(0.5),
    ],
)
def test_what_is_no_row_of_probabilities_is_printed_as_numbers(array: np.ndarray) -> None:
    text = "\n".join(render("y", np.asarray(array), PLAIN, ONE_OF))
    assert "█" not in text
    assert "◀" not in text


def test_only_what_is_known_to_be_one_of_several_has_a_winner() -> None:
    shares = np.array([[0.25, 0.75]])

    def shown(answer: Answer) -> str:
        return "\n".join(render("y", shares, PLAIN, answer)[1:])

    assert ("█" in shown(ONE_OF), "◀" in shown(ONE_OF)) == (True, True)
    assert ("█" in shown(EACH), "◀" in shown(EACH)) == (True, False)
    for numbers in (Answer(), Answer(activation="linear")):
        assert shown(numbers) == "  [[0.25 0.75]]"
    assert shown(Answer(("low", "high"))).split() == ["low", "0.25", "high", "0.75"]


def test_classes_have_their_names_and_those_without_one_their_places() -> None:
    named = Answer(("cat", "", "\x1b[2Jfox"), "softmax")
    row = np.array([[0.0, 0.25, 0.5, 0.25]])
    lines = render("y", row, Style(width=60), named)[1:]
    assert [line.split()[0] for line in lines] == ["cat", "1", "\\x1b[2Jfox", "3"]
    assert [line[-1] for line in lines] == ["0", "0", "◀", "0"]


def test_of_many_classes_the_highest_are_shown() -> None:
    row = np.linspace(0, 1, 1000)[np.newaxis]
    lines = render(
        "y", row, PLAIN, Answer([f"class {number}" for number in range(1000)], "softmax")
    )
    assert len(lines) == 12
    assert lines[1].split()[:2] == ["class", "999"]
    assert lines[1].endswith("◀")
    assert lines[-1] == "  and 990 lower ones; --json prints all"


def test_large_arrays_are_cut() -> None:
    assert len(render("y", np.arange(100_000), PLAIN)) < 5


def test_strings_are_text_and_cannot_move_the_cursor() -> None:
    array = np.array([[b"gr\xc3\xbcn", b"\x1b[2J", b"\xff"]], object)
    text = "\n".join(render("y", array, PLAIN))
    assert text.startswith("y  string[1, 3]\n")
    assert "grün" in text
    assert "\x1b" not in text
