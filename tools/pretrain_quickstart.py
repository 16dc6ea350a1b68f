"""Pretrains the quickstart encoder by masked language modelling on the quickstart language.

Writes a model directory that this package and `transformers` both load. Everything is seeded; a few
minutes on one CPU core:  python tools/pretrain_quickstart.py --out intertrain_jax/data/quickstart_model
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from safetensors.numpy import save_file

from intertrain_jax.data import grammar as gr
from intertrain_jax.data import lexicon as lx
from intertrain_jax.models.bert import (
    EncoderConfig,
    TokenBlock,
    hidden_states,
    parameter_shapes,
)

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BOS, PAD, EOS, UNK, MASK = range(len(SPECIALS))
ROW_LENGTH = 64  # tokens of a packed row
ROWS = 48  # rows of a batch
SEGMENTS = 16  # at most that many texts in a row
MASKED_PER_ROW = 20  # positions of a row that the loss looks at
MASK_RATE = 0.25


def encoder_config(vocab_size: int) -> EncoderConfig:
    """Returns the shape of the quickstart encoder."""
    return EncoderConfig(
        family="roberta", vocab_size=vocab_size, hidden_size=WIDTH, num_layers=LAYERS, num_heads=4,
        intermediate_size=INNER, max_positions=66, type_vocab_size=1, layer_norm_eps=1e-5,
        hidden_act="gelu", hidden_dropout=0.1, attention_dropout=0.1, classifier_dropout=0.1,
        position_offset=2, pad_token_id=PAD, initializer_range=0.02,
    )  # fmt: skip


WIDTH, LAYERS, INNER = 96, 3, 256


def text(rng: np.random.Generator, ease: float) -> tuple[str, ...]:
    """Returns one text of the corpus: a sentence, or two of which the second follows from the first."""
    kind = rng.random()
    if kind < MIX[0]:
        return (gr.sentence(rng),)
    if kind < MIX[1]:
        positive = gr.chance(rng, 0.5)
        domain = gr.choose(rng, (lx.FILMS, lx.DISHES))
        opinion = gr.review(rng, domain, positive, negation=NEG * ease, contrast=CON * ease)
        return (opinion, gr.consequence(rng, positive))
    wanted = gr.choose(rng, tuple(lx.CONCLUSIONS))
    while True:
        first = gr.random_statement(rng)
        second = gr.related_statement(rng, first, EDITS)
        if gr.relation(first, second) == wanted:
            break
    ways = (gr.say, gr.say, gr.say_there_is)
    link = lx.CONCLUSIONS[wanted] if gr.chance(rng, LINK) else ""
    if not link and wanted != "entailment":
        link = lx.CONCLUSIONS[wanted]
    return (
        gr.choose(rng, ways)(rng, first),
        gr.join(link, gr.choose(rng, ways)(rng, second)),
    )


LINK=1.0; EDITS=1
MIX=(.2,.55); NEG=.25; CON=.3; LR=2e-3; RAMP=(.2,.5)


def tokenize(texts: tuple[str, ...], ids: dict[str, int]) -> list[int]:
    """Returns `<s> first </s>` or `<s> first </s></s> second </s>` as ids."""
    first, *rest = [[ids[word] for word in text.split()] for text in texts]
    tokens = [BOS, *first, EOS]
    for other in rest:
        tokens += [EOS, *other, EOS]
    return tokens


def batches(ids: dict[str, int], steps: int, seed: int) -> Iterator[tuple[TokenBlock, np.ndarray, np.ndarray]]:
    """Yields packed blocks with masked tokens, and which positions [R, M] hide which tokens [R, M]."""
    rng = np.random.Generator(np.random.Philox(seed))
    waiting = tokenize(text(rng, 0.0), ids)
    informative = [ids[word] for word in gr.polar_words()]
    for step in range(steps):
        ease = float(np.clip((step/steps-RAMP[0])/(RAMP[1]-RAMP[0]),0,1))
        tokens = np.full((ROWS, ROW_LENGTH), PAD, np.int32)
        segments = np.full((ROWS, ROW_LENGTH), -1, np.int32)
        positions = np.zeros((ROWS, ROW_LENGTH), np.int32)
        for row in range(ROWS):
            used = segment = 0
            while used + len(waiting) <= ROW_LENGTH:
                span = slice(used, used + len(waiting))
                tokens[row, span], segments[row, span] = waiting, segment
                positions[row, span] = np.arange(len(waiting))
                used, segment = used + len(waiting), segment + 1
                waiting = tokenize(text(rng, ease), ids)
        noise = np.where(tokens > MASK, rng.random(tokens.shape), 2.0)
        noise = np.where(np.isin(tokens, informative), noise * 0.5, noise)
        picks = np.argsort(noise, axis=1)[:, :MASKED_PER_ROW].astype(np.int32)
        chosen = np.take_along_axis(noise, picks, 1) < MASK_RATE
        hidden = np.take_along_axis(tokens, picks, 1)
        action = rng.random(picks.shape)
        swapped = rng.integers(len(SPECIALS), len(ids), picks.shape)
        shown = np.where(action < 0.8, MASK, np.where(action < 0.9, swapped, hidden))
        np.put_along_axis(tokens, picks, np.where(chosen, shown, hidden).astype(np.int32), 1)
        starts = np.zeros((ROWS, SEGMENTS), np.int32)
        block = TokenBlock(tokens, segments, positions, np.zeros_like(tokens), starts)
        yield block, picks, np.where(chosen, hidden, -1)


def initial_params(config: EncoderConfig, seed: int) -> Any:
    """Returns freshly initialised encoder parameters and the masked-language head's bias."""
    rng = np.random.Generator(np.random.Philox(seed))

    def draw(path: Any, shape: jax.ShapeDtypeStruct) -> np.ndarray:
        name = path[-1].key
        if name == "scale":
            return np.ones(shape.shape, np.float32)
        if name == "bias":
            return np.zeros(shape.shape, np.float32)
        deviation = config.initializer_range if name != "kernel" else shape.shape[0] ** -0.5
        return rng.normal(0, deviation, shape.shape).astype(np.float32)

    body = jax.tree_util.tree_map_with_path(draw, parameter_shapes(config))
    return {"body": body, "bias": np.zeros(config.vocab_size, np.float32)}


