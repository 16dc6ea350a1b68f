"""The optimiser's programs: flagged lanes step, whatever the number of lanes, and others stay."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.optimiser import Optimiser, over_few
from intertrain_jax.train.arena import deterministic_programs
from tests.engine.test_lanes import LANES, pretend, programs_and_lanes


@pytest.mark.parametrize("flags", [[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1]], ids=str)
def test_flagged_lanes_change_and_others_are_not_looked_at(flags: list[int]) -> None:
    flagged = np.array(flags, np.bool_)
    old = {"x": np.arange(12.0, dtype=np.float32).reshape(4, 3)}
    by = np.where(flagged, np.arange(4), np.nan).astype(np.float32)

    def change(old: Any, by: Any) -> Any:
        return {"x": old["x"] * by + jnp.sum(old["x"])}

    found = jax.jit(lambda *a: over_few(change, *a))(old, (by,), flagged)["x"]
    expected = old["x"].copy()
    for k in np.flatnonzero(flagged):
        expected[k] = old["x"][k] * k + old["x"][k].sum()
    np.testing.assert_array_equal(found, expected)


def test_few_lanes_are_stepped_one_by_one_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "gpu")
    programs, lanes = programs_and_lanes()
    flags = np.array([False, True, False])
    few = programs.step(jax.tree.map(jnp.copy, lanes), flags, None)
    optimiser = programs.optimiser
    assert [p._cache_size() for p in optimiser._whole_step.values()] == [0, 1]
    whole = optimiser._whole_step[False](lanes.runs, lanes.hyper, flags, None)
    jax.tree.map(np.testing.assert_array_equal, few.runs, whole)
    assert few.runs.step.tolist() == [0, 4, 7]


def test_how_lanes_are_stepped_never_depends_on_neighbours_where_bits_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def few(flags: list[int], devices: int = 1) -> bool:
        made = Optimiser(lane_mesh(devices), lambda tree: tree, jax.vmap)
        return made.few(np.array(flags, np.bool_))

    assert not few([1, 0, 0, 0])  # on a CPU
    pretend(monkeypatch, "gpu")
    assert few([1, 0, 0, 0]) and not few([1, 1, 0, 0]) and not few([1])
    # By device: both have one in two.
    assert not few([1, 0, 0, 1], devices=2) and few([1, 0, 0, 0, 1, 0, 0, 0], devices=2)
    with deterministic_programs(True):
        assert not few([1, 0, 0, 0])


def test_an_accelerator_steps_in_one_program_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "gpu")
    programs, lanes = programs_and_lanes()
    flags = np.ones(LANES, np.bool_)
    optimiser = programs.optimiser
    text = optimiser._whole_step[False].lower(lanes.runs, lanes.hyper, flags, None).as_text()
    arrays = jax.tree.leaves(lanes.runs)
    assert text.count("tf.aliasing_output") + text.count("jax.buffer_donor") == len(arrays)
    apart = jax.tree.leaves(programs.objective.parameter_shapes())
    assert len(jax.tree.leaves(lanes.runs.params)) < len(apart)
    programs.step(lanes, flags, None)
    assert [p._cache_size() for p in optimiser._whole_step.values()] == [1, 0]
    assert [p._cache_size() for p in optimiser._step.values()] == [0] * len(optimiser._step)
