"""Which tensor of a Hugging Face file is which array of a parameter tree, family by family."""

from __future__ import annotations

from dataclasses import dataclass

LAYER = "{layer}"


@dataclass(frozen=True)
class Key:
    """One tensor and the array that it becomes.

    Attributes:
        tensor: name in the file, without the model's prefix; `{layer}` stands for every layer.
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
    """

    prefix: str
    roots: tuple[str, ...]
    body: tuple[Key, ...]
    pooler: tuple[Key, ...]
    head: tuple[Key, ...]
    ignored: tuple[tuple[str, str], ...]


def expand(keys: tuple[Key, ...], num_layers: int) -> list[Key]:
    """Returns the keys with `{layer}` replaced by every layer's number."""
    expanded = []
    for key in keys:
        layers = range(num_layers) if LAYER in key.tensor else range(1)
        for i in layers:
            tensor, path = (text.replace(LAYER, str(i)) for text in (key.tensor, key.path))
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
