"""Heads by the hundred on cached features: models × seeds × learning rates in one program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.batches import Batch, batches_from, schedule_of
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.layers import Dropout, mix_bits, products_in
from intertrain_jax.probe.table import STEPS, FeatureTable, HeadSteps, Probed, fits
from intertrain_jax.train.ahead import Ahead, Call
from intertrain_jax.train.hyper import hyper_of
from intertrain_jax.train.metrics import score_predictions
from intertrain_jax.train.objectives import Classification, example_losses
from intertrain_jax.train.optim import Hyper, RunState, clip_scale, fresh_state, update
from intertrain_jax.train.stopping import Progress, diverged, validated

Array = Any
Tree = Any


@dataclass
class HeadRun:
    """One head while it trains, and what came of it.

    Attributes:
        progress: early stopping so far, in the end with the reason.
        history: one entry per validation: step, examples, train_loss (mean of the batches since the
            one before) and validation (percent), as in a record.
        steps, examples: trained on.
        outputs_NxC: on the test split with the best-validation parameters; None if it diverged.
        test: score on it, as a fraction.
    """

    progress: Progress = field(default_factory=Progress)
    history: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    examples: int = 0
    outputs_NxC: NDArray[np.float32] | None = None
    test: float = float("nan")

    @property
    def running(self) -> bool:
        """Whether it still trains."""
        return self.progress.reason is StopReason.RUNNING


# By model, seed and learning rate.
Runs = list[list[list[HeadRun]]]


class HeadTrainer:
    """Trains heads with the protocol's optimiser, schedule and early stopping.

    A head here is the run that the engine does with method "probe" on the same model, task, seed and
    learning rate, but for the dropout inside the frozen body, which cached features cannot have.

    Args:
        objective: the models' shape, and the outputs of a head.
        protocol: of a probe; its learning rate is replaced by `learning_rates`.
        learning_rates: Z of them, each tried for every model and seed.
        seeds: S, numbered from 0.
        group: G, models trained at once; a multiple of the mesh's devices.
        task: labels, classes and metric.
        mesh: devices; models are divided among them.

    Attributes:
        ahead: what calls its programs.
    """

    def __init__(
        self,
        objective: Classification,
        protocol: Protocol,
        learning_rates: Sequence[float],
        seeds: int,
        group: int,
        task: EncodedTask,
        mesh: Mesh,
    ) -> None:
        self.group = group
        self._objective, self._protocol, self._task = objective, protocol, task
        self._rates, self._seeds = tuple(learning_rates), seeds
        self._by_model = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
        everywhere = NamedSharding(mesh, PartitionSpec())
        self._train: Any = jax.jit(
            self._train_steps, donate_argnums=0, out_shardings=(self._by_model, everywhere)
        )
        self._keep = jax.jit(_keep_best, donate_argnums=1, out_shardings=self._by_model)
        self._score: dict[int, Any] = {}
        self._spread = jax.jit(
            partial(_spread, rates=len(self._rates)), out_shardings=self._by_model
        )
        self.ahead = Ahead()

    @property
    def compilations(self) -> int:
        """How many times the training program was compiled."""
        return int(self._train._cache_size())

    def __call__(
        self,
        models: Sequence[Probed],
        labels: Mapping[str, NDArray[np.float32]],
    ) -> Runs:
        """Trains all heads of up to G models; returns them by model, seed and learning rate.

        Args:
            models: fewer than G leave the rest idle, in the same program.
            labels: of "train", "validation" and "test".
        """
        table = FeatureTable(models, self.group, self._by_model)
        schedule = schedule_of(self._protocol, len(labels["train"]))
        runs = [[[HeadRun() for _ in self._rates] for _ in range(self._seeds)] for _ in models]
        state = self._spread(jax.device_put(self._start(models), self._by_model))
        best = jax.tree.map(jnp.copy, state.params)
        configs = [model.config for model in models]
        hyper = jax.device_put(self._hyper(configs, schedule), self._by_model)
        losses: list[Any] = []
        batches = [batches_from(self._protocol, schedule, seed) for seed in range(self._seeds)]
        waiting: list[tuple[Batch, ...]] = []
        for batch in zip(*batches, strict=True):
            waiting.append(batch)
            now = batch[0]
            if len(waiting) < STEPS and not now.validate:
                continue
            running = self._running(runs)
            steps, features = table.steps(waiting, labels["train"], self._protocol.batch_size)
            call = Call(self._train, (state, hyper, features, steps, running))
            state, chunk = self.ahead.run(call)
            losses.append((len(waiting), chunk))
            waiting = []
            if not now.validate:
                continue
            outputs = self._all_outputs(state.params, table, "validation")
            improved = self._validate(
                runs, now, losses, outputs, labels["validation"], schedule.total_steps
            )
            best = self._keep(state.params, best, improved)
            losses = []
            if not any(run.running for _, run in _numbered(runs)):
                break
        self._test(runs, best, table, labels["test"])
        return runs

    def expect(self, config: AnyConfig, sizes: Mapping[str, int], dtype: Any) -> None:
        """Begins to compile for a group whose features stay on the device, and returns.

        Args:
            config: of any of its models.
            sizes: examples of each split.
            dtype: of features.
        """
        width = config.hidden_size
        if not fits(sum(sizes.values()) * width * np.dtype(dtype).itemsize, self.group):
            return

        def struct(*shape: int, dtype: Any = dtype) -> Any:
            return jax.ShapeDtypeStruct(shape, dtype, sharding=self._by_model)

        def alike(tree: Tree, *leading: int) -> Tree:
            return jax.tree.map(lambda x: struct(*leading, *x.shape, dtype=x.dtype), tree)

        features = {split: struct(self.group, size, width) for split, size in sizes.items()}
        state = alike(
            jax.eval_shape(
                self._spread, alike(self._head(config, 0, None), self.group, self._seeds)
            )
        )
        hyper = alike(self._hyper([config], schedule_of(self._protocol, sizes["train"])))
        running = np.zeros(state.step.shape, np.bool_)
        steps = HeadSteps.blank(self._seeds, self._protocol.batch_size)
        train = Call(self._train, (state, hyper, features["train"], steps, running))
        scored = {sizes[split]: split for split in ("validation", "test")}.values()
        scores = (self._scoring(state.params, features[split]) for split in scored)
        self.ahead.compile([train, *scores])

    def stop(self) -> None:
        """Compiles nothing more ahead."""
        self.ahead.stop()

    def _head(self, config: AnyConfig, seed: int, head: Tree | None) -> Tree:
        """Returns a head's initial parameters."""
        own = replace(self._objective, config=config)
        inherit = self._protocol.head == "inherit"
        return own.start_head(self._task.num_classes, seed, inherit, {}, head)

    def _start(self, models: Sequence[Probed]) -> Tree:
        """Returns initial parameters [G, S, ...]; idle places hold the first model's."""
        heads = [
            self._head(model.config, seed, model.head)
            for model in models
            for seed in range(self._seeds)
        ]
        # Idle places hold a head that nobody trains.
        heads += heads[:1] * (self.group * self._seeds - len(heads))
        shape = (self.group, self._seeds)
        return jax.tree.map(lambda *x: np.stack(x).reshape(*shape, *x[0].shape), *heads)

    def _hyper(self, configs: Sequence[AnyConfig], schedule: Any) -> Hyper:
        """Returns hyperparameters with leaves [G, S, Z]."""

        def one(config: AnyConfig, seed: int, rate: float) -> Hyper:
            protocol = replace(self._protocol, learning_rate=rate)
            return hyper_of(protocol, schedule, config, seed, self._task, self._objective)

        padded = [*configs, *[configs[0]] * (self.group - len(configs))]
        cells = [
            one(config, seed, rate)
            for config in padded
            for seed in range(self._seeds)
            for rate in self._rates
        ]
        shape = (self.group, self._seeds, len(self._rates))
        return jax.tree.map(lambda *x: np.stack(x).reshape(shape), *cells)

    def _running(self, runs: Runs) -> NDArray[np.bool_]:
        """Returns [G, S, Z] whether a head still trains; False in idle places."""
        flags = np.zeros((self.group, self._seeds, len(self._rates)), np.bool_)
        flags[: len(runs)] = [[[run.running for run in row] for row in model] for model in runs]
        return flags

    def _train_steps(
        self, state: RunState, hyper: Hyper, features_GxNxD: Array, steps: HeadSteps, running: Array
    ) -> tuple[RunState, Array]:
        """Takes `steps.count` optimiser steps of all running heads; returns losses [T, G, S, Z] too."""

        def one_head(
            state: RunState, hyper: Hyper, flag: Array, x_BxD: Array, batch: tuple[Array, ...]
        ) -> tuple[RunState, Array]:
            stepped, loss = head_step(state, hyper, x_BxD, batch, self._objective)
            return jax.tree.map(lambda n, o: jnp.where(flag, n, o), stepped, state), loss

        def one_seed(
            state: RunState, hyper: Hyper, flags: Array, table_NxD: Array, rows_B: Array, batch: Any
        ) -> tuple[RunState, Array]:
            x_BxD = table_NxD[rows_B].astype(jnp.float32)
            over_rates = jax.vmap(one_head, in_axes=(0, 0, 0, None, None))
            return over_rates(state, hyper, flags, x_BxD, batch)

        over_seeds = jax.vmap(one_seed, in_axes=(0, 0, 0, None, 0, 0))
        over_models = jax.vmap(over_seeds, in_axes=(0, 0, 0, 0, None, None))

        def body(t: Array, carry: tuple[RunState, Array]) -> tuple[RunState, Array]:
            state, losses = carry
            batch = (steps.examples_TxSxB[t], steps.labels_TxSxB[t], steps.used_TxSxB[t])
            state, loss = over_models(
                state, hyper, running, features_GxNxD, steps.rows_TxSxB[t], batch
            )
            return state, losses.at[t].set(loss)

        blank = jnp.zeros((STEPS, *running.shape), jnp.float32)
        return jax.lax.fori_loop(0, steps.count, body, (state, blank))

    def _scoring(self, params: Tree, features_GxNxD: Any) -> Call:
        """Returns what scores N rows; each N is a program."""
        rows = features_GxNxD.shape[1]
        if rows not in self._score:
            self._score[rows] = jax.jit(self._outputs)
        return Call(self._score[rows], (params, features_GxNxD))

    def _outputs(self, params: Tree, features_GxNxD: Array) -> Array:
        """Returns outputs [H, G, N, C] of every head, H = S·Z, one head of each model at a time."""

        def one(head: Tree, x_NxD: Array) -> Array:
            with products_in(jnp.float32):
                return self._objective.head_outputs(head, x_NxD.astype(jnp.float32), None)

        of_models = jax.vmap(one)
        flat = jax.tree.map(
            lambda x: jnp.moveaxis(x.reshape(x.shape[0], -1, *x.shape[3:]), 1, 0), params["head"]
        )
        return jax.lax.map(lambda head: of_models(head, features_GxNxD), flat)

    def _all_outputs(self, params: Tree, table: FeatureTable, split: str) -> NDArray[np.float32]:
        """Returns outputs [G, S, Z, N, C] on a whole split."""
        calls = (self._scoring(params, part) for part in table.parts(split))
        parts = [np.asarray(self.ahead.run(call)) for call in calls]
        outputs_HxGxNxC = np.concatenate(parts, axis=2)[:, :, : table.sizes[split]]
        shape = (self._seeds, len(self._rates), *outputs_HxGxNxC.shape[1:])
        return np.moveaxis(outputs_HxGxNxC.reshape(shape), 2, 0)

    def _validate(
        self,
        runs: Runs,
        now: Batch,
        losses: list[Any],
        outputs_GxSxZxNxC: NDArray[np.float32],
        labels_N: NDArray[np.float32],
        total_steps: int,
    ) -> NDArray[np.bool_]:
        """Enters a validation into the accounts of running heads; returns [G, S, Z] new bests."""
        losses_TxGxSxZ = np.concatenate([np.asarray(chunk)[:count] for count, chunk in losses])
        mean_GxSxZ = losses_TxGxSxZ.mean(axis=0, dtype=np.float64)
        improved = np.zeros(mean_GxSxZ.shape, np.bool_)
        for index, run in _numbered(runs):
            if not run.running:
                continue
            run.steps, run.examples = now.number + 1, now.examples_after
            if not np.isfinite(mean_GxSxZ[index]):
                run.progress = diverged(run.progress)
                continue
            score = self._metric(outputs_GxSxZxNxC[index], labels_N)
            run.history.append(
                {
                    "step": run.steps,
                    "examples": run.examples,
                    "train_loss": float(mean_GxSxZ[index]),
                    "validation": 100.0 * score if np.isfinite(score) else None,
                }
            )
            last = run.steps >= total_steps
            run.progress, improved[index] = validated(
                run.progress, score, run.examples, last, self._protocol
            )
        return improved

    def _test(
        self, runs: Runs, best: Tree, table: FeatureTable, labels_N: NDArray[np.float32]
    ) -> None:
        outputs_GxSxZxNxC = self._all_outputs(best, table, "test")
        for index, run in _numbered(runs):
            if run.progress.reason is not StopReason.DIVERGED:
                run.outputs_NxC = outputs_GxSxZxNxC[index]
                run.test = self._metric(run.outputs_NxC, labels_N)

    def _metric(self, outputs_NxC: NDArray[np.float32], labels_N: NDArray[np.float32]) -> float:
        return score_predictions(outputs_NxC, labels_N, self._task.num_classes, self._task.metric)


