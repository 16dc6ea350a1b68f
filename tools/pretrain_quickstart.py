"""Pretrains the quickstart models on the quickstart language.

The encoder is trained by masked language modelling, the T5 by span corruption. Writes a model
directory that this package and `transformers` both load. Everything is seeded; the encoder takes
about five minutes on one CPU core, the T5 about fifteen on two:

    python tools/pretrain_quickstart.py --out intertrain_jax/data/quickstart/encoder
    python tools/pretrain_quickstart.py --family t5 --out intertrain_jax/data/quickstart/t5
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from intertrain_jax.data.quickstart import grammar as gr
from intertrain_jax.data.quickstart import lexicon as lx
from intertrain_jax.data.quickstart import statements as st
from intertrain_jax.models.block import TokenBlock
from intertrain_jax.models.families import t5_texts
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.export import export_checkpoint

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BOS, PAD, EOS, UNK, MASK = range(len(SPECIALS))
MAX_LENGTH = 64  # tokens of a packed row, and the longest input of the model

# Tokens that only T5 needs: what its inputs are joined by, and the texts of labels.
T5_SPECIALS = ("<pad>", "</s>", "<unk>", "<SEP>")
T5_PAD, T5_EOS, T5_UNK, T5_SEP = range(len(T5_SPECIALS))
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(8))
DIGITS = tuple(map(str, range(10)))
SEGMENTS = 5  # of a packed row
TEXT_LENGTH = 16  # tokens of the hidden spans of one segment, with their sentinels

STEPS = 13_000
ROWS = 16  # packed rows of a batch; small batches matter, as what is learnt here takes many steps
PEAK_RATE = 2e-3
MASKED_PER_ROW = 20  # at most
MASK_RATE = 0.25  # twice that for telling words: what they depend on is what is to be learnt

# Shares of plain sentences and of opinions with what follows from them; the rest are statements.
SENTENCES, OPINIONS = 0.08, 0.4
# Negation and contrast come in between these fractions of the training: a small encoder does not
# find out what a word of praise means while every third one is denied.
PLAIN_UNTIL, FULL_FROM = 0.2, 0.45
NEGATION, CONTRAST = 0.35, 0.4


def hf_config(vocab_size: int) -> dict[str, Any]:
    """Returns the content of config.json."""
    return {
        "model_type": "roberta",
        "architectures": ["RobertaModel"],
        "vocab_size": vocab_size,
        "hidden_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 256,
        "max_position_embeddings": MAX_LENGTH + PAD + 1,
        "type_vocab_size": 1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-5,
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
    }


def t5_hf_config(vocab_size: int) -> dict[str, Any]:
    """Returns the content of a T5's config.json: v1.1, gated, with an output of its own."""
    return {
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": vocab_size,
        "d_model": 96,
        "d_kv": 24,
        "d_ff": 192,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 64,
        "dropout_rate": 0.1,
        "layer_norm_epsilon": 1e-6,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "is_encoder_decoder": True,
        "pad_token_id": T5_PAD,
        "eos_token_id": T5_EOS,
        "decoder_start_token_id": T5_PAD,
    }


def save_t5_tokenizer(ids: dict[str, int], directory: Path) -> None:
    """Writes a tokenizer that takes words as they are: `A </s>`, and knows the separator."""
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B:0 </s>:0", special_tokens=[("</s>", T5_EOS)]
    )
    tokenizer.add_special_tokens([*T5_SPECIALS, *SENTINELS])
    tokenizer.save(str(directory / "tokenizer.json"))
    content = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_LENGTH,
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def save_tokenizer(ids: dict[str, int], directory: Path) -> None:
    """Writes a tokenizer that takes words as they are: `<s> A </s>`, `<s> A </s></s> B </s>`."""
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B:0 </s>:0",
        special_tokens=[("<s>", BOS), ("</s>", EOS)],
    )
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.save(str(directory / "tokenizer.json"))
    content = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_LENGTH,
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def text(rng: np.random.Generator, hardness: float) -> tuple[str, ...]:
    """Returns one text of the corpus: a sentence, or two of which one tells about the other.

    Args:
        rng: source of randomness.
        hardness: in [0, 1], how much negation and contrast opinions have.
    """
    kind = rng.random()
    if kind < SENTENCES:
        return (gr.sentence(rng),)
    if kind < SENTENCES + OPINIONS:
        positive, domain = gr.chance(rng, 0.5), gr.choose(rng, lx.DOMAINS)
        opinion = gr.review(rng, domain, positive, NEGATION * hardness, CONTRAST * hardness)
        return opinion, gr.consequence(rng, positive)
    wanted: st.Relation = gr.choose(rng, st.RELATIONS)
    first, second = st.statement_pair(rng, lambda relation: relation == wanted)
    ways = (st.say, st.say, st.say_there_is)
    said = gr.choose(rng, ways)(rng, second)
    return gr.choose(rng, ways)(rng, first), gr.join(lx.CONCLUSIONS[wanted], said)


