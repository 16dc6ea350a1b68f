"""What a micro-step is made of, on the program that is traced: holds on every device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.data.packing import BlockShape, pack
from intertrain_jax.train.stacking import stacked
from intertrain_jax.train.step import BlockKind, micro_step, predict
from tests.engine.tiny_grid import NETWORKS
from tests.train.test_step import ARENA, LENGTHS, VIEW, hyper, objective, params_of

# No parameter and no other tensor has such rows.
SHAPE = BlockShape(3, 37, 7)


def equations(jaxpr: Any) -> Iterator[Any]:
    """Yields the equations of a program, and of the programs inside it."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from equations(inner)


def traced(family: str, dtype: Any, together: bool = False) -> list[Any]:
    """Returns the equations of a micro-step."""
    params = stacked(params_of(family)) if together else params_of(family)
    segments = VIEW.segments(pack(LENGTHS.tolist(), (SHAPE,))[0].examples)
    step = partial(micro_step, kind=BlockKind(objective(family), SHAPE.length, dtype))
    arguments = (params, params, np.int32(1), hyper(0.1, family=family), segments, np.float32(0.1))
    return list(equations(jax.make_jaxpr(step)(*arguments, ARENA).jaxpr))


def products(found: list[Any]) -> list[Any]:
    """Returns the matrix products among equations."""
    return [equation for equation in found if equation.primitive.name == "dot_general"]


@pytest.mark.parametrize("family", NETWORKS)
def test_attention_in_bfloat16_multiplies_bfloat16_forward_and_backward(family: str) -> None:
    scores = 0
    for product in products(traced(family, jnp.bfloat16)):
        for operand in product.invars:
            if operand.aval.shape[-1:] == (SHAPE.length,) and operand.aval.ndim == 4:
                scores += 1
                assert operand.aval.dtype == jnp.bfloat16, product
    assert scores > 0


@pytest.mark.parametrize("family", NETWORKS)
def test_products_of_float32_are_float32_on_every_device(family: str) -> None:
    exact = (jax.lax.Precision.HIGHEST,) * 2
    found = products(traced(family, jnp.float32))
    assert found and all(product.params["precision"] == exact for product in found)
    segments = VIEW.segments(pack(LENGTHS.tolist(), (SHAPE,))[0].examples)
    scored = jax.make_jaxpr(
        lambda params: predict(
            params,
            hyper(0.0, family=family),
            segments,
            ARENA,
            BlockKind(objective(family), SHAPE.length, jnp.float32),
        )
    )(params_of(family))
    found = products(list(equations(scored.jaxpr)))
    assert found and all(product.params["precision"] == exact for product in found)


@pytest.mark.parametrize("together", [False, True], ids=["layers apart", "layers stacked"])
def test_no_parameter_is_selected_from_two_and_nothing_is_asked_of_the_host(together: bool) -> None:
    params = params_of("bert")
    held = stacked(params) if together else params
    matrices = {x.shape for tree in (params, held) for x in jax.tree.leaves(tree) if x.ndim > 1}
    found = traced("bert", jnp.bfloat16, together)
    for equation in found:
        if equation.primitive.name in ("select_n", "cond"):
            assert not matrices & {result.aval.shape for result in equation.outvars}, equation
    names = {equation.primitive.name for equation in found}
    assert not [name for name in names if "callback" in name or "feed" in name]
    # Every other assertion here is about equations of this kind.
    assert {"dot_general", "scatter-add", "select_n"} <= names
