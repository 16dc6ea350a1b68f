"""BERT: an encoder whose head reads a pooler that belongs to the body."""

from __future__ import annotations

from functools import partial
from typing import Any

from intertrain_jax.models.draws import draw_linear
from intertrain_jax.models.families.encoder_config import (
    BASE,
    LARGE,
    EncoderConfig,
    EncoderLayout,
    encoder_layers,
    read_encoder_config,
)
from intertrain_jax.models.families.family import Family
from intertrain_jax.models.hf.keys import Key, KeyTable, linear, norm

ENCODER_KEYS = (
    Key("embeddings.word_embeddings.weight", "embeddings/word"),
    Key("embeddings.position_embeddings.weight", "embeddings/position"),
    Key("embeddings.token_type_embeddings.weight", "embeddings/token_type"),
    *norm("embeddings.LayerNorm", "embeddings/norm"),
    *linear("encoder.layer.{layer}.attention.self.query", "layers/{layer}/query"),
    *linear("encoder.layer.{layer}.attention.self.key", "layers/{layer}/key"),
    *linear("encoder.layer.{layer}.attention.self.value", "layers/{layer}/value"),
    *linear("encoder.layer.{layer}.attention.output.dense", "layers/{layer}/attention_output"),
    *norm("encoder.layer.{layer}.attention.output.LayerNorm", "layers/{layer}/attention_norm"),
    *linear("encoder.layer.{layer}.intermediate.dense", "layers/{layer}/up"),
    *linear("encoder.layer.{layer}.output.dense", "layers/{layer}/down"),
    *norm("encoder.layer.{layer}.output.LayerNorm", "layers/{layer}/output_norm"),
)
ROOTS = ("embeddings.", "encoder.", "pooler.")
BUFFERS = (
    ("embeddings.position_ids", "a buffer of position numbers, computed here"),
    ("embeddings.token_type_ids", "a buffer of zeros, computed here"),
)
_KEYS = KeyTable(
    prefix="bert.",
    roots=ROOTS,
    body=ENCODER_KEYS,
    head=linear("classifier", "out"),
    ignored=(
        *BUFFERS,
        ("cls.predictions.", "the language-modelling head (its decoder is tied to the words)"),
        ("cls.seq_relationship.", "the next-sentence head"),
    ),
    optional=linear("pooler.dense", "pooler"),
)


def fresh_pooler(config: EncoderConfig) -> dict[str, Any]:
    """Returns the pooler of checkpoints that lack it: always the same, as part of the base model."""
    width = config.hidden_size
    return {"pooler": draw_linear(width, width, config.initializer_range, 0, "pooler")}


FAMILY = Family(
    name="bert",
    model_types={"bert": "Bert"},
    headed="ForSequenceClassification",
    config=partial(read_encoder_config, "bert"),
    keys=lambda config: _KEYS,
    layers=encoder_layers,
    network_at="intertrain_jax.models.families.encoder:EncoderNetwork",
    layout=(EncoderLayout(pooler=True, dense=None),),
    fill=fresh_pooler,
    published={
        "google-bert/bert-base-uncased": BASE,
        "google-bert/bert-base-cased": BASE,
        "google-bert/bert-large-uncased": LARGE,
    },
)
