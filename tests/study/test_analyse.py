"""Everything that a study allows is computed, and the rest has a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.summary import summarise
from tests.stats.studies import matrix_study, random_gains, study_of_runs

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


def test_the_same_study_gives_the_same_numbers() -> None:
    first, second = (analyse_study(study_of_runs(groups=GROUPS)) for _ in range(2))
    assert json.dumps(summarise(first)) == json.dumps(summarise(second))


def test_a_representative_that_is_no_base_model_is_an_error() -> None:
    study = matrix_study(random_gains(4, 6).rename(index={"m2": "MNLI"}))
    with pytest.raises(IntertrainError, match="--representative must be a base model") as raised:
        analyse_study(study, Options(representative="MNL"))
    assert "'MNL'. Did you mean 'MNLI'?" in str(raised.value)


def test_a_long_analysis_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intertrain_jax.study.analyse._EVERY", -1.0)
    said: list[str] = []
    analyse_study(study_of_runs(), say=said.append)
    assert len(said) == len(STATISTICS) and said[0].startswith("computing ")
    assert said[-1].endswith(f", {len(STATISTICS)} of {len(STATISTICS)}")
