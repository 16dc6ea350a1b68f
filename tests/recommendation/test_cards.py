"""Tests of what model cards say of the data that a model has trained on."""

from __future__ import annotations

import pytest

from intertrain_jax.data.task import HubDataset, Task
from intertrain_jax.recommendation.cards import datasets_of, seen_before
from intertrain_jax.report.card import model_card
from tests.runs import make_config, make_plan, make_record

_CARD = """---
license: mit
datasets:
- takala/Financial_PhraseBank
- 7
model-index:
- name: mine
  results:
  - dataset: {name: My tickets, type: tickets}
  - metrics: []
- none
---
# A model
"""


@pytest.mark.parametrize(
    ("card", "found"),
    [
        (_CARD, ("takala/Financial_PhraseBank", "tickets", "My tickets")),
        ("\ufeff" + _CARD.replace("\n", "\r\n"), datasets_of(_CARD)),
        ("---\ndatasets: glue\n---\n", ("glue",)),
        ("# datasets\nglue", ()),
        ("---\n[broken\n---\n", ()),
        ("---\n- a list\n---\n", ()),
        ("---\nmodel-index: {results: 3}\n---\n", ()),
        ("", ()),
    ],
)
def test_data_sets_of_a_card(card: str, found: tuple[str, ...]) -> None:
    assert datasets_of(card) == found


def test_the_target_is_known_by_its_name() -> None:
    """Owner, case and signs are no difference; "train.csv" is no name."""
    datasets = datasets_of(_CARD)
    assert seen_before(["financial-phrasebank"], datasets) == ("takala/Financial_PhraseBank",)
    assert seen_before(["someone/my.tickets"], datasets) == ("My tickets",)
    assert seen_before(["train", "phrasebank"], (*datasets, "train")) == ()


def test_cards_of_this_package_name_their_task() -> None:
    run = next(run for run in make_plan(make_config()).runs if run.target == "alpha")
    hub = Task("alpha", "Alpha", ("{text}",), labels=("a", "b"), hub=HubDataset("org/alpha-set"))
    card = model_card(make_record(run, 61.0), hub, "org/base")
    assert seen_before(["alpha_set"], datasets_of(card)) == ("org/alpha-set",)
