"""Text to text: inputs are joined, labels become texts, and what cannot be answered is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.data.load import Rows, TaskData, encode_task
from intertrain_jax.data.task import Task
from tests.engine.tiny_grid import tiny_plan, tiny_protocol

WORDS = ("<pad>", "</s>", "<unk>", "<SEP>", "0", "1", "no", "yes", "wet", "dry")
PAIR = Task("pair", "pairs", ("{a}", "{b}"), labels=("no", "yes"))


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Writes a word tokenizer that ends texts as T5's does."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    made.add_special_tokens(list(WORDS[:4]))
    made.save(str(tmp_path / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path


def data(task: Task) -> TaskData:
    """Returns a task of two rows in every split."""
    rows = Rows([("wet", "dry"), ("dry dry", "wet")], [0, 1])
    return TaskData(task, dict.fromkeys(("train", "validation", "test"), rows), "print", {})


def test_inputs_are_joined_and_labels_are_their_ids(tokenizer: Path, tmp_path: Path) -> None:
    encoded = encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"), TextProtocol())
    assert np.asarray(encoded.train.tokens).tolist() == [8, 3, 9, 1, 9, 9, 3, 8, 1]
    assert encoded.answers == ((4, 1), (5, 1))
    classifier = encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"))
    assert classifier.answers == ()
    named = TextProtocol(labels="name", separator=" ")
    encoded = encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"), named)
    assert encoded.answers == ((6, 1), (7, 1))
    assert np.asarray(encoded.train.tokens).tolist() == [8, 9, 1, 9, 9, 8, 1]


def test_a_task_may_have_a_template_of_its_own(tokenizer: Path, tmp_path: Path) -> None:
    text = TextProtocol(templates={"pair": "{1} yes {0}", "other": "{0}"})
    encoded = encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"), text)
    assert np.asarray(encoded.train.tokens).tolist() == [9, 7, 8, 1, 8, 7, 9, 9, 1]
    wrong = TextProtocol(templates={"pair": "{0} {2}"})
    with pytest.raises(
        IntertrainError, match=r"templates\.pair' may have the slots \{0\}, \{1\}, got"
    ):
        encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"), wrong)


def test_a_template_decides_the_runs_of_its_task_alone() -> None:
    def ids(**templates: str) -> dict[str, str]:
        text = TextProtocol(templates=templates)
        protocol = tiny_protocol("t5", text=text)
        return {run.name: run.id for run in tiny_plan(["rte", "cb"], protocol=protocol).runs}

    plain, changed = ids(), ids(cb="{0}")
    assert plain["PT:rte:0"] == changed["PT:rte:0"] and plain["PT:cb:0"] != changed["PT:cb:0"]
    with pytest.raises(IntertrainError, match=r"name tasks of the experiment, got 'rtee'.*'rte'"):
        ids(rtee="{0}")


def test_labels_of_one_text_are_an_error(tokenizer: Path, tmp_path: Path) -> None:
    task = replace(PAIR, labels=("maybe", "perhaps"))
    with pytest.raises(IntertrainError, match="'maybe' and 'perhaps' are the same tokens"):
        encode_task(data(task), tokenizer, 20, str(tmp_path), TextProtocol(labels="name"))


def test_numbers_are_no_texts(tokenizer: Path, tmp_path: Path) -> None:
    task = replace(PAIR, labels=(), metric="spearman")
    with pytest.raises(IntertrainError, match=r"'pair': a text-to-text model answers.*Leave the"):
        encode_task(data(task), tokenizer, 20, str(tmp_path), TextProtocol())


def test_a_classifier_on_t5_reads_joined_texts_and_needs_no_answers(
    tokenizer: Path, tmp_path: Path
) -> None:
    text = TextProtocol("classify")
    encoded = encode_task(data(PAIR), tokenizer, 20, str(tmp_path / "c"), text)
    assert encoded.answers == () and np.asarray(encoded.train.tokens).tolist()[:4] == [8, 3, 9, 1]
    numbers = replace(PAIR, labels=(), metric="spearman")
    assert encode_task(data(numbers), tokenizer, 20, str(tmp_path / "c"), text).regression
    assert Protocol(text=text).head == "fresh"


def test_a_text_to_text_protocol_keeps_the_models_output() -> None:
    with pytest.raises(IntertrainError, match=r"'protocol.head' must be 'inherit'.*got 'fresh'"):
        Protocol(text=TextProtocol())
    with pytest.raises(IntertrainError, match=r"'protocol\.text\.decision' must be"):
        TextProtocol(decision="guess")  # type: ignore[arg-type]


def test_the_identity_of_a_classifiers_protocol_is_what_it_was() -> None:
    assert "text" not in Protocol().identity
    text = Protocol(text=TextProtocol(), head="inherit").identity["text"]
    assert text == {
        "decision": "generate",
        "labels": "id",
        "separator": " <SEP> ",
        "templates": {},
    }
