"""T5, v1.0 and v1.1 (with flan): an encoder and a decoder that answers in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.encoder_config import BASE
from intertrain_jax.models.families.family import Family, LayerSizes
from intertrain_jax.models.hf.config import ACTIVATIONS, MOST_LAYERS, NOT_QUANTISED, Fields
from intertrain_jax.models.hf.keys import DECODER_LAYER, LAYER, Key, KeyTable, matrix

# What transformers assumes where config.json is silent; sizes have no default here.
_DEFAULTS: dict[str, Any] = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
}


@dataclass(frozen=True)
class T5Config:
    """The shape of a T5 model: what decides its computation, read from a checkpoint's config.json.

    `tied` is v1.0: the output reads hidden states scaled by D^-0.5, and is the transposed word embedding
    unless the file has another one.
    """

    family: str
    vocab_size: int
    hidden_size: int
    head_size: int
    num_layers: int
    num_decoder_layers: int
    num_heads: int
    intermediate_size: int
    num_buckets: int
    max_distance: int
    layer_norm_eps: float
    hidden_act: str
    gated: bool
    tied: bool
    hidden_dropout: float
    attention_dropout: float
    classifier_dropout: float
    pad_token_id: int
    end_token_id: int
    start_token_id: int

    @property
    def type_vocab_size(self) -> int:
        """There is one type of token."""
        return 1

    @property
    def initializer_range(self) -> float:
        """Standard deviation of a fresh classification head's kernel."""
        return float(self.hidden_size**-0.5)

    @property
    def max_length(self) -> None:
        """There is no longest segment: positions are relative."""

    @property
    def shape(self) -> T5Config:
        """Returns it without what may differ between runs that share a program."""
        return replace(self, hidden_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)


def t5_config(hf_config: Mapping[str, Any], name: str) -> T5Config:
    """Returns the shape of a T5 model.

    Files of v1.0 say nothing of `feed_forward_proj` (it is "relu") and nothing, or true, of
    `tie_word_embeddings`; those of v1.1 and flan say "gated-gelu" and false. Resaved by transformers 5,
    every file says true there, and those of v1.1 and flan that `scale_decoder_outputs` is false. Which
    output there is, the tensors say.

    Args:
        hf_config: the content of config.json.
        name: how messages call the model.

    Raises:
        IntertrainError: a size is missing or not positive, or an option is not supported.
    """
    fields = Fields(hf_config, _DEFAULTS, name)
    fields.require(NOT_QUANTISED)
    projection = hf_config.get("feed_forward_proj") or "relu"
    gated = str(projection).startswith("gated-")
    # What v1.1 calls gelu is the approximation by tanh.
    plain = str(projection).removeprefix("gated-")
    activation = "gelu_new" if gated and plain == "gelu" else plain
    if activation not in ACTIVATIONS:
        rule = f"must be one of {', '.join(ACTIVATIONS)}, or one of them after 'gated-'"
        raise fields.error("feed_forward_proj", rule, "choose another model")
    num_buckets = fields.size("relative_attention_num_buckets")
    max_distance = fields.size("relative_attention_max_distance")
    if num_buckets < 4 or max_distance <= num_buckets // 2:
        raise IntertrainError(
            f"Model '{name}': 'relative_attention_num_buckets' in config.json must be at least 4, "
            "and 'relative_attention_max_distance' more than half of it, got "
            f"{num_buckets} and {max_distance}; correct the file."
        )
    num_layers, vocab_size = fields.size("num_layers", MOST_LAYERS), fields.size("vocab_size")
    own_decoder = hf_config.get("num_decoder_layers") is not None
    scaled = hf_config.get("scale_decoder_outputs")
    if scaled is None:
        scaled = hf_config.get("tie_word_embeddings") is not False
    pad = fields.token("pad_token_id", 0, vocab_size)
    rate = fields.number("dropout_rate", below=1)
    return T5Config(
        family="t5",
        vocab_size=vocab_size,
        hidden_size=fields.size("d_model"),
        head_size=fields.size("d_kv"),
        num_layers=num_layers,
        num_decoder_layers=(
            fields.size("num_decoder_layers", MOST_LAYERS) if own_decoder else num_layers
        ),
        num_heads=fields.size("num_heads"),
        intermediate_size=fields.size("d_ff"),
        num_buckets=num_buckets,
        max_distance=max_distance,
        layer_norm_eps=fields.number("layer_norm_epsilon", below=1),
        hidden_act=activation,
        gated=gated,
        tied=scaled is not False,
        hidden_dropout=rate,
        attention_dropout=rate,
        classifier_dropout=0.0,
        pad_token_id=pad,
        end_token_id=fields.token("eos_token_id", 1, vocab_size),
        start_token_id=fields.token("decoder_start_token_id", pad, vocab_size),
    )


