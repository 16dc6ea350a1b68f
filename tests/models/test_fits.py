"""A base model that does not fit is refused with what differs, before its weights are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.fits import check_positions, check_shape, check_words, with_words
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.models.padded import padded_block
from tests.models.tiny_models import CONFIGS, ModelFactory

# What may differ between runs that share a program.
FREE = {"hidden_dropout": 0.3, "attention_dropout": 0.4, "classifier_dropout": 0.2}


def config_of(kind: str, **options: Any) -> Any:
    """Returns the shape of a tiny model."""
    content = {**CONFIGS[kind], **options}
    return family_of(content, kind).config(content, kind)


@pytest.mark.parametrize("kind", CONFIGS)
def test_dropout_may_differ_and_every_size_not(kind: str) -> None:
    config = config_of(kind)
    check_shape(replace(config, **FREE), "m", config, "the others", "do this")
    sizes = [name for name, value in vars(config).items() if type(value) is int]
    if not FAMILIES[config.family].text_to_text:
        # Padding is never read in rows of segments; where the positions begin is a size of its own.
        sizes.remove("pad_token_id")
    assert {"vocab_size", "hidden_size", "num_layers", "num_heads"} < set(sizes)
    for name in sizes:
        value = getattr(config, name)
        message = f"Model 'm' must have the shape of the others, but its {name} is {value + 1}, and"
        other = replace(config, **{name: value + 1})
        with pytest.raises(IntertrainError, match=f"{message} theirs {value}; do this") as caught:
            check_shape(other, "m", config, "the others", "do this", words=True)
        assert "\n" not in str(caught.value)
        if name == "vocab_size":  # whose number counts only where the output is over words
            check_shape(other, "m", config, "the others", "do this")


def test_another_family_is_named_first() -> None:
    bert, roberta, t5 = (config_of(kind) for kind in ("bert", "roberta", "t5"))
    for other, theirs in ((roberta, "roberta"), (t5, "t5")):
        with pytest.raises(IntertrainError, match=f"its family is 'bert', and theirs '{theirs}'"):
            check_shape(bert, "m", other, "the others", "do this")


@pytest.mark.parametrize(
    ("kind", "longest"),
    # RoBERTa's positions begin after its padding token, 1; T5's are relative.
    [("bert", 12), ("distilbert", 12), ("roberta", 10), ("t5", None), ("t5-v1.1", None)],
)
def test_inputs_are_as_long_as_there_are_positions(kind: str, longest: int | None) -> None:
    config = config_of(kind)
    check_positions(config, "m", Protocol(max_length=longest or 100_000))
    if longest is not None:
        with pytest.raises(
            IntertrainError,
            match=rf"at most {longest}, .* 'm', but is {longest + 1}\. Give --set .*={longest}\.",
        ):
            check_positions(config, "m", Protocol(max_length=longest + 1))


def test_the_largest_token_is_a_word() -> None:
    config = config_of("bert")
    check_words(config, "m", config.vocab_size - 1)
    with pytest.raises(
        IntertrainError, match=r"'m': its tokenizer gives token 13, .* only 13 words"
    ):
        check_words(config, "m", config.vocab_size)


@pytest.mark.parametrize("words", [8, 13, 40])
@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_words_that_are_cut_or_added_change_no_state(tmp_path: Path, kind: str, words: int) -> None:
    checkpoint = load_checkpoint(str(ModelFactory(tmp_path)(kind)))
    block = padded_block(checkpoint.config, [[2, 5, 7, 3], [4, 6, 1, 0]], [[1] * 4, [1, 1, 1, 0]])
    network = FAMILIES[kind].network
    resized = with_words(checkpoint.params, words)
    assert resized["embeddings"]["word"].shape == (words, checkpoint.config.hidden_size)
    assert checkpoint.params["embeddings"]["word"].shape[0] == 13
    first, second = (
        network.hidden_states(params, checkpoint.config, block)
        for params in (checkpoint.params, resized)
    )
    np.testing.assert_array_equal(first, second)
