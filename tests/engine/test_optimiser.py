"""The optimiser's programs: flagged lanes step, whatever the number of lanes, and others stay."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from tests.engine.test_lanes import LANES, pretend, programs_and_lanes


def test_an_accelerator_steps_in_one_program_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "gpu")
    programs, lanes = programs_and_lanes()
    flags = np.ones(LANES, np.bool_)
    optimiser = programs.optimiser
    text = optimiser._whole_step.lower(lanes.runs, lanes.hyper, flags, None).as_text()
    arrays = jax.tree.leaves(lanes.runs)
    assert text.count("tf.aliasing_output") + text.count("jax.buffer_donor") == len(arrays)
    apart = jax.tree.leaves(programs.objective.parameter_shapes())
    assert len(jax.tree.leaves(lanes.runs.params)) < len(apart)
    programs.step(lanes, flags, None)
    assert optimiser._whole_step._cache_size() == 1
    assert [p._cache_size() for p in optimiser._step.values()] == [0] * len(optimiser._step)
