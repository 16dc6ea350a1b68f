"""Probes models as they stream in: features one by one, heads in groups, estimators beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import TaskData
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import architecture_hash
from intertrain_jax.models.heads import arranged_head, classes_of
from intertrain_jax.models.labels import class_names
from intertrain_jax.probe.estimates import timed_estimate
from intertrain_jax.probe.features import FeatureProgram
from intertrain_jax.probe.heads import HeadRun, HeadTrainer
from intertrain_jax.probe.loading import Loaded, ModelLoader, NotLoaded
from intertrain_jax.probe.table import RESIDENT_BYTES, Probed
from intertrain_jax.records.results import RunResult
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.step import DTYPES

# Models whose heads are trained together where their features are small.
MOST_TOGETHER = 8


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        ref: as the list names it.
        reason: why there are no scores, one line; None where there are.
        loaded: the model, without its weights' use; None if it could not be loaded.
        architecture: hash of its shape.
        heads: by seed and learning rate.
        estimates: by estimator beside "lp"; None where it is not defined.
        notes: what there is to say of an inherited head, and why an estimate is missing.
        seconds: of loading, features, heads and estimators, each the model's share.
        files: hash of its files, if they are on disk.
    """

    ref: ModelRef
    reason: str | None
    loaded: Loaded | None = None
    architecture: str | None = None
    heads: tuple[tuple[HeadRun, ...], ...] = ()
    estimates: Mapping[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    files: str | None = None


@dataclass(frozen=True)
class RankProgress:
    """What a ranking has done so far.

    Attributes:
        done: models with scores.
        failed: models without.
        total: models that this call set out to probe.
        passed: models whose features are computed, or that failed; heads are trained in groups.
        examples: examples of which features were computed.
        compilations: times that a program for features or heads was compiled.
        device_seconds: time in which features or heads were being computed.
        seconds: since it began.
    """

    done: int = 0
    failed: int = 0
    total: int = 0
    passed: int = 0
    examples: int = 0
    compilations: int = 0
    device_seconds: float = 0.0
    seconds: float = 0.0


Emit = Callable[[Sequence[Outcome]], None]
Watch = Callable[[RankProgress], None]


@dataclass(frozen=True)
class _Waiting:
    """A model whose features are computed and whose heads are not."""

    loaded: Loaded
    probed: Probed
    estimates: Future[tuple[dict[str, float | None], tuple[str, ...], float]]
    seconds: float
    notes: tuple[str, ...]


class Ranker:
    """One call of a ranking.

    Args:
        config: seeds, learning rates, estimators and group.
        protocol: of the probe, precision resolved.
        loader: loads models.
        mesh: devices.
    """

    def __init__(
        self,
        config: RankConfig,
        protocol: Protocol,
        loader: ModelLoader,
        mesh: Mesh,
    ) -> None:
        self._loader = loader
        self._config, self._protocol, self._mesh = config, protocol, mesh
        self._features: FeatureProgram | None = None
        self._heads: HeadTrainer | None = None
        self.progress = RankProgress()

    def require(self, ref: ModelRef) -> None:
        """Checks that there is a model without which the ranking makes no sense.

        Raises:
            IntertrainError: it cannot be probed; says why.
        """
        self._loader.require(ref)

    def shape_of(self, refs: Sequence[ModelRef]) -> AnyConfig | None:
        """Returns the shape that models of a list must have; None where none is known."""
        return self._loader.shape_of(refs)

    @property
    def calls(self) -> int:
        """How many programs were called so far: as long as they grow, it is alive."""
        return sum(one.ahead.calls for one in (self._features, self._heads) if one is not None)

    def run(self, refs: Sequence[ModelRef], emit: Emit, watch: Watch) -> RankProgress:
        """Probes every model, and returns the final progress.

        Args:
            refs: models, in the order in which they are loaded.
            emit: called with the outcomes of one model or of a group.
            watch: called with the progress after every model.
        """
        self._emit, self._watch = emit, watch
        self._began = time.monotonic()
        self.progress = RankProgress(total=len(refs))
        waiting: list[_Waiting] = []
        with ThreadPoolExecutor(1, "estimate") as pool, ExitStack() as ending:
            ending.callback(self._stop)
            for found in self._placed(refs):
                if isinstance(found, NotLoaded):
                    self._loader.forget(found.ref)
                    self._fail(Outcome(found.ref, found.reason, files=found.files))
                    continue
                ready = self._compute(found, pool)
                del found  # its weights: others are put in their place while this waits
                if ready is not None:
                    waiting.append(ready)
                if self._heads is not None and len(waiting) == self._heads.group:
                    self._finish(waiting)
                    waiting = []
            if waiting:
                self._finish(waiting)
        self._count()
        return self.progress

    def _stop(self) -> None:
        """Compiles nothing more ahead."""
        if self._features is not None and self._heads is not None:
            self._features.stop()
            self._heads.stop()

    def _placed(self, refs: Sequence[ModelRef]) -> Iterator[Loaded | NotLoaded]:
        """Yields what the loader does, weights on the devices; the next one is put there meanwhile.

        Two models are on the devices, and as many as the loader holds in the host's memory.
        """
        found = self._loader.stream(refs)
        with ThreadPoolExecutor(1, "place") as pool:
            coming = pool.submit(self._place_next, found)
            while (model := coming.result()) is not None:
                coming = pool.submit(self._place_next, found)
                yield model
                del model

    def _place_next(self, found: Iterator[Loaded | NotLoaded]) -> Loaded | NotLoaded | None:
        """Returns the next model with its weights on the devices; None after the last."""
        model = next(found, None)
        if not isinstance(model, Loaded):
            return model
        checkpoint = model.checkpoint
        first = self._features is None
        if first:
            self._begin(model)
        assert self._features is not None and self._heads is not None
        try:
            params = self._features.place(checkpoint.params)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            return model  # there is no room for two: it is put there at its turn
        if first:
            self._features.expect(params, model.task)
            self._heads.expect(checkpoint.config, model.task.sizes, self._features.dtype)
        return replace(model, checkpoint=replace(checkpoint, params=params))

    def _compute(self, loaded: Loaded, pool: ThreadPoolExecutor) -> _Waiting | None:
        """Computes a model's features, and starts on its estimates."""
        began = time.monotonic()
        checkpoint, task = loaded.checkpoint, loaded.task.encoded
        objective = Classification(checkpoint.config.shape, task.num_classes)
        assert self._features is not None
        params = checkpoint.params
        if any(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(params)):
            params = self._features.place(params)
        features = self._features(params, loaded.task)
        del params
        spent = time.monotonic() - began
        self._loader.forget(loaded.ref)
        finite = features.finite
        self._count(
            passed=self.progress.passed + finite,
            examples=self.progress.examples + sum(loaded.task.sizes.values()),
            device_seconds=self.progress.device_seconds + spent,
        )
        # The weights are not needed any more, and many models wait for their group.
        light = replace(loaded, checkpoint=replace(checkpoint, params={}))
        if not finite:
            self._fail(
                Outcome(
                    loaded.ref,
                    "Its features are not all numbers: a weight is infinite or not a number, or"
                    " overflows in this precision.",
                    light,
                    architecture_hash(checkpoint.config, words=False),
                    files=loaded.files,
                )
            )
            return None
        estimates = pool.submit(
            timed_estimate,
            self._config.estimators,
            features,
            loaded.task.labels,
            task.num_classes,
            objective,
            checkpoint.head,
        )
        head, said = checkpoint.head, tuple[str, ...]()
        if self._protocol.head == "inherit":
            names = class_names(checkpoint.hf_config, classes_of(head))
            head, said = arranged_head(head, names, () if task.regression else task.label_names)
        probed = Probed(checkpoint.config, head, features)
        return _Waiting(light, probed, estimates, spent, said)

    def _begin(self, model: Loaded) -> None:
        """Makes the programs of features and heads, as the first model asks for them."""
        task = model.task.encoded
        objective = Classification(model.checkpoint.config.shape, task.num_classes)
        dtype = DTYPES[self._protocol.precision]
        self._features = FeatureProgram(objective, dtype, self._mesh)
        self._heads = HeadTrainer(
            objective,
            self._protocol,
            self._config.learning_rates,
            self._config.seeds,
            self._group(sum(model.task.sizes.values()) * self._features.row_bytes),
            task,
            self._mesh,
        )

    def _group(self, size: int) -> int:
        """Returns how many models' heads are trained together, the same whatever is left to do.

        Args:
            size: bytes of a model's features.
        """
        devices = self._mesh.size
        if self._config.group != "auto":
            wanted = int(self._config.group)
        else:
            wanted = min(MOST_TOGETHER, len(self._config.refs), max(1, RESIDENT_BYTES // size))
        return -(-wanted // devices) * devices

    def _finish(self, waiting: Sequence[_Waiting]) -> None:
        """Trains the heads of a group, and hands over all that is known of its models."""
        assert self._heads is not None
        began = time.monotonic()
        runs = self._heads([model.probed for model in waiting], waiting[0].loaded.task.labels)
        spent = time.monotonic() - began
        outcomes = []
        for model, heads in zip(waiting, runs, strict=True):
            estimates, notes, seconds = model.estimates.result()
            all_diverged = not any(run.outputs_NxC is not None for row in heads for run in row)
            outcomes.append(
                Outcome(
                    model.loaded.ref,
                    "The loss of every one of its heads diverged." if all_diverged else None,
                    model.loaded,
                    architecture_hash(model.probed.config, words=False),
                    tuple(map(tuple, heads)),
                    estimates,
                    (*model.notes, *notes),
                    {
                        "load": model.loaded.seconds,
                        "features": model.seconds,
                        "heads": spent / len(waiting),
                        "estimators": seconds,
                    },
                    model.loaded.files,
                )
            )
        self._emit(outcomes)
        failed = sum(outcome.reason is not None for outcome in outcomes)
        self._count(
            done=self.progress.done + len(outcomes) - failed,
            failed=self.progress.failed + failed,
            device_seconds=self.progress.device_seconds + spent,
        )

    def _fail(self, outcome: Outcome) -> None:
        self._emit([outcome])
        self._count(failed=self.progress.failed + 1, passed=self.progress.passed + 1)

    def _count(self, **changes: Any) -> None:
        compilations = 0 if self._features is None else self._features.compilations
        if self._heads is not None:
            compilations += self._heads.compilations
        seconds = time.monotonic() - self._began
        self.progress = replace(
            self.progress, compilations=compilations, seconds=seconds, **changes
        )
        self._watch(self.progress)


def prepare(
    config: RankConfig,
    protocol: Protocol,
    data: TaskData,
    mesh: Mesh,
    downloads: Path | None,
    architectures: Collection[str],
    shape: AnyConfig | None = None,
) -> Ranker:
    """Returns a ranking that is ready to run.

    Args:
        config: the ranking.
        protocol: of the probe, precision resolved.
        data: of the task.
        mesh: devices.
        downloads: where models off the hub go that are deleted after use; None keeps them in the
            hub client's cache.
        architectures, shape: as of `ModelLoader`.
    """
    cache = config.data.cache_dir
    fallback = config.refs[0] if config.pretrained is not None else None
    loader = ModelLoader(data, protocol, mesh, cache, downloads, architectures, fallback, shape)
    return Ranker(config, protocol, loader, mesh)


def result_of(run: HeadRun, task: EncodedTask, train: int) -> RunResult | None:
    """Returns what a record keeps of a head; None if it diverged.

    Args:
        run: the head.
        task: metric and sizes.
        train: examples it was trained on.
    """
    best = run.progress.best
    if run.outputs_NxC is None or best is None or not np.isfinite([run.test, best]).all():
        return None
    return RunResult(
        metric=task.metric,
        test=100.0 * run.test,
        validation=100.0 * best,
        n_test=len(task.test),
        n_validation=len(task.validation),
        n_train=train,
        steps=run.steps,
        examples=run.examples,
        stop_reason=StopReason(run.progress.reason),
        history=tuple(run.history),
    )
