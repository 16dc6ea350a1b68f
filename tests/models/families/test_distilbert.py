"""DistilBERT: names of its own, no types of tokens, no pooler, and a ReLU in its head."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.distilbert import FAMILY
from intertrain_jax.models.hf.weights import flatten
from tests.models.tiny_models import CONFIGS, ModelFactory

TINY = CONFIGS["distilbert"]


def test_fields_have_names_of_their_own() -> None:
    rates = {"dropout": 0.2, "attention_dropout": 0.3, "seq_classif_dropout": 0.4}
    config: Any = FAMILY.config({**TINY, **rates, "activation": "relu"}, "m")
    assert (config.hidden_size, config.num_heads, config.num_layers) == (6, 3, 2)
    assert (config.intermediate_size, config.hidden_act) == (5, "relu")
    assert (config.hidden_dropout, config.attention_dropout) == (0.2, 0.3)
    assert config.classifier_dropout == 0.4
    # A head drops more than a layer does unless a file says otherwise; zero is an answer.
    assert FAMILY.config({**TINY, "dropout": 0.3}, "m").classifier_dropout == 0.2
    assert FAMILY.config({**TINY, "seq_classif_dropout": 0}, "m").classifier_dropout == 0.0


def test_what_the_architecture_fixes_no_file_changes() -> None:
    strange = {"type_vocab_size": 2, "layer_norm_eps": 0.1, "hidden_size": 99, "hidden_act": "mish"}
    config: Any = FAMILY.config({**TINY, **strange}, "m")
    assert config == FAMILY.config(TINY, "m")
    assert (config.type_vocab_size, config.layer_norm_eps) == (1, 1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 7}, "'dim' in config.json must be a multiple of 'n_heads', got 7 and 3"),
        ({"n_layers": 0}, "'n_layers' in config.json must be a positive integer, got 0"),
        ({"hidden_dim": None}, "'hidden_dim'.*got None"),
        ({"activation": "mish"}, "'activation'.*got 'mish'; choose another model"),
        ({"seq_classif_dropout": 1}, r"'seq_classif_dropout'.*\[0, 1\), got 1"),
    ],
)
def test_messages_use_the_files_names(options: dict[str, Any], message: str) -> None:
    with pytest.raises(IntertrainError, match=f"Model 'm': {message}"):
        FAMILY.config({**TINY, **options}, "m")


def test_there_is_no_array_for_types_or_a_pooler(tmp_path: Any) -> None:
    config = FAMILY.config(TINY, "m")
    paths = {path for path, _ in flatten(FAMILY.shapes(config, 3))}
    assert not any("token_type" in path or "pooler" in path for path in paths)
    assert not FAMILY.token_types
    names = ModelFactory(tmp_path).tensors(TINY, classes=3)
    assert {name for name in names if not name.startswith("distilbert.")} == {
        f"{layer}.{part}"
        for layer in ("pre_classifier", "classifier")
        for part in ("weight", "bias")
    }


def test_the_head_is_a_relu_between_two_linear_maps() -> None:
    config = FAMILY.config(TINY, "m")
    rng = np.random.default_rng(0)
    dense, out = rng.standard_normal((6, 6)), rng.standard_normal((6, 3))
    bias, features = rng.standard_normal(6), rng.standard_normal((4, 6))
    head = {
        "dense": {"kernel": jnp.float32(dense), "bias": jnp.float32(bias)},
        "out": {"kernel": jnp.float32(out), "bias": jnp.zeros(3, jnp.float32)},
    }
    found = FAMILY.network.head_logits(head, config, jnp.float32(features), None)
    expected = np.maximum(features @ dense + bias, 0) @ out
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
