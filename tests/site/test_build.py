"""Boards from studies and rankings."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from intertrain_jax.diagnosis.inputs import Subject
from intertrain_jax.site.board import Model
from intertrain_jax.site.build import (
    models_of,
    models_of_ranking,
    targets_of,
    with_probed,
    with_untested,
)
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.workflows.analyze import analyze


def scores() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (base, target, seed, 60 + 5 * (base == "up") + rng.normal())
        for base in ("PT", "up", "same", "other")
        for target in ("one", "two", "three")
        for seed in range(3)
        if (base, target) != ("other", "three")
    ]
    return pd.DataFrame(rows, columns=["base", "target", "seed", "score"])


def test_models_have_their_gains_intervals_and_reasons() -> None:
    table = scores()
    result = analyze(table).result
    models = {model.name: model for model in models_of(result.study, result)}
    mean = table.groupby(["base", "target"])["score"].mean()
    cell = models["up"].cells["one"]
    assert math.isclose(cell.gain, mean["up", "one"] - mean["PT", "one"])
    assert cell.low < cell.gain < cell.high and cell.n == 3
    assert models["up"].rank == 1 and models["up"].status == "complete"
    assert models["other"].status == "partial"
    assert models["other"].reason == "1 of 3 targets have no gain."
    (first, *_) = targets_of(result.study, result, {"one": "org/one"})
    assert (first.name, first.dataset) == ("one", "org/one") and first.std > 0


def test_the_spread_of_a_target_is_no_smaller_than_that_of_its_models() -> None:
    """Where most models give the same answer each time, those that do not vary as they do."""
    table = scores()
    still = (table["target"] == "one") & ~table["base"].isin(["up", "PT"])
    table.loc[still, "score"] = 50.0
    rng = np.random.default_rng(0)
    moving = (table["target"] == "one") & ~still
    table.loc[moving, "score"] = 60.0 + rng.normal(0.0, 3.0, int(moving.sum()))
    result = analyze(table).result
    (first, *_) = targets_of(result.study, result, {})
    pooled = table[table["target"] == "one"].groupby("base")["score"].var().mean() ** 0.5
    assert first.std >= 0.999 * pooled


def test_without_statistics_models_still_have_their_cells() -> None:
    result = analyze(scores()).result
    models = models_of(result.study, None)
    assert not any(model.ranked for model in models)
    assert all(math.isnan(cell.low) for model in models for cell in model.cells.values())


def ranking() -> Ranking:
    row = {
        "gain": 2.0,
        "gain_low": 1.0,
        "gain_high": 3.0,
        "rank": 1,
        "n": 2,
        "score": 55.0,
        "best": 0.7,
    }
    row |= {"rank_low": 1, "rank_high": 2, "model": "up", "status": "done", "reason": None}
    failed = {**dict.fromkeys(row, np.nan), "model": "bad", "status": "failed", "reason": "Torn."}
    return Ranking(pd.DataFrame([row, failed]), (), None, 2)


def test_a_ranking_by_probe_shows_gains_and_failures() -> None:
    up, bad = models_of_ranking(ranking(), "mnli")
    assert (up.average, up.low, up.probe, up.cells["mnli"].n) == (2.0, 1.0, 55.0, 2)
    assert (bad.status, bad.reason, bad.cells) == ("failed", "Torn.", {})


def test_models_that_were_only_probed_join_once() -> None:
    models = with_probed([Model("up"), Model("alone")], ranking(), "mnli")
    assert [m.name for m in models] == ["up", "alone", "bad"]
    assert [m.status for m in models] == ["complete", "complete", "failed"]
    up, alone, bad = (model.facts.get("probe") for model in models)
    assert up == "55.00 % on mnli, gain +2.00 [+1.00, +3.00], rank 1 of the probes"
    assert alone is None and bad == "failed: Torn."


def test_rows_without_scores_are_not_tested() -> None:
    table = pd.DataFrame({"a": [1.0, np.nan, np.nan], "b": [2.0, np.nan, np.nan]})
    subject = Subject("", table, pd.Series(["up", "new", "PT"]))
    models = with_untested([Model("up")], subject, "PT")
    assert [(m.name, m.status) for m in models] == [("up", "complete"), ("new", "not tested")]
