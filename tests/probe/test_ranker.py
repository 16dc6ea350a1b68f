"""A ranking's loop, with models and heads that are made up: groups, failures, progress, and records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.models.families.table import architecture_hash
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.probe import ranker as ranker_module
from intertrain_jax.probe.features import Features
from intertrain_jax.probe.heads import HeadRun
from intertrain_jax.probe.loading import Loaded, NotLoaded
from intertrain_jax.probe.ranker import Outcome, Ranker, RankProgress, prepare, result_of
from intertrain_jax.train.stopping import Progress
from tests.engine.tiny_grid import tiny_checkpoint, tiny_task

TASK = tiny_task("task", 3)
SIZES = {"train": 40, "validation": 15, "test": 20}
PROTOCOL = Protocol(method="probe", precision="float32")


def config_of(count: int, **changes: Any) -> RankConfig:
    """Returns a ranking of that many models, in groups of two."""
    models = tuple(f"org/m{k}" for k in range(count))
    return RankConfig(**{"task": "task", "models": models, "seeds": 2, "group": 2, **changes})


class Loader:
    """Yields models without files; those that are called absent cannot be loaded."""

    def __init__(self, absent: Sequence[str] = ()) -> None:
        self.absent = absent
        self.forgotten: list[str] = []
        self.required: list[ModelRef] = []

    def require(self, ref: ModelRef) -> None:
        """Notes it."""
        self.required.append(ref)

    def stream(self, refs: Sequence[ModelRef]) -> Iterator[Any]:
        """Yields each in turn."""
        packed: Any = SimpleNamespace(
            encoded=TASK, sizes=SIZES, labels={s: np.zeros(n) for s, n in SIZES.items()}
        )
        for number, ref in enumerate(refs):
            if ref.label in self.absent:
                yield NotLoaded(ref, f"{ref.label} is gated.", "files of none")
            else:
                checkpoint = replace(tiny_checkpoint("bert"), params={"number": number})
                files = f"files of {ref.label}"
                yield Loaded(ref, checkpoint, packed, None, "words", 0.25, files)

    def forget(self, ref: ModelRef) -> None:
        """Notes it."""
        self.forgotten.append(ref.label)


@dataclass
class Made:
    """What stands for the devices, and what it was asked.

    Attributes:
        infinite: models whose features are no numbers.
        diverging: models of whose heads none has a score.
        groups: models of each training.
        size: models that a training takes.
        programs: how often a forward pass was made ready.
        clock: seconds since it began; a training takes ten.
        expected: whose programs were compiled ahead, and whose were stopped.
    """

    infinite: Sequence[str] = ()
    diverging: Sequence[str] = ()
    groups: list[list[str]] = field(default_factory=list)
    size: int = 0
    programs: int = 0
    clock: float = 0.0
    expected: list[str] = field(default_factory=list)

    def program(self, *given: Any) -> Any:
        """Stands for the forward pass."""
        self.programs += 1
        return _Program(self)

    def trainer(self, *given: Any) -> Any:
        """Stands for the training of heads."""
        assert not self.size, "one for all groups"
        self.size = given[4]
        return _Trainer(self, rates=len(given[2]), seeds=given[3])


@dataclass
class _Program:
    made: Made
    compilations: int = 1
    row_bytes: int = 8
    dtype: Any = np.float32

    def expect(self, params: Any, task: Any) -> None:
        assert params["placed"]
        self.made.expected.append("features")

    def stop(self) -> None:
        self.made.expected.append("stopped")

    def place(self, params: Any) -> Any:
        return {"placed": True, **params}

    def __call__(self, params: Any, task: Any) -> Features:
        assert params["placed"]
        number = float(params["number"])
        if f"org/m{params['number']}" in self.made.infinite:
            number = np.nan
        return Features({split: np.full((n, 2), number, np.float32) for split, n in SIZES.items()})


@dataclass
class _Trainer:
    made: Made
    rates: int
    seeds: int
    compilations: int = 1

    @property
    def group(self) -> int:
        return self.made.size

    def expect(self, config: Any, sizes: Any, dtype: Any) -> None:
        assert sizes == SIZES
        self.made.expected.append("heads")

    def stop(self) -> None:
        self.made.expected.append("stopped")

    def __call__(self, models: Any, labels: Any) -> Any:
        names = [f"org/m{int(model.features.by_split['test'][0, 0])}" for model in models]
        self.made.groups.append(names)
        self.made.clock += 10.0
        return [
            [[head(None if name in self.made.diverging else 0.5)] * self.rates] * self.seeds
            for name in names
        ]


def head(validation: float | None, test: float = 0.25) -> HeadRun:
    """Returns a head that has ended; without a score it diverged."""
    reason = StopReason.DIVERGED if validation is None else StopReason.PATIENCE
    run = HeadRun(Progress(validation, validation, 0, reason), [{"step": 7}], 7, 56)
    if validation is not None:
        run.outputs_NxC, run.test = np.zeros((20, 3), np.float32), test
    return run


def run(
    monkeypatch: pytest.MonkeyPatch,
    config: RankConfig,
    loader: Loader,
    made: Made,
    devices: int = 1,
) -> tuple[list[list[Outcome]], list[RankProgress], RankProgress]:
    """Runs a ranking; returns what it emitted, all progress, and the last one."""
    monkeypatch.setattr(ranker_module, "FeatureProgram", made.program)
    monkeypatch.setattr(ranker_module, "HeadTrainer", made.trainer)
    emitted: list[list[Outcome]] = []
    seen: list[RankProgress] = []
    mesh: Any = SimpleNamespace(size=devices)
    ranker = Ranker(config, PROTOCOL, loader, mesh)  # type: ignore[arg-type]
    last = ranker.run(config.refs, lambda found: emitted.append(list(found)), seen.append)
    return emitted, seen, last


def test_heads_are_trained_in_groups_and_the_last_one_may_be_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, loader = Made(), Loader()
    emitted, seen, last = run(monkeypatch, config_of(5), loader, made)
    assert made.groups == [["org/m0", "org/m1"], ["org/m2", "org/m3"], ["org/m4"]]
    assert [[o.ref.label for o in group] for group in emitted] == made.groups
    assert made.programs == 1 and last.compilations == 2
    assert (last.done, last.failed, last.passed, last.total) == (5, 0, 5, 5)
    assert last.examples == 5 * sum(SIZES.values())
    # What was downloaded goes when the features are there, before any head is trained.
    assert loader.forgotten == [f"org/m{k}" for k in range(5)]
    counts = [(p.passed, p.done) for p in seen]
    assert counts == sorted(counts) and counts[0] == (1, 0) and counts[-1] == (5, 5)


def test_models_that_fail_leave_the_others_their_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(infinite=("org/m0",), diverging=("org/m3",))
    loader = Loader(absent=("org/m1",))
    emitted, _, last = run(monkeypatch, config_of(5), loader, made)
    by_label = {o.ref.label: o for group in emitted for o in group}
    assert set(by_label) == {f"org/m{k}" for k in range(5)}
    reasons = {label: outcome.reason for label, outcome in by_label.items()}
    assert by_label["org/m1"].files == "files of none"
    assert by_label["org/m0"].files == "files of org/m0"
    assert reasons["org/m1"] == "org/m1 is gated." and by_label["org/m1"].loaded is None
    assert "not all numbers" in str(reasons["org/m0"])
    assert by_label["org/m0"].architecture == architecture_hash(
        tiny_checkpoint("bert").config, words=False
    )
    assert made.groups == [["org/m2", "org/m3"], ["org/m4"]]
    assert reasons["org/m3"] == "The loss of every one of its heads diverged."
    assert reasons["org/m2"] is None and reasons["org/m4"] is None
    assert (last.done, last.failed, last.passed) == (2, 3, 5)
    assert loader.forgotten == [f"org/m{k}" for k in range(5)]


def test_outcomes_hold_no_weights_and_every_share_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    monkeypatch.setattr(ranker_module, "time", SimpleNamespace(monotonic=lambda: made.clock))
    emitted, _, last = run(monkeypatch, config_of(2), Loader(), made)
    for outcome in emitted[0]:
        assert outcome.loaded is not None and isinstance(outcome.loaded.checkpoint, Checkpoint)
        assert outcome.loaded.checkpoint.params == {}
        assert outcome.files == f"files of {outcome.ref.label}"
        assert set(outcome.seconds) == {"load", "features", "heads", "estimators"}
        assert (outcome.seconds["load"], outcome.seconds["heads"]) == (0.25, 5.0)
        assert [len(row) for row in outcome.heads] == [3, 3]
    assert (last.device_seconds, last.seconds) == (10.0, 10.0)


def test_estimates_are_of_each_models_own_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def estimate(names: Any, features: Features, *rest: Any) -> Any:
        return {"logme": float(features.by_split["train"][0, 0])}, ("a note",), 0.5

    monkeypatch.setattr(ranker_module, "timed_estimate", estimate)
    config = config_of(3, estimators=("lp", "logme"))
    emitted, _, _ = run(monkeypatch, config, Loader(), Made())
    outcomes = [outcome for group in emitted for outcome in group]
    assert [outcome.estimates for outcome in outcomes] == [{"logme": float(k)} for k in range(3)]
    assert {outcome.notes for outcome in outcomes} == {("a note",)}
    assert {outcome.seconds["estimators"] for outcome in outcomes} == {0.5}


@pytest.mark.parametrize(
    ("group", "models", "devices", "resident", "expected"),
    [
        (3, 9, 1, None, 3),
        (3, 9, 2, None, 4),  # a multiple of the devices
        ("auto", 5, 1, None, 5),
        ("auto", 20, 1, None, 8),
        ("auto", 20, 3, None, 9),
        # Features of 75 examples and two numbers of four bytes each: three fit, or not even one.
        ("auto", 20, 1, 3 * 600, 3),
        ("auto", 20, 1, 599, 1),
    ],
)
def test_a_group_is_as_large_as_asked_for_or_as_fits(
    monkeypatch: pytest.MonkeyPatch,
    group: Any,
    models: int,
    devices: int,
    resident: int | None,
    expected: int,
) -> None:
    if resident is not None:
        monkeypatch.setattr(ranker_module, "RESIDENT_BYTES", resident)
    made = Made()
    run(monkeypatch, config_of(models, group=group), Loader(), made, devices)
    assert made.size == expected


def test_a_ranking_of_nothing_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loader, made = Loader(absent=("org/m0",)), Made()
    emitted, _, last = run(monkeypatch, config_of(1), loader, made)
    assert [o.reason for o in emitted[0]] == ["org/m0 is gated."]
    assert (last.failed, last.compilations, made.programs) == (1, 0, 0)


def test_results_are_in_percent_and_count_what_was_trained_on() -> None:
    result = result_of(head(0.5), TASK, 33)
    assert result is not None
    assert (result.test, result.validation, result.metric) == (25.0, 50.0, "accuracy")
    assert (result.n_train, result.n_validation, result.n_test) == (33, 15, 20)
    assert (result.steps, result.examples, result.history) == (7, 56, ({"step": 7},))
    assert result.stop_reason is StopReason.PATIENCE


@pytest.mark.parametrize(
    "lost",
    [head(None), head(float("-inf")), head(0.5, test=float("nan"))],
    ids=["diverged", "never scored", "score undefined"],
)
def test_a_head_without_a_score_has_no_result(lost: HeadRun) -> None:
    assert result_of(lost, TASK, 33) is None


@pytest.mark.parametrize("pretrained", [None, "org/pt@v1"])
def test_those_without_a_tokenizer_read_the_pretrained_models(
    monkeypatch: pytest.MonkeyPatch, pretrained: str | None
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(ranker_module, "ModelLoader", lambda *a: given.append(a) or Loader())
    config = config_of(2, pretrained=pretrained, data=DataConfig(cache_dir="there"))
    nothing: Any = None
    ranker = prepare(config, PROTOCOL, nothing, nothing, nothing, "shape")
    ((_, protocol, _, cache, downloads, architecture, fallback, _),) = given
    assert (protocol, cache, downloads, architecture) == (PROTOCOL, "there", None, "shape")
    assert fallback == (None if pretrained is None else ModelRef("org/pt", "v1"))
    ranker.require(ModelRef("org/pt"))
    assert ranker._loader.required == [ModelRef("org/pt")]  # type: ignore[attr-defined]
