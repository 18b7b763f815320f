from __future__ import annotations

import pytest

from horngate.builder.report import BEGIN, END, with_figures
from horngate.errors import PublishError

CARD = f"# m\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"


def test_the_table_between_the_marks_is_made_anew_and_the_rest_stays() -> None:
    assert with_figures(CARD, {"accuracy": "**0.98**", "seed": "1"}) == (
        f"# m\n\nbefore\n\n{BEGIN}\n\n| | |\n|---|---|\n| accuracy | **0.98** |\n| seed | 1 |\n\n"
        f"{END}\n\nafter\n"
    )


def test_the_same_figures_give_the_same_card() -> None:
    once = with_figures(CARD, {"seed": "1"})
    assert with_figures(once, {"seed": "1"}) == once


def test_a_backslash_in_a_figure_is_a_backslash() -> None:
    assert r"| data | C:\1\g<0> |" in with_figures(CARD, {"data": r"C:\1\g<0>"})


@pytest.mark.parametrize("card", ["# m\n", BEGIN, f"{END}{BEGIN}", CARD + CARD])
def test_a_card_without_just_one_block_is_refused(card: str) -> None:
    with pytest.raises(PublishError, match="the model's card: expected one block <!-- figures"):
        with_figures(card, {"seed": "1"})
