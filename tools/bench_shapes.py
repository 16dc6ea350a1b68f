"""Shapes of networks that the benchmarks fill with random weights: the content of their config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def roberta_base(vocab_size: int) -> dict[str, Any]:
    """Returns a RoBERTa-base configuration; only its vocabulary is what tokens need."""
    return {
        "model_type": "roberta",
        "vocab_size": max(vocab_size, 50265),
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
    }


def t5_small(vocab_size: int) -> dict[str, Any]:
    """Returns a T5-small v1.1 configuration; only its vocabulary is what tokens need."""
    return {
        "model_type": "t5",
        "vocab_size": max(vocab_size, 32128),
        "d_model": 512,
        "d_kv": 64,
        "d_ff": 1024,
        "num_layers": 8,
        "num_decoder_layers": 8,
        "num_heads": 6,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "decoder_start_token_id": 0,
    }


SHAPES = {"roberta-base": roberta_base, "t5-small": t5_small}


def write_checkpoints(
    folder: Path, shape: str, tokenizer: str, count: int, words: int
) -> list[Path]:
    """Writes checkpoints of a shape with random weights and a given tokenizer."""
    import numpy as np

    from intertrain_jax.data.text import TOKENIZER_FILES
    from intertrain_jax.models.families.table import family_of
    from intertrain_jax.models.hf.export import export_checkpoint
    from intertrain_jax.models.hf.references import resolve_reference

    content = SHAPES[shape](words)
    family = family_of(content, shape)
    config, source = family.config(content, shape), resolve_reference(tokenizer)
    assert any((source / name).is_file() for name in TOKENIZER_FILES)
    import jax

    paths = []
    for n in range(count):
        rng = np.random.default_rng(n)
        params = jax.tree.map(
            lambda s, rng=rng: rng.standard_normal(s.shape, np.float32) * 0.02,
            family.shapes(config, None),
        )
        paths.append(folder / f"model-{n}")
        export_checkpoint(paths[-1], config, params, None, content, tokenizer_from=source)
    return paths
