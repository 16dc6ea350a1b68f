"""The compiled programs that advance, score and swap lanes.

The engine's `vmap` over runs is here and in `optimiser.py` (a ranking's: `probe/heads.py`). What is
below `micro_step` and `update` knows a single run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, partial
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
    Blocks,
    Lanes,
    empty,
    keep_better_lane,
    keep_lane,
    read_lane,
    restore_lane,
    start_lane,
    take,
)
from intertrain_jax.engine.optimiser import Optimiser, where
from intertrain_jax.train.ahead import Ahead, Call
from intertrain_jax.train.arena import Chunk, backend_of
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.metrics import tally_of
from intertrain_jax.train.objectives import Objective
from intertrain_jax.train.optim import (
    Hyper,
    RunState,
)
from intertrain_jax.train.stacking import stacked
from intertrain_jax.train.step import DTYPES, BlockKind, Segments, micro_step, predict

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any


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
        self._counted = 0
        self._on_accelerator = backend_of(mesh) != "cpu"
        # A device's only lane; on CPUs lanes give the same bits in any number.
        self._alone = self._on_accelerator and num_lanes == mesh.size
        self._ahead = Ahead()
        self._programs: dict[tuple[str, BlockShape], Any] = {}
        # What a block shape's programs compute, what their arguments are laid out by, and whether the
        # first one is given up.
        self._functions: dict[str, tuple[Callable[..., Any], Any, bool]] = {
            "accumulate": (self._accumulate_blocks, (BY_LANE,) * 4 + (EVERYWHERE,), True),
            "batch": (self._batch_blocks, (BY_LANE,) * 5 + (EVERYWHERE,) * 2, True),
            "evaluate": (self._evaluate_blocks, (BY_LANE,) * 3 + (EVERYWHERE,) * 4, False),
        }
        change = partial(over_lanes, mesh=mesh, out_specs=BY_LANE, donate=True)
        self._start = change(
            partial(start_lane, hold=self._held),
            in_specs=(BY_LANE, EVERYWHERE, EVERYWHERE, EVERYWHERE),
        )
        self._restore = change(
            partial(restore_lane, hold=self._held), in_specs=(BY_LANE, *(EVERYWHERE,) * 4)
        )
        self._keep = change(keep_lane, in_specs=(BY_LANE, EVERYWHERE))
        self._keep_better = change(keep_better_lane, in_specs=(BY_LANE, EVERYWHERE, BY_LANE))
        self.optimiser = Optimiser(mesh, self._held, self._each_lane)
        self._read = over_lanes(
            read_lane, mesh, in_specs=(BY_LANE, EVERYWHERE), out_specs=BY_LANE, donate=False
        )

    @property
    def compilations(self) -> int:
        """How many times a training program was compiled, since `count_anew`.

        One per block shape in use; on accelerators a second one where a block may be a whole batch.
        """
        counts = (p._cache_size() for (name, _), p in self._programs.items() if name != "evaluate")
        return sum(counts) - self._counted

    def count_anew(self) -> None:
        """Counts compilations from here on."""
        self._counted += self.compilations

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
        runs, losses_K = self._ahead.run(self._batch(lanes, blocks, arena, pretrained))
        return replace(lanes, runs=runs), losses_K

    def accumulate(self, lanes: Lanes, blocks: Blocks, arena: Array) -> tuple[Lanes, Array]:
        """Does one micro-step of all lanes; returns them, and their shares of the losses [K]."""
        gradient, losses_K = self._ahead.run(self._accumulation(lanes, blocks, arena))
        return replace(lanes, runs=replace(lanes.runs, gradient=gradient)), losses_K

    def expect(
        self, lanes: Lanes, work: Iterable[Blocks | Chunk], arena: Array, pretrained: Tree
    ) -> None:
        """Begins to compile what will be called, several programs at once, and returns.

        Args:
            lanes, arena, pretrained: as of `advance`; unchanged.
            work: blank blocks to train on and blank chunks to evaluate, one of each shape, in the order
                in which they will come.
        """
        calls = []
        tally = jax.ShapeDtypeStruct((self.mesh.size, 3), jnp.int32, sharding=by_lane(self.mesh))
        for part in work:
            if isinstance(part, Chunk):
                calls.append(self._evaluation(lanes, 0, False, part, arena, tally))
            elif part.whole and self._alone:
                calls.append(self._batch(lanes, part, arena, pretrained))
            else:
                calls.append(self._accumulation(lanes, part, arena))
        self._ahead.compile(calls)

    def stop(self) -> None:
        """Compiles nothing more ahead."""
        self._ahead.stop()

    def _program(self, name: str, shape: BlockShape) -> Any:
        """Returns the program of a block shape: "accumulate", "batch" or "evaluate"."""
        if (name, shape) not in self._programs:
            function, specs, donate = self._functions[name]
            kind = BlockKind(self.objective, shape.length, self.dtype)
            self._programs[name, shape] = over_lanes(
                partial(function, kind=kind), self.mesh, specs, BY_LANE, donate
            )
        return self._programs[name, shape]

    def _batch(self, lanes: Lanes, blocks: Blocks, arena: Array, pretrained: Tree) -> Call:
        arguments = (lanes.runs, lanes.hyper, blocks.segments, blocks.share_K, blocks.apply_K)
        return Call(self._program("batch", blocks.shape), (*arguments, pretrained, arena))

    def _accumulation(self, lanes: Lanes, blocks: Blocks, arena: Array) -> Call:
        fixed = (lanes.runs.params, lanes.runs.step, lanes.hyper)
        arguments = (lanes.runs.gradient, fixed, blocks.segments, blocks.share_K, arena)
        return Call(self._program("accumulate", blocks.shape), arguments)

    def step(self, lanes: Lanes, flags_K: Array, pretrained: Tree) -> Lanes:
        """Steps the optimiser of the flagged lanes, whose batches are complete."""
        runs = self.optimiser.step(lanes.runs, lanes.hyper, flags_K, pretrained)
        return replace(lanes, runs=runs)

    def evaluate(
        self,
        lanes: Lanes,
        lane: int,
        best: bool,
        chunk: Chunk,
        arena: Array,
        tally: Array,
    ) -> tuple[Array, Array]:
        """Returns logits of one lane on a chunk (see `of_lane`), and the tally with its answers counted.

        A device without the lane does nothing, so that lanes of several devices are evaluated side by
        side if nothing is read in between.

        Args:
            lanes: all lanes; unchanged.
            lane: which one to score.
            best: score its best parameters instead of its current ones.
            chunk: blocks.
            arena: all tokens.
            tally: of the chunks before, by device; `blank_tally` at first.
        """
        call = self._evaluation(lanes, lane, best, chunk, arena, tally)
        logits, tally = self._ahead.run(call)
        return logits, tally

    def _evaluation(
        self, lanes: Lanes, lane: int, best: bool, chunk: Chunk, arena: Array, tally: Array
    ) -> Call:
        params = lanes.best if best else lanes.runs.params
        arguments = (tally, params, lanes.hyper, np.int32(lane), chunk.segments)
        program = self._program("evaluate", chunk.shape)
        return Call(program, (*arguments, np.int32(chunk.count), arena))

    @cached_property
    def blank_tally(self) -> Array:
        """Counts of nothing [devices, 3]; see `tally_of`."""
        return jax.device_put(np.zeros((self.mesh.size, 3), np.int32), by_lane(self.mesh))

    def start(self, lanes: Lanes, lane: int, params: Tree, hyper: Hyper) -> Lanes:
        """Puts a new run into a lane."""
        return self._start(lanes, np.int32(lane), params, hyper)

    def restore(
        self, lanes: Lanes, lane: int, saved: Tree, counts: tuple[int, int], hyper: Hyper
    ) -> Lanes:
        """Puts a run that was saved between two batches back into a lane.

        Args:
            lanes: all lanes.
            lane: which one to fill.
            saved: trees "params", "mean", "square" and "best".
            counts: optimiser steps taken, and `most_right`.
            hyper: the run's hyperparameters.
        """
        steps, right = map(np.int32, counts)
        return self._restore(lanes, np.int32(lane), saved, (steps, right), hyper)

    def keep_best(self, lanes: Lanes, lane: int) -> Lanes:
        """Remembers a lane's current parameters as its best."""
        return self._keep(lanes, np.int32(lane))

    def keep_better(self, lanes: Lanes, lane: int, tally: Array) -> Lanes:
        """Does so if the tally of their validation says so, which the host need not have read."""
        return self._keep_better(lanes, np.int32(lane), tally)

    def read(self, lanes: Lanes, lane: int) -> Lanes:
        """Copies one lane out, without its leading axis and with its layers apart."""
        return self.of_lane(self._read(lanes, np.int32(lane)), lane)

    def of_lane(self, outputs: Tree, lane: int) -> Tree:
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
            stepped = where(flag, self.optimiser.stepped(state, hyper, pretrained), state)
            return replace(stepped, gradient=run.gradient), loss

        return self._each_lane(one)(runs, hyper, segments, share_K, flags_K)

    def _evaluate_blocks(
        self,
        tally: Array,
        params: Tree,
        hyper: Hyper,
        lane: Array,
        segments: Segments,
        count: Array,
        arena: Array,
        kind: BlockKind,
    ) -> tuple[Array, Array]:
        width = hyper.num_classes.shape[0]
        local = lane - jax.lax.axis_index(AXIS) * width
        here = (local >= 0) & (local < width)
        params, hyper = take((params, hyper), jnp.clip(local, 0, width - 1))

        def one(t: Array, logits: Array) -> Array:
            block = take(segments, t)
            out = predict(params, hyper, block, arena, kind)
            return logits.at[t].set(out)

        blank = jnp.zeros((*segments.lengths_RxQ.shape, self.objective.num_outputs), jnp.float32)
        logits = jax.lax.fori_loop(0, jnp.where(here, count, 0), one, blank)
        used = (segments.lengths_RxQ > 0) & here
        found = tally_of(logits, segments.labels_RxQ, used, hyper.num_classes)
        return logits[None], tally + found


class Programs:
    """Compiled programs of a process: those that are asked for again are not compiled again."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], LanePrograms] = {}

    def of(
        self, objective: Objective, num_lanes: int, mesh: Mesh, precision: str, deterministic: bool
    ) -> LanePrograms:
        """Returns the programs of an objective, whose compilations are counted from here on.

        Args:
            objective, num_lanes, mesh: see `LanePrograms`.
            precision: of computation.
            deterministic: whether operations whose results may differ are left out as they compile.
        """
        asked = (objective, num_lanes, mesh, precision, deterministic)
        if asked not in self._known:
            self._known[asked] = LanePrograms(objective, num_lanes, mesh, DTYPES[precision])
        self._known[asked].count_anew()
        return self._known[asked]

    def stop(self) -> None:
        """Compiles nothing more ahead."""
        for programs in self._known.values():
            programs.stop()
