"""The registry covers the paper and the public site; names, groups and patterns are found."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.task import HubDataset, Splits
from intertrain_jax.data.tasks import expand, groups_of, list_tasks


def own(**changes: Any) -> dict[str, Any]:
    """Returns the entry of a user's own task."""
    return {"name": "a", "texts": ["{t}"], **changes}


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
        assert task.splits is not None
        assert 1 <= len(task.texts) <= 2 and task.splits.train == "train"
        assert task.regression == (not task.labels) and len(set(task.labels)) == len(task.labels)
        assert task.hub is not None or task.note, f"{task.name}: no repository and no reason"


def test_names_expand() -> None:
    assert [t.name for t in expand(["rte", "nli", "rte"])][:2] == ["rte", "mnli"]
    assert len(expand(["tweet_*"])) == 11
    mine = [{"name": "mine", "texts": ["{text}"], "labels": ["a", "b"]}]
    (found,) = expand(["mine"], mine)
    assert found.title == "mine" and found.splits is None, "splits are those that are there"
    hub = {"path": "org/set", "renames": {"y": "label"}, "splits": {"train": "train_a+train_b"}}
    (found,) = expand(["mine"], [{**mine[0], "hub": hub}])
    assert found.hub == HubDataset(**hub)  # type: ignore[arg-type]
    (bare,) = expand(["😀 ü"], [{"name": "😀 ü", "texts": ["{text}"], "splits": {"test": None}}])
    assert bare.labels == () and bare.splits == Splits(test=None)
    assert {"quickstart"} <= {group for task in list_tasks() for group in task.groups}


@pytest.mark.parametrize(
    ("names", "tasks", "message"),
    [
        (["mnlli"], [], r"task or group 'mnlli' does not exist\. Did you mean 'mnli'"),
        (["zzz*"], [], r"'zzz\*' does not exist"),
        (["a"], [{"name": "a"}], r"lacks 'texts'"),
        (
            ["a"],
            [{"name": "a", "texts": ["{t}"], "lables": []}],
            r"unknown config key 'tasks.lables'",
        ),
        (["a"], [{"texts": ["{t}"]}], r"lacks 'name'"),
        (["a"], [own(labels=["x"])], r"'tasks.a.labels' must be at least two label names"),
        (["a"], [own(labels=["x", "x"])], r"at least two label names that differ"),
        (["a"], [own(labels=["", "x"])], r"no empty name and no blanks around names.*got ''"),
        (["a"], [own(labels=["x", " y"])], r"no blanks around names, .*got ' y'"),
        (["a"], [own(labels=[False, True])], r"reads as truth values, in quotes"),
        (["a"], [own(labels=[1, 2])], r"'tasks.a.labels' must be texts, got \[1, 2\]"),
        (["a"], [own(labels="ab")], r"'tasks.labels' must be a list of texts"),
        (["a"], [own(labels=["x", "y"], metric="spearman")], r"must be left out where the metric"),
        (["a"], [own(texts=["t"])], r"'t', which is the same for every row\. Write '\{t\}'"),
        (["a"], [own(texts=["{t}", "u"])], r"a column in braces in each template, got 'u'"),
        (["a"], [own(texts=["{t"])], r"got '\{t', which is the same .* Write '\{t\}' for"),
        (["a"], [own(texts="{t}")], r"'tasks.texts' must be a list of texts"),
        (["a"], [own(texts=[])], r"must be one or two templates, has 0"),
        (["a"], [own(label=["label"])], r"'tasks.label' must be text, got \['label'\]"),
        (["a"], [own(splits={"train": None})], r"'tasks.splits.train' must be text, got None"),
        (
            ["a"],
            [own(hub={"path": "a/b", "renames": {"y": 1}})],
            r"'tasks.hub.renames' must be a map",
        ),
        (["a"], [own(hub="org/x")], r"'tasks.hub' must be a mapping"),
        (["a"], [own(name="PT")], r"not be 'PT', got 'PT'"),
        (["a"], [own(name="../a")], r"without '/'.*got '../a'"),
        (["a"], [own(name="")], r"got ''"),
        (["a"], [own(name=None)], r"'tasks.name' must be text, got None"),
        (["a"], [{"name": "rte", "texts": ["{t}"], "labels": ["x", "y"]}], r"'rte' is taken"),
    ],
)
def test_mistakes_are_named(names: list[str], tasks: list[dict[str, object]], message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        expand(names, tasks)
    assert "\n" not in str(caught.value)
