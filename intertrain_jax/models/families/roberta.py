"""RoBERTa, with those that are the same network under another name: XLM-R and CamemBERT."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.models.families.bert import BUFFERS, ENCODER_KEYS, ROOTS
from intertrain_jax.models.families.encoder_config import (
    BASE,
    LARGE,
    EncoderConfig,
    EncoderLayout,
    encoder_layers,
    read_encoder_config,
)
from intertrain_jax.models.families.family import Family, LayerSizes
from intertrain_jax.models.hf.keys import KeyTable, linear

_KEYS = KeyTable(
    prefix="roberta.",
    roots=ROOTS,
    body=ENCODER_KEYS,
    head=(*linear("classifier.dense", "dense"), *linear("classifier.out_proj", "out")),
    ignored=(
        *BUFFERS,
        ("pooler.", "RoBERTa's classification head does not use the pooler"),
        ("lm_head.", "the language-modelling head (its decoder is tied to the words)"),
    ),
)


def positions_of_words(ids: NDArray[Any], config: EncoderConfig) -> NDArray[np.int64]:
    """Returns the positions of a padded batch [B, L]: tokens that are not the padding token count.

    Padding tokens, whatever the mask says, get the position of the padding id, which is -1 here.
    """
    real = ids != config.pad_token_id
    return np.where(real, np.cumsum(real, axis=1), 0) - 1


FAMILY = Family(
    name="roberta",
    # DistilRoBERTa calls itself roberta.
    model_types={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
    headed="ForSequenceClassification",
    config=partial(read_encoder_config, "roberta", default_pad=1, positions_after_pad=True),
    keys=lambda config: _KEYS,
    layers=encoder_layers,
    network_at="intertrain_jax.models.families.encoder:EncoderNetwork",
    layout=(EncoderLayout(dense="tanh"),),
    positions=positions_of_words,
    published={
        "FacebookAI/roberta-base": BASE,
        "FacebookAI/roberta-large": LARGE,
        "FacebookAI/xlm-roberta-base": BASE,
        "distilbert/distilroberta-base": LayerSizes(6, 768, 3072, 768),
    },
)
