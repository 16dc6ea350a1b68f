"""Rankings: order and joins by name, intervals that cover, failures that stay visible."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.records.probes import pack_answers
from intertrain_jax.stats.coefficients import COEFFICIENTS
from intertrain_jax.study.model_ranking import Ranking, gain_correlations, rank_models
from tests.probe_runs import failed_record, head_result, probe_record


def ranking_of(records: list[object], labels: list[str] | None = None, **given: object) -> Ranking:
    by_label = {record.model.label: record for record in records}  # type: ignore[attr-defined]
    options = {"pretrained": None, "asked": 2, "estimators": ("logme",), **given}
    return rank_models(labels or list(by_label), by_label, **options)  # type: ignore[arg-type]


def test_the_best_come_first_and_the_others_say_why_they_are_not_ranked() -> None:
    records = [
        probe_record("worse", (50.0, 52.0)),
        failed_record("broken", "Its file is cut off."),
        probe_record("better", (70.0, 71.0)),
    ]
    table = ranking_of(records, ["worse", "broken", "missing", "better"]).table
    assert list(table["model"]) == ["better", "worse", "broken", "missing"]
    assert list(table["status"]) == ["done", "done", "failed", "missing"]
    assert table["rank"].tolist()[:2] == [1, 2] and table["rank"].isna().tolist()[2:] == [True] * 2
    assert table["reason"].tolist()[2:] == ["Its file is cut off.", "It has not been probed yet."]
    assert table.loc[0, "score"] == pytest.approx(70.5)
    assert table.loc[0, "std"] == pytest.approx(np.std([70, 71], ddof=1))
    assert table.loc[0, "learning_rate"] == 1e-3
    assert table.loc[0, "seconds"] == 1.5


def test_gains_are_over_the_pretrained_model_wherever_it_stands() -> None:
    records = [probe_record("a", (50.0, 50.0)), probe_record("b", (60.0, 61.0))]
    table = ranking_of(records, pretrained="a").table.set_index("model")
    assert table.loc["b", "gain"] == pytest.approx(10.5)
    assert table.loc["a", ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    # Both are right on the same examples: the gain is known better than either score.
    score = table.loc["b", "score_high"] - table.loc["b", "score_low"]
    gain = table.loc["b", "gain_high"] - table.loc["b", "gain_low"]
    assert gain < score
    without = ranking_of([records[1], failed_record("a", "gone")], pretrained="a")
    assert without.pretrained is None and without.table["gain"].isna().all()


def test_a_spread_over_seeds_widens_intervals() -> None:
    steady = probe_record("steady", (60.0, 60.0), n_test=5000)
    unsteady = probe_record("unsteady", (50.0, 70.0), n_test=5000)
    table = ranking_of([steady, unsteady]).table.set_index("model")
    width = table["score_high"] - table["score_low"]
    # ±1.96 · std/√n, with std = 20/√2 and n = 2.
    assert width["unsteady"] == pytest.approx(2 * 1.96 * 10, rel=0.1)
    assert width["steady"] < 3


def test_ties_share_a_rank_and_its_interval() -> None:
    records = [probe_record(name, (50.0,)) for name in ("a", "b", "c")]
    table = ranking_of(records, asked=1).table
    assert table["rank"].tolist() == [1, 1, 1]
    assert table["rank_low"].tolist() == table["rank_high"].tolist() == [1, 1, 1]


def test_ranks_of_models_that_cannot_be_told_apart_overlap() -> None:
    records = [probe_record(f"m{i}", (60.0 + i / 2,), seed=i) for i in range(4)]
    records.append(probe_record("far", (95.0,), seed=9))
    table = ranking_of(records, asked=1).table.set_index("model")
    assert table.loc["far", ["rank_low", "rank_high"]].tolist() == [1, 1]
    assert table.loc["m0", "rank_low"] < table.loc["m0", "rank_high"]


def test_the_order_of_the_list_changes_nothing() -> None:
    records = [probe_record(f"m{i}", (50.0 + i, 51.0 + i), seed=i) for i in range(5)]
    one = ranking_of(records, pretrained="m2").table
    other = ranking_of(records[::-1], pretrained="m2").table
    pd.testing.assert_frame_equal(one, other)


def test_score_intervals_cover_at_their_nominal_rate() -> None:
    """Test examples are drawn anew, seeds vary about the model's true score."""
    rng = np.random.default_rng(0)
    true, between, n, seeds, trials = 0.7, 0.03, 150, 5, 120
    covered = 0
    for trial in range(trials):
        # Every example has a probability of being right; a seed shifts all of them.
        easy_N = rng.beta(0.7 * 4, 0.3 * 4, n)
        shift_S = rng.normal(0, between, seeds)
        right = rng.random((seeds, n)) < np.clip(easy_N + shift_S[:, None], 0, 1)
        record = probe_record("m", (50.0,) * seeds, n_test=n, id=f"{trial:012x}")
        heads = tuple(
            type(head)(
                head.seed, head.learning_rate, head_result(100 * right[head.seed].mean(), 5.0, n)
            )
            for head in record.heads
            if head.learning_rate == record.learning_rate
        )
        record = type(record)(**{**vars(record), "heads": heads, "answers": pack_answers(right)})
        table = ranking_of([record], asked=seeds).table
        covered += table.loc[0, "score_low"] <= 100 * true <= table.loc[0, "score_high"]
    assert 0.9 <= covered / trials <= 0.99


