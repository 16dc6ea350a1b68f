"""What a grid asks of the engine: whose weights a run starts from, and in which tokens it reads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig, ModelConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.planning.work import GridWork, ref_of
from tests.runs import make_config, make_plan

BASES = ("org/x@v1", "org/x", "org/other")
PLAN = make_plan(make_config(model=ModelConfig("org/pt@main", bases=BASES)))


class Bases:
    """Base models of which only the tokens are known; one cannot be used."""

    def look(self, ref: ModelRef) -> Any:
        """Returns a model whose tokens are named after it."""
        if ref.reference == "org/other":
            raise IntertrainError(f"model {ref.label!r} is broken. Mend it.")
        return SimpleNamespace(tokens=f"tokens of {ref.label}")


def work() -> GridWork:
    """Returns the plan as work."""
    bases: Any = Bases()
    return GridWork(PLAN, set(), bases, {}, EngineConfig(), Path("out"))


def test_every_run_has_the_base_model_that_its_first_weights_are_of() -> None:
    found = {run.base.label: ref_of(run) for run in PLAN.runs}
    pretrained = ModelRef("org/pt", "main")
    assert found == {
        "PT": pretrained,
        # Runs of source models start from what the pretrained model became.
        **dict.fromkeys(("alpha", "beta", "gamma"), pretrained),
        "org/x@v1": ModelRef("org/x", "v1"),
        "org/x": ModelRef("org/x"),
        "org/other": ModelRef("org/other"),
    }


def test_a_run_reads_its_target_in_the_tokens_of_its_base_model() -> None:
    keys = {run.name: work().key_of(run) for run in PLAN.runs if "other" not in run.base.label}
    assert keys["PT:beta:0"] == keys["alpha:beta:1"] == ("tokens of org/pt@main", "beta")
    assert keys["org/x@v1:gamma:0"] == ("tokens of org/x@v1", "gamma")
    assert keys["org/x:gamma:0"] == ("tokens of org/x", "gamma")
    # Of three base models and three tasks, whatever the seeds and sources.
    assert len(set(keys.values())) == 9 and len(keys) == 2 * (3 + 9 + 6)


def test_a_run_of_a_model_that_cannot_be_used_has_no_task() -> None:
    broken = next(run for run in PLAN.runs if run.base.label == "org/other")
    with pytest.raises(IntertrainError, match="'org/other' is broken"):
        work().key_of(broken)
