"""The registry covers the paper and the public site; names, groups and patterns are found."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.tasks import expand, groups_of, list_tasks


def test_names_are_unique_and_groups_have_the_papers_sizes() -> None:
    names = [task.name for task in TASKS]
    assert len(set(names)) == len(names) == 41
    sizes = {group: len(members) for group, members in groups_of(TASKS).items()}
    assert {g: sizes[g] for g in ("General", "NLI", "Twitter", "Stance", "Site36")} == {
        "General": 14,
        "NLI": 6,
        "Twitter": 6,
        "Stance": 5,
        "Site36": 36,
    }
    assert len(expand(["General", "NLI", "Twitter"])) == 22


def test_every_column_of_the_public_site_has_its_task(shared_data: Path) -> None:
    table = shared_data.parent / "published" / "model-recycling" / "roberta-base_table.csv"
    if not table.is_file():
        pytest.skip("no published tables")
    with table.open() as file:
        columns = next(csv.reader(file))[4:]
    assert sorted(columns) == sorted(t.site_column for t in TASKS if t.site_column)


def test_labels_texts_and_splits_are_complete() -> None:
    for task in TASKS:
        assert 1 <= len(task.texts) <= 2 and task.splits.train == "train"
        assert task.regression == (not task.labels) and len(set(task.labels)) == len(task.labels)
        assert task.hub is not None or task.note, f"{task.name}: no repository and no reason"


def test_names_expand() -> None:
    assert [t.name for t in expand(["rte", "nli", "rte"])][:2] == ["rte", "mnli"]
    assert len(expand(["tweet_*"])) == 11
    own = [{"name": "mine", "texts": ["{text}"], "labels": ["a", "b"]}]
    assert expand(["mine"], own)[0].title == "mine"
    assert {"quickstart"} <= {group for task in list_tasks() for group in task.groups}


@pytest.mark.parametrize(
    ("names", "own", "message"),
    [
        (["mnlli"], [], r"task or group 'mnlli' does not exist\. Did you mean 'mnli'"),
        (["zzz*"], [], r"'zzz\*' does not exist"),
        (["a"], [{"name": "a"}], r"lacks 'texts'"),
        (
            ["a"],
            [{"name": "a", "texts": ["{t}"], "lables": []}],
            r"unknown config key 'tasks.lables'",
        ),
        (["a"], [{"name": "a", "texts": ["{t}"]}], r"at least two label names"),
        (["a"], [{"name": "rte", "texts": ["{t}"], "labels": ["x", "y"]}], r"'rte' is taken"),
    ],
)
def test_mistakes_are_named(names: list[str], own: list[dict[str, object]], message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        expand(names, own)
    assert "\n" not in str(caught.value)
