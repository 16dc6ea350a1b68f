"""Everything that a study allows is computed, and the rest has a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.averages import average_gains
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.inputs import Study, single_scores
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.summary import summarise
from tests.stats.studies import planted_scores, study_of, study_of_runs

GROUPS = {"one": ("a", "b", "c"), "two": ("d", "e")}
# Statistics whose parts are computed, or not, one by one.
PARTS = {
    "loss": [
        f"loss_{n}_by_{by}"
        for n in (1, 3)
        for by in ("probe", "average", "average_of_other_targets")
    ],
    "gain_intervals": ["gain_intervals", "gain_intervals_unseen"],
}


def matrix_study(gains: pd.DataFrame) -> Study:
    return Study("matrix", "matrix", "PT", single_scores(gains.rename_axis("base")))


def random_gains(models: int, targets: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).standard_normal((models, targets))
    return pd.DataFrame(
        values, index=[f"m{k}" for k in range(models)], columns=[f"t{k}" for k in range(targets)]
    )


def check_complete(result: Result) -> None:
    """Every statistic is there or has a reason, and the summary is finite JSON."""
    summary = summarise(result)
    json.loads(json.dumps(summary, allow_nan=False))
    for name in STATISTICS:
        computed = summary["statistics"].get(name)
        for part in PARTS.get(name, [name]):
            there = computed is not None and (
                name not in PARTS or name == "gain_intervals" or part in computed
            )
            reason = result.not_computed.get(part)
            assert there or reason, part
            assert reason is None or reason.endswith("."), (part, reason)
    for name, reason in result.not_computed.items():
        assert "Error" not in reason and "\n" not in reason, name


def test_a_whole_grid_allows_all_but_what_needs_more_inputs() -> None:
    result = analyse_study(study_of_runs(groups=GROUPS))
    check_complete(result)
    assert set(result.not_computed) == {
        "probe_gain",
        "loss_1_by_probe",
        "loss_3_by_probe",
        "size_effects",
        "size_curves",
        "architectures",
    }


STUDIES = {
    "one seed": lambda: study_of_runs(seeds=1),
    "one target": lambda: study_of_runs(targets=("a",)),
    "one source": lambda: study_of_runs(("a",), targets=("a", "b")),
    "two sources": lambda: study_of_runs(("a", "b"), seeds=2),
    "nothing done": lambda: study_of_runs(("a", "b", "c"), failed=_all_failed()),
    "no pretrained": lambda: study_of_runs(
        failed={f"PT:{t}:{s}": "x" for t in "abcde" for s in range(3)}
    ),
    "one target lost": lambda: study_of_runs(failed={f"PT:b:{s}": "diverged" for s in range(3)}),
    "one row lost": lambda: study_of_runs(
        missing=tuple(f"b:{t}:{s}" for t in "abcde" for s in range(3)), groups=GROUPS
    ),
    "holes": lambda: study_of_runs(
        failed={"b:a:0": "x", "b:a:1": "x", "b:a:2": "x", "c:d:1": "x"}, groups=GROUPS
    ),
    "matrix": lambda: matrix_study(random_gains(4, 5)),
    "one cell": lambda: matrix_study(
        random_gains(4, 5).where(np.eye(4, 5) * 0 + np.arange(20).reshape(4, 5) == 7)
    ),
    "constant": lambda: matrix_study(random_gains(4, 5) * 0.0),
    "two targets": lambda: matrix_study(random_gains(6, 2)),
    "diagonal": lambda: matrix_study(random_gains(5, 5).where(np.eye(5) == 1)),
}


def _all_failed() -> dict[str, str]:
    return {f"{b}:{t}:{s}": "x" for b in ("PT", "a", "b", "c") for t in "abc" for s in range(3)}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("how", [None, "common", "additive"])
def test_what_a_study_does_not_allow_has_a_reason(name: str, how: str | None) -> None:
    check_complete(analyse_study(STUDIES[name](), Options(how=how)))  # type: ignore[arg-type]


def test_the_best_model_is_found_with_its_probability(tmp_path: Path) -> None:
    result = analyse_study(study_of(planted_scores(), tmp_path))
    models = result.models()
    assert list(models["base"]) == ["m0", "m1", "m2", "m3", "m4"]
    assert result.statistics["ranks"].basis == "seeds"
    assert models.loc[0, "best"] > 0.95
    assert (models["low"] < models["average"]).all() and (models["average"] < models["high"]).all()
    # One point apart, with an error of about 0.1: all are told apart, and the truth is inside.
    truth = np.array([6.0, 5.0, 4.0, 3.0, 2.0])
    assert ((models["low"] < truth) & (truth < models["high"])).sum() >= 4
    assert result.statistics["ranks"].table.groups == 5
    assert result.statistics["sensitivity"].representative == "m0"


def test_missing_cells_are_not_averaged_over_other_targets(tmp_path: Path) -> None:
    scores = planted_scores(noise=0.0)
    # m4 is the worst, but lacks the two targets where nobody gains much.
    lost = (scores["base"] == "m4") & scores["target"].isin(["t0", "t1"])
    study = study_of(scores[~lost], tmp_path)
    plain_means = study.gains.mean.mean(axis=1)
    assert plain_means["m4"] > 2.5
    additive = analyse_study(study)
    assert additive.averages.how == "additive"
    assert additive.averages.targets == ("t0", "t1", "t2", "t3", "t4")
    common = analyse_study(study, Options(how="common"))
    assert common.averages.targets == ("t2", "t3", "t4")
    assert common.averages.left_out == ("t0", "t1")
    assert list(common.models()["base"])[-1] == "m4"
    assert list(additive.models()["base"])[-1] == "m4"


def test_ranks_without_seeds_are_uncertain_by_targets() -> None:
    gains = random_gains(3, 40)
    gains.loc["m0"] += 3.0
    # m1 and m2 differ by nothing but noise, and by little.
    gains.loc["m2"] = gains.loc["m1"] + np.random.default_rng(5).standard_normal(40)
    gains.loc["m2"] -= (gains.loc["m2"] - gains.loc["m1"]).mean() - 0.01
    result = analyse_study(matrix_study(gains))
    assert result.statistics["ranks"].basis == "targets"
    best = result.models().set_index("base")
    assert best.loc["m0", "best"] == 1.0
    assert best.loc["m0", "groups"] == "1"
    assert set(best.loc["m1", "groups"].split()) & set(best.loc["m2", "groups"].split())
    drawn = result.statistics["ranks"].averages
    expected = average_gains(gains, "common").series()
    np.testing.assert_allclose(drawn.mean(), expected[drawn.columns], atol=0.02)
    # Differences of two models have the standard error of their paired differences.
    difference = gains.loc["m2"] - gains.loc["m1"]
    spread = (drawn["m2"] - drawn["m1"]).std()
    assert spread == pytest.approx(difference.std(ddof=0) / np.sqrt(40), rel=0.06)


def test_mnli_represents_where_it_is_there() -> None:
    gains = random_gains(4, 6).rename(index={"m2": "MNLI"})
    found = analyse_study(matrix_study(gains)).statistics["sensitivity"]
    assert found.representative == "MNLI"
    found = analyse_study(matrix_study(gains), Options(representative="m1")).statistics[
        "sensitivity"
    ]
    assert found.representative == "m1"
    with pytest.raises(IntertrainError, match="--representative must be a base model"):
        analyse_study(matrix_study(gains), Options(representative="mnil"))


def test_the_probe_is_joined_by_name_not_by_place() -> None:
    gains = random_gains(12, 30)
    probe = gains.mean(axis=1) * 4 + 50
    study = replace(matrix_study(gains), probe=probe.sample(frac=1.0, random_state=3))
    (found,) = analyse_study(study).statistics["probe_gain"]
    assert found.pearson.value == pytest.approx(1.0)
    assert found.line.slope == pytest.approx(0.25)
    assert found.pearson.n == 12


def test_suspicious_rows_are_in_the_second_correlation() -> None:
    gains = random_gains(12, 30)
    average = gains.mean(axis=1)
    everything = pd.DataFrame(
        {
            "average": [*average, 9.0],
            "probe": [*(average * 4 + 50), 10.0],
            "suspicious": [False] * 12 + [True],
        }
    )
    study = replace(
        matrix_study(gains), probe=average * 4 + 50, kind="leaderboard", with_suspicious=everything
    )
    without, with_them = analyse_study(study).statistics["probe_gain"]
    assert (without.pearson.n, with_them.pearson.n) == (12, 13)
    assert without.pearson.value == pytest.approx(1.0)
    assert with_them.pearson.value < 0.0


def test_the_same_study_gives_the_same_numbers() -> None:
    first, second = (analyse_study(study_of_runs(groups=GROUPS)) for _ in range(2))
    assert json.dumps(summarise(first)) == json.dumps(summarise(second))


def test_a_second_architecture_is_joined_by_name() -> None:
    gains = random_gains(5, 6)
    other = matrix_study(gains.iloc[::-1, ::-1] * 2.0)
    found = analyse_study(matrix_study(gains), Options(other=other)).statistics["architectures"]
    assert found.max_gain_pearson.value == pytest.approx(1.0)
    assert found.base_pearson.n == 5
    stranger = matrix_study(gains.rename(columns=lambda name: f"other {name}"))
    result = analyse_study(matrix_study(gains), Options(other=stranger))
    with pytest.raises(KeyError, match="was not computed: Only 0 targets"):
        result.statistics["architectures"]
    assert result.not_computed["architectures"].startswith("Only 0 targets are common")
