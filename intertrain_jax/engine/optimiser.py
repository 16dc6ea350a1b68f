"""The optimiser's programs over lanes: those whose batches end take a step, the others stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from intertrain_jax.engine.environment import BY_LANE, EVERYWHERE, over_lanes
from intertrain_jax.engine.lane_state import TREES, Hold
from intertrain_jax.train.arena import backend_of
from intertrain_jax.train.optim import (
    Hyper,
    RunState,
    clip_scale,
    penalised_gradient,
    update,
)

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any


def _where(flag: Array, new: Tree, old: Tree) -> Tree:
    return jax.tree.map(lambda n, o: jnp.where(flag, n, o), new, old)


class Optimiser:
    """Steps the optimisers of lanes.

    Args:
        mesh: from `lane_mesh`.
        hold: parameters as lanes hold them.
        each_lane: maps a function over a device's lanes.
    """

    def __init__(
        self,
        mesh: Mesh,
        hold: Hold,
        each_lane: Callable[[Callable[..., Tree]], Callable[..., Tree]],
    ) -> None:
        self._on_accelerator = backend_of(mesh) != "cpu"
        self._held, self._each_lane = hold, each_lane
        self._whole_step = over_lanes(
            self._step_whole, mesh, (*(BY_LANE,) * 3, EVERYWHERE), BY_LANE, donate=True
        )
        self._penalise = over_lanes(
            self._penalise_part, mesh, (*(BY_LANE,) * 4, EVERYWHERE), BY_LANE, donate=True
        )
        self._scale = over_lanes(jax.vmap(clip_scale), mesh, BY_LANE, BY_LANE, donate=False)
        self._step = {
            part: over_lanes(
                partial(self._step_part, part=part), mesh, (BY_LANE,) * 5, BY_LANE, donate=True
            )
            for part in (*TREES, "step")
        }

    def step(self, runs: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree) -> RunState:
        """Steps the optimiser of the flagged lanes, whose batches are complete.

        On accelerators that is one program, which updates everything in place. On a CPU one program
        would copy the state, as parts are read after others were written; there each part has a program
        of its own, in this order.
        """
        if self._on_accelerator:
            return self._whole_step(runs, hyper, flags_K, pretrained)
        if pretrained is not None:
            others = replace(runs, gradient=None)
            gradient = self._penalise(runs.gradient, others, hyper, flags_K, pretrained)
            runs = replace(runs, gradient=gradient)
        scale_K = self._scale(runs, hyper)
        for part, program in self._step.items():
            others = replace(runs, **{part: None})
            value = program(getattr(runs, part), others, hyper, flags_K, scale_K)
            runs = replace(runs, **{part: value})
        return runs

    def _step_whole(
        self, runs: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree
    ) -> RunState:
        """Returns the whole state after the step; `pretrained` is None where nothing is penalised."""
        return self._each_lane(partial(self.stepped, pretrained=pretrained))(runs, hyper, flags_K)

    def stepped(self, run: RunState, hyper: Hyper, flag: Array, pretrained: Tree) -> RunState:
        """Returns a lane after its step, if it is flagged."""
        state = run
        if pretrained is not None:
            start = self._held(pretrained)
            state = replace(run, gradient=penalised_gradient(run, hyper, start))
        stepped: RunState = _where(flag, update(state, hyper, clip_scale(state, hyper)), run)
        return stepped

    def _penalise_part(
        self, gradient: Tree, others: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree
    ) -> Tree:
        def one(gradient: Tree, others: RunState, hyper: Hyper, flag: Array) -> Tree:
            run = replace(others, gradient=gradient)
            return _where(flag, penalised_gradient(run, hyper, pretrained), gradient)

        return jax.vmap(one)(gradient, others, hyper, flags_K)

    def _step_part(
        self, old: Tree, others: RunState, hyper: Hyper, flags_K: Array, scale_K: Array, part: str
    ) -> Tree:
        """Returns one part of the state after the step; the rest of the computation falls away."""

        def one(old: Tree, others: RunState, hyper: Hyper, flag: Array, scale: Array) -> Tree:
            stepped = update(replace(others, **{part: old}), hyper, scale)
            return _where(flag, getattr(stepped, part), old)

        return jax.vmap(one)(old, others, hyper, flags_K, scale_K)
