"""T5's answers: what its decoder reads, and greedy texts that end where they end."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.families import t5_texts
from tests.models.families.t5_cases import TEXT, VERSIONS, block_of, greedy, model_of, score

each_version = pytest.mark.parametrize("version", VERSIONS)
USED = ((0, 0), (0, 1), (1, 0))  # rows and segments of the block that hold something


def test_the_decoder_reads_the_text_so_far_behind_the_start_token() -> None:
    config = replace(model_of("t5")[0], start_token_id=9, pad_token_id=6)
    texts = jnp.asarray([[[4, 5, 1], [7, -1, -1], [-1, -1, -1]]])
    found = t5_texts.decoder_inputs(texts, config)
    assert found.tolist() == [[[9, 4, 5], [9, 7, 6], [9, 6, 6]]]
    # A text of one token is the start token alone.
    assert t5_texts.decoder_inputs(texts[..., :1], config).tolist() == [[[9], [9], [9]]]


@each_version
def test_texts_are_the_likeliest_words_one_after_another(version: str) -> None:
    config, params = model_of(version)
    block = block_of()
    texts = greedy(params, config, block)
    inputs = np.asarray(t5_texts.decoder_inputs(texts, config))
    _, logits = score(params, config, block, inputs)
    likeliest = np.asarray(logits).argmax(axis=-1)
    for place in USED:
        text = np.asarray(texts)[place].tolist()
        length = text.index(config.end_token_id) + 1 if config.end_token_id in text else TEXT
        assert text[:length] == likeliest[place][:length].tolist()
        assert text[length:] == [config.pad_token_id] * (TEXT - length)
    assert texts.dtype == jnp.int32


def test_after_its_end_a_text_is_padding() -> None:
    """Whatever word comes first is taken for the end token: then nothing comes after it."""
    config, params = model_of("t5-v1.1")
    block = block_of()
    texts = greedy(params, config, block)
    first = int(texts[0, 0, 0])
    # Padding of an id that no text has, so that it is told from a word.
    ended = replace(config, end_token_id=first, pad_token_id=12)
    cut = greedy(params, ended, block)
    assert cut[0, 0].tolist() == [first] + [12] * (TEXT - 1)
    for place in USED:
        text, whole = (np.asarray(found)[place].tolist() for found in (cut, texts))
        if first not in whole:
            assert text == whole


@each_version
def test_the_output_is_the_word_embedding_in_the_first_version_only(version: str) -> None:
    config, params = model_of(version)
    assert t5_texts.has_own_head(config) == ("head" in params) == (version == "t5-v1.1")
