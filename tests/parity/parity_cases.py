"""Odd little models for parity tests, and random weights under which no part may be dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH_LENGTHS = (7, 5, 3)
# Types of models of which random cases are drawn → what they call BERT's options.
TYPES: dict[str, dict[str, str]] = {
    "bert": {},
    "roberta": {},
    "distilbert": {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "intermediate_size": "hidden_dim",
        "hidden_act": "activation",
    },
}
# Those that number positions from the padding token on.
_AFTER_PAD = ("roberta", "xlm-roberta")


@dataclass(frozen=True)
class Case:
    """One configuration: content of a config.json, and the number of classes (1 is regression)."""

    name: str
    hf_config: dict[str, Any]
    num_classes: int


def _case(
    model_type: str,
    number: int,
    *,
    heads: int,
    width: int,
    layers: int,
    inner: int,
    types: int,
    vocab: int,
    eps: float,
    act: str,
    pad: int,
    spare: int,
    classes: int,
) -> Case:
    """`spare` positions are left beyond the longest row."""
    offset = pad + 1 if model_type in _AFTER_PAD else 0
    hf_config = {
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "intermediate_size": inner,
        "type_vocab_size": types,
        "vocab_size": vocab,
        "max_position_embeddings": max(BATCH_LENGTHS) + offset + spare,
        "layer_norm_eps": eps,
        "hidden_act": act,
        "pad_token_id": pad,
    }
    names = TYPES.get(model_type, {})
    named = {names.get(name, name): value for name, value in hf_config.items()}
    return Case(f"{model_type}-{number}", {"model_type": model_type, **named}, classes)


# fmt: off
CASES = (
    _case("bert", 1, heads=3, width=12, layers=1, inner=20, types=2, vocab=23, eps=1e-12,
          act="gelu", pad=0, spare=0, classes=3),
    _case("bert", 2, heads=1, width=7, layers=2, inner=9, types=1, vocab=31, eps=1e-5,
          act="relu", pad=0, spare=4, classes=2),
    _case("bert", 3, heads=5, width=15, layers=3, inner=8, types=3, vocab=11, eps=1e-7,
          act="gelu_new", pad=0, spare=1, classes=1),
    _case("bert", 4, heads=2, width=14, layers=2, inner=31, types=2, vocab=9, eps=1e-3,
          act="gelu_pytorch_tanh", pad=4, spare=2, classes=5),
    _case("bert", 5, heads=7, width=21, layers=1, inner=10, types=2, vocab=17, eps=1e-12,
          act="silu", pad=0, spare=0, classes=1),
    _case("bert", 6, heads=6, width=6, layers=2, inner=13, types=3, vocab=5, eps=1e-2,
          act="gelu", pad=2, spare=3, classes=2),
    _case("roberta", 1, heads=3, width=12, layers=2, inner=17, types=1, vocab=29, eps=1e-5,
          act="gelu", pad=1, spare=0, classes=3),
    _case("roberta", 2, heads=1, width=9, layers=1, inner=22, types=2, vocab=19, eps=1e-12,
          act="relu", pad=0, spare=3, classes=2),
    _case("roberta", 3, heads=5, width=10, layers=3, inner=7, types=3, vocab=13, eps=1e-6,
          act="gelu_new", pad=3, spare=1, classes=1),
    _case("roberta", 4, heads=2, width=22, layers=1, inner=11, types=1, vocab=8, eps=1e-3,
          act="gelu", pad=7, spare=0, classes=4),
    _case("roberta", 5, heads=7, width=14, layers=2, inner=15, types=2, vocab=41, eps=1e-2,
          act="tanh", pad=1, spare=2, classes=1),
    _case("xlm-roberta", 6, heads=4, width=20, layers=2, inner=23, types=1, vocab=27, eps=1e-5,
          act="gelu", pad=1, spare=5, classes=6),
    _case("distilbert", 1, heads=3, width=12, layers=2, inner=17, types=1, vocab=29, eps=1e-12,
          act="gelu", pad=0, spare=0, classes=3),
    _case("distilbert", 2, heads=5, width=10, layers=1, inner=21, types=1, vocab=19, eps=1e-12,
          act="relu", pad=3, spare=2, classes=1),
    _case("distilbert", 3, heads=2, width=14, layers=2, inner=9, types=1, vocab=11, eps=1e-12,
          act="gelu", pad=0, spare=4, classes=5),
    _case("distilbert", 4, heads=1, width=9, layers=2, inner=12, types=1, vocab=37, eps=1e-12,
          act="relu", pad=0, spare=1, classes=2),
    _case("distilbert", 5, heads=6, width=18, layers=1, inner=25, types=1, vocab=14, eps=1e-12,
          act="gelu", pad=5, spare=0, classes=4),
    _case("distilbert", 6, heads=4, width=16, layers=2, inner=11, types=1, vocab=23, eps=1e-12,
          act="gelu", pad=0, spare=3, classes=1),
)
# fmt: on


def random_case(model_type: str, seed: int) -> Case:
    """Returns a configuration drawn from a seed."""
    draw = np.random.default_rng([seed, len(model_type)])
    heads = int(draw.integers(1, 6))
    return _case(
        model_type,
        seed,
        heads=heads,
        width=heads * int(draw.integers(2, 6)),
        layers=int(draw.integers(1, 4)),
        inner=int(draw.integers(5, 40)),
        types=int(draw.integers(1, 4)),
        vocab=int(draw.integers(6, 40)),
        eps=float(10.0 ** -draw.integers(2, 13)),
        act=str(draw.choice(["gelu", "gelu_new", "relu", "silu"])),
        pad=int(draw.integers(0, 5)),
        spare=int(draw.integers(0, 5)),
        classes=int(draw.integers(1, 5)),
    )


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, NDArray[np.float16]]:
    """Returns random weights by name, biases and norms far from where they do nothing.

    Kernels are large enough for tokens to stay unlike one another through all layers.
    """
    draw = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        values = draw.standard_normal(shape)
        if name.endswith(".bias"):
            values *= 0.5
        elif "norm" in name.lower():
            values = 1 + 0.3 * values
        elif "embeddings" not in name:
            values *= 2.0 / np.sqrt(shape[-1])
        weights[name] = values.astype(np.float16)
    return weights


def random_batch(case: Case, seed: int) -> dict[str, NDArray[Any]]:
    """Returns padded rows of the lengths above with types and labels."""
    draw = np.random.default_rng(seed)
    vocab, pad = case.hf_config["vocab_size"], case.hf_config["pad_token_id"]
    batch, length = len(BATCH_LENGTHS), max(BATCH_LENGTHS)
    mask = np.arange(length) < np.array(BATCH_LENGTHS)[:, None]
    ids = draw.choice([i for i in range(vocab) if i != pad], (batch, length))
    types = draw.integers(0, case.hf_config.get("type_vocab_size", 1), (batch, length))
    labels: NDArray[Any] = draw.integers(0, case.num_classes, batch)
    if case.num_classes == 1:
        labels = draw.standard_normal(batch).astype(np.float32)
    return {
        "input_ids": np.where(mask, ids, pad),
        "attention_mask": mask.astype(np.int64),
        "token_type_ids": np.where(mask, types, 0),
        "labels": labels,
    }
