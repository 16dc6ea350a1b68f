"""The table of families finds a model's family, or says which there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_models import CONFIGS

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.table import FAMILIES, architecture_hash, family_of
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.train.objectives import Classification


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
        match=r"'m'.*of bert, roberta, xlm-roberta, camembert, distilbert, t5, got 'electra'",
    ):
        family_of({"model_type": "electra"}, "m")


def test_no_type_at_all_is_an_error() -> None:
    with pytest.raises(IntertrainError, match="got None"):
        family_of({}, "m")


def test_every_family_has_a_kind_of_tiny_model_that_is_tested() -> None:
    found = {family_of(config, kind).name for kind, config in CONFIGS.items()}
    assert found == set(FAMILIES)
    assert all(name == family.name for name, family in FAMILIES.items())


def test_an_unknown_family_is_no_familys() -> None:
    """Code that a family chooses cannot be reached by another one."""
    config = replace(FAMILIES["bert"].config(CONFIGS["bert"], "m"), family="new")
    with pytest.raises(KeyError, match="new"):
        Classification(config, 2).parameter_shapes()
    with pytest.raises(TypeError, match="bert does not answer in words"):
        _ = FAMILIES["bert"].texts


@pytest.mark.parametrize(
    ("reference", "fingerprint", "architecture"),
    [
        (
            "quickstart",
            "c800ddf2c1caf489efb9f1909b1162abbf21ef4cb12bdfa3a0caec48736adbb9",
            "7f9e6eb0d2fb",
        ),
        (
            "quickstart-t5",
            "268f3d2fdc0a61ac60a6b761fb599ceab5d6215db955c3fcd49275fc46f6be92",
            "f0143bebe978",
        ),
    ],
)
def test_shipped_models_keep_what_records_know_them_by(
    reference: str, fingerprint: str, architecture: str
) -> None:
    checkpoint = load_checkpoint(reference)
    assert checkpoint.fingerprint == fingerprint
    assert architecture_hash(checkpoint.config) == architecture
