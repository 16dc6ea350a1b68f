"""Values out of config.json are checked, and an error names the field, the rule and the value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.hf.config import (
    ACTIVATIONS,
    Fields,
    learnt_columns,
    read_hf_config,
    with_learnt_columns,
)
from intertrain_jax.models.layers import ACTIVATIONS as COMPUTED

FIELDS = Fields({"a": 3, "none": None, "flag": True, "text": "x"}, {"rate": 0.1, "a": 5}, "m")


def test_a_value_is_the_files_or_the_default() -> None:
    assert (FIELDS.get("a"), FIELDS.get("rate"), FIELDS.get("absent")) == (3, 0.1, None)
    assert FIELDS.get("none") is None
    assert (FIELDS.size("a"), FIELDS.number("a", below=4)) == (3, 3.0)


def test_the_columns_that_a_model_learnt_from_are_those_of_the_last_training() -> None:
    first = with_learnt_columns({"model_type": "bert"}, ("question", "answer"))
    assert first["model_type"] == "bert" and learnt_columns(first) == ("question", "answer")
    assert learnt_columns(with_learnt_columns(first, ("body",))) == ("body",)
    assert with_learnt_columns(first, ()) == {"model_type": "bert"}
    for odd in ("body", ["body", 1], ["a", "b", "c"], {"body": 1}, None):
        assert learnt_columns({"text_columns": odd}) == (), "what others wrote there is no column"


@pytest.mark.parametrize("field", ["absent", "none", "flag", "text", "rate"])
def test_a_size_is_a_positive_integer(field: str) -> None:
    with pytest.raises(IntertrainError, match=f"Model 'm': '{field}' in config.json must be a pos"):
        FIELDS.size(field)
    with pytest.raises(IntertrainError, match="positive integer, got 0; correct the file"):
        Fields({"n": 0}, {}, "m").size("n")


@pytest.mark.parametrize("value", [None, True, "0.1", -0.5, 1, 1.0, float("nan"), float("inf")])
def test_a_number_is_in_its_range(value: Any) -> None:
    with pytest.raises(IntertrainError, match=r"'x' in config\.json must be a number in \[0, 1\)"):
        Fields({"x": value}, {}, "m").number("x", below=1)
    assert Fields({"x": 0}, {}, "m").number("x", below=1) == 0.0


@pytest.mark.parametrize(("value", "found"), [(None, 2), (0, 0), (6, 6)])
def test_a_token_has_a_default_of_its_family(value: int | None, found: int) -> None:
    assert Fields({"pad": value}, {}, "m").token("pad", 2, 7) == found
    assert Fields({}, {"pad": 5}, "m").token("pad", 2, 7) == 2


@pytest.mark.parametrize("value", [-1, 7, 1.0, True, "1"])
def test_a_token_is_a_word(value: Any) -> None:
    with pytest.raises(IntertrainError, match=r"must be an integer in \[0, 7\), got"):
        Fields({"pad": value}, {}, "m").token("pad", 2, 7)


@pytest.mark.parametrize(
    ("allowed", "rule"), [(("on", "yes"), "must be 'on'"), ((), "must be absent")]
)
def test_an_option_with_other_values_is_refused(allowed: tuple[str, ...], rule: str) -> None:
    for fine in ({}, {"way": None}, *({"way": value} for value in allowed)):
        Fields(fine, {"way": "off"}, "m").require({"way": allowed})
    message = f"Model 'm': 'way' in config.json {rule} for .*, got 'off'; choose another model"
    with pytest.raises(IntertrainError, match=message):
        Fields({"way": "off"}, {}, "m").require({"way": allowed})


@pytest.mark.parametrize("name", [*ACTIVATIONS, "mish", None])
def test_an_activation_is_one_that_is_computed(name: str | None) -> None:
    fields = Fields({"act": name}, {"act": "gelu"}, "m")
    if name in COMPUTED:
        assert fields.activation("act") == name
    else:
        with pytest.raises(IntertrainError, match=f"'act'.* one of gelu, .*, got {name!r}"):
            fields.activation("act")


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not valid JSON"), ("[1]", "JSON object, not a list")]
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(IntertrainError, match=message):
        read_hf_config(tmp_path)


def test_activations_that_a_file_may_name_are_those_that_are_computed() -> None:
    assert set(ACTIVATIONS) == set(COMPUTED)
