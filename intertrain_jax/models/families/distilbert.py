"""DistilBERT: BERT without token types, pooler, and dropout after attention; its head has a ReLU."""

from __future__ import annotations

from functools import partial

from intertrain_jax.models.families.encoder_config import (
    EncoderLayout,
    EncoderNames,
    encoder_layers,
    read_encoder_config,
)
from intertrain_jax.models.families.family import Family, LayerSizes
from intertrain_jax.models.hf.keys import Key, KeyTable, linear, norm

_NAMES = EncoderNames(
    hidden_size="dim",
    num_layers="n_layers",
    num_heads="n_heads",
    intermediate_size="hidden_dim",
    hidden_act="activation",
    hidden_dropout="dropout",
    attention_dropout="attention_dropout",
    classifier_dropout="seq_classif_dropout",
    defaults={
        "activation": "gelu",
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "seq_classif_dropout": 0.2,
        "initializer_range": 0.02,
    },
    # Of this architecture, whatever a file says.
    fixed={"type_vocab_size": 1, "layer_norm_eps": 1e-12},
)
_LAYER = "transformer.layer.{layer}."
_KEYS = KeyTable(
    prefix="distilbert.",
    roots=("embeddings.", "transformer."),
    body=(
        Key("embeddings.word_embeddings.weight", "embeddings/word"),
        # Sinusoidal ones are weights in the file, too.
        Key("embeddings.position_embeddings.weight", "embeddings/position"),
        *norm("embeddings.LayerNorm", "embeddings/norm"),
        *linear(_LAYER + "attention.q_lin", "layers/{layer}/query"),
        *linear(_LAYER + "attention.k_lin", "layers/{layer}/key"),
        *linear(_LAYER + "attention.v_lin", "layers/{layer}/value"),
        *linear(_LAYER + "attention.out_lin", "layers/{layer}/attention_output"),
        *norm(_LAYER + "sa_layer_norm", "layers/{layer}/attention_norm"),
        *linear(_LAYER + "ffn.lin1", "layers/{layer}/up"),
        *linear(_LAYER + "ffn.lin2", "layers/{layer}/down"),
        *norm(_LAYER + "output_layer_norm", "layers/{layer}/output_norm"),
    ),
    head=(*linear("pre_classifier", "dense"), *linear("classifier", "out")),
    ignored=(
        ("embeddings.position_ids", "a buffer of position numbers, computed here"),
        ("vocab_transform.", "the language-modelling head"),
        ("vocab_layer_norm.", "the language-modelling head"),
        ("vocab_projector.", "the language-modelling head (its decoder is tied to the words)"),
        ("qa_outputs.", "the head for questions"),
    ),
)

FAMILY = Family(
    name="distilbert",
    model_types={"distilbert": "DistilBert"},
    headed="ForSequenceClassification",
    config=partial(read_encoder_config, "distilbert", names=_NAMES),
    keys=lambda config: _KEYS,
    layers=encoder_layers,
    network_at="intertrain_jax.models.families.encoder:EncoderNetwork",
    layout=(
        EncoderLayout(token_types=False, attended_dropout=False, dense="relu", first_dropout=False),
    ),
    token_types=False,
    published={
        "distilbert/distilbert-base-cased": LayerSizes(6, 768, 3072, 768),
        "distilbert/distilbert-base-uncased": LayerSizes(6, 768, 3072, 768),
    },
)
