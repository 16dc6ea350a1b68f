"""The home page."""

from __future__ import annotations

from intertrain_jax.site.pages.home import page
from tests.boards import board


def test_a_card_counts_and_shows_the_best_first() -> None:
    ((card,),) = page([board()], ["note"])["sections"].values()
    assert [model.name for model, _ in card["best"]] == ["good", "middle", "part"]
    assert (card["failed"], card["partial"]) == (1, 1)


def test_it_is_as_of_the_last_run_that_says_when_it_was() -> None:
    old = board(times=("2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"))
    new = board(times=("2026-11-25T00:00:00Z", "2026-11-25T01:00:00Z"))
    assert page([new, old, board()], [])["date"] == "2026-11-25"
    assert page([new], [], "today")["date"] == "today" and page([board()], [])["date"] is None


def test_rankings_over_one_pretrained_model_stand_together() -> None:
    boards = [board(title="a"), board(title="b", pretrained="other"), board(title="c")]
    sections = page(boards, [])["sections"]
    titles = {name: [card["board"].title for card in cards] for name, cards in sections.items()}
    assert titles == {"base": ["a", "c"], "other": ["b"]}
