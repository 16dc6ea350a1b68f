"""The five lines that a reader needs most."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from intertrain_jax.readers.csv import Frame
from intertrain_jax.readers.leaderboard import Leaderboard
from intertrain_jax.readers.matrix import Matrix
from intertrain_jax.readers.pairs import Pairs
from intertrain_jax.report.closing import closing_lines, pairs_lines, print_closing
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.inputs import KnownTasks, study_of_leaderboard, study_of_matrix
from intertrain_jax.study.pairs import analyse_pairs
from tests.stats.studies import planted_scores, study_of, study_of_runs


def test_five_lines_of_a_planted_study(tmp_path: Path) -> None:
    lines = dict(closing_lines(analyse_study(study_of(planted_scores(), tmp_path))))
    assert list(lines) == ["best base model", "significant", "ranking", "structure", "not compared"]
    assert lines["best base model"].startswith("m0: average gain +")
    assert " points over 5 targets, the highest of 5 base models; 95 %" in lines["best base model"]
    assert "] with other seeds on the same test sets; probability of" in lines["best base model"]
    assert (
        "of being the best >0.99, of the top 3 >0.99; all three allow for luck in being the highest"
        in (lines["best base model"])
    )
    assert lines["significant"].startswith("of 25 gains with two seeds or more, ")
    assert lines["ranking"] == (
        "m0 is first: with other seeds on the same test sets, each of the other 4 is behind the first"
        " with a probability of at least 95 %"
    )
    assert lines["not compared"].startswith("0 of 25 cells missing; not computed, for reasons in ")


def test_an_undecided_ranking_says_so(tmp_path: Path) -> None:
    scores = planted_scores(bases=4, noise=8.0, best=0.0, seeds=2)
    lines = dict(closing_lines(analyse_study(study_of(scores, tmp_path))))
    assert lines["ranking"].startswith("undecided: with other seeds on the same test")


def test_gaps_are_counted() -> None:
    study = study_of_runs(missing=("b:a:0", "b:a:1", "b:a:2"), failed={"c:d:1": "diverged"})
    line = dict(closing_lines(analyse_study(study)))["not compared"]
    assert line.startswith(
        "1 of 25 cells missing; 1 with fewer seeds; averages by the additive model"
    )


def test_nothing_done_has_five_lines_too() -> None:
    failed = {f"{b}:{t}:{s}": "x" for b in ("PT", "a", "b") for t in "ab" for s in range(2)}
    lines = closing_lines(analyse_study(study_of_runs(("a", "b"), seeds=2, failed=failed)))
    assert len(lines) == 5
    assert "nan" not in str(lines)


def test_names_are_not_markup() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system=None)
    print_closing(console, [("best", "[red]x[/red] [link=http://x]")])
    assert "[red]x[/red] [link=http://x]" in stream.getvalue()


def test_pairs() -> None:
    x = np.arange(8.0)
    pairs = Pairs("file", ("",) * 8, "probe", "gain", x, 0.5 * x - 1.0)
    lines = dict(pairs_lines(analyse_pairs(pairs)))
    assert lines["Pearson"].startswith("1.00 [")
    assert lines["line"].startswith("gain = 0.500·probe − 1.00")
    assert lines["weighted τ"] == "1.00 (no interval), p at most 0.001, n = 8"
    with_gap = replace(pairs, y=np.where(x == 3, np.nan, pairs.y))
    assert dict(pairs_lines(analyse_pairs(with_gap)))["pairs"].endswith(": 7 of 8 rows have both")


def test_one_seed_has_no_significance(tmp_path: Path) -> None:
    lines = dict(closing_lines(analyse_study(study_of(planted_scores(seeds=1), tmp_path))))
    assert lines["significant"] == "not known: no cell has two seeds"
    assert "] on other targets like these; " in lines["best base model"]


@pytest.mark.parametrize("how", ["common", "additive"])
def test_how_averages_are_taken_is_said(tmp_path: Path, how: str) -> None:
    from intertrain_jax.study.result import Options

    scores = planted_scores()
    lost = (scores["base"] == "m4") & (scores["target"] == "t0")
    study = study_of(pd.DataFrame(scores[~lost]), tmp_path)
    line = dict(closing_lines(analyse_study(study, Options(how=how))))["not compared"]  # type: ignore[arg-type]
    expected = {"common": "over 4 common targets", "additive": "by the additive model"}
    assert expected[how] in line


def test_a_headline_on_one_target_says_so(tmp_path: Path) -> None:
    lines = dict(closing_lines(analyse_study(study_of(planted_scores(targets=1), tmp_path))))
    for word in ("best base model", "ranking"):
        assert lines[word].endswith("; this rests on one target, t0, alone"), lines[word]


def test_structure_names_the_best_regressor(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def line(gains: np.ndarray) -> str:
        frame = pd.DataFrame(gains, index=[f"m{k}" for k in range(len(gains))]).add_prefix("t")
        matrix = Matrix(Frame(frame), pd.Series(frame.index), frame.reset_index(drop=True))
        return dict(closing_lines(analyse_study(study_of_matrix(matrix, KnownTasks()))))[
            "structure"
        ]

    base, noise = rng.normal(size=(20, 1)), rng.normal(size=(20, 8))
    assert line(noise).startswith(
        "gains follow none of 3 rules: the mean of all predicts 160 gains"
    )
    assert line(3 * base + 0.3 * noise).startswith(
        "gains follow the base model's average, the best"
    )
    both = line(3 * base * np.arange(1, 9) + 0.1 * noise)
    assert both.startswith("gains follow (base + target)·sensitivity, the best of 3 rules: on 160")
    assert both.endswith("(p at most 0.01)")
    assert " by which gains are held out), that of the mean of all " in both


def board_lines(impossible: np.ndarray) -> dict[str, str]:
    """Returns the lines of 20 models, of which the last has these scores on 6 targets."""
    rng = np.random.default_rng(3)
    # Models differ, so that one may well be far ahead of the others.
    scores = 60.0 + rng.normal(size=(20, 6)) + rng.normal(size=(20, 1))
    scores[4] += 4.0
    scores[19] = impossible
    table = pd.DataFrame(scores).add_prefix("t")
    names = pd.Series(["roberta", *(f"m{k}" for k in range(1, 20))])
    board = Leaderboard(table, names, table["t0"], table.mean(axis=1), 0)
    return dict(closing_lines(analyse_study(study_of_leaderboard("b", board, KnownTasks()))))


def test_headlines_that_rows_with_errors_would_change_are_printed_with_them_too() -> None:
    lines = board_lines(np.array([170.0, 61, 60, 62, 60, 61]))
    assert lines["best base model"].startswith("m4: ")
    assert "; with the 1 row left out for errors it is m19, +2" in lines["best base model"]
    assert (
        "; with the 1 row left out for errors the least error on those held out is"
        in lines["structure"]
    )
    assert "1 row left out: 1 with scores out of range" in lines["not compared"]
    # Its average is the highest on the strength of one target: over others, m4 may be as good.
    assert lines["ranking"].startswith("m4 is first: on other targets like these, ")
    assert re.search(r"with the 1 row left out for errors \d+ may be first", lines["ranking"])


def test_a_headline_that_rows_with_errors_do_not_change_is_printed_once() -> None:
    lines = board_lines(np.array([-0.5, 58, 60, 62, 60, 61]))
    assert "1 row left out: 1 with scores out of range" in lines["not compared"]
    assert lines["best base model"].startswith("m4: ")
    assert "left out for errors" not in lines["best base model"]
