"""Doctor's rules, and what they find in the published leaderboards."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import Findings, repair
from intertrain_jax.readers.leaderboard import Leaderboard, read_leaderboard


def sound(rows: int = 20, columns: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    centre = np.linspace(50, 90, columns)
    return pd.DataFrame(centre + rng.normal(size=(rows, columns)), columns=list("abcdef")[:columns])


def counted(rows: int = 40) -> pd.DataFrame:
    """A sound table of accuracies: numbers of right answers out of sizes that nobody is told."""
    sizes = np.array([277, 408, 638, 871, 1043, 2210])
    centre = np.linspace(50, 90, 6)
    scores = centre + np.random.default_rng(0).normal(size=(rows, 6))
    return pd.DataFrame(np.rint(scores / 100 * sizes) / sizes * 100, columns=list("abcdef"))


def named(scores: pd.DataFrame) -> pd.Series:
    return pd.Series([f"m{row}" for row in scores.index])


def rules(found: Findings) -> list[tuple[int, str, str]]:
    return [(f.row, f.rule, f.severity) for f in found.findings]


def test_a_sound_table_has_no_findings() -> None:
    scores = sound()
    found = examine(scores, named(scores), scores.mean(axis=1))
    assert rules(found) == [] and found.suspicious == frozenset() and found.notes == ()
    assert repair(scores, found).equals(scores)


def test_the_second_row_of_a_model_is_an_error() -> None:
    scores, names = sound(), named(sound())
    names[7] = " M3"
    found = examine(scores, names)
    assert rules(found) == [(7, "same name", "error")]
    assert "as row 3; of 6 scores 6 differ: rank" in found.findings[0].evidence


def test_equal_scores_under_another_name_are_an_error_and_untested_rows_are_not() -> None:
    scores = sound()
    scores.loc[9] = scores.loc[2]
    scores.loc[9, "b"] = scores.loc[2, "b"] = np.nan
    scores.loc[[4, 5]] = np.nan
    assert rules(examine(scores, named(scores))) == [(9, "same scores", "error")]


def test_models_that_learned_nothing_are_equal_without_being_copies() -> None:
    scores = sound(40)
    largest = scores.min() - np.array([20.0, 15, 3, 8, 12, 30])
    for row in (9, 30):
        scores.loc[row] = largest
    scores.loc[5, ["a", "c"]] = largest[["a", "c"]]
    found = examine(scores, named(scores))
    equal = [f for f in found.findings if f.rule == "same scores"]
    assert [(f.row, f.severity) for f in equal] == [(30, "note")]
    assert "Its 6 scores are those of row 9, 'm9', as of models that learned" in equal[0].evidence
    assert found.suspicious == frozenset()


@pytest.mark.parametrize(("examples", "targets"), [(42, 1), (20, 2)])
def test_few_scores_of_few_examples_are_equal_by_chance(examples: int, targets: int) -> None:
    rng = np.random.default_rng(0)
    right = rng.binomial(examples, 0.8, (12, targets))
    right[7] = right[2]
    scores = pd.DataFrame(100.0 * right / examples, columns=list("abc"[:targets]))
    found = examine(scores, named(scores))
    assert found.suspicious == frozenset()
    assert all("as may be by chance" in f.evidence for f in found.findings)
    # With as many digits as a large test set has, one copy is none of chance.
    fine = pd.DataFrame(rng.normal(80, 5, (12, targets)), columns=scores.columns)
    fine.loc[7] = fine.loc[2]
    assert (7, "same scores", "error") in rules(examine(fine, named(fine))) or targets == 1


@pytest.mark.parametrize("value", [-1.0, 100.5])
def test_impossible_scores_are_errors(value: float) -> None:
    scores = sound()
    scores.loc[3, "c"] = value
    assert rules(examine(scores, named(scores))) == [(3, "out of range", "error")]


def test_gains_and_rank_correlations_may_be_negative() -> None:
    gains = sound() - sound().median()
    assert rules(examine(gains, named(gains), kind="gains")) == []
    scores = sound().rename(columns={"c": "stsb"})
    scores.loc[3, "stsb"] = -4.0
    assert [rule for _, rule, _ in rules(examine(scores, named(scores)))] == ["outlier"]
    for name, severity in (("CoLA (MCC)", "note"), ("spearman", "note"), ("rte", "error")):
        table = scores.rename(columns={"stsb": name})
        assert {kind for *_, kind in rules(examine(table, named(table)))} == {severity}


def test_wrong_averages_are_seen_beyond_their_rounding() -> None:
    scores = sound().round(2)
    average = scores.mean(axis=1).round(1)
    assert rules(examine(scores, named(scores), average)) == []
    average[3] += 0.3
    assert rules(examine(scores, named(scores), average)) == [(3, "average", "warning")]
    scores.loc[4] = np.nan
    found = examine(scores, named(scores), average)
    assert "the row has no scores" in found.findings[-1].evidence


def test_cells_far_from_their_columns_are_a_note_however_many() -> None:
    scores = sound()
    scores.loc[3, "a"] = 5.0
    scores.loc[8, ["a", "c", "e"]] = [3.0, 11.0, 2.0]
    found = examine(scores, named(scores))
    assert rules(found) == [(3, "outlier", "note"), (8, "outlier", "note")]
    assert found.suspicious == frozenset()


def test_swapped_cells_are_named_and_put_back_where_they_are_impossible() -> None:
    scores = counted()
    truth = scores.copy()
    scores.loc[3, ["a", "e"]] = truth.loc[3, ["e", "a"]].to_numpy()
    found = examine(scores, named(scores))
    assert rules(found) == [(3, "swapped", "error")]
    assert found.findings[0].confidence > 0.99 and not found.findings[0].not_repaired
    assert repair(scores, found).equals(truth)


def test_swapped_cells_that_are_possible_where_they_stand_stay_there() -> None:
    scores = sound()
    scores.loc[3, ["a", "e"]] = scores.loc[3, ["e", "a"]].to_numpy()
    found = examine(scores, named(scores))
    assert rules(found) == [(3, "swapped", "error")]
    assert "No cell of the row is impossible" in found.findings[0].not_repaired
    assert repair(scores, found).equals(scores)
    assert rules(examine(scores, named(scores), pretrained=3)) == [(3, "outlier", "note")]


def test_a_score_that_no_count_gives_is_an_error_that_stays() -> None:
    scores = counted()
    scores.loc[5, "d"] += 0.013
    found = examine(scores, named(scores))
    assert rules(found) == [(5, "impossible", "error")]
    assert "No number of right answers gives d" in found.findings[0].evidence
    assert repair(scores, found).equals(scores)


def test_the_pretrained_model_may_be_a_mean_over_runs() -> None:
    sizes = np.array([277, 408, 638, 871, 1043, 2210])
    scores = counted()
    right = np.rint(scores.loc[:7].to_numpy() / 100 * sizes).sum(axis=0)
    scores.loc[0] = (right + np.array([1, 3, 1, 1, 1, 3])) / (8 * sizes) * 100
    assert examine(scores, named(scores), pretrained=0).suspicious == frozenset()


def test_the_probe_is_examined_too() -> None:
    scores = counted()
    probe = pd.Series(np.arange(6000, 6040) / 9832 * 100)
    assert rules(examine(scores, named(scores), probe=probe)) == []
    probe[4], probe[6] = 61.3, 101.0
    found = examine(scores, named(scores), probe=probe)
    assert rules(found) == [(4, "impossible", "error"), (6, "out of range", "error")]
    assert "mnli_lp 61.3" in found.findings[0].evidence


def test_thin_columns_are_not_compared_and_named() -> None:
    scores = sound(rows=7)
    assert "fewer than 8 models have scores there: a, b" in examine(scores, named(scores)).notes[0]


@pytest.fixture(scope="module")
def board(published: Path) -> Leaderboard:
    return read_leaderboard(published / "model-recycling" / "roberta-base_table.csv")


@pytest.fixture(scope="module")
def found(board: Leaderboard) -> Findings:
    return examine(
        board.scores, board.names, board.average, probe=board.probe, pretrained=board.pretrained
    )


def test_shifted_rows_of_the_published_table_are_found_and_sound_ones_are_not(
    board: Leaderboard, found: Findings
) -> None:
    full = board.scores[board.scores.notna().all(axis=1)]
    shifted = full.index[full["sst_5bins"] > 75]
    assert len(shifted) == 38 and set(shifted) <= found.suspicious
    distance = (full - full.median()).abs()
    within = (distance <= 5 * 1.4826 * distance.median()).all(axis=1)
    clean = set(full.index[within])
    assert len(clean) > 150
    # One of them is the pretrained model in a second row.
    alarms = {f.row for f in found.findings if f.row in clean}
    assert len(alarms) <= 0.02 * len(clean)


def test_the_order_is_the_one_in_which_the_site_s_pipeline_lists_its_runs(
    published: Path, found: Findings
) -> None:
    runs = pd.read_csv(
        published / "model-recycling" / "models_results_roberta_base_pretrain.csv", sep="\t"
    )
    assert list(found.order) == list(dict.fromkeys(runs["dataset name"]))
    assert found.order_rows >= 30


def test_muppet_lacks_dbpedia(board: Leaderboard, found: Findings) -> None:
    row = board.names.tolist().index("facebook/muppet-roberta-base")
    (finding,) = [f for f in found.findings if f.row == row]
    assert finding.rule == "shifted" and finding.missing == ("dbpedia",)
    assert finding.confidence > 0.95
    for column, value in {"sst2": 94.8, "sst_5bins": 58.1, "mnli": 87.1, "qnli": 93.0}.items():
        assert finding.repaired[column] == pytest.approx(value, abs=0.06)


def test_repaired_rows_pass(board: Leaderboard, found: Findings) -> None:
    again = examine(repair(board.scores, found), board.names, pretrained=board.pretrained)
    repaired = {f.row for f in found.findings if f.repaired}
    moved = {f.row for f in again.findings if f.rule in ("shifted", "swapped", "permuted")}
    assert len(repaired) >= 55 and not repaired & (moved | {board.pretrained})


def test_the_published_table_takes_seconds(board: Leaderboard) -> None:
    start = time.process_time()
    examine(board.scores, board.names, board.average)
    assert time.process_time() - start < 8.0