def head_step(
    state: RunState,
    hyper: Hyper,
    x_BxD: Array,
    batch: tuple[Array, Array, Array],
    objective: Classification,
) -> tuple[RunState, Array]:
    """Takes one optimiser step of one head; returns its state and the batch's mean loss.

    Args:
        state: of the head alone.
        hyper: the run's hyperparameters.
        x_BxD: features of the batch.
        batch: [B] example indices, labels, and whether a slot is used.
        objective: the head's shape.
    """
    examples_B, labels_B, used_B = batch
    dropout = Dropout(
        seed=mix_bits(hyper.dropout_seed + state.step.astype(jnp.uint32)),
        # As the engine's keys of an example's first token, at position 0.
        tokens_RxL=mix_bits(mix_bits(examples_B.astype(jnp.uint32))),
        hidden=hyper.hidden_dropout,
        attention=hyper.attention_dropout,
        classifier=hyper.classifier_dropout,
    )

    def loss_of(params: Tree) -> Array:
        logits_BxC = objective.head_outputs(params["head"], x_BxD, dropout)
        losses_B = example_losses(logits_BxC, labels_B, hyper)
        return jnp.sum(jnp.where(used_B, losses_B, 0.0)) / jnp.sum(used_B)

    with products_in(x_BxD.dtype):
        loss, gradient = jax.value_and_grad(loss_of)(state.params)
    state = replace(state, gradient=gradient)
    return update(state, hyper, clip_scale(state, hyper)), loss


def _spread(params: Tree, rates: int) -> RunState:
    """Returns the state of heads [G, S, Z, ...] that start from parameters [G, S, ...]."""
    params = jax.tree.map(lambda x: jnp.repeat(x[:, :, None], rates, axis=2), params)
    heads = jax.tree.leaves(params)[0].shape[:3]
    return replace(fresh_state(params), step=jnp.zeros(heads, jnp.int32))


def _keep_best(params: Tree, best: Tree, improved_GxSxZ: Array) -> Tree:
    def choose(now: Array, kept: Array) -> Array:
        flags = improved_GxSxZ.reshape(improved_GxSxZ.shape + (1,) * (now.ndim - 3))
        return jnp.where(flags, now, kept)

    return jax.tree.map(choose, params, best)


def _numbered(runs: Runs) -> Iterator[tuple[tuple[int, int, int], HeadRun]]:
    """Yields every head with its model's, seed's and learning rate's number."""
    for g, model in enumerate(runs):
        for s, row in enumerate(model):
            for z, run in enumerate(row):
                yield (g, s, z), run
