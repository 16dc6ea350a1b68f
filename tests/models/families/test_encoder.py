"""Where the families of encoders drop units: what no comparison without dropout can show."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_models import CONFIGS, ENCODERS

from intertrain_jax.models.block import Params, TokenBlock, word_embeddings
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.layers import Dropout

IDS = jnp.asarray([[2, 5, 7, 3]], jnp.int32)
COLUMNS = jnp.arange(4, dtype=jnp.int32)[None]
BLOCK = TokenBlock(IDS, 0 * IDS, COLUMNS, 0 * IDS, jnp.zeros((1, 1), jnp.int32))


def dropout(**rates: float) -> Dropout:
    """Returns dropout of one row of four tokens."""
    tokens = jnp.arange(11, 15, dtype=jnp.uint32)[None]
    given = {"hidden": 0.0, "attention": 0.0, "classifier": 0.0, **rates}
    return Dropout(jnp.uint32(3), tokens, **{name: jnp.float32(x) for name, x in given.items()})


def random_params(family: str) -> tuple[EncoderConfig, Params]:
    """Returns a tiny model with a head for three classes."""
    made, draw = FAMILIES[family], np.random.default_rng(0)
    config = made.config(CONFIGS[family], family)
    return config, jax.tree.map(  # type: ignore[return-value]
        lambda leaf: draw.standard_normal(leaf.shape).astype(np.float32), made.shapes(config, 3)
    )


@pytest.mark.parametrize("family", ENCODERS)
def test_distilbert_alone_keeps_all_that_attention_gives(family: str) -> None:
    config, params = random_params(family)
    body = {name: part for name, part in params.items() if name != "head"}
    for layer in body["layers"].values():  # the other place where a layer drops gives nothing
        layer["down"] = jax.tree.map(np.zeros_like, layer["down"])
    module = FAMILIES[family].network.bind(body, config)  # type: ignore[attr-defined]
    x = module.embeddings(word_embeddings(params, IDS), BLOCK, jnp.float32)
    plain = module.layers["0"](x, BLOCK, None, 8, only_first=False)
    dropped = module.layers["0"](x, BLOCK, dropout(hidden=0.5), 8, only_first=False)
    assert bool((plain == dropped).all()) == (family == "distilbert")


@pytest.mark.parametrize("family", ENCODERS)
def test_a_head_drops_where_its_family_does(family: str) -> None:
    """Of features that are zero, dropping changes nothing; after the head's own layer it does."""
    config, params = random_params(family)
    network, rate = FAMILIES[family].network, dropout(classifier=0.5)
    width = config.hidden_size

    def alike(features: jax.Array, head: Params) -> bool:
        plain, dropped = (network.head_logits(head, config, features, d) for d in (None, rate))
        return bool((plain == dropped).all())

    zeros, ones = jnp.zeros((1, 4, width)), jnp.ones((1, 4, width))
    assert alike(zeros, params["head"]) == ("dense" not in params["head"])
    # A layer that passes features on makes the two places differ: what is dropped twice is rarer.
    if "dense" in params["head"]:
        out = {"kernel": np.eye(width, 3, dtype=np.float32), "bias": np.zeros(3, np.float32)}
        dense = {"kernel": np.eye(width, dtype=np.float32), "bias": np.zeros(width, np.float32)}
        given = network.head_logits({"dense": dense, "out": out}, config, ones, rate)
        largest = float(given.max())
        once = 2.0 * (1.0 if family == "distilbert" else float(np.tanh(2.0)))
        assert largest == pytest.approx(once)
    else:
        assert not alike(ones, params["head"])