def tokenize(texts: tuple[str, ...], ids: dict[str, int]) -> list[int]:
    """Returns the ids of one text, as the tokenizer would."""
    parts = [[*[ids[word] for word in part.split()], EOS] for part in texts]
    return [BOS, *parts[0], *[token for part in parts[1:] for token in (EOS, *part)]]


def batches(
    ids: dict[str, int], steps: int, seed: int
) -> Iterator[tuple[TokenBlock, np.ndarray, np.ndarray]]:
    """Yields packed blocks with masked tokens, the columns looked at [R, M], and what was there.

    What was there [R, M] is -1 where nothing is to be predicted.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    telling = [ids[word] for word in gr.telling_words()]
    waiting = tokenize(text(rng, 0.0), ids)
    for step in range(steps):
        hardness = (step / steps - PLAIN_UNTIL) / (FULL_FROM - PLAIN_UNTIL)
        tokens = np.full((ROWS, MAX_LENGTH), PAD, np.int32)
        segments, positions = np.full_like(tokens, -1), np.zeros_like(tokens)
        for row in range(ROWS):
            used = segment = 0
            while used + len(waiting) <= MAX_LENGTH:
                span = slice(used, used + len(waiting))
                tokens[row, span], segments[row, span] = waiting, segment
                positions[row, span] = np.arange(len(waiting))
                used, segment = used + len(waiting), segment + 1
                waiting = tokenize(text(rng, min(max(hardness, 0.0), 1.0)), ids)
        chances = rng.random(tokens.shape) * np.where(np.isin(tokens, telling), 0.5, 1.0)
        chances[tokens < len(SPECIALS)] = 2.0
        picks = np.argsort(chances, axis=1)[:, :MASKED_PER_ROW].astype(np.int32)
        chosen = np.take_along_axis(chances, picks, 1) < MASK_RATE
        hidden = np.take_along_axis(tokens, picks, 1)
        action = rng.random(picks.shape)
        random = rng.integers(len(SPECIALS), len(ids), picks.shape)
        shown = np.where(action < 0.8, MASK, np.where(action < 0.9, random, hidden))
        np.put_along_axis(tokens, picks, np.where(chosen, shown, hidden).astype(np.int32), 1)
        starts = np.zeros((ROWS, 1), np.int32)  # unused: the loss looks at all tokens
        block = TokenBlock(tokens, segments, positions, np.zeros_like(tokens), starts)
        yield block, picks, np.where(chosen, hidden, -1)


def corrupt(
    rng: np.random.Generator, tokens: list[int], telling: set[int], sentinels: list[int]
) -> tuple[list[int], list[int]]:
    """Returns a text with spans hidden behind sentinels, and these spans, each behind its own.

    Args:
        rng: source of randomness.
        tokens: of the text, its end token last.
        telling: words that are hidden twice as often.
        sentinels: one for each span, as far as they go.
    """
    shown: list[int] = []
    hidden: list[int] = []
    used, inside = 0, False
    for token in tokens[:-1]:
        rate = MASK_RATE * (2.0 if token in telling else 1.0)
        room = len(hidden) + (1 if inside else 2) < TEXT_LENGTH
        if token != T5_SEP and rng.random() < rate and room and (inside or used < len(sentinels)):
            if not inside:
                shown.append(sentinels[used])
                hidden.append(sentinels[used])
                used += 1
            hidden.append(token)
            inside = True
        else:
            shown.append(token)
            inside = False
    return [*shown, T5_EOS], [*hidden, T5_EOS]


def t5_batches(
    ids: dict[str, int], steps: int, seed: int
) -> Iterator[tuple[TokenBlock, np.ndarray]]:
    """Yields packed blocks with hidden spans, and these as texts [R, Q, T], -1 behind their end."""
    rng = np.random.Generator(np.random.Philox(seed))
    telling = {ids[word] for word in gr.telling_words()}
    sentinels = [ids[name] for name in SENTINELS]

    def draw(hardness: float) -> tuple[list[int], list[int]]:
        parts = text(rng, min(max(hardness, 0.0), 1.0))
        tokens = [ids[word] for word in parts[0].split()]
        for part in parts[1:]:
            tokens += [T5_SEP, *(ids[word] for word in part.split())]
        return corrupt(rng, [*tokens, T5_EOS], telling, sentinels)

    waiting = draw(0.0)
    for step in range(steps):
        hardness = (step / steps - PLAIN_UNTIL) / (FULL_FROM - PLAIN_UNTIL)
        tokens = np.full((ROWS, MAX_LENGTH), T5_PAD, np.int32)
        segments, positions = np.full_like(tokens, -1), np.zeros_like(tokens)
        starts = np.full((ROWS, SEGMENTS), MAX_LENGTH, np.int32)
        texts = np.full((ROWS, SEGMENTS, TEXT_LENGTH), -1, np.int32)
        for row in range(ROWS):
            used = segment = 0
            while used + len(waiting[0]) <= MAX_LENGTH and segment < SEGMENTS:
                shown, hidden = waiting
                span = slice(used, used + len(shown))
                tokens[row, span], segments[row, span] = shown, segment
                positions[row, span] = np.arange(len(shown))
                starts[row, segment] = used
                texts[row, segment, : len(hidden)] = hidden
                used, segment = used + len(shown), segment + 1
                waiting = draw(hardness)
        yield TokenBlock(tokens, segments, positions, np.zeros_like(tokens), starts), texts


def initial_params(config: AnyConfig, seed: int) -> dict[str, Any]:
    """Returns freshly initialised parameters, with an output where the model has one of its own."""
    rng = np.random.Generator(np.random.Philox(seed))

    def draw(path: Any, shape: jax.ShapeDtypeStruct) -> np.ndarray:
        name = path[-1].key
        if name in ("scale", "bias"):
            return np.full(shape.shape, float(name == "scale"), np.float32)
        if config.family == "t5" and name == "word":
            deviation = 1.0
        elif name in ("kernel", "position_bias"):
            # A narrow network needs larger kernels than the 0.02 that suits a width of 768.
            deviation = shape.shape[0] ** -0.5
        else:
            deviation = config.initializer_range
        if config.family == "t5" and path[-2].key == "query":
            deviation *= config.head_size**-0.5  # as nothing else scales the scores
        return rng.normal(0, deviation, shape.shape).astype(np.float32)

    own_output = 1 if config.family == "t5" else None
    body = jax.tree_util.tree_map_with_path(
        draw, FAMILIES[config.family].shapes(config, own_output)
    )
    return {"body": body, "bias": np.zeros(config.vocab_size, np.float32)}


def masked_loss(
    params: dict[str, Any],
    config: EncoderConfig,
    block: TokenBlock,
    picks_RxM: jax.Array,
    labels_RxM: jax.Array,
) -> jax.Array:
    """Returns the mean cross-entropy of the hidden tokens, under the tied output embedding."""
    hidden_RxLxD = FAMILIES[config.family].network.hidden_states(params["body"], config, block)
    picked_RxMxD = jnp.take_along_axis(hidden_RxLxD, picks_RxM[:, :, None], axis=1)
    logits_RxMxV = picked_RxMxD @ params["body"]["embeddings"]["word"].T + params["bias"]
    return mean_entropy(logits_RxMxV, labels_RxM)


def span_loss(
    params: dict[str, Any], config: T5Config, block: TokenBlock, texts_RxQxT: jax.Array
) -> jax.Array:
    """Returns the mean cross-entropy of the hidden spans' tokens."""
    body = params["body"]
    encoded = t5_texts.encode(body, config, block)
    inputs = t5_texts.decoder_inputs(texts_RxQxT, config)
    return mean_entropy(t5_texts.text_logits(body, config, block, encoded, inputs), texts_RxQxT)


