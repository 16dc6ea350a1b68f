"""Tiny models of every family, tasks that they can learn, and grids over them: what engine tests run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig, ModelConfig
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedSplit, EncodedTask
from intertrain_jax.engine.bases import BaseModel
from intertrain_jax.engine.loop import run_grid
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES as MODELS
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.tensors import LoadReport
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.planning.plan import Plan, Run, build_plan
from intertrain_jax.planning.work import GridWork
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results import RunResult
from tests.models.tiny_models import ENCODERS, KINDS, Sizes

# Every architecture that the engine carries: what its rules are tested over.
FAMILIES = tuple(KINDS)
# One of each kind of network: what rules of the loop are tested over that only it could break. The
# others are the same network in another layout, and every one of them is tested in lanes.
NETWORKS = ("bert", "t5-v1.1")
# Those that classify; T5 does by its encoder alone.
CLASSIFIERS = (*ENCODERS, "t5-classifier")
VOCABULARY = 40
SIZES = Sizes(width=12, head_size=5, inner=20, vocab=VOCABULARY, positions=70)


def tiny_config(family: str = "bert") -> AnyConfig:
    """Returns a model of two layers and odd sizes."""
    content = KINDS["t5-v1.1" if family == "t5-classifier" else family](SIZES)
    return family_of(content, family).config({**content, "initializer_range": 0.1}, family)


def answers_in_words(family: str) -> bool:
    """Whether a family's runs are text to text."""
    return family not in CLASSIFIERS


def tiny_checkpoint(family: str = "bert", seed: int = 0) -> Checkpoint:
    """Returns random weights of the tiny model, with the output that a text-to-text model has."""
    generator, config = np.random.default_rng(seed), tiny_config(family)
    made = MODELS[config.family]
    own_head = answers_in_words(family) and made.texts.has_own_head(config)
    params = jax.tree.map(
        lambda s: generator.normal(0.0, 0.3, s.shape).astype(np.float32),
        made.shapes(config, 1 if own_head else None),
    )
    head, report = params.pop("head", None), LoadReport((), (), ())
    return Checkpoint(config, params, head, report, f"{family}{seed}", Path(), {})


