"""Odd little T5 models for parity tests, v1.0 and v1.1, and batches with texts of different lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from parity_cases import BATCH_LENGTHS, Case

# Tokens of every example's text, the end token included.
TEXT_LENGTHS = (4, 2, 3)


def _case(
    number: int,
    *,
    gated: bool,
    tied: bool,
    width: int,
    heads: int,
    head_size: int,
    inner: int,
    layers: int,
    decoder_layers: int | None,
    buckets: int,
    distance: int,
    vocab: int,
    act: str = "",
    eps: float = 1e-6,
    start: int = 0,
) -> Case:
    hf_config = {
        "model_type": "t5",
        "d_model": width,
        "num_heads": heads,
        "d_kv": head_size,
        "d_ff": inner,
        "num_layers": layers,
        "num_decoder_layers": decoder_layers,
        "relative_attention_num_buckets": buckets,
        "relative_attention_max_distance": distance,
        "vocab_size": vocab,
        "feed_forward_proj": f"gated-{act or 'gelu'}" if gated else act or "relu",
        "tie_word_embeddings": tied,
        "layer_norm_epsilon": eps,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": start,
    }
    return Case(f"t5-{number}", hf_config, 0)


# fmt: off
CASES = (
    _case(1, gated=False, tied=True, width=12, heads=3, head_size=5, inner=20, layers=1,
          decoder_layers=None, buckets=8, distance=12, vocab=29),
    _case(2, gated=False, tied=True, width=7, heads=1, head_size=9, inner=11, layers=2,
          decoder_layers=1, buckets=32, distance=128, vocab=17, eps=1e-3),
    _case(3, gated=False, tied=False, width=10, heads=5, head_size=2, inner=13, layers=1,
          decoder_layers=2, buckets=5, distance=6, vocab=23, start=3),
    _case(4, gated=True, tied=False, width=16, heads=2, head_size=8, inner=9, layers=2,
          decoder_layers=None, buckets=6, distance=7, vocab=31),
    _case(5, gated=True, tied=False, width=9, heads=4, head_size=3, inner=14, layers=3,
          decoder_layers=1, buckets=4, distance=3, vocab=13, eps=1e-5),
    _case(6, gated=True, tied=True, width=14, heads=7, head_size=2, inner=21, layers=1,
          decoder_layers=3, buckets=9, distance=30, vocab=19, act="silu"),
    _case(7, gated=True, tied=False, width=11, heads=3, head_size=4, inner=8, layers=2,
          decoder_layers=2, buckets=12, distance=20, vocab=37, act="relu", start=2),
)
# fmt: on


def random_case(seed: int) -> Case:
    """Returns a configuration drawn from a seed."""
    draw = np.random.default_rng([seed, 5])
    buckets = int(draw.integers(4, 14))
    return _case(
        seed,
        gated=bool(draw.integers(2)),
        tied=bool(draw.integers(2)),
        width=int(draw.integers(5, 20)),
        heads=int(draw.integers(1, 6)),
        head_size=int(draw.integers(2, 8)),
        inner=int(draw.integers(5, 30)),
        layers=int(draw.integers(1, 4)),
        decoder_layers=int(draw.integers(1, 4)),
        buckets=buckets,
        distance=int(draw.integers(buckets, 40)),
        vocab=int(draw.integers(9, 40)),
    )


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, NDArray[np.float16]]:
    """Returns random weights by name, norms and position biases far from where they do nothing.

    Queries and keys are smaller than the rest: nothing divides their product.
    """
    draw = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        values = draw.standard_normal(shape)
        if "layer_norm" in name:
            values = 1 + 0.3 * values
        elif name.endswith((".q.weight", ".k.weight")):
            values /= np.sqrt(shape[-1])
        elif name != "shared.weight" and "relative_attention_bias" not in name:
            values *= 1.5 / np.sqrt(shape[-1])
        weights[name] = values.astype(np.float16)
    return weights


def random_batch(case: Case, seed: int) -> dict[str, NDArray[Any]]:
    """Returns padded inputs, and texts that end in the end token, -1 behind it."""
    draw = np.random.default_rng(seed)
    batch, vocab = len(BATCH_LENGTHS), case.hf_config["vocab_size"]

    def rows(lengths: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        return draw.integers(2, vocab, mask.shape), mask

    ids, mask = rows(BATCH_LENGTHS)
    texts, real = rows(TEXT_LENGTHS)
    texts[np.arange(batch), np.array(TEXT_LENGTHS) - 1] = 1
    return {
        "input_ids": np.where(mask, ids, 0),
        "attention_mask": mask.astype(np.int64),
        "texts": np.where(real, texts, -1),
    }
