"""Tiny T5 models and one packed block, which all tests of T5's network share with its compiled code."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from intertrain_jax.models.block import Params, TokenBlock, word_embeddings
from intertrain_jax.models.families import t5_network, t5_texts
from intertrain_jax.models.families.t5 import T5Config, t5_config
from tests.models.tiny_models import CONFIGS

VERSIONS = ("t5", "t5-v1.1")
LENGTH, TEXT = 8, 3
# Segments of a row by their tokens; a row has three places for segments, used or not.
PACKED = (((3, 9, 4), (5, 2)), ((7, 7, 6, 11, 2, 8, 10, 12),))


@cache
def model_of(version: str) -> tuple[T5Config, Params]:
    """Returns a tiny model of random weights."""
    config, rng = t5_config(CONFIGS[version], version), np.random.default_rng(3)
    shapes = t5_network.shapes(config, own_head=not config.tied)
    return config, jax.tree.map(
        lambda s: rng.standard_normal(s.shape).astype(np.float32) * np.float32(0.5), shapes
    )


def block_of(rows: Any = PACKED) -> TokenBlock:
    """Returns rows of segments as a block of two rows of eight tokens."""
    tokens, positions = (np.zeros((2, LENGTH), np.int32) for _ in range(2))
    segments, starts = np.full((2, LENGTH), -1, np.int32), np.full((2, 3), LENGTH, np.int32)
    for r, row in enumerate(rows):
        at = 0
        for s, words in enumerate(row):
            here = slice(at, at + len(words))
            tokens[r, here], segments[r, here] = words, s
            positions[r, here], starts[r, s] = np.arange(len(words)), at
            at += len(words)
    return TokenBlock(*map(jnp.asarray, (tokens, segments, positions, 0 * tokens, starts)))


@partial(jax.jit, static_argnums=1)
def score(params: Params, config: T5Config, block: TokenBlock, inputs: Any) -> Any:
    """Returns the encoder's output, and the scores of every next token."""
    encoded = t5_texts.encode(params, config, block)
    return encoded, t5_texts.text_logits(params, config, block, encoded, inputs)


@partial(jax.jit, static_argnums=1)
def greedy(params: Params, config: T5Config, block: TokenBlock) -> Any:
    """Returns greedy texts."""
    encoded = t5_texts.encode(params, config, block)
    return t5_texts.generate(params, config, block, encoded, TEXT)


def words_of(params: Params, block: TokenBlock) -> Any:
    """Returns the embedded tokens of a block."""
    return word_embeddings(params, block.tokens_RxL)
