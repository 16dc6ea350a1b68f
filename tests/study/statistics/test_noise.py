"""Noise of scores over seeds, pooled by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.study.statistics.noise import NOISE
from tests.stats.studies import (
    computed,
    matrix_study,
    planted_scores,
    random_gains,
    study_of,
    study_of_runs,
)


def test_it_is_pooled_over_base_models(tmp_path: Path) -> None:
    scores = planted_scores(bases=3, targets=4, seeds=3)
    lost = (scores["base"] == "m1") & (scores["target"] == "t2") & (scores["seed"] == 0)
    result = computed(NOISE, study_of(scores[~lost], tmp_path))
    noise = result.statistics["noise"]
    cells = scores[~lost].groupby(["target", "base"])["score"]
    squares = (cells.var(ddof=1) * (cells.count() - 1)).groupby("target").sum()
    df = (cells.count() - 1).groupby("target").sum()
    assert [t.target for t in noise.targets] == ["t0", "t1", "t2", "t3"]
    assert [t.df for t in noise.targets] == df.tolist() == [8, 8, 7, 8]
    assert [t.n for t in noise.targets] == [12, 12, 11, 12]
    np.testing.assert_allclose([t.raw for t in noise.targets], np.sqrt(squares / df))
    # Shrunk values lie between their own and those of the others.
    raw, shrunk = ([getattr(t, name) for t in noise.targets] for name in ("raw", "std"))
    assert max(raw) >= max(shrunk) >= min(shrunk) >= min(raw)
    (table,) = NOISE.tables(result)
    assert table.name == "noise" and table.rows["df"].tolist() == df.tolist()
    assert list(table.rows.columns) == ["target", "n", "df", "raw", "std", "std_df"]
    assert f"The average over targets has {noise.average_std:.2f}." in table.note


def test_failed_runs_do_not_count() -> None:
    whole = computed(NOISE, study_of_runs()).statistics["noise"]
    less = computed(NOISE, study_of_runs(failed={"b:a:1": "diverged"})).statistics["noise"]
    assert {t.target: t.n for t in whole.targets}["a"] == 18
    assert {t.target: t.n for t in less.targets} == {"a": 17, "b": 18, "c": 18, "d": 18, "e": 18}


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (
            matrix_study(random_gains(3, 3)),
            "One number per cell is known: seeds have no spread.",
        ),
        (study_of_runs(seeds=1), "No base model has two seeds on any target."),
    ],
    ids=["matrix", "one seed"],
)
def test_what_is_lacking(study: object, reason: str) -> None:
    result = computed(NOISE, study)  # type: ignore[arg-type]
    assert result.not_computed == {"noise": reason}
    assert not len(NOISE.tables(result)[0].rows)
