"""Micro-steps: packed equals padded, dropout included; batches add up; idle blocks change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.data.packing import BlockShape, pack
from intertrain_jax.engine.tasks import objective_of
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.hyper import answer_table, blank_hyper
from intertrain_jax.train.objectives import Objective
from intertrain_jax.train.optim import Hyper
from intertrain_jax.train.step import BlockKind, micro_step, predict
from tests.engine.tiny_grid import FAMILIES, tiny_checkpoint, tiny_protocol, tiny_task

TASK = tiny_task("task", 3)
WIDER = tiny_task("wider", 5)  # that other task of the grid has two more classes
GENERATOR = np.random.default_rng(7)
LENGTHS = GENERATOR.integers(2, 30, 11).astype(np.int32)
ARENA = jnp.asarray(GENERATOR.integers(1, 40, LENGTHS.sum() + 9).astype(np.uint16))
VIEW = SplitView(
    offsets=(np.cumsum(LENGTHS) - LENGTHS + 4).astype(np.int32),
    lengths=LENGTHS,
    boundaries=np.maximum(LENGTHS // 2, 1).astype(np.int32),
    labels=GENERATOR.integers(0, 3, 11).astype(np.float32),
)


def objective(family: str) -> Objective:
    """Returns what a family's runs optimise in a grid of both tasks."""
    config = tiny_checkpoint(family).config
    return objective_of(config, {"task": TASK, "wider": WIDER}, tiny_protocol(family))


def params_of(family: str) -> Any:
    """Returns random weights with a head that is wider than its task."""
    model = tiny_checkpoint(family)
    head = objective(family).start_head(3, 0, False, model.params, model.head)
    whole = {**model.params, **head}
    trained = objective(family).parameter_shapes()  # a T5 that classifies has no decoder
    return jax.tree.map(jnp.asarray, {name: whole[name] for name in trained})


def hyper(dropout: float, regression: bool = False, family: str = "bert") -> Hyper:
    """Returns hyperparameters for a task of three classes."""
    rate = np.float32(dropout)
    return replace(
        blank_hyper(objective(family).answers_shape),
        answers_CxT=answer_table(TASK.answers, objective(family).answers_shape),
        num_classes=np.int32(3),
        regression=np.bool_(regression),
        hidden_dropout=rate,
        attention_dropout=rate,
        classifier_dropout=rate,
        dropout_seed=np.uint32(99),
    )


@cache
def compiled(family: str, length: int) -> Callable[..., tuple[Any, jax.Array]]:
    """Returns a family's micro-step for rows of a length: traced once by all tests."""
    kind = BlockKind(objective(family), length, jnp.float32)
    return jax.jit(partial(micro_step, kind=kind))


def gradient_in(family: str, shape: BlockShape, h: Hyper, step: int = 3) -> tuple[Any, float, int]:
    """Returns the batch's gradient and loss, computed in blocks of a shape, and how many of them."""
    params = params_of(family)
    gradient, loss = jax.tree.map(jnp.zeros_like, params), 0.0
    blocks = pack(LENGTHS.tolist(), (shape,))
    do = compiled(family, shape.length)
    for block in blocks:
        segments = VIEW.segments(block.examples)
        share = np.float32(1 / len(LENGTHS))
        gradient, part = do(gradient, params, np.int32(step), h, segments, share, arena=ARENA)
        loss += float(part)
    return gradient, loss, len(blocks)


def assert_close(one: Any, other: Any) -> None:
    """Compares two trees of gradients, each leaf by its own size.

    A key's bias cancels in the softmax: its gradient is rounding alone, and is compared as that.
    """
    largest = max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(other))
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(other), strict=True
    ):
        scale = max(float(jnp.max(jnp.abs(b))), 1e-3 * largest)
        np.testing.assert_allclose(a / scale, b / scale, atol=2e-5, err_msg=str(path))


PADDED = BlockShape(11, 32, 1)


@pytest.mark.parametrize("family", [*FAMILIES, "t5-classifier"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(
    "shape", [BlockShape(8, 32, 9), BlockShape(2, 64, 9)], ids=["one block", "several"]
)
def test_packed_equals_padded(family: str, dropout: float, shape: BlockShape) -> None:
    h = hyper(dropout, family=family)
    gradient, loss, count = gradient_in(family, shape, h)
    expected, expected_loss, _ = gradient_in(family, PADDED, h)
    assert count == (1 if shape.rows == 8 else 2)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert_close(gradient, expected)


def test_dropout_depends_on_step_and_seed_and_keeps_its_rate() -> None:
    shape, h = BlockShape(8, 32, 9), hyper(0.3)
    losses = {
        gradient_in("bert", shape, h, 3)[1],
        gradient_in("bert", shape, h, 4)[1],
        gradient_in("bert", shape, replace(h, dropout_seed=np.uint32(1)), 3)[1],
        gradient_in("bert", shape, hyper(0.0), 3)[1],
    }
    assert len(losses) == 4
    from intertrain_jax.models.layers import drop_features

    keys = jnp.arange(400, dtype=jnp.uint32)
    kept = drop_features(jnp.ones((400, 300)), keys, jnp.float32(0.1))
    assert float(jnp.mean(kept == 0)) == pytest.approx(0.1, abs=0.004)
    assert float(jnp.mean(kept)) == pytest.approx(1.0, abs=0.005)
    # Neither features nor tokens share their masks.
    dropped = np.asarray(kept == 0, np.float64)
    assert np.abs(np.corrcoef(dropped[:40])[~np.eye(40, dtype=bool)]).max() < 0.3
    assert np.abs(np.corrcoef(dropped[:, :40].T)[~np.eye(40, dtype=bool)]).max() < 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_an_idle_block_leaves_the_gradient_bit_identical(family: str) -> None:
    params = params_of(family)
    gradient = jax.tree.map(lambda x: jnp.asarray(GENERATOR.normal(size=x.shape), x.dtype), params)
    empty = VIEW.segments(np.full((PADDED.rows, PADDED.segments), -1, np.int32))
    h = hyper(0.1, family=family)
    step, share = np.int32(0), np.float32(0)
    after, loss = compiled(family, PADDED.length)(
        gradient, params, step, h, empty, share, arena=ARENA
    )
    assert float(loss) == 0.0
    jax.tree.map(np.testing.assert_array_equal, after, gradient)


def test_classes_of_other_tasks_get_neither_probability_nor_gradient() -> None:
    gradient, _, _ = gradient_in("roberta", PADDED, hyper(0.0))
    out = gradient["head"]["out"]
    assert not np.any(np.asarray(out["kernel"])[:, 3:]) and not np.any(np.asarray(out["bias"])[3:])
    assert np.any(np.asarray(out["kernel"])[:, :3])


def test_regression_is_squared_error_of_the_first_output() -> None:
    params = params_of("bert")
    blocks = pack(LENGTHS.tolist(), (PADDED,))[0].examples
    kind = BlockKind(objective("bert"), 32, jnp.float32)
    logits = predict(params, hyper(0.0), VIEW.segments(blocks), ARENA, kind)
    outputs = np.asarray(logits)[:, 0, 0]
    expected = np.mean((outputs - VIEW.labels[blocks[:, 0]]) ** 2)
    _, loss, _ = gradient_in("bert", PADDED, hyper(0.0, regression=True))
    assert loss == pytest.approx(expected, rel=1e-5)
