"""The home page."""

from __future__ import annotations

from intertrain_jax.site.pages.home import page
from tests.boards import board


def test_a_card_counts_and_shows_the_best_first() -> None:
    ((card,),) = page([board()], ["note"])["sections"].values()
    assert [model.name for model, _ in card["best"]] == ["good", "middle", "part"]
    assert (card["failed"], card["partial"]) == (1, 1)


def test_rankings_over_one_pretrained_model_stand_together() -> None:
    boards = [board(title="a"), board(title="b", pretrained="other"), board(title="c")]
    sections = page(boards, [])["sections"]
    titles = {name: [card["board"].title for card in cards] for name, cards in sections.items()}
    assert titles == {"base": ["a", "c"], "other": ["b"]}
