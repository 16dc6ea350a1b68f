"""The table of families finds a model's family, or says which there are."""

from __future__ import annotations

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.zoo import FAMILIES, family_of


@pytest.mark.parametrize(
    ("model_type", "family"),
    [
        ("bert", "bert"),
        ("roberta", "roberta"),
        ("xlm-roberta", "roberta"),
        ("camembert", "roberta"),
        ("t5", "t5"),
    ],
)
def test_every_type_has_its_family(model_type: str, family: str) -> None:
    assert family_of({"model_type": model_type}, "m") is FAMILIES[family]


def test_an_unsupported_architecture_says_which_are_supported() -> None:
    with pytest.raises(
        IntertrainError,
        match=r"'m'.*of bert, roberta, xlm-roberta, camembert, t5, got 'distilbert'",
    ):
        family_of({"model_type": "distilbert"}, "m")


def test_no_type_at_all_is_an_error() -> None:
    with pytest.raises(IntertrainError, match="got None"):
        family_of({}, "m")