def tiny_task(
    name: str,
    num_classes: int = 2,
    shortest: int = 3,
    longest: int = 9,
    train: int = 40,
    regression: bool = False,
) -> EncodedTask:
    """Returns a task whose label is the class of an example's second token."""
    generator = np.random.default_rng(sum(map(ord, name)))

    def split(rows: int) -> EncodedSplit:
        lengths = generator.integers(shortest, longest + 1, rows)
        lengths[0] = longest
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        tokens = generator.integers(2, VOCABULARY, offsets[-1]).astype(np.uint16)
        labels = tokens[offsets[:-1] + 1] % num_classes
        boundaries = np.maximum(lengths // 2, 1).astype(np.int32)
        kind = np.float32 if regression else np.int32
        return EncodedSplit(tokens, offsets, boundaries, labels.astype(kind))

    return EncodedTask(
        name=name,
        num_classes=1 if regression else num_classes,
        regression=regression,
        metric="spearman" if regression else "accuracy",
        label_names=tuple(map(str, range(num_classes))),
        train=split(train),
        validation=split(15),
        test=split(20),
        fingerprint=f"{name}-data",
        # Label texts of one token and of two, each with the end token.
        answers=tuple((20 + c, *[30] * (c % 2), 1) for c in range(num_classes)),
    )


def tiny_protocol(family: str = "bert", **changes: Any) -> Protocol:
    """Returns a short protocol."""
    if MODELS[tiny_config(family).family].text_to_text:
        decision = "generate" if answers_in_words(family) else "classify"
        changes = {"text": TextProtocol(decision), "head": "inherit", **changes}
    values: dict[str, Any] = {
        "learning_rate": 5e-3,
        "epochs": 3,
        "batch_size": 8,
        "validate_every": 40,
        "patience": 400,
        "precision": "float32",
        "warmup_fraction": 0.1,
    }
    return Protocol(**{**values, **changes})


def tiny_plan(
    tasks: Sequence[str],
    sources: Sequence[str] = (),
    seeds: int = 1,
    protocol: Protocol | None = None,
    bases: Sequence[str] = (),
    pretrained: str = "model",
) -> Plan:
    """Returns the plan of a grid over tiny tasks."""
    config = ExperimentConfig(
        name="tiny",
        model=ModelConfig(pretrained, bases=tuple(bases)),
        sources=tuple(sources),
        targets=tuple(tasks),
        seeds=seeds,
        protocol=protocol or tiny_protocol(),
    )
    fingerprints = {name: f"{name}-data" for name in {*tasks, *sources}}
    models = {pretrained: "weights", **{base: base for base in bases}}
    resolution = Resolution(dict(models), dict(fingerprints), "float32")
    return build_plan(config, tuple(sources), tuple(tasks), resolution)


class TinyBases:
    """Base models that are in memory: the pretrained one, and others by reference.

    Args:
        pretrained: weights.
        others: further base models' weights.
        tokens: reference → id of its tokens; "" where it is not named.
    """

    def __init__(
        self,
        pretrained: Checkpoint,
        others: Mapping[str, Checkpoint] | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.models = {"model": pretrained, **(others or {})}
        self.tokens = tokens or {}
        self.gone: set[str] = set()

    @property
    def pretrained(self) -> BaseModel:
        return self.look(ModelRef("model"))

    def look(self, ref: ModelRef) -> BaseModel:
        found, tokens = self.models[ref.reference], self.tokens.get(ref.reference, "")
        return BaseModel(ref, Path(), None, found.config, found.fingerprint, "words", tokens)

    def load(self, ref: ModelRef) -> Checkpoint:
        if ref.reference in self.gone:
            raise IntertrainError("Its files are gone.")
        return self.models[ref.reference]

    def expect(self, refs: Iterable[ModelRef]) -> None:
        list(refs)

    def close(self) -> None:
        pass


class Outcomes:
    """Collects what the engine emits."""

    def __init__(self) -> None:
        self.results: dict[str, RunResult] = {}
        self.failures: dict[str, str] = {}
        self.order: list[str] = []

    def __call__(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        assert run.name not in self.order, f"{run.name} was emitted twice"
        self.order.append(run.name)
        if result is None:
            self.failures[run.name] = str(reason)
        else:
            # Time is the one thing that no two calls share.
            self.results[run.name] = result.outcome


def run_tiny(
    out: Path,
    plan: Plan,
    tasks: Mapping[Any, EncodedTask],
    *,
    family: str = "bert",
    done: set[str] | None = None,
    bases: TinyBases | None = None,
    watch: Callable[[GridProgress], None] = lambda progress: None,
    **options: Any,
) -> tuple[Outcomes, GridProgress]:
    """Runs a tiny grid; `options` are those of the engine. Tasks by name are in the tokens ""."""
    outcomes = Outcomes()
    engine = EngineConfig(**{"devices": 1, "lanes": 2, "fuse": 2, **options})
    made: Any = bases or TinyBases(tiny_checkpoint(family))
    keyed = {key if isinstance(key, tuple) else ("", key): task for key, task in tasks.items()}
    work = GridWork(plan, done or set(), made, keyed, engine, out)
    progress = run_grid(work, outcomes, watch)
    return outcomes, progress


TASKS = {
    "short": tiny_task("short"),
    "long": tiny_task("long", 3, 20, 30),
    "graded": tiny_task("graded", regression=True),
}


def tasks_of(family: str) -> list[str]:
    """Returns the tasks that a family can do: text to text, labels are texts, not numbers."""
    texts = answers_in_words(family)
    return [name for name in TASKS if not (texts and TASKS[name].regression)]


def of(names: list[str]) -> dict[str, Any]:
    """Returns tasks by name."""
    return {name: TASKS[name] for name in names}


def assert_alike(one: Outcomes, other: Outcomes, exactly: bool = False) -> None:
    """Compares scores, counts and curves of two grids."""
    assert one.results.keys() == other.results.keys() and one.failures == other.failures
    for name, result in one.results.items():
        twin = other.results[name]
        if exactly:
            assert result == twin, name
            continue
        assert replace(result, history=()) == replace(twin, history=()), name
        for ours, theirs in zip(result.history, twin.history, strict=True):
            assert ours == pytest.approx(theirs, rel=2e-4, abs=1e-5), name
