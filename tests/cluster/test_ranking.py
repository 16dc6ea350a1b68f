"""A ranking on workers: which models are probed together, and what a death or a silence costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.mail import Probing
from intertrain_jax.cluster.pool import WorkerDiedError
from intertrain_jax.cluster.ranking import Groups, probed_by_workers
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.probe.ranker import Outcome, RankProgress

REFS = [ModelRef(f"m{k}") for k in range(5)]


def taken(groups: Groups) -> list[tuple[str, ...]]:
    found = []
    while (group := groups.take()) is not None:
        found.append(tuple(ref.reference for ref in group))
    return found


def test_models_are_handed_out_in_groups() -> None:
    assert taken(Groups(REFS, 2)) == [("m0", "m1"), ("m2", "m3"), ("m4",)]


def test_only_the_model_that_kills_workers_fails() -> None:
    groups, failed, probed = Groups(REFS, 3), [], []
    while (group := groups.take()) is not None:
        if REFS[1] in group:
            failed += groups.died(group)
        else:
            probed += group
    assert failed == [REFS[1]]
    assert sorted(probed, key=REFS.index) == [ref for ref in REFS if ref != REFS[1]]


def honest(refs: Sequence[ModelRef]) -> Iterator[Probing | None]:
    """What a worker says: that it began, how far it is, and what came of its models."""
    yield Probing()
    yield Probing(1, RankProgress(passed=1))
    outcomes = tuple(Outcome(ref, None) for ref in refs)
    yield Probing(2, RankProgress(done=len(refs), passed=len(refs)), outcomes)


def silent(refs: Sequence[ModelRef]) -> Iterator[Probing | None]:
    yield Probing()
    while True:
        yield None  # no answer


def stuck(refs: Sequence[ModelRef]) -> Iterator[Probing | None]:
    while True:
        yield Probing(1, RankProgress(passed=1))


def dying(refs: Sequence[ModelRef]) -> Iterator[Probing | None]:
    yield Probing()
    raise WorkerDiedError("out of memory")


@dataclass(eq=False)
class Answer:
    """What is awaited: None never comes, an exception is raised."""

    value: Any


@dataclass
class FakePool:
    """Workers by script, and a clock that goes on by ten seconds whenever anybody listens.

    Attributes:
        scripts: of the workers in the order in which they are spawned; the last one is that of all more.
            None never comes, an exception is why it cannot start.
        count: of workers.
    """

    scripts: list[Any]
    count: int = 2
    now: float = 0.0
    gone: list[int] = field(default_factory=list)
    rested: list[int] = field(default_factory=list)
    born: int = 0

    def spawn(self, kind: type) -> Any:
        number = self.born
        self.born += 1
        script = self.scripts[min(number, len(self.scripts) - 1)]
        saying: list[Iterator[Probing | None]] = []

        def place(options: None) -> Any:
            return Answer(script)

        def probe(setup: Any, refs: Sequence[ModelRef]) -> Any:
            saying[:] = [script(refs)]
            return probed(0.0)

        def probed(seconds: float) -> Any:
            try:
                return Answer(next(saying[0]))
            except WorkerDiedError as error:
                return Answer(error)

        calls = {"place": place, "probe": probe, "probed": probed}
        made = {name: SimpleNamespace(remote=call) for name, call in calls.items()}
        return SimpleNamespace(number=number, **made)

    def put(self, value: Any) -> Any:
        return value

    def ready(self, references: list[Any], seconds: float) -> list[Any]:
        self.now += 10.0
        return [reference for reference in references if reference.value is not None]

    def get(self, reference: Any) -> Any:
        if isinstance(reference.value, Exception):
            raise reference.value
        return reference.value

    def kill(self, worker: Any) -> None:
        self.gone.append(worker.number)

    def rest(self, worker: Any) -> None:
        self.rested.append(worker.number)


def ranked(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch, size: int = 1
) -> tuple[dict[str, str | None], list[RankProgress]]:
    """Returns what became of every model, and how far the ranking said that it was."""
    monkeypatch.setattr("intertrain_jax.cluster.ranking.time.monotonic", lambda: pool.now)
    emitted: list[Outcome] = []
    seen: list[RankProgress] = []
    made: Any = pool
    last = probed_by_workers(made, None, Groups(REFS, size), emitted.extend, seen.append)
    names = [outcome.ref.reference for outcome in emitted]
    assert sorted(names) == [ref.reference for ref in REFS], "each once"
    assert last.done + last.failed == last.passed == last.total == len(REFS)
    return {outcome.ref.reference: outcome.reason for outcome in emitted}, seen


def test_every_model_comes_back_and_progress_grows_within_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = FakePool([honest])
    found, seen = ranked(pool, monkeypatch, size=3)
    assert set(found.values()) == {None}
    assert (pool.born, pool.gone, sorted(pool.rested)) == (2, [], [0, 1])
    passed = [progress.passed for progress in seen]
    assert passed == sorted(passed) and 2 in passed, "of each group one, before any is done"


@pytest.mark.parametrize("script", [silent, stuck, dying])
def test_the_models_of_a_worker_that_is_lost_are_tried_again(
    monkeypatch: pytest.MonkeyPatch, script: Any
) -> None:
    pool = FakePool([script, honest])
    found, _ = ranked(pool, monkeypatch)
    assert set(found.values()) == {None}
    assert pool.gone == [0] and 1 in pool.rested


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (silent, "it gave no answer for 2 minutes"),
        (stuck, "it took no step for 30 minutes"),
        (dying, "out of memory"),
    ],
)
def test_a_model_that_three_workers_were_lost_with_fails(
    monkeypatch: pytest.MonkeyPatch, script: Any, reason: str
) -> None:
    def bad_with_m2(refs: Sequence[ModelRef]) -> Iterator[Probing | None]:
        return script(refs) if REFS[2] in refs else honest(refs)

    pool = FakePool([bad_with_m2])
    found, _ = ranked(pool, monkeypatch, size=2)
    assert found.pop("m2") == f"3 workers died with it, the last one: {reason}"
    assert set(found.values()) == {None}
    assert len(pool.gone) == 3


def test_a_worker_for_which_there_is_no_room_holds_no_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = FakePool([honest, None])
    found, _ = ranked(pool, monkeypatch)
    assert set(found.values()) == {None}
    assert (pool.gone, pool.rested) == ([1], [0])


def test_workers_that_cannot_start_are_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = FakePool([honest, WorkerDiedError("no such library")])
    assert set(ranked(pool, monkeypatch)[0].values()) == {None}
    assert pool.born == 4, "three of them in vain"
    none = FakePool([WorkerDiedError("no such library")])
    with pytest.raises(IntertrainError, match="none is left: no such library"):
        ranked(none, monkeypatch)
    assert none.born <= 4
