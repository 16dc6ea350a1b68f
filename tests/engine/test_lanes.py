"""The compiled programs of lanes, beside each other."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.engine import lanes as module
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.lanes import LanePrograms, Lanes
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import tiny_config

LANES = 3


def programs_and_lanes() -> tuple[LanePrograms, Lanes]:
    """Three lanes in the middle of training, each with hyperparameters of its own."""
    programs = LanePrograms(Classification(tiny_config(), 2), LANES, lane_mesh(1), jnp.float32)
    rng = np.random.default_rng(0)
    lanes = programs.empty_lanes()

    def noise(x: jax.Array) -> jax.Array:
        return jnp.asarray(np.abs(rng.normal(0, 0.1, x.shape)), x.dtype)

    runs = replace(
        lanes.runs,
        params=jax.tree.map(noise, lanes.runs.params),
        mean=jax.tree.map(noise, lanes.runs.mean),
        square=jax.tree.map(noise, lanes.runs.square),
        gradient=jax.tree.map(noise, lanes.runs.gradient),
        step=jnp.asarray([0, 3, 7], jnp.int32),
    )
    hyper = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x)] * LANES), blank_hyper(None))
    values = {"learning_rate": [1e-3, 1e-2, 1e-3], "clip_norm": [1.0, 0.1, np.inf]}
    values |= {"beta1": [0.9] * 3, "beta2": [0.999] * 3, "epsilon": [1e-8] * 3}
    values |= {"weight_decay": [0.0, 0.01, 0.1], "l2_to_base": [0.0, 0.2, 0.5]}
    changes = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    steps = jnp.asarray([10] * 3, jnp.int32)
    return programs, replace(lanes, runs=runs, hyper=replace(hyper, total_steps=steps, **changes))


@pytest.mark.parametrize("penalised", [False, True])
def test_one_program_for_the_optimiser_does_what_five_do(
    monkeypatch: pytest.MonkeyPatch, penalised: bool
) -> None:
    flags = np.asarray([True, False, True])
    found = {}
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(module, "backend_of", lambda mesh, backend=backend: backend)
        programs, lanes = programs_and_lanes()
        before = jax.tree.map(np.asarray, lanes.runs)
        body = {k: v for k, v in lanes.runs.params.items() if k != "head"}
        pretrained = jax.tree.map(lambda x: x[0] * 0.5, body) if penalised else None
        found[backend] = jax.tree.map(np.asarray, programs.step(lanes, flags, pretrained).runs)
        for now, was in zip(jax.tree.leaves(found[backend]), jax.tree.leaves(before), strict=True):
            np.testing.assert_array_equal(now[1], was[1], "an unflagged lane has moved")
    for one, five in zip(*map(jax.tree.leaves, found.values()), strict=True):
        np.testing.assert_allclose(one, five, rtol=1e-5, atol=1e-7)
    assert found["gpu"].step.tolist() == [1, 3, 8]
