"""The optimiser's programs over lanes: those whose batches end take a step, the others stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from intertrain_jax.engine.environment import BY_LANE, EVERYWHERE, over_lanes
from intertrain_jax.engine.lane_state import TREES, Hold
from intertrain_jax.train.arena import backend_of, deterministic
from intertrain_jax.train.optim import (
    Hyper,
    RunState,
    clip_scale,
    penalised_gradient,
    update,
)

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any

# Up to this share of a device's lanes, stepping them one by one takes less than rewriting all: compiled
# for an H200, a lane by itself moves 2.3 times its share of the bytes.
_FEW = 0.34


def where(flag: Array, new: Tree, old: Tree) -> Tree:
    """Returns one of two trees."""
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
        # Which lanes are flagged depends on a run's neighbours, its bits must not.
        self._loops = self._on_accelerator and not deterministic()
        self._devices, self._held = mesh.size, hold
        self._each_lane = each_lane
        change = partial(over_lanes, mesh=mesh, out_specs=BY_LANE, donate=True)
        specs = (*(BY_LANE,) * 3, EVERYWHERE)
        # Over all lanes, and over few; compiled when they are first of use.
        self._whole_step = {
            few: change(partial(self._step_whole, few=few), in_specs=specs) for few in (False, True)
        }
        self._penalise = change(self._penalise_part, in_specs=(*(BY_LANE,) * 4, EVERYWHERE))
        self._scale = over_lanes(jax.vmap(clip_scale), mesh, BY_LANE, BY_LANE, donate=False)
        self._step = {
            part: change(partial(self._step_part, part=part), in_specs=(BY_LANE,) * 5)
            for part in (*TREES, "step")
        }

    def step(self, runs: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree) -> RunState:
        """Steps the optimiser of the flagged lanes, whose batches are complete.

        On accelerators that is one program, which updates everything in place; where few lanes are
        flagged, one that does not touch the others. On a CPU one program would copy the state, as parts
        are read after others were written; there each part has a program of its own, in this order.
        """
        if self._on_accelerator:
            return self._whole_step[self.few(flags_K)](runs, hyper, flags_K, pretrained)
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

    def few(self, flags_K: Array) -> bool:
        """Whether so few lanes are flagged on each device that going through them one by one pays."""
        flags = np.asarray(flags_K).reshape(self._devices, -1)
        return self._loops and bool(flags.sum(axis=1).max() <= flags.shape[1] * _FEW)

    def _step_whole(
        self, runs: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree, few: bool
    ) -> RunState:
        """Returns the whole state after the step; `pretrained` is None where nothing is penalised."""

        def one(run: RunState, hyper: Hyper) -> RunState:
            return self.stepped(run, hyper, pretrained)

        def where_flagged(run: RunState, hyper: Hyper, flag: Array) -> RunState:
            return where(flag, one(run, hyper), run)

        if few:
            return over_few(one, runs, (hyper,), flags_K)
        return self._each_lane(where_flagged)(runs, hyper, flags_K)

    def stepped(self, run: RunState, hyper: Hyper, pretrained: Tree) -> RunState:
        """Returns a lane after its step."""
        if pretrained is not None:
            start = self._held(pretrained)
            run = replace(run, gradient=penalised_gradient(run, hyper, start))
        return update(run, hyper, clip_scale(run, hyper))

    def _penalise_part(
        self, gradient: Tree, others: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree
    ) -> Tree:
        def one(gradient: Tree, others: RunState, hyper: Hyper, flag: Array) -> Tree:
            run = replace(others, gradient=gradient)
            return where(flag, penalised_gradient(run, hyper, pretrained), gradient)

        return jax.vmap(one)(gradient, others, hyper, flags_K)

    def _step_part(
        self, old: Tree, others: RunState, hyper: Hyper, flags_K: Array, scale_K: Array, part: str
    ) -> Tree:
        """Returns one part of the state after the step; the rest of the computation falls away."""

        def one(old: Tree, others: RunState, hyper: Hyper, flag: Array, scale: Array) -> Tree:
            stepped = update(replace(others, **{part: old}), hyper, scale)
            return where(flag, getattr(stepped, part), old)

        return jax.vmap(one)(old, others, hyper, flags_K, scale_K)


def over_few(
    function: Callable[..., Tree], old: Tree, others: tuple[Tree, ...], flags_K: Array
) -> Tree:
    """Returns a device's lanes, `function(old, *others)` where they are flagged.

    A loop over the flagged lanes, each in place: the others are neither read nor written.
    """
    # The lane axis stays, with a length of 1: sums are taken in the order of a lane among others.
    every = jax.vmap(function)
    first_K = jnp.argsort(~flags_K, stable=True)

    def one(i: Array, old: Tree) -> Tree:
        lane = first_K[i]
        here, *rest = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, lane, 1), (old, *others)
        )
        return jax.tree.map(
            lambda x, new: jax.lax.dynamic_update_slice_in_dim(x, new, lane, 0),
            old,
            every(here, *rest),
        )

    return jax.lax.fori_loop(0, jnp.sum(flags_K, dtype=jnp.int32), one, old)
