"""Summaries in tables are told by what they are called, or by their numbers; the rest stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.readers.summaries import averages_among, runs_alone, targets_alone


def test_columns_of_no_target_are_left_out_and_said() -> None:
    columns = [
        "Average",
        "rte",
        "RTE std",
        "cb",
        "cb_sd",
        "cb (SE)",
        "rank",
        "std",
        "abse",
        "place",
    ]
    values = pd.DataFrame([[1.0] * len(columns)], columns=columns)
    found, notes = targets_alone(values, known={"place"})
    assert list(found) == ["rte", "cb", "std", "abse", "place"]
    assert notes == [
        "Left out, as averages are no targets: column 'Average'.",
        "Left out, as ranks are no targets: column 'rank'.",
        "Left out, as spreads are no targets: column 'RTE std', 'cb_sd', 'cb (SE)'.",
    ]
    assert targets_alone(values[["rte", "cb"]])[1] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Average ↑", "averages"),
        ("mean_gain", "averages"),
        ("Overall score", "averages"),
        ("macro avg", "averages"),
        ("Mean (2)", "averages"),
        ("average-accuracy", "averages"),
        ("Median", "averages"),
        ("avg_rank", "ranks"),
        ("#params", "sizes"),
        ("params (M)", "sizes"),
        ("seed", "sizes"),
        ("avg_nlu", "averages"),
        ("batch_size", "settings"),
        ("train_runtime", "settings"),
        ("size_MB", "settings"),
        ("win_rate", "settings"),
        ("learning rate", "settings"),
        ("num_labels", "settings"),
        ("eval loss", "settings"),
        ("id", "settings"),
        ("n", "settings"),
        ("delta", "differences"),
        ("improvement", "differences"),
        ("emotion_labels", None),
        ("timedial", None),
        ("mean_reversal", None),
        ("score", None),
        ("glue", None),
        ("meaning", None),
        ("seed_lang", None),
    ],
)
def test_a_summary_is_called_so_in_many_ways(name: str, kind: str | None) -> None:
    values = pd.DataFrame([[1.0, 2.0, 4.0]] * 3, columns=["rte", "cb", name])
    found, notes = targets_alone(values)
    assert list(found) == (["rte", "cb", name] if kind is None else ["rte", "cb"])
    assert notes == (
        [] if kind is None else [f"Left out, as {kind} are no targets: column {name!r}."]
    )
    assert list(targets_alone(values, known={name})[0]) == ["rte", "cb", name]


def test_an_average_is_one_whatever_it_is_called() -> None:
    draw = np.random.default_rng(3)
    values = pd.DataFrame(draw.normal(0, 3, (6, 4)), columns=list("abcd")).round(2)
    other = values.assign(Durchschnitt=values.mean(axis=1).round(1))
    found, notes = targets_alone(other)
    assert list(found) == list("abcd")
    assert notes == ["Left out, as averages are no targets: column 'Durchschnitt'."]
    assert list(targets_alone(other, known={"Durchschnitt"})[0]) == [*"abcd", "Durchschnitt"]
    # Close to the mean, of too few rows, or of numbers that say nothing, it is a target.
    for values in (
        other.assign(Durchschnitt=other["Durchschnitt"] + [0, 0, 0, 0, 0.3, 0]),
        other[:3],
        other * 0.0,
    ):
        assert not targets_alone(values)[1]


def test_rows_of_averages_are_no_base_models() -> None:
    names = pd.Index(["org/mean", "Average", "mean teacher", "mean"], name="base")
    values = pd.DataFrame({"rte": [1.0, 2.0, 3.0, 4.0], "cb": [4.0, 3.0, 2.0, 1.0]}, index=names)
    found, notes = targets_alone(values, known={"mean"})
    assert list(found.index) == ["org/mean", "mean teacher", "mean"]
    assert notes == ["Left out, as averages are no base models: row 'Average'."]
    assert averages_among(["avg", 7, "rte"]) == ["avg"]


def test_rows_that_sum_up_and_columns_without_numbers_are_left_out() -> None:
    rows = ["a", "b", "max", "25%", "Std", "maximus"]
    values = pd.DataFrame({"rte": range(6), "cb": range(6), "comment": np.nan}, index=rows)
    found, notes = targets_alone(values.astype(float))
    assert list(found.index) == ["a", "b", "maximus"] and list(found) == ["rte", "cb"]
    assert notes == [
        "Left out, as there is no number in it: column 'comment'.",
        "Left out, as sums over the others are no base models: row 'max', '25%', 'Std'.",
    ]
    assert targets_alone(values.astype(float), known={"max", "25%", "Std"})[0].shape == (6, 2)
    nothing = values.astype(float) * np.nan
    assert targets_alone(nothing)[0].shape[1] == 3, "whoever reads it says that all is missing"


def test_runs_of_averages_are_left_out() -> None:
    runs = pd.DataFrame(
        [(b, t) for b in ("PT", "x", "avg") for t in ("rte", "Average")], columns=["base", "target"]
    )
    found, notes = runs_alone(runs)
    assert found.to_numpy().tolist() == [["PT", "rte"], ["x", "rte"]]
    assert notes == [
        "Left out, as averages are no targets: target 'Average'.",
        "Left out, as averages are no base models: base 'avg'.",
    ]
    assert runs_alone(found)[1] == []
