"""Where runs start: the base model's weights, or a source model's, with a head of the task's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.engine.checkpoint import Checkpoints, WeightsLostError
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.starts import Starts
from intertrain_jax.engine.tasks import GridTasks, objective_of
from intertrain_jax.models.heads import init_head
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.work import GridWork
from intertrain_jax.train.objectives import Classification, TextToText
from tests.engine.tiny_grid import TinyBases, tiny_checkpoint, tiny_config, tiny_plan, tiny_protocol
from tests.engine.tiny_grid import tiny_task as task

TASKS = {("", "two"): task("two", 2), ("", "four"): task("four", 4)}


def starts_of(plan: Plan, checkpoint: Any, checkpoints: Checkpoints) -> Starts:
    """Returns the starts of a grid over the tiny tasks."""
    bases = TinyBases(checkpoint, {"other": tiny_checkpoint(seed=7)})
    work = GridWork(plan, set(), bases, TASKS, EngineConfig(devices=1), Path("unused"))
    return Starts(bases, GridTasks(work, lane_mesh(1)), plan.runs[0].protocol, checkpoints)


def assert_same(found: Any, expected: Any) -> None:
    for (path, ours), (_, theirs) in zip(
        jax.tree_util.tree_leaves_with_path(found),
        jax.tree_util.tree_leaves_with_path(expected),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=str(path))


def test_the_protocol_and_the_family_decide_what_is_optimised() -> None:
    found = objective_of(tiny_config("bert"), TASKS, tiny_protocol("bert"))
    assert isinstance(found, Classification) and found.num_outputs == 4
    found = objective_of(tiny_config("t5-classifier"), TASKS, tiny_protocol("t5-classifier"))
    assert isinstance(found, Classification) and found.num_outputs == 4
    tied = objective_of(tiny_config("t5"), TASKS, tiny_protocol("t5"))
    assert isinstance(tied, TextToText) and not tied.own_head
    # Answers have two tokens of their own at most: one longer, with the end token.
    assert tied.answers_shape == (4, 3)
    probed = objective_of(tiny_config("t5"), TASKS, tiny_protocol("t5", method="probe"))
    assert isinstance(probed, TextToText) and probed.own_head


def test_an_output_of_its_own_is_never_dropped_in_silence(tmp_path: Path) -> None:
    """A file may have one although its config.json says that words and output are tied."""
    protocol = tiny_protocol("t5")
    plan = tiny_plan(["two"], protocol=protocol)
    base, own = tiny_checkpoint("t5"), tiny_checkpoint("t5-v1.1").head
    for head in (None, own):
        starts = starts_of(plan, replace(base, head=head), Checkpoints(tmp_path))
        if head is None:
            assert "head" not in starts.start_of(plan.runs[0])[0]
        else:
            with pytest.raises(IntertrainError, match="its file has another output"):
                starts.start_of(plan.runs[0])[0]


def test_a_run_starts_from_its_base_model_with_a_head_of_its_seed(tmp_path: Path) -> None:
    plan = tiny_plan(["two", "four"], seeds=2, bases=["other"])
    pretrained = tiny_checkpoint()
    starts = starts_of(plan, pretrained, Checkpoints(tmp_path))
    of = {run.name: starts.start_of(run)[0] for run in plan.runs}
    body = {name: part for name, part in of["PT:two:0"].items() if name != "head"}
    assert_same(body, {name: pretrained.params[name] for name in body})
    other = tiny_checkpoint(seed=7)
    assert_same(of["other:two:0"]["embeddings"], other.params["embeddings"])
    # Seeds differ in the head alone, base models not in it, and unused outputs are zero.
    assert not np.array_equal(
        of["PT:two:0"]["head"]["out"]["kernel"], of["PT:two:1"]["head"]["out"]["kernel"]
    )
    assert_same(of["PT:two:0"]["head"], of["other:two:0"]["head"])
    for name, classes in (("PT:two:0", 2), ("PT:four:0", 4)):
        kernel = of[name]["head"]["out"]["kernel"]
        assert kernel.shape[1] == 4 and kernel[:, :classes].all() and not kernel[:, classes:].any()


@pytest.mark.parametrize("inherit", [False, True], ids=["fresh head", "inherited head"])
def test_a_dependant_starts_from_what_its_source_run_left(tmp_path: Path, inherit: bool) -> None:
    protocol = tiny_protocol(head="inherit" if inherit else "fresh")
    plan = tiny_plan(["two", "four"], ["two"], protocol=protocol)
    store = Checkpoints(tmp_path / "checkpoints")
    store.take_over()
    starts = starts_of(plan, tiny_checkpoint(), store)
    by_name = {run.name: run for run in plan.runs}
    alike, unlike = (by_name[f"two:{target}:0"] for target in ("two", "four"))
    source = plan.by_id[alike.depends_on or ""]
    assert unlike.depends_on == source.id
    with pytest.raises(WeightsLostError):
        starts.start_of(alike)[0]
    trained = jax.tree.map(lambda x: x + 1.0, starts.start_of(source)[0])
    saved = starts.source_params(source, trained)
    assert saved["head"]["out"]["kernel"].shape[1] == 2
    store.save_source(source.id, saved)
    for run in (alike, unlike):
        found = starts.start_of(run)[0]
        fresh = starts.start_of(by_name[f"PT:{run.target}:0"])[0]
        assert_same(found["embeddings"], trained["embeddings"])
        # An output of other classes cannot be taken over.
        kept = inherit and run is alike
        expected = saved["head"]["out"]["kernel"] if kept else fresh["head"]["out"]["kernel"]
        width = expected.shape[1]
        np.testing.assert_array_equal(found["head"]["out"]["kernel"][:, :width], expected)
    store.close()


@pytest.mark.parametrize("names", [("1", "0"), ("LABEL_0", "LABEL_1"), ("up", "down"), None])
def test_an_inherited_head_has_the_tasks_order(tmp_path: Path, names: Any) -> None:
    """By the names of its classes, which the task of these tests calls 0 and 1."""
    plan = tiny_plan(["two"], protocol=tiny_protocol(head="inherit"))
    config = tiny_config("bert")
    head = init_head(config, 2, 5)
    base = replace(tiny_checkpoint(), head=head)
    if names is not None:
        base = replace(base, hf_config={"id2label": dict(enumerate(names))})
    starts = starts_of(plan, base, Checkpoints(tmp_path))
    params, notes = starts.start_of(plan.runs[0])
    order = [1, 0] if names == ("1", "0") else [0, 1]
    np.testing.assert_array_equal(
        params["head"]["out"]["kernel"][:, :2], head["out"]["kernel"][:, order]
    )
    assert len(notes) == 1
    fresh = tiny_plan(["two"]).runs[0]
    assert starts.start_of(fresh)[1] == (), "a fresh head has nothing to say"


def test_the_penalty_pulls_towards_the_pretrained_body(tmp_path: Path) -> None:
    plan = tiny_plan(["two"], bases=["other"])
    starts = starts_of(plan, tiny_checkpoint(), Checkpoints(tmp_path))
    body = starts.pretrained_body(plan)
    assert "head" not in body
    assert_same(body["embeddings"], tiny_checkpoint().params["embeddings"])
