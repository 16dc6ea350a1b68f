"""The home page."""

from __future__ import annotations

from intertrain_jax.site.pages.home import page
from tests.boards import board


def test_a_card_counts_and_shows_the_best_first() -> None:
    (card,) = page([board()], ["note"])["cards"]
    assert [model.name for model, _ in card["best"]] == ["good", "middle", "part"]
    assert (card["failed"], card["partial"]) == (1, 1)
