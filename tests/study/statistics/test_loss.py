"""What trying only the best ranked models loses, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics.loss import LOSS
from tests.stats.studies import computed, matrix_of, matrix_study, random_gains

# By average: x, y, z, w. Without target a: y, z, w, x.
GAINS = matrix_of({"x": [9, 0, 1], "y": [1, 4, 3], "z": [0, 3, 3.5], "w": [2, 2, 2]})
PROBE = pd.Series({"w": 60.0, "z": 55.0, "y": 50.0, "x": 40.0})
ALL = [
    f"loss_{n}_by_{by}" for by in ("probe", "average", "average_of_other_targets") for n in (1, 3)
]


def losses(result: Result) -> dict[tuple[str, int], list[float]]:
    """Losses by ranking and by how many are tried: of each target."""
    found = LOSS.of(result) or ()
    return {(n.ranking, n.loss.top): [t.loss for t in n.loss.targets] for n in found}


def test_losses_of_every_ranking() -> None:
    result = computed(LOSS, matrix_study(GAINS, probe=PROBE))
    assert result.not_computed == {}
    assert losses(result) == {
        ("probe", 1): [7.0, 2.0, 1.5],
        ("probe", 3): [7.0, 0.0, 0.0],
        ("average", 1): [0.0, 4.0, 2.5],
        ("average", 3): [0.0, 0.0, 0.0],
        # For a: y is the best elsewhere; for b: x, with (9 + 1)/2; for c: x, with (9 + 0)/2.
        ("average of other targets", 1): [8.0, 4.0, 2.5],
        # For a: y, z and w; for b: x, then y and w with 2, before z with 1.75; for c: x, y, w.
        ("average of other targets", 3): [7.0, 0.0, 0.5],
    }


def test_they_are_named_in_the_summary_and_in_the_tables() -> None:
    result = computed(LOSS, matrix_study(GAINS, probe=PROBE))
    value = LOSS.of(result)
    assert value is not None
    plain = LOSS.plain(value)
    assert set(plain) == set(LOSS.parts) == set(ALL)
    assert plain["loss_1_by_probe"].average == pytest.approx(10.5 / 3)
    tables = {table.name: table for table in LOSS.tables(result)}
    assert list(tables) == [
        f"{name}{targets}"
        for name in (
            "table1_loss_by_probe",
            "table6_loss_by_average",
            "table6_loss_by_average_of_others",
        )
        for targets in ("", "_targets")
    ]
    by_probe = tables["table1_loss_by_probe"].rows.set_index("top")
    assert by_probe.loc[1].to_dict() == {
        "average_loss": 3.5,
        "max_loss": 7.0,
        "targets_above_1": 3,
        "targets": 3,
        "targets_undecided": 0,
        "models_ranked": 4,
    }
    by_target = tables["table1_loss_by_probe_targets"].rows
    assert by_target[["top", "target", "loss", "chosen"]].to_numpy().tolist()[:3] == [
        [1, "a", 7.0, "w"],
        [1, "b", 2.0, "w"],
        [1, "c", 1.5, "w"],
    ]


def test_a_target_without_a_cell_of_the_best_is_not_decided() -> None:
    gains = GAINS.copy()
    gains.loc["w", "b"] = np.nan
    result = computed(LOSS, matrix_study(gains, probe=PROBE))
    (loss,) = [n.loss for n in LOSS.of(result) or () if (n.ranking, n.loss.top) == ("probe", 1)]
    assert (loss.decided, loss.undecided) == (2, 1)
    assert loss.average == pytest.approx((7.0 + 1.5) / 2)


@pytest.mark.parametrize(
    ("gains", "probe", "missing"),
    [
        (GAINS, None, dict.fromkeys(ALL[:2], "There are no probe scores.")),
        (GAINS[["a"]], PROBE, dict.fromkeys(ALL[4:], "There is only one target.")),
        (
            GAINS.iloc[:3],
            PROBE,
            dict.fromkeys(ALL[1::2], "There are only 3 base models with a gain."),
        ),
        (
            GAINS.iloc[:1],
            PROBE,
            dict.fromkeys(ALL, "There is only 1 base model with a gain."),
        ),
    ],
    ids=["no probe", "one target", "three models", "one model"],
)
def test_each_part_has_its_own_reason(
    gains: pd.DataFrame, probe: pd.Series | None, missing: dict[str, str]
) -> None:
    known = {} if probe is None else {"probe": probe}
    result = computed(LOSS, matrix_study(gains, **known))
    assert result.not_computed == missing
    there = {name for name in ALL if name not in missing}
    assert set(LOSS.plain(LOSS.of(result) or ())) == there


def test_trying_more_models_of_a_ranking_never_loses_more() -> None:
    gains = random_gains(6, 10)
    found = losses(computed(LOSS, matrix_study(gains, probe=gains.mean(axis=1))))
    for way in ("probe", "average", "average of other targets"):
        assert (np.array(found[way, 3]) <= np.array(found[way, 1])).all()
    assert found["probe", 1] == found["average", 1], "the probe orders them as the average does"
