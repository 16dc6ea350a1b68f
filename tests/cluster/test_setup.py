"""What workers are told before they get runs: little, and enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from intertrain_jax.cluster.mail import Hello, Place
from intertrain_jax.cluster.setup import efforts_of, kinds_of, setup_of
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.queue import Effort
from intertrain_jax.planning.work import GridWork
from tests.engine.tiny_grid import TASKS, TinyBases, tiny_checkpoint, tiny_plan

BASES: Any = TinyBases(tiny_checkpoint(), {"other": tiny_checkpoint(seed=1)}, {"other": "own"})


def work_of(**options: Any) -> GridWork:
    plan = tiny_plan(["short", "long"], ["short"], seeds=5, bases=["other"])
    keys = [(tokens, name) for tokens in ("", "own") for name in ("short", "long")]
    tasks = {key: TASKS[key[1]] for key in keys}
    done = {plan.runs[0].id}
    return GridWork(plan, done, BASES, tasks, EngineConfig(**options), Path("out"))


def test_there_is_one_run_of_every_kind() -> None:
    work = work_of()
    runs = list(kinds_of(work).values())
    assert runs[0] == work.plan.runs[0], "its protocol decides the shapes of blocks"
    found = sorted((run.kind, run.target) for run in runs)
    assert found == [
        ("base", "long"),
        ("base", "short"),
        ("pretrained", "long"),
        ("pretrained", "short"),
        ("source", "long"),
        ("source", "short"),
    ]
    setup = setup_of(work, kinds_of(work), 3)
    assert [base.ref.label for base in setup.bases] == ["model", "other"]
    assert setup.runs == 10, "29 runs are left for three workers"
    assert setup.options == replace(work.options, devices=1) and setup.shared is None
    shared = setup_of(work_of(weights="shared"), kinds_of(work), 3).shared
    assert shared is not None and Path(shared) == Path("out").absolute() / "checkpoints"


def test_what_a_worker_says_of_one_run_holds_for_its_kind() -> None:
    work = work_of()
    kinds = kinds_of(work)
    shape = BlockShape(4, 32, 4)
    said = {run.id: Effort(shape, len(run.target)) for run in kinds.values()}
    hello = Hello(Place("host", 1, {}, "float32"), 1, 1, said)
    effort = efforts_of(work, kinds, hello)
    assert all(effort(run).tokens == len(run.target) for run in work.plan.runs)
