"""Predictions: those of transformers, rows in their order, and columns that lose nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.api import load_model
from intertrain_jax.workflows.predict import predict
from tests.experiments import write_tokenizer
from tests.models.tiny_models import ENCODERS, ModelFactory

NAMES = {"0": "bad", "1": "good", "2": "=odd"}
TEXTS = ["good film", "very " * 12 + "bad", "dish", "bad very strange film", "good " * 9]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A BERT of three classes that reads 12 tokens."""
    return str(write_tokenizer(ModelFactory(tmp_path)("bert", 3, id2label=NAMES)))


@pytest.mark.parametrize("kind", ENCODERS)
def test_probabilities_are_those_of_transformers(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch", reason="loads the model with transformers and torch")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = write_tokenizer(ModelFactory(tmp_path)(kind, 3, id2label=NAMES))
    most = load_model(str(folder)).config.max_length
    assert most is not None and max(len(text.split()) for text in TEXTS) > most
    (tmp_path / "rows.csv").write_text("\n".join(["text", *TEXTS]), "utf-8")
    found = predict(str(folder), tmp_path / "rows.csv")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    theirs = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for row, text in enumerate(TEXTS):
        ids = tokenizer(text, truncation=True, max_length=most, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            expected = theirs(input_ids=ids).logits.softmax(-1)[0].numpy()
        got = [found.table[found.probabilities[name]][row] for name in NAMES.values()]
        np.testing.assert_allclose(got, expected, atol=1e-4)
        assert found.table["label"][row] == theirs.config.id2label[int(expected.argmax())]


def test_a_model_reads_the_columns_that_it_learnt_from(model: str, tmp_path: Path) -> None:
    """Of a file as it was trained on nobody has to say which column is the text."""
    config = Path(model) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"text_columns": ["body"]}))
    (tmp_path / "rows.csv").write_text("text,body,label\nbad,good film,x\n", "utf-8")
    found = predict(model, tmp_path / "rows.csv")
    named = predict(model, tmp_path / "rows.csv", text="body")
    other = predict(model, tmp_path / "rows.csv", text="text")
    assert "the text is column 'body': --text names another" in found.notes
    columns = list(found.probabilities.values())
    assert (found.table[columns] == named.table[columns]).all(axis=None)
    assert (found.table[columns] != other.table[columns]).any(axis=None)
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"text_columns": ["text", "body"]})
    )
    pair = predict(model, tmp_path / "rows.csv")
    one = predict(model, tmp_path / "rows.csv", text="body")
    assert any("learnt from pairs, 'text' and 'body', and reads one text" in n for n in one.notes)
    assert not any("learnt from pairs" in note for note in pair.notes)
    assert any("the texts are column 'text' and column 'body'" in note for note in pair.notes)
    for odd in ("body", [1], {"a": 2}, None):
        config.write_text(json.dumps(json.loads(config.read_text()) | {"text_columns": odd}))
        assert (
            "the text is column 'text': --text names another"
            in predict(model, tmp_path / "rows.csv").notes
        )


def test_rows_keep_their_order_and_those_without_text_have_no_answer(
    model: str, tmp_path: Path
) -> None:
    lines = ["id;question;label", "7;good film;x", "8;;y", "9;bad dish very bad;z"]
    (tmp_path / "rows.csv").write_text("\ufeff" + "\n".join(lines), "utf-8")
    found = predict(model, tmp_path / "rows.csv", text="question")
    table = found.table
    assert list(table["id"]) == ["7", "8", "9"] and list(table["label"]) == ["x", "y", "z"]
    assert found.answer == "predicted_label"
    assert table[found.answer][1] is None and table.iloc[1, 4:].isna().all()
    assert "1 row without text: no answer" in found.notes
    # The same by the padded model.
    logits = np.asarray(
        load_model(model).logits([[4, 6, 0, 0], [5, 7, 8, 5]], [[1, 1, 0, 0], [1] * 4])
    )
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    got = table[list(found.probabilities.values())].to_numpy(float)[[0, 2]]
    np.testing.assert_allclose(got, shares, atol=1e-4)
    assert [table[found.answer][r] for r in (0, 2)] == [
        list(NAMES.values())[k] for k in logits.argmax(axis=1)
    ]


def test_what_is_beyond_the_longest_input_is_not_read_and_said(model: str) -> None:
    rows = pd.DataFrame(
        {"text": ["very " * 12 + "bad", "very " * 12 + "good", "dish"]}, index=[3, 3, 1]
    )
    found = predict(model, rows)
    assert "2 rows with all of the 12 tokens that are read: what is beyond is not" in found.notes
    assert list(found.table.index) == [3, 3, 1]
    shares = found.table[list(found.probabilities.values())].to_numpy(float)
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    shorter = predict(model, rows, max_length=3)
    assert any("all of the 3 tokens" in note for note in shorter.notes)
    with pytest.raises(IntertrainError, match=r"--max-length must be from 3 to 12.*but is 13"):
        predict(model, rows, max_length=13)


