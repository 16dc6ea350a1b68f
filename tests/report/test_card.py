"""Model cards: metadata that the hub reads, and the numbers of the record."""

from __future__ import annotations

from dataclasses import replace

import yaml

from intertrain_jax.data.task import HubDataset, Task
from intertrain_jax.report.card import model_card
from tests.runs import make_config, make_plan, make_record

TASK = Task(
    "alpha",
    "Alpha: the first",
    ("{premise}", "{hypothesis}"),
    labels=("no", "yes"),
    hub=HubDataset("org/alpha"),
)


def test_a_card_says_what_the_record_says() -> None:
    run = next(run for run in make_plan(make_config()).runs if run.target == "alpha")
    record = make_record(run, 61.234)
    card = model_card(record, TASK, "org/base")
    front, _, text = card.removeprefix("---\n").partition("\n---\n")
    about = yaml.safe_load(front)
    assert about["base_model"] == "org/base" and about["datasets"] == ["org/alpha"]
    (result,) = about["model-index"][0]["results"]
    assert result["metrics"] == [{"name": "accuracy", "type": "accuracy", "value": 61.234}]
    assert result["dataset"] == {"name": "Alpha: the first", "type": "org/alpha"}
    assert record.result is not None
    assert f"| test | {record.result.n_test:,} | 61.23 |" in text
    assert "- classes: no, yes" in text and "`{premise}` and `{hypothesis}`" in text
    assert 'pipeline("text-classification", model="alpha")' in text


def test_a_task_of_ones_own_has_no_hub() -> None:
    run = next(run for run in make_plan(make_config()).runs if run.target == "alpha")
    own = replace(TASK, hub=None, labels=(), metric="spearman")
    front = model_card(make_record(run, 50.0), own, "./my model: one").split("---")[1]
    about = yaml.safe_load(front)
    assert "datasets" not in about and about["base_model"] == "./my model: one"
