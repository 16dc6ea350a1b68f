"""A factory of tiny random models and their directories, made without torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.tensors import tensors_from_params

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Sizes:
    """The sizes of a tiny model, whatever its config.json calls them."""

    width: int = 6
    heads: int = 3
    head_size: int = 4
    layers: int = 2
    inner: int = 5
    vocab: int = 13
    positions: int = 12
    eps: float = 1e-5


def _encoder(model_type: str, sizes: Sizes) -> dict[str, Any]:
    return {
        "model_type": model_type,
        "hidden_size": sizes.width,
        "num_attention_heads": sizes.heads,
        "num_hidden_layers": sizes.layers,
        "intermediate_size": sizes.inner,
        "type_vocab_size": 2,
        "vocab_size": sizes.vocab,
        "max_position_embeddings": sizes.positions,
        "layer_norm_eps": sizes.eps,
    }


def _distilbert(sizes: Sizes) -> dict[str, Any]:
    return {
        "model_type": "distilbert",
        "dim": sizes.width,
        "n_heads": sizes.heads,
        "n_layers": sizes.layers,
        "hidden_dim": sizes.inner,
        "vocab_size": sizes.vocab,
        "max_position_embeddings": sizes.positions,
    }


def _t5(projection: str, tied: bool, sizes: Sizes) -> dict[str, Any]:
    return {
        "model_type": "t5",
        "d_model": sizes.width,
        "d_kv": sizes.head_size,
        "d_ff": sizes.inner,
        "num_layers": sizes.layers,
        "num_decoder_layers": 1,
        "num_heads": sizes.heads,
        "vocab_size": sizes.vocab,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 20,
        "feed_forward_proj": projection,
        "tie_word_embeddings": tied,
    }


# Every kind of model that has its own tensors: what the rules of models and engine are tested over.
# An entry for each family is all that its tests need.
KINDS: dict[str, Callable[[Sizes], dict[str, Any]]] = {
    "bert": partial(_encoder, "bert"),
    "roberta": partial(_encoder, "roberta"),
    "distilbert": _distilbert,
    "t5": partial(_t5, "relu", True),
    "t5-v1.1": partial(_t5, "gated-gelu", False),
}
# A tiny config.json of every kind.
CONFIGS = {kind: make(Sizes()) for kind, make in KINDS.items()}
SIZES = {name: value for name, value in CONFIGS["bert"].items() if name != "model_type"}
# Those that classify with a head of their own in transformers, too.
ENCODERS = tuple(kind for kind in KINDS if not family_of(CONFIGS[kind], kind).text_to_text)


class ModelFactory:
    """Makes the config.json and the tensors of tiny models, and writes them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def config(self, model_type: str = "bert", **options: Any) -> dict[str, Any]:
        """Returns the content of a config.json, of BERT's sizes for another name of a kind."""
        return {"model_type": model_type, **CONFIGS.get(model_type, SIZES), **options}

    def tensors(self, hf_config: dict[str, Any], classes: int | None = None) -> Tensors:
        """Returns random tensors under their names in a file of today's transformers.

        Text-to-text models get the output that their version has, whatever the classes.
        """
        family = family_of(hf_config, "tiny")
        config = family.config(hf_config, "tiny")
        if family.text_to_text:
            classes = 1 if family.texts.has_own_head(config) else None
        draw = np.random.default_rng(5)
        params = jax.tree.map(
            lambda leaf: draw.standard_normal(leaf.shape).astype(np.float32),
            family.shapes(config, classes),
        )
        head = params.pop("head", None)
        return tensors_from_params(config, params, head)

    def write(self, hf_config: dict[str, Any], tensors: Tensors | None = None) -> Path:
        """Writes a model directory."""
        self._count += 1
        directory = self._directory / f"model-{self._count}"
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(hf_config))
        if tensors is not None:
            save_file(tensors, directory / "model.safetensors")
        return directory

    def __call__(
        self, model_type: str = "bert", classes: int | None = None, **options: Any
    ) -> Path:
        """Writes a whole random model."""
        hf_config = self.config(model_type, **options)
        return self.write(hf_config, self.tensors(hf_config, classes))
