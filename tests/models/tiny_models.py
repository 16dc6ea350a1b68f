"""A factory of tiny random models and their directories, made without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from intertrain_jax.models.hf.weights import tensors_from_params
from intertrain_jax.models.zoo import family_of

Tensors = dict[str, NDArray[Any]]

SIZES = {
    "hidden_size": 6,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 5,
    "type_vocab_size": 2,
    "vocab_size": 13,
    "max_position_embeddings": 12,
    "layer_norm_eps": 1e-5,
}

T5_SIZES = {
    "d_model": 6,
    "d_kv": 4,
    "d_ff": 5,
    "num_layers": 2,
    "num_decoder_layers": 1,
    "num_heads": 3,
    "vocab_size": 13,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
    "tie_word_embeddings": True,
}
# A tiny config.json of every kind that has its own tensors.
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **SIZES},
    "roberta": {"model_type": "roberta", **SIZES},
    "t5": {"model_type": "t5", **T5_SIZES},
    "t5-v1.1": {
        "model_type": "t5",
        **T5_SIZES,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
}


class ModelFactory:
    """Makes the config.json and the tensors of tiny models, and writes them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def config(self, model_type: str = "bert", **options: Any) -> dict[str, Any]:
        """Returns the content of a config.json."""
        return {"model_type": model_type, **SIZES, **options}

    def tensors(self, hf_config: dict[str, Any], classes: int | None = None) -> Tensors:
        """Returns random tensors under their names in a file of today's transformers."""
        family = family_of(hf_config, "tiny")
        config = family.config(hf_config, "tiny")
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