def loss_fn(
    params: Any, config: EncoderConfig, block: TokenBlock, picks: jax.Array, labels: jax.Array
) -> jax.Array:
    """Returns the mean cross-entropy of the hidden tokens, under the tied output embedding."""
    hidden = hidden_states(params["body"], config, block)
    hidden = jnp.take_along_axis(hidden, picks[:, :, None], axis=1)
    logits = hidden @ params["body"]["embeddings"]["word"].T + params["bias"]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
    return (losses * (labels >= 0)).sum() / (labels >= 0).sum()


def pretrain(config: EncoderConfig, ids: dict[str, int], steps: int, seed: int) -> Any:
    """Returns the encoder's parameters after `steps` updates."""
    params = initial_params(config, seed)
    schedule = optax.warmup_cosine_decay_schedule(0.0, LR, steps // 20, steps, 2e-5)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01)
    )
    state = optimizer.init(params)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, state: Any, *batch: Any) -> tuple[Any, Any, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_fn)(params, config, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    started, losses = time.monotonic(), []
    for step, batch in zip(range(1, steps + 1), batches(ids, steps, seed + 1), strict=False):
        params, state, loss = update(params, state, *batch)
        losses.append(loss)
        if step % 200 == 0 or step == steps:
            mean = float(np.mean(jax.device_get(losses)))
            print(f"step {step}/{steps} loss {mean:.4f} {time.monotonic() - started:.0f}s", flush=True)
            losses = []
    return jax.device_get(params["body"])
