"""Which tensor of a Hugging Face file is which array of a parameter tree, family by family."""

from __future__ import annotations

from dataclasses import dataclass

LAYER = "{layer}"
DECODER_LAYER = "{decoder_layer}"


@dataclass(frozen=True)
class Key:
    """One tensor and the array that it becomes.

    Attributes:
        tensor: name in the file, without the model's prefix; `{layer}` stands for every layer,
            `{decoder_layer}` for every one of a decoder.
        path: slash-separated path in the parameter tree.
        transposed: torch keeps [outputs, inputs], we keep [inputs, outputs].
    """

    tensor: str
    path: str
    transposed: bool = False


@dataclass(frozen=True)
class KeyTable:
    """All names of a family.

    Attributes:
        prefix: what stands before the body's names in files of models with a head.
        roots: beginnings of the body's names; whatever else is there must be known.
        body: the encoder's tensors.
        pooler: those that a file may lack, to be initialised then.
        head: the sequence-classification head, which a file may have; under no prefix.
        ignored: (beginning of a name, why its tensor is not used).
        copies: (name, name of the tensor that it must equal) where a file may hold one twice.
    """

    prefix: str
    roots: tuple[str, ...]
    body: tuple[Key, ...]
    pooler: tuple[Key, ...]
    head: tuple[Key, ...]
    ignored: tuple[tuple[str, str], ...]
    copies: tuple[tuple[str, str], ...] = ()


def expand(keys: tuple[Key, ...], num_layers: int, num_decoder_layers: int = 0) -> list[Key]:
    """Returns the keys with `{layer}` and `{decoder_layer}` replaced by every layer's number."""
    counts = {LAYER: num_layers, DECODER_LAYER: num_decoder_layers}
    expanded = []
    for key in keys:
        placeholder = next((name for name in counts if name in key.tensor), None)
        for i in range(counts[placeholder] if placeholder else 1):
            tensor, path = key.tensor, key.path
            if placeholder:
                tensor, path = (
                    tensor.replace(placeholder, str(i)),
                    path.replace(placeholder, str(i)),
                )
            expanded.append(Key(tensor, path, key.transposed))
    return expanded


def _linear(tensor: str, path: str) -> tuple[Key, ...]:
    return (
        Key(f"{tensor}.weight", f"{path}/kernel", transposed=True),
        Key(f"{tensor}.bias", f"{path}/bias"),
    )


def _norm(tensor: str, path: str) -> tuple[Key, ...]:
    return Key(f"{tensor}.weight", f"{path}/scale"), Key(f"{tensor}.bias", f"{path}/bias")


_ENCODER = (
    Key("embeddings.word_embeddings.weight", "embeddings/word"),
    Key("embeddings.position_embeddings.weight", "embeddings/position"),
    Key("embeddings.token_type_embeddings.weight", "embeddings/token_type"),
    *_norm("embeddings.LayerNorm", "embeddings/norm"),
    *_linear("encoder.layer.{layer}.attention.self.query", "layers/{layer}/query"),
    *_linear("encoder.layer.{layer}.attention.self.key", "layers/{layer}/key"),
    *_linear("encoder.layer.{layer}.attention.self.value", "layers/{layer}/value"),
    *_linear("encoder.layer.{layer}.attention.output.dense", "layers/{layer}/attention_output"),
    *_norm("encoder.layer.{layer}.attention.output.LayerNorm", "layers/{layer}/attention_norm"),
    *_linear("encoder.layer.{layer}.intermediate.dense", "layers/{layer}/up"),
    *_linear("encoder.layer.{layer}.output.dense", "layers/{layer}/down"),
    *_norm("encoder.layer.{layer}.output.LayerNorm", "layers/{layer}/output_norm"),
)
_ROOTS = ("embeddings.", "encoder.", "pooler.")
_BUFFERS = (
    ("embeddings.position_ids", "a buffer of position numbers, computed here"),
    ("embeddings.token_type_ids", "a buffer of zeros, computed here"),
)

BERT_KEYS = KeyTable(
    prefix="bert.",
    roots=_ROOTS,
    body=_ENCODER,
    pooler=_linear("pooler.dense", "pooler"),
    head=_linear("classifier", "out"),
    ignored=(
        *_BUFFERS,
        ("cls.predictions.", "the language-modelling head (its decoder is tied to the words)"),
        ("cls.seq_relationship.", "the next-sentence head"),
    ),
)
ROBERTA_KEYS = KeyTable(
    prefix="roberta.",
    roots=_ROOTS,
    body=_ENCODER,
    pooler=(),
    head=(*_linear("classifier.dense", "dense"), *_linear("classifier.out_proj", "out")),
    ignored=(
        *_BUFFERS,
        ("pooler.", "RoBERTa's classification head does not use the pooler"),
        ("lm_head.", "the language-modelling head (its decoder is tied to the words)"),
    ),
)


def _matrix(tensor: str, path: str) -> Key:
    return Key(f"{tensor}.weight", f"{path}/kernel", transposed=True)


def _t5_attention(tensor: str, path: str) -> tuple[Key, ...]:
    names = {"q": "query", "k": "key", "v": "value", "o": "output"}
    return tuple(_matrix(f"{tensor}.{short}", f"{path}/{name}") for short, name in names.items())


def _t5_stack(stack: str, layer: str, gated: bool) -> tuple[Key, ...]:
    block, path = f"{stack}.block.{layer}.layer", f"{stack}/layers/{layer}"
    cross: tuple[Key, ...] = ()
    if stack == "decoder":
        cross = (
            *_t5_attention(f"{block}.1.EncDecAttention", f"{path}/cross_attention"),
            Key(f"{block}.1.layer_norm.weight", f"{path}/cross_norm/scale"),
        )
    feed = f"{block}.{2 if cross else 1}"
    ups = {"wi_0": "gate", "wi_1": "up"} if gated else {"wi": "up"}
    return (
        Key(
            f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            f"{stack}/position_bias",
        ),
        *_t5_attention(f"{block}.0.SelfAttention", f"{path}/self_attention"),
        Key(f"{block}.0.layer_norm.weight", f"{path}/self_norm/scale"),
        *cross,
        *(
            _matrix(f"{feed}.DenseReluDense.{short}", f"{path}/feed/{name}")
            for short, name in {**ups, "wo": "down"}.items()
        ),
        Key(f"{feed}.layer_norm.weight", f"{path}/feed_norm/scale"),
        Key(f"{stack}.final_layer_norm.weight", f"{stack}/norm/scale"),
    )


def t5_keys(gated: bool, tied: bool) -> KeyTable:
    """Returns the names of a T5 model, which depend on its version.

    Args:
        gated: whether the feed-forward layers have a gate.
        tied: whether the output is the word embedding.
    """
    copies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    if tied:
        copies.append("lm_head.weight")
    return KeyTable(
        prefix="",
        roots=("shared.", "encoder.", "decoder."),
        body=(
            Key("shared.weight", "embeddings/word"),
            *_t5_stack("encoder", LAYER, gated),
            *_t5_stack("decoder", DECODER_LAYER, gated),
        ),
        pooler=(),
        head=() if tied else (_matrix("lm_head", "out"),),
        ignored=(
            (
                "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
                "a leftover of old files: cross-attention has no position bias",
            ),
        ),
        copies=tuple((name, "shared.weight") for name in copies),
    )
