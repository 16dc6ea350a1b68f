"""A matrix as it stands: names apart, numbers in order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Frame
from intertrain_jax.readers.matrix import read_matrix

GAINS = pd.DataFrame({"rte": [60.5, None], "cb": [70.0, 71.25]}, index=["a/b", "c"])


def test_the_first_column_names_the_rows_whether_of_a_frame_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gains.csv"
    GAINS.rename_axis("base").to_csv(path)
    for source in (path, Frame(GAINS)):
        found = read_matrix(source)
        assert found.source is source and list(found.names) == ["a/b", "c"]
        pd.testing.assert_frame_equal(found.values, GAINS.reset_index(drop=True))


def test_a_column_is_there_once_and_a_row_unless_repeats_are_asked_for() -> None:
    twice = GAINS.rename(columns={"cb": "rte"})
    with pytest.raises(IntertrainError, match="column 'rte' must be there once"):
        read_matrix(Frame(twice))
    again = Frame(GAINS.rename(index={"c": "a/b"}))
    with pytest.raises(IntertrainError, match="row 'a/b' must be there once"):
        read_matrix(again)
    assert list(read_matrix(again, repeats=True).names) == ["a/b", "a/b"]


def test_text_is_no_number() -> None:
    with pytest.raises(IntertrainError, match="row 'c', column 'cb' must be a number or empty"):
        read_matrix(Frame(GAINS.astype(object).assign(cb=[70.0, "high"])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1.5,2\nb,2.5,3\nc,1,2\n", r"first line must name the columns, .* such as '1\.5'"),
        ("rte,cb\n1.5,2\n2.5,3\n", r"first column must name the models, .* such as '1\.5'"),
        ("| base | rte |\n|---|:-:|\n| a | 1 |\n", "is a table in Markdown"),
        (
            "m,task,acc\na,rte,1\na,cb,2\n",
            "texts in column 'task', .* base, target, seed and score",
        ),
        ("m,rte,cb\na,1,2\na,1,2\n", "row 'a' must be there once"),
        ("m,rte,cb\na,1,2\n,1,2\n", "every row must name a model, but row 2 names none"),
        ("m,rte,\na,1,2\nb,1,2\n", "every column must have a name, but column 3 has none"),
    ],
)
def test_a_table_of_another_shape_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(IntertrainError, match=message) as caught:
        read_matrix(path)
    assert "table.csv" in str(caught.value)


def test_numbers_may_be_names(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("checkpoint,100,2000\n1000,1.5,2\n2000,2.5,3\n")
    found = read_matrix(path)
    assert list(found.names) == ["1000", "2000"] and list(found.values) == ["100", "2000"]


def test_a_table_of_targets_by_models_is_turned(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("target,A,B,C\nrte,2,1,-1\ncola,1,2,-1\n", "utf-8")
    found = read_matrix(tmp_path / "t.csv")
    assert list(found.names) == ["A", "B", "C"] and list(found.values) == ["rte", "cola"]
    assert found.values["rte"].tolist() == [2, 1, -1]
    assert any("rows are targets, as 'target' says" in note for note in found.notes)


@pytest.mark.parametrize("corner", ["", "rank", "#"])
def test_numbers_of_rows_before_the_names_are_left_out(tmp_path: Path, corner: str) -> None:
    (tmp_path / "t.csv").write_text(f"{corner},model,rte\n0,PT,60\n1,A,61\n", "utf-8")
    found = read_matrix(tmp_path / "t.csv")
    assert list(found.names) == ["PT", "A"] and list(found.values) == ["rte"]
    assert any("numbers the rows" in note for note in found.notes)


@pytest.mark.parametrize("name", ["gains_std.csv", "gains_q.csv", "tables/noise.csv"])
def test_what_an_analysis_wrote_beside_its_gains_is_no_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "tables").mkdir()
    for file in ("gains.csv", "summary.json", name):
        (tmp_path / file).write_text("base,rte\nA,1.5\n", "utf-8")
    with pytest.raises(IntertrainError, match=r"gains\.csv"):
        read_matrix(tmp_path / name)
    assert list(read_matrix(tmp_path / "gains.csv").names) == ["A"]
