"""The compiled programs that advance, score and swap lanes.

The engine's only `vmap` is here (a ranking's is in `probe/heads.py`). Everything below `micro_step` and
`update` knows a single run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import (
    AXIS,
    BY_LANE,
    EVERYWHERE,
    by_lane,
    over_lanes,
)
from intertrain_jax.engine.lane_state import (
    TREES,
    Blocks,
    Lanes,
    empty,
    keep_lane,
    read_lane,
    restore_lane,
    start_lane,
    take,
)
from intertrain_jax.train.arena import backend_of
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Objective
from intertrain_jax.train.optim import (
    Hyper,
    RunState,
    clip_scale,
    penalised_gradient,
    update,
)
from intertrain_jax.train.stacking import stacked
from intertrain_jax.train.step import BlockKind, Segments, micro_step, predict

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any


def _where(flag: Array, new: Tree, old: Tree) -> Tree:
    return jax.tree.map(lambda n, o: jnp.where(flag, n, o), new, old)


class LanePrograms:
    """The compiled programs of one objective on one mesh; one training program per block shape.

    Args:
        objective: the model's shape, and what is optimised.
        num_lanes: K, a multiple of the mesh's devices.
        mesh: from `lane_mesh`.
        dtype: dtype of computation.
    """

    def __init__(
        self,
        objective: Objective,
        num_lanes: int,
        mesh: Mesh,
        dtype: Any,
    ) -> None:
        self.objective = objective
        self.num_lanes = num_lanes
        self.mesh = mesh
        self.dtype = dtype
        self._on_accelerator = backend_of(mesh) != "cpu"
        # A device's only lane; on CPUs lanes give the same bits in any number.
        self._alone = self._on_accelerator and num_lanes == mesh.size
        self._accumulate: dict[BlockShape, Any] = {}
        self._batch: dict[BlockShape, Any] = {}
        self._evaluate: dict[BlockShape, Any] = {}
        change = partial(over_lanes, mesh=mesh, out_specs=BY_LANE, donate=True)
        self._start = change(
            partial(start_lane, hold=self._held),
            in_specs=(BY_LANE, EVERYWHERE, EVERYWHERE, EVERYWHERE),
        )
        self._restore = change(
            partial(restore_lane, hold=self._held), in_specs=(BY_LANE, *(EVERYWHERE,) * 4)
        )
        self._keep = change(keep_lane, in_specs=(BY_LANE, EVERYWHERE))
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
        self._read = over_lanes(
            read_lane, mesh, in_specs=(BY_LANE, EVERYWHERE), out_specs=BY_LANE, donate=False
        )

    @property
    def compilations(self) -> int:
        """How many times a training program was compiled.

        One per block shape in use; on accelerators a second one where a block may be a whole batch.
        """
        programs = (*self._accumulate.values(), *self._batch.values())
        return sum(program._cache_size() for program in programs)

    @property
    def shapes(self) -> Tree:
        """The shapes of one lane's parameters, as lanes hold them."""
        return jax.eval_shape(self._held, self.objective.parameter_shapes())

    def _held(self, tree: Tree) -> Tree:
        """Returns parameters as lanes hold them: on accelerators with layers stacked.

        On a CPU that would copy them in every micro-step.
        """
        return stacked(tree) if self._on_accelerator else tree

    def empty_lanes(self) -> Lanes:
        """Returns K lanes of zeros, laid out over the mesh."""
        hyper = blank_hyper(self.objective.answers_shape)
        build = partial(empty, self.shapes, hyper, self.num_lanes)
        return jax.jit(build, out_shardings=by_lane(self.mesh))()

    def advance(
        self, lanes: Lanes, blocks: Blocks, arena: Array, pretrained: Tree
    ) -> tuple[Lanes, Array]:
        """Does one micro-step of all lanes, and steps the optimiser of those whose batches end.

        Args:
            lanes: all lanes; given up.
            blocks: what each of them does.
            arena: all tokens.
            pretrained: θ_PT of the body if runs are penalised for leaving it, else None.

        Returns:
            The lanes, and their shares of the losses of their batches [K].
        """
        if not (blocks.whole and self._alone):
            lanes, losses_K = self.accumulate(lanes, blocks, arena)
            if np.any(blocks.apply_K):
                lanes = self.step(lanes, blocks.apply_K, pretrained)
            return lanes, losses_K
        shape = blocks.shape
        if shape not in self._batch:
            self._batch[shape] = over_lanes(
                partial(self._batch_blocks, kind=self._kind(shape)),
                self.mesh,
                in_specs=(*(BY_LANE,) * 5, EVERYWHERE, EVERYWHERE),
                out_specs=BY_LANE,
                donate=True,
            )
        runs, losses_K = self._batch[shape](
            *(lanes.runs, lanes.hyper, blocks.segments, blocks.share_K, blocks.apply_K),
            *(pretrained, arena),
        )
        return replace(lanes, runs=runs), losses_K

    def accumulate(self, lanes: Lanes, blocks: Blocks, arena: Array) -> tuple[Lanes, Array]:
        """Does one micro-step of all lanes; returns them, and their shares of the losses [K]."""
        shape = blocks.shape
        if shape not in self._accumulate:
            self._accumulate[shape] = over_lanes(
                partial(self._accumulate_blocks, kind=self._kind(shape)),
                self.mesh,
                in_specs=(BY_LANE, BY_LANE, BY_LANE, BY_LANE, EVERYWHERE),
                out_specs=BY_LANE,
                donate=True,
            )
        runs = lanes.runs
        gradient, losses_K = self._accumulate[shape](
            *(runs.gradient, (runs.params, runs.step, lanes.hyper)),
            *(blocks.segments, blocks.share_K, arena),
        )
        return replace(lanes, runs=replace(runs, gradient=gradient)), losses_K

    def _kind(self, shape: BlockShape) -> BlockKind:
        return BlockKind(self.objective, shape.length, self.dtype)

    def step(self, lanes: Lanes, flags_K: Array, pretrained: Tree) -> Lanes:
        """Steps the optimiser of the flagged lanes, whose batches are complete.

        On accelerators that is one program, which updates everything in place. On a CPU one program
        would copy the state, as parts are read after others were written; there each part has a program
        of its own, in this order.
        """
        runs, hyper = lanes.runs, lanes.hyper
        if self._on_accelerator:
            return replace(lanes, runs=self._whole_step(runs, hyper, flags_K, pretrained))
        if pretrained is not None:
            others = replace(runs, gradient=None)
            gradient = self._penalise(runs.gradient, others, hyper, flags_K, pretrained)
            runs = replace(runs, gradient=gradient)
        scale_K = self._scale(runs, hyper)
        for part, program in self._step.items():
            others = replace(runs, **{part: None})
            value = program(getattr(runs, part), others, hyper, flags_K, scale_K)
            runs = replace(runs, **{part: value})
        return replace(lanes, runs=runs)

    def evaluate(
        self,
        lanes: Lanes,
        lane: int,
        best: bool,
        segments: Segments,
        count: int,
        arena: Array,
        shape: BlockShape,
    ) -> Array:
        """Returns logits [T, R, Q, C] of one lane on blocks [T, R, Q], the first `count` of them real.

        Args:
            lanes: all lanes; unchanged.
            lane: which one to score.
            best: score its best parameters instead of its current ones.
            segments: leaves [T, R, Q].
            count: blocks to compute.
            arena: all tokens.
            shape: shape of the blocks.
        """
        if shape not in self._evaluate:
            self._evaluate[shape] = over_lanes(
                partial(self._evaluate_blocks, kind=self._kind(shape)),
                self.mesh,
                in_specs=(BY_LANE, BY_LANE, *(EVERYWHERE,) * 4),
                out_specs=BY_LANE,
                donate=False,
            )
        params = lanes.best if best else lanes.runs.params
        logits = self._evaluate[shape](
            params, lanes.hyper, np.int32(lane), segments, np.int32(count), arena
        )
        return self._of_lane(logits, lane)

    def start(self, lanes: Lanes, lane: int, params: Tree, hyper: Hyper) -> Lanes:
        """Puts a new run into a lane."""
        return self._start(lanes, np.int32(lane), params, hyper)

    def restore(self, lanes: Lanes, lane: int, saved: Tree, step: int, hyper: Hyper) -> Lanes:
        """Puts a run that was saved between two batches back into a lane.

        Args:
            lanes: all lanes.
            lane: which one to fill.
            saved: trees "params", "mean", "square" and "best".
            step: optimiser steps taken.
            hyper: the run's hyperparameters.
        """
        return self._restore(lanes, np.int32(lane), saved, np.int32(step), hyper)

    def keep_best(self, lanes: Lanes, lane: int) -> Lanes:
        """Remembers a lane's current parameters as its best."""
        return self._keep(lanes, np.int32(lane))

    def read(self, lanes: Lanes, lane: int) -> Lanes:
        """Copies one lane out, without its leading axis and with its layers apart."""
        return self._of_lane(self._read(lanes, np.int32(lane)), lane)

    def _of_lane(self, outputs: Tree, lane: int) -> Tree:
        """Takes the owner's part of an output of which every device gave one."""
        owner = lane // (self.num_lanes // self.mesh.size)
        return jax.tree.map(lambda x: x.addressable_shards[owner].data[0], outputs)

    def _accumulate_blocks(
        self,
        gradient: Tree,
        fixed: tuple[Tree, Array, Hyper],
        segments: Segments,
        share_K: Array,
        arena: Array,
        kind: BlockKind,
    ) -> tuple[Tree, Array]:
        params, step, hyper = fixed
        block = partial(micro_step, arena=arena, kind=kind)
        return self._each_lane(block)(gradient, params, step, hyper, segments, share_K)

    def _each_lane(self, function: Callable[..., Tree]) -> Callable[..., Tree]:
        """Returns `function` over a device's lanes.

        On an accelerator a lane that is alone has no axis: with one of length 1 XLA lays activations out
        feature by feature, which takes a tenth more time.
        """
        if not self._alone:
            return jax.vmap(function)

        def alone(*stacked_on_lanes: Tree) -> Tree:
            out = function(*jax.tree.map(lambda x: x[0], stacked_on_lanes))
            return jax.tree.map(lambda x: x[None], out)

        return alone

    def _step_whole(
        self, runs: RunState, hyper: Hyper, flags_K: Array, pretrained: Tree
    ) -> RunState:
        """Returns the whole state after the step; `pretrained` is None where nothing is penalised."""
        return self._each_lane(partial(self._stepped, pretrained=pretrained))(runs, hyper, flags_K)

    def _stepped(self, run: RunState, hyper: Hyper, flag: Array, pretrained: Tree) -> RunState:
        state = run
        if pretrained is not None:
            start = self._held(pretrained)
            state = replace(run, gradient=penalised_gradient(run, hyper, start))
        stepped: RunState = _where(flag, update(state, hyper, clip_scale(state, hyper)), run)
        return stepped

    def _batch_blocks(
        self,
        runs: RunState,
        hyper: Hyper,
        segments: Segments,
        share_K: Array,
        flags_K: Array,
        pretrained: Tree,
        arena: Array,
        kind: BlockKind,
    ) -> tuple[RunState, Array]:
        """Returns the state after a batch of one block; accumulated gradients are and stay zero."""

        def one(
            run: RunState, hyper: Hyper, segments: Segments, share: Array, flag: Array
        ) -> tuple[RunState, Array]:
            zeros = jax.tree.map(jnp.zeros_like, run.gradient)
            gradient, loss = micro_step(
                *(zeros, run.params, run.step, hyper, segments, share, arena, kind)
            )
            state = replace(run, gradient=gradient)
            stepped = self._stepped(state, hyper, flag, pretrained)
            return replace(stepped, gradient=run.gradient), loss

        return self._each_lane(one)(runs, hyper, segments, share_K, flags_K)

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

    def _evaluate_blocks(
        self,
        params: Tree,
        hyper: Hyper,
        lane: Array,
        segments: Segments,
        count: Array,
        arena: Array,
        kind: BlockKind,
    ) -> Array:
        width = hyper.num_classes.shape[0]
        local = lane - jax.lax.axis_index(AXIS) * width
        here = (local >= 0) & (local < width)
        params, hyper = take((params, hyper), jnp.clip(local, 0, width - 1))

        def one(t: Array, logits: Array) -> Array:
            block = take(segments, t)
            out = predict(params, hyper, block, arena, kind)
            return logits.at[t].set(out)

        blank = jnp.zeros((*segments.lengths_RxQ.shape, self.objective.num_outputs), jnp.float32)
        return jax.lax.fori_loop(0, jnp.where(here, count, 0), one, blank)[None]