def mean_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns the mean cross-entropy where labels are not negative."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
    return (losses * (labels >= 0)).sum() / (labels >= 0).sum()


def pretrain(config: AnyConfig, examples: Iterator[Any], steps: int, seed: int) -> Any:
    """Returns the model's parameters after `steps` updates on as many batches."""
    params = initial_params(config, seed)
    loss_of = span_loss if config.family == "t5" else masked_loss
    schedule = optax.warmup_cosine_decay_schedule(0.0, PEAK_RATE, steps // 20, steps)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01)
    )
    state = optimizer.init(params)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, state: Any, *batch: Any) -> tuple[Any, Any, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_of)(params, config, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    started, losses = time.monotonic(), []
    for step, batch in enumerate(examples, 1):
        params, state, loss = update(params, state, *batch)
        losses.append(loss)
        if step % 500 == 0 or step == steps:
            mean, seconds = np.mean(jax.device_get(losses)), time.monotonic() - started
            print(f"step {step}/{steps}  loss {mean:.4f}  {seconds:.0f} s", flush=True)
            losses = []
    return jax.device_get(params["body"])


def main() -> None:
    """Pretrains a model and writes its directory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory to make")
    parser.add_argument("--family", choices=("roberta", "t5"), default="roberta")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.family == "t5":
        words: tuple[str, ...] = (*T5_SPECIALS, *SENTINELS, *DIGITS, *gr.vocabulary())
        make, corpus, save = t5_hf_config, t5_batches, save_t5_tokenizer
    else:
        words = (*SPECIALS, *gr.vocabulary())
        make, corpus, save = hf_config, batches, save_tokenizer
    ids = {word: i for i, word in enumerate(words)}
    content = make(len(ids))
    config = family_of(content, str(options.out)).config(content, str(options.out))
    examples = corpus(ids, options.steps, options.seed + 1)
    params = pretrain(config, examples, options.steps, options.seed)
    head = params.pop("head", None)
    with tempfile.TemporaryDirectory() as scratch:
        save(ids, Path(scratch))
        export_checkpoint(options.out, config, params, head, content, tokenizer_from=Path(scratch))
    size = (options.out / "model.safetensors").stat().st_size
    print(f"Wrote {options.out}: {len(ids)} tokens, {size / 1e6:.2f} MB of weights.")


if __name__ == "__main__":
    main()
