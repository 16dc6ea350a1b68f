"""The compiled programs of lanes, beside each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine import lanes as module
from intertrain_jax.engine import optimiser
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.lane_state import Blocks, Lanes
from intertrain_jax.engine.lanes import LanePrograms, Programs
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.step import Segments
from tests.engine.tiny_grid import VOCABULARY, tiny_config

LANES = 3


def programs_and_lanes(count: int = LANES) -> tuple[LanePrograms, Lanes]:
    """Lanes in the middle of training, each with hyperparameters of its own."""
    programs = LanePrograms(Classification(tiny_config(), 2), count, lane_mesh(1), jnp.float32)
    lanes = programs.empty_lanes()
    shapes = programs.objective.parameter_shapes()
    values = {"learning_rate": [1e-3, 1e-2, 1e-3], "clip_norm": [1.0, 0.1, np.inf]}
    values |= {"beta1": [0.9] * 3, "beta2": [0.999] * 3, "epsilon": [1e-8] * 3}
    values |= {"weight_decay": [0.0, 0.01, 0.1], "l2_to_base": [0.0, 0.2, 0.5]}
    for lane, step in list(enumerate((0, 3, 7)))[:count]:
        rng = np.random.default_rng(lane)
        saved = {
            name: jax.tree.map(
                lambda s, rng=rng: np.abs(rng.normal(0, 0.1, s.shape)).astype(np.float32), shapes
            )
            for name in ("params", "mean", "square", "best")
        }
        changes = {name: jnp.float32(value[lane]) for name, value in values.items()}
        hyper = replace(blank_hyper(None), total_steps=jnp.int32(10), **changes)
        hyper = replace(hyper, num_classes=jnp.int32(2), hidden_dropout=jnp.float32(0.1))
        hyper = jax.tree.map(jnp.asarray, hyper)
        lanes = programs.restore(lanes, lane, saved, (step, -2), hyper)
    return programs, lanes


def pretend(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Lets programs be those of a backend."""
    for used in (module, optimiser):
        monkeypatch.setattr(used, "backend_of", lambda mesh: backend)


def blocks_of(*flags: bool, whole: bool = False) -> tuple[Blocks, Any]:
    """Returns a block for every lane, whose batches end where flags say so, and tokens for them."""
    shape, rng = BlockShape(4, 32, 3), np.random.default_rng(3)
    cells = (len(flags), shape.rows, shape.segments)
    lengths = rng.integers(3, 11, cells).astype(np.int32)
    examples = np.arange(lengths.size, dtype=np.int32).reshape(cells)
    labels = rng.integers(0, 2, cells).astype(np.float32)
    segments = Segments(11 * examples, lengths, lengths // 2, examples, labels)
    arena = rng.integers(2, VOCABULARY, 11 * lengths.size).astype(np.uint16)
    share_K = np.full(len(flags), 0.1, np.float32)
    return Blocks(shape, segments, share_K, np.asarray(flags), whole), arena


def half_of(params: Any) -> Any:
    """Returns a body that a run may be penalised for leaving."""
    return {
        name: jax.tree.map(lambda x: 0.5 * x, x) for name, x in params.items() if name != "head"
    }


@pytest.mark.parametrize("penalised", [False, True])
def test_accelerators_do_what_a_cpu_does(monkeypatch: pytest.MonkeyPatch, penalised: bool) -> None:
    found: dict[str, list[Any]] = {}
    for backend in ("cpu", "gpu"):
        pretend(monkeypatch, backend)
        programs, lanes = programs_and_lanes()
        before = jax.tree.map(np.asarray, programs.read(lanes, 1))
        pretrained = half_of(programs.read(lanes, 0).runs.params) if penalised else None
        lanes, losses_K = programs.advance(lanes, *blocks_of(True, False, True), pretrained)
        unflagged = programs.read(lanes, 1)
        for part in ("params", "mean", "square", "step"):
            now, was = (getattr(x.runs, part) for x in (unflagged, before))
            jax.tree.map(np.testing.assert_array_equal, now, was)
        assert int(unflagged.runs.step) == 3
        lanes = programs.keep_best(lanes, 2)
        read = [programs.read(lanes, lane) for lane in range(LANES)]
        found[backend] = jax.tree.map(np.asarray, [losses_K, *read])
        assert [int(lane.runs.step) for lane in read] == [1, 3, 8]
    assert jax.tree.structure(found["cpu"]) == jax.tree.structure(found["gpu"])
    for ours, theirs in zip(*map(jax.tree.leaves, found.values()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalised", [False, True])
def test_a_batch_of_one_block_is_one_program_where_a_lane_is_alone(
    monkeypatch: pytest.MonkeyPatch, penalised: bool
) -> None:
    found: list[Any] = []
    for backend, whole in (("cpu", True), ("gpu", False), ("gpu", True)):
        pretend(monkeypatch, backend)
        programs, lanes = programs_and_lanes(1)
        pretrained = half_of(programs.read(lanes, 0).runs.params) if penalised else None
        blocks, arena = blocks_of(True, whole=whole)
        for _ in range(2):
            lanes, losses_K = programs.advance(lanes, blocks, arena, pretrained)
        names = [name for name, _ in programs._programs]
        assert names == ["batch" if backend == "gpu" and whole else "accumulate"]
        assert programs.compilations == 1
        found.append(jax.tree.map(np.asarray, [losses_K, programs.read(lanes, 0)]))
        assert int(found[-1][1].runs.step) == 2
        assert not any(x.any() for x in jax.tree.leaves(found[-1][1].runs.gradient))
    for other in found[1:]:
        for ours, theirs in zip(*map(jax.tree.leaves, (found[0], other)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_programs_that_are_asked_for_again_are_those_there_are() -> None:
    known, mesh = Programs(), lane_mesh(1)

    def asked(classes: int = 2, lanes: int = 1, deterministic: bool = False) -> LanePrograms:
        shape = Classification(tiny_config(), classes)
        return known.of(shape, lanes, mesh, "float32", deterministic)

    first = asked()
    assert asked() is first
    assert len({id(p) for p in (first, asked(3), asked(2, 2), asked(2, 1, True))}) == 4
    assert first.dtype == jnp.float32 and first.compilations == 0
