"""The ranking on a terminal: nothing cut, nothing read as markup, gaps visible."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from intertrain_jax.report.ranking import print_correlations, print_ranking
from intertrain_jax.study.model_ranking import gain_correlations, rank_models
from tests.probe_runs import failed_record, probe_record


def shown(records: list[object], width: int = 120, **given: object) -> str:
    by_label = {record.model.label: record for record in records}  # type: ignore[attr-defined]
    options = {"pretrained": None, "asked": 2, "estimators": ("logme",), **given}
    console = Console(file=io.StringIO(), width=width)
    print_ranking(console, rank_models(list(by_label), by_label, **options))  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_scores_gains_and_intervals_are_shown() -> None:
    records = [probe_record("pt", (60.0, 60.0)), probe_record("best", (70.0, 71.0))]
    text = shown(records, pretrained="pt")
    best = next(line for line in text.splitlines() if " best " in line)
    assert best.split()[:4] == ["1", "[1,", "1]", "best"]
    assert "70.50" in best and "+10.50" in best and "0.71" in best
    assert "0.705" in text
    assert "pt (PT)" in text
    assert "95 % intervals" in text


def test_markup_in_names_and_reasons_is_text() -> None:
    text = shown([probe_record("[red]a[/red]"), failed_record("[bold]b", "[link=x]gone[/link]")])
    assert "[red]a[/red]" in text
    assert "failed: [bold]b: [link=x]gone[/link]" in text


def test_long_names_are_folded_not_cut() -> None:
    name = "organisation/" + "a-very-long-name-of-a-model-" * 3
    text = shown([probe_record(name)], width=100)
    assert name in "".join(text.split()).replace("│", "") or all(
        name[i : i + 20] in text for i in range(0, len(name) - 20, 24)
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_nothing_is_cut_whatever_the_width(width: int) -> None:
    records = [
        probe_record("package:some_package/a/model", (60.0, 60.0)),
        probe_record("results/some-grid/models/rotten_tomatoes", (70.0, 71.0)),
    ]
    text = shown(records, width, pretrained="package:some_package/a/model")
    words = text.replace("…", "CUT").split()
    for word in ("rank", "model", "score", "±seeds", "gain", "seconds", "70.50", "+10.50", "0.71"):
        assert word in words, word
    assert "CUT" not in text.replace("…", "CUT")
    assert all(len(line) <= max(width, 60) for line in text.splitlines() if "│" in line)
    whole = text.split("score:", maxsplit=1)[0].count("rank  ")
    assert whole >= (2 if width < 80 else 1)


def test_a_long_ranking_shows_its_ends_and_counts_the_rest() -> None:
    records = [probe_record(f"m{i:02}", (40.0 + i / 2,)) for i in range(60)]
    text = shown(records, asked=1)
    assert "m59" in text and "m30" in text and "m00" in text
    assert "m10" not in text
    assert "(25 more in the file)" in text


def test_fewer_seeds_than_asked_are_counted() -> None:
    assert "n=2" in shown([probe_record("a")], asked=5)
    assert "n=2" not in shown([probe_record("a")], asked=2)


def test_a_single_seed_has_no_spread() -> None:
    line = next(x for x in shown([probe_record("a", (60.0,))], asked=1).splitlines() if " a " in x)
    assert "–" in line and "nan" not in line


def test_correlations_come_with_n_p_and_interval() -> None:
    records = [probe_record(f"m{i}", (50.0 + 2 * i,), seed=i) for i in range(6)]
    by_label = {record.model.label: record for record in records}
    ranking = rank_models(list(by_label), by_label, None, 1, ("logme",))
    gains = pd.DataFrame({"x": range(6)}, index=[f"m{i}" for i in range(6)], dtype=float)
    console = Console(file=io.StringIO(), width=200)
    print_correlations(console, gain_correlations(ranking, gains))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "6 models on 1 target:" in text
    assert "pearson +1.00" in text and "spearman +1.00" in text and "n 6" in text
    assert text.splitlines()[1].split()[0] == "lp"


def test_models_without_a_score_say_so_beside_the_largest_class() -> None:
    learned = probe_record("learned", (70.0, 71.0), largest_class=68.0)
    stuck = probe_record("stuck", (68.0, 68.0), one_class=(0, 1), largest_class=68.0)
    text = " ".join(shown([learned, stuck]).split())
    assert "one class: stuck: All 2 heads give one class to every test example: 68.00 is" in text
    assert "allow for another test set of 200 examples and for other seeds" in text
    assert (
        "The largest class alone has 68.00 % of the test set, and 0 of 1 model surely more" in text
    )
    assert "P(best)" in text and ">0.99" in text
