"""What is known of tasks that studies want: groups that do not overlap, published sizes."""

from __future__ import annotations

from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.planning.estimates import TASK_SIZES
from intertrain_jax.workflows.studies import published_sizes, task_groups


def test_a_task_is_in_one_group_and_collections_are_none() -> None:
    groups = task_groups()
    names = [name for group in groups.values() for name in group]
    assert len(set(names)) == len(names) > 0
    assert not {"GLUE", "SuperGLUE", "Site36"} & set(groups)
    assert {"rte", "mnli"} <= set(names)


def test_a_user_s_task_joins_the_group_that_it_names() -> None:
    group = next(iter(task_groups()))
    own = {"name": "mine", "file": "mine.jsonl", "texts": ["{a}"], "labels": ["n", "y"]}
    found = task_groups([{**own, "groups": [group]}])
    assert set(found[group]) == {*task_groups()[group], "mine"}


def test_sizes_are_known_by_both_names_and_tests_of_accuracies_alone() -> None:
    sizes, known = published_sizes(), [t for t in list_tasks() if t.name in TASK_SIZES]
    assert {task.regression for task in known} == {True, False}
    for task in known:
        for name in (task.name, task.site_column or task.name):
            assert sizes.train[name] == TASK_SIZES[task.name].train
            assert (name in sizes.test) is not task.regression
