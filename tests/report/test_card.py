"""Model cards: metadata that the hub reads, and the numbers of the record."""

from __future__ import annotations

from dataclasses import replace

import yaml

from intertrain_jax.config.protocol import Protocol, TextProtocol
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
    assert result["dataset"] == {"name": "Alpha: the first", "type": "org/alpha", "split": "test"}
    assert record.result is not None
    assert f"| test | {record.result.n_test:,} | 61.23 |" in text
    assert "- classes: no, yes" in text and "`{premise}` and `{hypothesis}`" in text
    assert 'pipeline("text-classification", model="alpha")' in text
    assert 'classify({"text": "a text", "text_pair": "its second text"})' in text
    single = model_card(record, replace(TASK, texts=("{premise}",)), "org/base")
    assert 'classify("a text")' in single and "text_pair" not in single


def test_a_task_of_ones_own_has_no_hub() -> None:
    run = next(run for run in make_plan(make_config()).runs if run.target == "alpha")
    own = replace(TASK, hub=None, labels=(), metric="spearman")
    front = model_card(make_record(run, 50.0), own, "./my model: one").split("---")[1]
    about = yaml.safe_load(front)
    assert "datasets" not in about and about["base_model"] == "./my model: one"


def test_a_model_that_was_not_tested_has_the_score_of_its_validation_split() -> None:
    run = next(run for run in make_plan(make_config()).runs if run.target == "alpha")
    record = make_record(run, 61.0)
    assert record.result is not None
    record = replace(record, result=replace(record.result, test=None))
    card = model_card(record, TASK, "org/base")
    (result,) = yaml.safe_load(card.split("---")[1])["model-index"][0]["results"]
    assert result["dataset"]["split"] == "validation" and result["metrics"][0]["value"] == 62.0
    assert "| validation | 100 | 62.00 |\n\n- texts" in card and "| test |" not in card


def test_a_model_that_answers_in_words_says_how_it_is_asked() -> None:
    text = TextProtocol(labels="name", templates={"alpha": "a: {0} b: {1}"})
    for protocol, said in (
        (TextProtocol(), ("joined by ` <SEP> `", "the answer is a class's number, from 0")),
        (text, ("as `a: {0} b: {1}`", "the answer is a class's name")),
    ):
        plan = make_plan(make_config(protocol=Protocol(text=protocol, head="inherit")))
        run = next(run for run in plan.runs if run.target == "alpha")
        card = model_card(make_record(run), TASK, "org/t5")
        assert yaml.safe_load(card.split("---")[1])["pipeline_tag"] == "text2text-generation"
        assert (
            all(words in card for words in said)
            and "text-classification" not in card.split("# ")[1]
        )
        assert 'AutoModelForSeq2SeqLM.from_pretrained("alpha")  # this directory' in card
