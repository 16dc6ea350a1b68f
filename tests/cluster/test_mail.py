"""What is said between machines arrives as it was."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.cluster.mail import Assignment, Ended, Mail, Report, Saved, SourceLost
from intertrain_jax.cluster.setup import kinds_of, setup_of
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.work import GridWork
from tests.engine.tiny_grid import TASKS, TinyBases, tiny_checkpoint, tiny_plan
from tests.runs import make_result

PLAN = tiny_plan(["short", "long"], ["short"])
BASES: Any = TinyBases(tiny_checkpoint())
RUN = PLAN.runs[0]


@pytest.mark.parametrize(
    "said",
    [
        Mail((Assignment(RUN, BASES.pretrained, True, False, "reference"),), True, True),
        Report((Ended(RUN.id, make_result(50.0), None), SourceLost("a", "b")), 7, GridProgress()),
    ],
)
def test_words_arrive(said: object) -> None:
    assert pickle.loads(pickle.dumps(said)) == said


def test_weights_and_tasks_arrive() -> None:
    saved = Saved(RUN.id, 3, {"w": np.arange(3.0)}, {"step": 3})
    assert pickle.loads(pickle.dumps(saved)).state["w"].tolist() == [0.0, 1.0, 2.0]
    tasks = {("", name): TASKS[name] for name in ("short", "long")}
    work = GridWork(PLAN, set(), BASES, tasks, EngineConfig(), Path("out"))
    setup = setup_of(work, kinds_of(work), 2)
    found = pickle.loads(pickle.dumps(setup))
    assert (found.plan, found.bases, found.options) == (setup.plan, setup.bases, setup.options)
    np.testing.assert_array_equal(found.tasks["", "long"].train.tokens, TASKS["long"].train.tokens)
