"""Tasks, sizes and plans of a configuration, known without network, models or JAX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import load_config
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.load import load_task
from intertrain_jax.data.tasks import expand
from intertrain_jax.planning.estimates import TASK_SIZES, TaskSize
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.inputs import (
    check_steps,
    find_tasks,
    offline_sizes,
    plan_offline,
    rows_trained_on,
)
from tests.experiments import FakeEngine, raw_config, write_experiment

OWN = {"name": "mine", "texts": ["{a}", "{b}"], "labels": ["n", "y"]}


def config_of(**values: Any) -> Any:
    """Returns an experiment of a model that is nowhere."""
    return load_config(
        {"name": "x", "model": {"pretrained": "org/pt"}, "sources": [], "seeds": 1, **values}
    )


def test_groups_are_expanded_in_order_and_every_task_is_known_once() -> None:
    found = find_tasks(config_of(sources=["mine", "NLI"], targets=["cb", "rte"], tasks=[OWN]))
    nli = tuple(task.name for task in expand(["NLI"]))
    assert found.sources == ("mine", *nli) and found.targets == ("cb", "rte")
    assert list(found.by_name) == list(dict.fromkeys(["mine", *nli, "cb", "rte"]))
    assert all(found.by_name[name].name == name for name in found.by_name)
    assert found.by_name["mine"].texts == ("{a}", "{b}")


@pytest.mark.parametrize("key", ["sources", "targets"])
def test_a_task_that_is_none_is_named(key: str) -> None:
    config = config_of(**{"targets": ["rte"], key: ["rtee"]})
    with pytest.raises(IntertrainError, match=r"'rtee' does not exist\. Did you mean 'rte'"):
        find_tasks(config)


def test_a_plan_has_the_ids_of_the_grid_once_that_was_started(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    before = plan_offline(config)
    done = grid(config, runner=FakeEngine()).plan
    after = plan_offline(config)
    assert after.runs == done.runs
    assert [run.name for run in before.runs] == [run.name for run in done.runs]
    assert {run.id for run in before.runs}.isdisjoint(done.by_id), "these were provisional"


def test_local_data_are_counted_and_their_words_taken_for_tokens(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    for split, rows in (("train", 20), ("validation", 7)):
        lines = [
            json.dumps({"a": "w " * (k % 2 + 1), "b": "v", "label": k % 2}) for k in range(rows)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), "utf-8")
    data = {"data_dir": str(tmp_path / "data")}
    values: dict[str, Any] = {"targets": ["mine"], "tasks": [OWN]}
    # Two of the train rows validate. A pair has three special tokens, and 2.5 words on average.
    sizes = offline_sizes(config_of(**values, data=data))
    assert sizes == {"mine": TaskSize(18, 2, 7, pytest.approx(2.5 * 1.3 + 3))}
    limited = offline_sizes(config_of(**values, data={**data, "limit": 5}))["mine"]
    assert (limited.train, limited.validation, limited.test) == (5, 2, 5)
    one = {**OWN, "texts": ["{b}"]}
    alone = offline_sizes(config_of(targets=["mine"], tasks=[one], data=data))["mine"]
    assert alone.tokens == pytest.approx(1.3 + 2)


def test_other_tasks_have_published_sizes_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("datasets.load_dataset", never)
    config = config_of(targets=["rte", "mine"], tasks=[OWN], data={"limit": 100})
    rte = TASK_SIZES["rte"]
    assert offline_sizes(config) == {"rte": TaskSize(100, 100, 100, rte.tokens)}


def test_the_quickstart_is_generated_for_its_sizes() -> None:
    config = load_config("quickstart")
    sizes = offline_sizes(config)
    for name, task in find_tasks(config).by_name.items():
        rows = load_task(task, config.data).origin["rows"]
        size = sizes[name]
        assert (size.train, size.validation, size.test) == tuple(rows.values()), name


def test_names_of_a_configuration_are_checked_before_its_data(tmp_path: Path) -> None:
    raw = raw_config(tmp_path, targets=["gama"])  # of which no data are written
    with pytest.raises(IntertrainError, match="'gama' does not exist"):
        plan_offline(load_config(raw))


def test_a_run_sees_no_more_rows_than_its_train_size() -> None:
    data = load_task(expand(["dishes"])[0], load_config("quickstart").data)
    whole = len(data.splits["train"])
    for size, rows in ((None, whole), (whole + 9, whole), (16, 16)):
        assert rows_trained_on(Protocol(train_size=size), data) == rows
    # Few rows in batches of one: as many steps as can be counted, or more.
    longest = Protocol(train_size=2, batch_size=1, epochs=2.0**30 - 1)
    check_steps(longest, data)
    with pytest.raises(IntertrainError, match="at most 2,147,483,647 optimiser steps"):
        check_steps(Protocol(train_size=3, batch_size=1, epochs=2.0**30 - 1), data)
