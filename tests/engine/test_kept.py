"""Source models that a grid kept, written out and loaded again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import TextProtocol
from intertrain_jax.data.task import Task
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.kept import export_runs, forget_runs
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.planning.plan import Plan
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import tiny_checkpoint, tiny_plan, tiny_protocol
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
        export_runs(
            runs, pretrained, TASKS, tmp_path / "out", lambda run: {"README.md": f"# {run.target}"}
        )
    )
    assert {path.name for path in written} == {"alpha", "beta"}
    for path in written:
        assert (path / "README.md").read_text() == f"# {path.name}"
        loaded = load_checkpoint(str(path))
        expected = kept[path.name, 1]
        assert loaded.head is not None
        found = {**loaded.params, "head": loaded.head}
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    written_config = load_checkpoint(str(tmp_path / "models" / "alpha")).hf_config
    assert written_config["id2label"] == {"0": "no", "1": "yes", "2": "perhaps"}
    assert written_config["text_columns"] == list(TASKS["alpha"].named_texts)


def test_weights_of_some_runs_are_forgotten_and_runs_in_flight_stay(tmp_path: Path) -> None:
    config = tiny_checkpoint("bert").config
    plan = tiny_plan(["alpha", "beta"], ["alpha", "beta"])
    keep(tmp_path, plan, config)
    kept, *others = [run.id for run in plan.runs if plan.dependants(run.id)]
    flight = tmp_path / "checkpoints" / "lanes" / "abc" / "3"
    flight.mkdir(parents=True)
    forget_runs(tmp_path, {kept})
    left = Checkpoints(tmp_path / "checkpoints")
    assert left.has_source(kept) and not any(map(left.has_source, others)) and others
    assert flight.is_dir()


def test_a_grid_that_kept_nothing_is_an_error(tmp_path: Path) -> None:
    pretrained = load_checkpoint(str(ModelFactory(tmp_path)("bert")))
    plan = tiny_plan(["alpha"], ["alpha"])
    runs = {tmp_path / "models": plan.runs[0]}
    with pytest.raises(IntertrainError, match=r"none of 1 .*PT:alpha:0.*engine\.keep=sources"):
        list(export_runs(runs, pretrained, TASKS, tmp_path, lambda run: {}))


@pytest.mark.parametrize("family", ["t5", "t5-v1.1"])
def test_models_that_answer_in_words_are_written_whole(family: str, tmp_path: Path) -> None:
    pretrained = load_checkpoint(str(ModelFactory(tmp_path)(family)))
    plan = tiny_plan(["alpha"], ["alpha"], protocol=tiny_protocol(family))
    shapes = FAMILIES[pretrained.config.family].shapes(pretrained.config, own_output(family))
    rng = np.random.default_rng(3)
    kept = jax.tree.map(lambda s: rng.standard_normal(s.shape).astype(np.float32), shapes)
    checkpoints = Checkpoints(tmp_path / "out" / "checkpoints")
    checkpoints.take_over()
    checkpoints.save_source(plan.runs[0].id, kept)
    checkpoints.close()
    runs = {tmp_path / "model": plan.runs[0]}
    (path,) = export_runs(runs, pretrained, TASKS, tmp_path / "out", lambda run: {})
    found = load_checkpoint(str(path))
    whole = found.params if own_output(family) is None else {**found.params, "head": found.head}
    jax.tree.map(np.testing.assert_array_equal, whole, kept)


def own_output(family: str) -> int | None:
    """Whether a family's output is no word embedding, as `Family.shapes` wants it."""
    return 1 if family == "t5-v1.1" else None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": TextProtocol("classify")}, "must answer in words to be written"),
        ({"method": "probe"}, "was given an output of its own to probe"),
    ],
)
def test_outputs_without_a_class_are_an_error(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    pretrained = replace(tiny_checkpoint("t5"), directory=tmp_path)
    plan = tiny_plan(["alpha"], ["alpha"], protocol=tiny_protocol("t5", **changes))
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.take_over()
    checkpoints.save_source(plan.runs[0].id, {"x": np.zeros(1, np.float32)})
    checkpoints.close()
    with pytest.raises(IntertrainError, match=said):
        list(export_runs({tmp_path / "m": plan.runs[0]}, pretrained, TASKS, tmp_path, lambda r: {}))
