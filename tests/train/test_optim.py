"""The optimiser against PyTorch's AdamW with Transformers' schedule, and its masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.optim import (
    Hyper,
    RunState,
    clip_scale,
    fresh_state,
    is_decayed,
    learning_rate_at,
    penalised_gradient,
    update,
)

SHAPES = {
    "embeddings": {"word": (5, 3), "norm": {"scale": (3,), "bias": (3,)}},
    "layers": {"0": {"up": {"kernel": (3, 4), "bias": (4,)}, "output_norm": {"scale": (4,)}}},
    "head": {"out": {"kernel": (4, 2), "bias": (2,)}},
}


def tree(seed: int, scale: float = 1.0, shapes: Any = None) -> Any:
    """Returns random arrays in the shapes of a tiny model."""
    generator = np.random.default_rng(seed)

    def make(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: make(child) for name, child in node.items()}
        return jnp.asarray(generator.normal(0, scale, node), jnp.float32)

    return make(shapes or SHAPES)


def flat(node: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Returns a tree's leaves by path."""
    if isinstance(node, dict):
        return {k: v for name, child in node.items() for k, v in flat(child, (*path, name)).items()}
    return {path: node}


def hyper(**changes: Any) -> Hyper:
    """Returns hyperparameters of a run of ten steps."""
    values = {
        "learning_rate": 0.1,
        "total_steps": 10,
        "warmup_steps": 3,
        "clip_norm": np.inf,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        **changes,
    }
    kinds = blank_hyper()
    return replace(kinds, **{k: type(getattr(kinds, k))(v) for k, v in values.items()})


def step(state: RunState, h: Hyper) -> RunState:
    """Takes one whole step."""
    return update(state, h, clip_scale(state, h))


@pytest.mark.parametrize("clip", [np.inf, 0.5])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_equal_pytorchs(clip: float, decay: float) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch's AdamW")
    from transformers import get_linear_schedule_with_warmup

    h, state = hyper(clip_norm=clip, weight_decay=decay), fresh_state(tree(0))
    params = {
        path: torch.nn.Parameter(torch.tensor(np.array(x))) for path, x in flat(tree(0)).items()
    }
    plain = [p for path, p in params.items() if path[-1] == "bias" or "norm" in " ".join(path)]
    decayed = [p for path, p in params.items() if not any(p is q for q in plain)]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}], lr=0.1
    )
    schedule = get_linear_schedule_with_warmup(optimiser, 3, 10)
    for number in range(10):
        gradient = tree(number + 1, 0.3)
        state = step(replace(state, gradient=gradient), h)
        for path, x in flat(gradient).items():
            params[path].grad = torch.tensor(np.array(x))
        if np.isfinite(clip):
            torch.nn.utils.clip_grad_norm_(list(params.values()), clip)
        optimiser.step()
        schedule.step()
        for path, x in flat(state.params).items():
            np.testing.assert_allclose(
                x, params[path].detach().numpy(), rtol=2e-5, atol=2e-6, err_msg=str((number, path))
            )
    assert int(state.step) == 10
    assert all(not np.any(np.asarray(x)) for x in flat(state.gradient).values())


def test_learning_rate_warms_up_and_decays() -> None:
    rates = [float(learning_rate_at(jnp.int32(s), hyper())) for s in range(11)]
    expected = [0, 1 / 3, 2 / 3, *((10 - s) / 7 for s in range(3, 11))]
    np.testing.assert_allclose(rates, 0.1 * np.array(expected), rtol=1e-6)
    constant = hyper(constant=True, warmup_steps=0)
    assert float(learning_rate_at(jnp.int32(9), constant)) == pytest.approx(0.1)
    assert float(learning_rate_at(jnp.int32(0), hyper(warmup_steps=0))) == pytest.approx(0.1)


def test_biases_and_norms_are_not_decayed() -> None:
    names = {path for path in flat(SHAPES) if is_decayed(path)}
    assert names == {
        ("embeddings", "word"),
        ("layers", "0", "up", "kernel"),
        ("head", "out", "kernel"),
    }


def test_head_only_steps_leave_the_body_as_it_is() -> None:
    h = hyper(head_only_steps=2, clip_norm=0.5, warmup_steps=0, weight_decay=0.1)
    state = fresh_state(tree(0))
    for number in range(3):
        before = state
        state = step(replace(state, gradient=tree(number + 1)), h)
        for path, x in flat(state.params).items():
            same = np.array_equal(x, flat(before.params)[path])
            assert same == (number < 2 and path[0] != "head"), path
    # What is frozen has no part in the norm that is clipped.
    frozen = replace(fresh_state(tree(0)), gradient=tree(1))
    head_norm = np.sqrt(sum(float(jnp.sum(x**2)) for x in flat(tree(1)["head"]).values()))
    assert float(clip_scale(frozen, h)) == pytest.approx(0.5 / head_norm, rel=1e-4)


def test_the_penalty_pulls_the_body_to_the_pretrained_weights() -> None:
    state = replace(fresh_state(tree(0)), gradient=tree(1))
    start = {name: x for name, x in tree(2).items() if name != "head"}
    pulled = penalised_gradient(state, hyper(l2_to_base=0.25), start)
    for path, x in flat(pulled).items():
        expected = flat(tree(1))[path]
        if path[0] != "head":
            expected = expected + 0.5 * (flat(tree(0))[path] - flat(start)[path])
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)