def _attention(tensor: str, path: str) -> tuple[Key, ...]:
    names = {"q": "query", "k": "key", "v": "value", "o": "output"}
    return tuple(matrix(f"{tensor}.{short}", f"{path}/{name}") for short, name in names.items())


def _stack(stack: str, layer: str, gated: bool) -> tuple[Key, ...]:
    block, path = f"{stack}.block.{layer}.layer", f"{stack}/layers/{layer}"
    cross: tuple[Key, ...] = ()
    if stack == "decoder":
        cross = (
            *_attention(f"{block}.1.EncDecAttention", f"{path}/cross_attention"),
            Key(f"{block}.1.layer_norm.weight", f"{path}/cross_norm/scale"),
        )
    feed = f"{block}.{2 if cross else 1}"
    ups = {"wi_0": "gate", "wi_1": "up"} if gated else {"wi": "up"}
    return (
        Key(
            f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            f"{stack}/position_bias",
        ),
        *_attention(f"{block}.0.SelfAttention", f"{path}/self_attention"),
        Key(f"{block}.0.layer_norm.weight", f"{path}/self_norm/scale"),
        *cross,
        *(
            matrix(f"{feed}.DenseReluDense.{short}", f"{path}/feed/{name}")
            for short, name in {**ups, "wo": "down"}.items()
        ),
        Key(f"{feed}.layer_norm.weight", f"{path}/feed_norm/scale"),
        Key(f"{stack}.final_layer_norm.weight", f"{stack}/norm/scale"),
    )


def t5_keys(config: T5Config) -> KeyTable:
    """Returns the names of a T5 model, which depend on its version."""
    gated, words = config.gated, "shared.weight"
    return KeyTable(
        prefix="",
        roots=("shared.", "encoder.", "decoder."),
        body=(
            Key(words, "embeddings/word"),
            *_stack("encoder", LAYER, gated),
            *_stack("decoder", DECODER_LAYER, gated),
        ),
        head=(matrix("lm_head", "out"),),
        ignored=(
            (
                "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
                "a leftover of old files: cross-attention has no position bias",
            ),
        ),
        own_head=not config.tied,
        head_repeats=words,
        answers=("decoder.",),
        copies=tuple((f"{stack}.embed_tokens.weight", words) for stack in ("encoder", "decoder")),
        prefixes=("transformer.",),
    )


def t5_layers(config: T5Config) -> LayerSizes:
    """Returns the sizes of the encoder's layers: the decoder sees only the few tokens of a text."""
    return LayerSizes(
        config.num_layers,
        config.hidden_size,
        config.intermediate_size,
        config.num_heads * config.head_size,
        matrices=3 if config.gated else 2,
    )


FAMILY = Family(
    name="t5",
    model_types={"t5": "T5"},
    headed="ForConditionalGeneration",
    config=t5_config,
    keys=t5_keys,
    layers=t5_layers,
    network_at="intertrain_jax.models.families.t5_classifier:PooledNetwork",
    texts_at="intertrain_jax.models.families.t5_texts",
    token_types=False,
    published={
        "google-t5/t5-small": LayerSizes(6, 512, 2048, 512),
        "google-t5/t5-base": BASE,
        "google/t5-v1_1-small": LayerSizes(8, 512, 1024, 384, 3),
        "google/t5-v1_1-base": LayerSizes(12, 768, 2048, 768, 3),
        "google/flan-t5-base": LayerSizes(12, 768, 2048, 768, 3),
    },
)