def test_a_regression_is_bootstrapped_by_ranks() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(80).astype(np.float32)
    outputs = (labels + rng.normal(0, 0.2, (2, 80))).astype(np.float32)
    scores = [100 * stats.spearmanr(o, labels).statistic for o in outputs]
    record = probe_record("m", (50.0, 50.0), n_test=80)
    heads = tuple(
        type(head)(
            head.seed, head.learning_rate, head_result(scores[head.seed], 5.0, 80, "spearman")
        )
        for head in record.heads
        if head.learning_rate == record.learning_rate
    )
    packed = {"answers": pack_answers(outputs), "labels": pack_answers(labels[None])}
    table = ranking_of([type(record)(**{**vars(record), "heads": heads, **packed})]).table
    low, high = table.loc[0, "score_low"], table.loc[0, "score_high"]
    assert low < np.mean(scores) < high
    assert 4 < high - low < 20


def test_models_with_the_same_weights_are_named() -> None:
    records = [probe_record(name, (50.0 - i,)) for i, name in enumerate(("a", "b", "c"))]
    base = records[0].model
    twin = type(base)("c", "c", None, base.fingerprint)
    records[2] = type(records[2])(**{**vars(records[2]), "model": twin})
    table = ranking_of(records, asked=1).table.set_index("model")
    assert table.loc["c", "same_weights_as"] == "a"
    assert table.loc[["a", "b"], "same_weights_as"].isna().all()


def test_no_records_at_all() -> None:
    ranking = ranking_of([], ["a"])
    assert ranking.ranked.empty and list(ranking.table["status"]) == ["missing"]


def test_correlations_join_by_name_and_count_what_is_there() -> None:
    records = [probe_record(f"m{i}", (50.0 + 2 * i,), seed=i) for i in range(6)]
    gains = pd.DataFrame(
        {"x": [1.0, 2.0, 3.0, 4.0, np.nan, 9.0, 0.0], "y": [1.0, 1.0, 2.0, 5.0, 1.0, 9.0, 0.0]},
        index=["m5", "m3", "m2", "m1", "m4", "stranger", "m0"],
    )
    ranking = ranking_of(records, pretrained="m0", asked=1)
    found = gain_correlations(ranking, gains)
    assert list(found["estimator"]) == [name for name in ("lp", "logme") for _ in COEFFICIENTS]
    assert list(found["kind"]) == [*COEFFICIENTS, *COEFFICIENTS]
    assert set(found["n"]) == {4}, "without PT, the incomplete row, and what has only one side"
    x = [60.0, 56.0, 54.0, 52.0]
    y = [1.0, 1.5, 2.5, 4.5]
    expected = stats.pearsonr(x, y).statistic
    assert found.loc[0, "value"] == pytest.approx(expected)
    assert found.loc[0, "low"] <= expected <= found.loc[0, "high"]