def test_columns_that_are_taken_stay_and_formulas_are_defused(model: str, tmp_path: Path) -> None:
    rows = [
        {"text": "good film", "label": 1, "predicted_label": "-", "probability_bad": 0.123456789},
        {"text": "=SUM(A1)", "label": None, "n": [1, {"a": 2}]},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found = predict(model, tmp_path / "rows.jsonl", text="text")
    assert found.answer == "predicted_label_2"
    assert found.probabilities["bad"] == "predicted_probability_bad"
    found.write(tmp_path / "out.csv")
    written = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    assert list(written.columns[:5]) == ["text", "label", "predicted_label", "probability_bad", "n"]
    assert written["probability_bad"][0] == "0.123456789", "what was read is not rounded"
    assert written["text"][1] == "'=SUM(A1)" and written["n"][1] == '[1, {"a": 2}]'
    assert list(written["label"]) == ["1", ""]
    assert not any(cell.startswith("=") for cell in written[found.answer])


def test_a_regression_writes_scores(tmp_path: Path) -> None:
    folder = str(write_tokenizer(ModelFactory(tmp_path)("bert", 1)))
    rows = pd.DataFrame({"a": ["good", None, "bad"], "b": ["film", "x", "dish"], "score": 0})
    found = predict(folder, rows, text="a", text2="b")
    assert found.answer == "predicted_score" and found.probabilities == {}
    scores = found.table["predicted_score"].to_numpy(float)
    assert np.isnan(scores[1])
    logits = load_model(folder).logits([[4, 6], [5, 7]])
    np.testing.assert_allclose(scores[[0, 2]], np.asarray(logits)[:, 0], atol=1e-4)


def test_rows_that_all_lack_a_text_are_no_error_and_a_frame_keeps_its_types(model: str) -> None:
    rows = pd.DataFrame({"text": pd.array(["", None], "string"), "n": [1, 2]})
    found = predict(model, rows)
    assert found.table["label"].isna().all() and found.csv.splitlines()[1:] == [",1,,,,", ",2,,,,"]
    pd.testing.assert_frame_equal(found.table[["text", "n"]], rows)


def test_what_is_no_file_of_rows_is_one_line(model: str, tmp_path: Path) -> None:
    with pytest.raises(
        IntertrainError, match=r"none.csv' must be a file of rows.*Correct the path"
    ):
        predict(model, tmp_path / "none.csv")
    with pytest.raises(IntertrainError, match="two columns 'a'"):
        predict(model, pd.DataFrame([["x", "y"]], columns=["a", "a"]))


def test_every_line_of_a_table_is_answered_or_counted(model: str, tmp_path: Path) -> None:
    """Answers are put beside the sheet again: no line may be missing."""
    (tmp_path / "one.csv").write_text('text\ngood film\n""\nbad film\n\nlong\n', "utf-8")
    found = predict(model, tmp_path / "one.csv")
    assert found.table["label"].notna().tolist() == [True, False, True, False, True]
    assert any(note.startswith("2 rows without text") for note in found.notes)
    (tmp_path / "two.csv").write_text("text,id\ngood film,1\n,\nbad film,3\n", "utf-8")
    assert predict(model, tmp_path / "two.csv").table["id"].tolist() == ["1", "", "3"]


def test_a_template_is_read_as_in_training(model: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"subject": ["good", "bad"], "body": ["film", "soup"]})
    whole = pd.DataFrame({"text": ["good: film", "bad: soup"]})
    expected = predict(model, whole).table[
        "probability_" + next(iter(predict(model, whole).probabilities))
    ]
    said = predict(model, frame, text="{subject}: {body}")
    config = Path(model) / "config.json"
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"text_columns": ["{subject}: {body}"]})
    )
    learnt = predict(model, frame)
    assert "the text is '{subject}: {body}': --text names another" in learnt.notes
    for found in (said, learnt):
        np.testing.assert_array_equal(found.table[expected.name], expected)
    with pytest.raises(IntertrainError, match="learnt from 'subject' and 'body'"):
        predict(model, whole.rename(columns={"text": "mail"}))


def test_what_is_no_rows_at_all_is_one_line(model: str, tmp_path: Path) -> None:
    numbered: Any = pd.DataFrame({0: ["good film"], 1: ["x"]})
    zero: Any = 0
    assert len(predict(model, numbered, text=zero).table) == 1
    assert len(predict(Path(model), numbered, text=zero).table) == 1
    for rows in (["good film"], {"text": ["x"]}, None):
        strange: Any = rows
        with pytest.raises(IntertrainError, match="rows must be a file or a DataFrame, got a"):
            predict(model, strange)
    with pytest.raises(IntertrainError, match="but is a folder"):
        predict(model, tmp_path)
    with pytest.raises(IntertrainError, match="is not there"):
        predict(model, "~nobody-of-this-name/x.csv")
