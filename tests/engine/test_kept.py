"""Source models that a grid kept, written out and loaded again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.task import Task
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.kept import export_runs
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.planning.plan import Plan
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import tiny_checkpoint, tiny_plan
from tests.models.tiny_models import ModelFactory

TASKS = {
    "alpha": Task("alpha", "Alpha", ("{text}",), labels=("no", "yes", "perhaps")),
    "beta": Task("beta", "Beta", ("{text}",), metric="spearman"),
}


def keep(out: Path, plan: Plan, config: Any) -> dict[str, Any]:
    """Keeps random source models of every run that others depend on; returns task → parameters."""
    checkpoints, kept = Checkpoints(out / "checkpoints"), {}
    checkpoints.take_over()
    for run in plan.runs:
        if plan.dependants(run.id):
            classes = len(TASKS[run.target].labels) or 1
            rng = np.random.default_rng(classes + 10 * run.seed)
            shapes = Classification(config, classes).saved_shapes(classes)
            kept[run.target, run.seed] = jax.tree.map(
                lambda s, rng=rng: rng.standard_normal(s.shape).astype(np.float32), shapes
            )
            checkpoints.save_source(run.id, kept[run.target, run.seed])
    checkpoints.close()
    return kept


def test_source_models_become_directories_that_load_bit_equal(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pretrained = load_checkpoint(str(ModelFactory(tmp_path)("roberta")))
    plan = tiny_plan(["alpha"], ["alpha", "beta"], seeds=2)
    kept = keep(tmp_path / "out", plan, pretrained.config)

    runs = {
        tmp_path / "models" / run.target: run
        for run in plan.runs
        if run.base.label == "PT" and run.seed == 1
    }
    written = list(
        export_runs(runs, pretrained, TASKS, tmp_path / "out", lambda run: f"# {run.target}")
    )
    assert {path.name for path in written} == {"alpha", "beta"}
    for path in written:
        assert (path / "README.md").read_text() == f"# {path.name}"
        loaded = load_checkpoint(str(path))
        expected = kept[path.name, 1]
        assert loaded.head is not None
        found = {**loaded.params, "head": loaded.head}
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    names = load_checkpoint(str(tmp_path / "models" / "alpha")).hf_config["id2label"]
    assert names == {"0": "no", "1": "yes", "2": "perhaps"}


def test_a_grid_that_kept_nothing_is_an_error(tmp_path: Path) -> None:
    pretrained = load_checkpoint(str(ModelFactory(tmp_path)("bert")))
    plan = tiny_plan(["alpha"], ["alpha"])
    runs = {tmp_path / "models": plan.runs[0]}
    with pytest.raises(IntertrainError, match=r"none of 1 .*PT:alpha:0.*engine\.keep=sources"):
        list(export_runs(runs, pretrained, TASKS, tmp_path, lambda run: None))


def test_models_without_classification_heads_are_an_error(tmp_path: Path) -> None:
    pretrained = replace(tiny_checkpoint("t5"), directory=tmp_path)
    with pytest.raises(IntertrainError, match="are of family t5"):
        list(export_runs({}, pretrained, TASKS, tmp_path, lambda run: None))
