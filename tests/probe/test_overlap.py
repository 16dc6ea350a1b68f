"""A ranking's device is kept busy while models are read: threads, in time that is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.config.refs import ModelRef
from intertrain_jax.probe import loading, ranker
from intertrain_jax.probe.features import Features
from intertrain_jax.probe.loading import Loaded, ModelLoader, NotLoaded
from intertrain_jax.probe.ranker import Outcome, Ranker, RankProgress
from tests.engine.tiny_grid import tiny_checkpoint
from tests.probe.test_ranker import PROTOCOL, SIZES, TASK, config_of, head

# RoBERTa-base and 39,600 rows of MNLI on a GPU, in seconds: a file is read, placed in the tree, and
# hashed twice (0.36 each) in one thread; copied to the device; features; a model's share of heads.
LOAD, PLACE, FEATURES, HEADS = 1.7 + 0.36, 0.08, 0.76, 0.15
GROUP, MODELS = 8, 160


@dataclass
class Clock:
    """Time of whoever is running: the ranking itself, or one of the threads that it started."""

    now: float = 0.0

    def spend(self, seconds: float) -> None:
        """Lets the one who runs take some time."""
        self.now += seconds


@dataclass
class Done:
    """The future of something that was worked out at once, and is there at a certain time."""

    clock: Clock
    at: float
    value: Any

    def result(self) -> Any:
        """Waits for it."""
        self.clock.now = max(self.clock.now, self.at)
        return self.value


@dataclass
class Pool:
    """Threads in made up time: each begins what it is given once it is free."""

    clock: Clock
    free: list[float]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is under way."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Done:
        """Does some work at the time at which a thread would."""
        now = self.clock.now
        thread = int(np.argmin(self.free))
        self.clock.now = max(now, self.free[thread])
        value = work(*arguments)
        self.free[thread], self.clock.now = self.clock.now, now
        return Done(self.clock, self.free[thread], value)


@dataclass
class Machine:
    """What loads and computes in made up time, and what of it was in memory when.

    Attributes:
        clock: of all.
        load: seconds that a model takes to load.
        host: (time, +1 when a model is begun to be loaded, -1 when it is on the device).
        device: (time, +1 when a model is put there, -1 when its features are computed).
        absent: numbers of models that cannot be loaded.
    """

    clock: Clock = field(default_factory=Clock)
    load: float = LOAD
    host: list[tuple[float, int]] = field(default_factory=list)
    device: list[tuple[float, int]] = field(default_factory=list)
    absent: tuple[int, ...] = ()
    compilations: int = 1
    group: int = GROUP
    row_bytes: int = 4
    dtype: Any = np.float32

    def expect(self, *given: Any) -> None:
        """Stands for compiling ahead."""

    def stop(self) -> None:
        """Stands for the end of that."""

    def loaded(self, ref: ModelRef) -> Loaded | NotLoaded:
        """Stands for reading a model."""
        self.host.append((self.clock.now, 1))
        self.clock.spend(self.load)
        number = int(ref.label.removeprefix("org/m"))
        if number in self.absent:
            self.host.append((self.clock.now, -1))
            return NotLoaded(ref, "It is gated.")
        packed: Any = SimpleNamespace(
            encoded=TASK, sizes=SIZES, labels={s: np.zeros(n) for s, n in SIZES.items()}
        )
        checkpoint = replace(tiny_checkpoint("bert"), params={"number": number})
        return Loaded(ref, checkpoint, packed, None, "words", self.load)

    def place(self, params: Any) -> Any:
        """Stands for the copy to the device."""
        self.device.append((self.clock.now, 1))
        self.clock.spend(PLACE)
        self.host.append((self.clock.now, -1))
        return params

    def __call__(self, *given: Any) -> Any:
        """Stands for the forward pass of a model, or for the heads of a group."""
        if isinstance(given[0], dict):
            self.clock.spend(FEATURES)
            self.device.append((self.clock.now, -1))
            number = float(given[0]["number"])
            return Features({s: np.full((n, 2), number, np.float32) for s, n in SIZES.items()})
        self.clock.spend(HEADS * GROUP)
        return [[[head(0.5)]] for _ in given[0]]


def most(events: list[tuple[float, int]]) -> int:
    """Returns how many were in memory at most; what goes makes room for what comes."""
    return int(np.cumsum([change for _, change in sorted(events)]).max())


def ranked(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> tuple[RankProgress, list[Outcome]]:
    """Runs a ranking on a machine."""

    def pool(threads: int, name: str) -> Pool:
        return Pool(machine.clock, [machine.clock.now] * threads)

    monotonic = SimpleNamespace(monotonic=lambda: machine.clock.now)
    for module in (loading, ranker):
        monkeypatch.setattr(module, "ThreadPoolExecutor", pool)
        monkeypatch.setattr(module, "time", monotonic)
    monkeypatch.setattr(ranker, "FeatureProgram", lambda *given: machine)
    monkeypatch.setattr(ranker, "HeadTrainer", lambda *given: machine)
    monkeypatch.setattr(loading, "Tokenisations", lambda *given: None)
    nothing: Any = None
    data: Any = SimpleNamespace(task=TASK)
    loader = ModelLoader(data, PROTOCOL, nothing, None, None, {"known"}, None)
    monkeypatch.setattr(loader, "load", machine.loaded)
    config = config_of(MODELS, group=GROUP)
    mesh: Any = SimpleNamespace(size=1)
    outcomes: list[Outcome] = []
    made = Ranker(config, PROTOCOL, loader, mesh)
    return made.run(config.refs, outcomes.extend, lambda progress: None), outcomes


def busy(progress: RankProgress) -> float:
    """Returns the part of the time in which the device computed."""
    return progress.device_seconds / progress.seconds


def test_models_are_read_and_put_on_the_device_while_others_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(absent=(3, 100))
    progress, outcomes = ranked(monkeypatch, machine)
    assert (progress.done, progress.failed) == (MODELS - 2, 2)
    assert {outcome.ref.label for outcome in outcomes} == {f"org/m{k}" for k in range(MODELS)}
    assert progress.device_seconds == pytest.approx((MODELS - 2) * (FEATURES + HEADS), rel=0.01)
    assert busy(progress) >= 0.95
    assert 3600 * progress.passed / progress.seconds >= 3900 * 0.99
    # Three are read while one is on its way to the device, where another one is computed.
    assert most(machine.device) <= 2
    assert most(machine.host) <= 4


@pytest.mark.parametrize("load", [LOAD, 6.0])
def test_the_slower_of_reading_and_computing_is_all_that_takes_time(
    monkeypatch: pytest.MonkeyPatch, load: float
) -> None:
    progress, _ = ranked(monkeypatch, Machine(load=load))
    least = MODELS * max(load / loading._LOADERS, FEATURES + HEADS)
    assert least <= progress.seconds <= 1.01 * least + load + PLACE + GROUP * HEADS


def test_read_one_after_another_they_would_leave_the_device_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_LOADERS", 1)
    progress, _ = ranked(monkeypatch, Machine())
    assert busy(progress) < 0.5