def test_heads_that_give_one_class_are_no_scores() -> None:
    records = [
        probe_record("learned", (64.0, 66.0), seed=1, largest_class=68.0),
        probe_record("stuck", (68.0, 68.0), seed=2, one_class=(0, 1), largest_class=68.0),
        probe_record("half", (68.0, 71.0), seed=3, one_class=(0,), largest_class=68.0),
    ]
    ranking = ranking_of(records, pretrained="stuck")
    table = ranking.table.set_index("model")
    assert list(table.index) == ["half", "learned", "stuck"]
    assert table["status"].tolist() == ["done", "done", "one class"]
    assert pd.isna(table.loc["stuck", "score"]) and pd.isna(table.loc["stuck", "rank"])
    assert table.loc["stuck", "reason"] == (
        "All 2 heads give one class to every test example: 68.00 is the share of that class, no score."
    )
    # Of the half, the head that learned counts alone, with its own answers.
    assert (table.loc["half", "score"], table.loc["half", "n"]) == (71.0, 1)
    assert (
        table.loc["half", "score_low"] > 60 and "1 of 2 heads gives" in table.loc["half", "notes"]
    )
    assert ranking.pretrained is None and table["gain"].isna().all()
    assert (ranking.largest_class, ranking.n_test) == (68.0, 200)


def test_the_probability_of_being_the_best_knows_the_test_set() -> None:
    """Seeds agree to the digit, and 150 test examples still decide little."""

    def best(ahead: float, n_test: int) -> float:
        records = [probe_record(f"m{k}", (60.0, 60.0), n_test, seed=k) for k in range(4)]
        records.append(probe_record("first", (60.0 + ahead,) * 2, n_test, seed=9))
        table = ranking_of(records).table.set_index("model")
        assert table["best"].sum() == pytest.approx(1.0)
        return float(table.loc["first", "best"])

    assert best(2.0, 150) < 0.6
    assert best(2.0, 150) < best(8.0, 150) < best(30.0, 150)
    assert best(30.0, 150) > 0.99 and best(8.0, 5000) > 0.99


def test_probabilities_of_being_the_best_are_those_that_come_true() -> None:
    """Models are of one distribution, and the best measured of many is often a lucky one."""
    rng = np.random.default_rng(5)
    claimed, came_true = [], []
    for trial in range(60):
        true_M = 0.6 + 0.03 * rng.normal(size=12)
        records = []
        for m, true in enumerate(true_M):
            right = rng.random((1, 150)) < true
            score = 100 * right.mean()
            record = probe_record(f"m{m}", (50.0,), 150, id=f"{trial * 100 + m:012x}")
            heads = tuple(
                type(h)(h.seed, h.learning_rate, head_result(score, 5.0, 150))
                for h in record.heads
                if h.learning_rate == record.learning_rate
            )
            changed = {**vars(record), "heads": heads, "answers": pack_answers(right)}
            records.append(type(record)(**changed))
        table = ranking_of(records, asked=1).table
        claimed.append(table.loc[0, "best"])
        came_true.append(table.loc[0, "model"] == f"m{true_M.argmax()}")
    assert np.mean(claimed) == pytest.approx(np.mean(came_true), abs=0.12)


def test_models_with_one_owner_or_the_same_weights_are_resampled_together() -> None:
    names = [f"org/{k}" for k in range(4)] + [f"u{k}/m" for k in range(6)]
    records = [probe_record(name, (50.0 + k,), seed=k) for k, name in enumerate(names)]
    twin = {**vars(records[-1]), "model": records[-2].model.__class__("twin/x", "twin/x")}
    twin["model"] = type(twin["model"])("twin/x", "twin/x", None, records[-1].model.fingerprint)
    records.append(type(records[-1])(**twin))
    gains = pd.DataFrame({"a": range(11)}, index=[*names, "twin/x"], dtype=float)
    found = gain_correlations(ranking_of(records, asked=1), gains)
    assert found["n"].unique().tolist() == [11] and found["clusters"].unique().tolist() == [7]
