"""Programs are compiled once, beside each other, and before they are called."""

from __future__ import annotations

import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.engine.environment import (
    BY_LANE,
    EVERYWHERE,
    by_lane,
    lane_mesh,
    over_lanes,
    replicated,
)
from intertrain_jax.train import ahead as module
from intertrain_jax.train.ahead import Ahead, Call
from tests.compiled import compilations

WAIT_S = 30.0


class Program:
    """Stands for a compiled function; its compilation waits for others, or for a sign."""

    def __init__(self, log: list[str], name: str, compiling: Any) -> None:
        self.log, self.name, self.compiling = log, name, compiling

    def lower(self, *shapes: Any) -> Program:
        """Returns itself, as what is to be compiled."""
        return self

    def compile(self) -> None:
        """Compiles for as long as it is told to."""
        self.compiling()
        self.log.append(f"compiled {self.name}")

    def __call__(self, *arguments: Any) -> str:
        """Is called."""
        self.log.append(f"called {self.name}")
        return self.name


def test_what_was_compiled_ahead_is_not_compiled_at_its_call() -> None:
    """With the arguments that lanes have: sharded, replicated, of the host, scalars; one given up."""
    mesh = lane_mesh(1)

    def function(lanes: Any, host: Any, scalar: Any, whole: Any) -> Any:
        return {"x": lanes["x"] * scalar + whole[:3].astype(jnp.float32)}, host.sum(axis=1)

    specs = (BY_LANE, BY_LANE, EVERYWHERE, EVERYWHERE)
    program = over_lanes(function, mesh, specs, BY_LANE, donate=True)
    state = {"x": jax.device_put(np.ones((1, 3), np.float32), by_lane(mesh))}
    tokens = jax.device_put(np.arange(8, dtype=np.uint16), replicated(mesh))
    arguments = (np.ones((1, 2), np.int32), np.int32(2), tokens)
    with compilations() as found:
        ahead = Ahead()
        ahead.compile([Call(program, (state, *arguments))])
        for _ in range(2):
            state, total = ahead.run(Call(program, (state, *arguments)))
    assert [early for _, early in found] == [True]
    assert program._cache_size() == 1
    assert np.asarray(state["x"]).tolist() == [[4.0, 7.0, 10.0]]
    assert np.asarray(total).tolist() == [2]


def test_compilations_run_beside_each_other_and_calls_wait_for_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 2)
    log: list[str] = []
    both, sign = threading.Barrier(2, timeout=WAIT_S), threading.Event()

    def slow() -> None:
        both.wait()
        assert sign.wait(WAIT_S)

    quick = Program(log, "quick", both.wait)
    late = Program(log, "late", slow)
    ahead = Ahead()
    ahead.compile([Call(late, ()), Call(quick, ())])
    assert ahead.run(Call(quick, ())) == "quick", "it does not wait for the other one"
    threading.Timer(0.05, sign.set).start()
    assert ahead.run(Call(late, ())) == "late"
    assert log == ["compiled quick", "called quick", "compiled late", "called late"]
    ahead.compile([Call(late, ())])
    ahead.run(Call(late, ()))
    assert log[4:] == ["called late"], "once is enough"


def test_what_a_compilation_raises_reaches_its_call_and_no_other() -> None:
    def broken() -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED: no room")

    log: list[str] = []
    bad, good = Program(log, "bad", broken), Program(log, "good", lambda: None)
    ahead = Ahead()
    ahead.compile([Call(bad, ()), Call(good, ())])
    assert ahead.run(Call(good, ())) == "good"
    with pytest.raises(RuntimeError, match="no room"):
        ahead.run(Call(bad, ()))


def test_stopping_gives_up_what_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 1)
    log: list[str] = []
    begun, sign = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        assert sign.wait(WAIT_S)

    running, waiting = Program(log, "running", first), Program(log, "waiting", lambda: None)
    ahead = Ahead()
    ahead.compile([Call(running, ()), Call(waiting, ())])
    assert begun.wait(WAIT_S)
    ahead.stop()
    assert ahead.run(Call(waiting, ())) == "waiting", "it compiles by itself"
    sign.set()
    ahead.run(Call(running, ()))
    assert log == ["called waiting", "compiled running", "called running"]
