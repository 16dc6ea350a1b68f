"""Rankings: losses by hand and by identities, ranks and groups that draws can and cannot tell apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.ranks import loss_at, losses_at_average, rank_table

GAINS = pd.DataFrame(
    [[1.0, 2.0, 0.0, np.nan], [2.5, -1.0, np.nan, np.nan], [0.0, 5.0, 0.5, 1.0]],
    ["a", "b", "c"],
    ["t0", "t1", "t2", "t3"],
)


def random_gains(m: int, n: int, seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(m, n))
    return pd.DataFrame(values, [f"m{i:02}" for i in range(m)], [f"t{j}" for j in range(n)])


def test_losses_by_hand() -> None:
    ranking = pd.Series({"c": 1.0, "a": 3.0, "b": 2.0, "elsewhere": 9.0})
    one = loss_at(GAINS, ranking, 1)
    assert [t.loss for t in one.targets] == pytest.approx([1.5, 3.0, 0.5, np.nan], nan_ok=True)
    assert [t.chosen for t in one.targets] == ["a", "a", "a", None]
    assert [t.best for t in one.targets] == ["b", "c", "c", "c"]
    assert (one.average, one.maximum) == pytest.approx((5 / 3, 3.0))
    assert (one.above, one.decided, one.undecided, one.ranked) == (2, 3, 1, 3)
    two = loss_at(GAINS, ranking, 2)
    assert [t.chosen for t in two.targets] == ["b", "a", "a", None]
    # b has no cell on t2, and c does not take its place.
    assert [t.candidates for t in two.targets] == [2, 2, 1, 0]
    assert [t.loss for t in loss_at(GAINS, ranking, 3).targets] == [0.0] * 4


def test_a_model_without_a_score_is_never_chosen() -> None:
    ranking = pd.Series({"a": np.nan, "b": 2.0})
    found = loss_at(GAINS, ranking, 3)
    assert found.ranked == 1
    assert [t.chosen for t in found.targets] == ["b", "b", None, None]


def test_equal_scores_are_ranked_by_name_and_never_by_position() -> None:
    gains = random_gains(6, 4, 0)
    ranking = pd.Series(1.0, gains.index)
    shuffled = gains.sample(frac=1, random_state=1)
    assert loss_at(gains, ranking, 2) == loss_at(shuffled, ranking[::-1], 2)


@pytest.mark.parametrize("top", [1, 3])
def test_a_ranking_that_every_target_shares_loses_nothing(top: int) -> None:
    gains = random_gains(8, 1, 1).dot(np.ones((1, 5))) + np.arange(5.0)
    ranking = gains.mean(axis=1)
    found = loss_at(gains, ranking, top)
    assert found.maximum == 0 and found.above == 0
    assert loss_at(gains, -ranking, top).average > 0
    for leave_out in (False, True):
        assert losses_at_average(gains, (top,), leave_out)[0].maximum == pytest.approx(0)


def test_more_tries_never_lose_more_and_all_lose_nothing() -> None:
    gains, ranking = random_gains(7, 20, 2), pd.Series(dtype=float)
    ranking = gains.mean(axis=1)
    losses = [loss_at(gains, ranking, top).average for top in range(1, 8)]
    assert losses == sorted(losses, reverse=True) and losses[-1] == 0


def test_left_in_the_target_helps_to_choose_for_itself() -> None:
    gains = random_gains(10, 6, 3)
    inside, outside = (losses_at_average(gains, (1,), leave_out)[0] for leave_out in (False, True))
    assert inside.average == loss_at(gains, gains.mean(axis=1), 1).average
    for target in outside.targets:
        expected = gains.drop(columns=target.target).mean(axis=1).idxmax()
        assert target.chosen == expected
    # Over gains without structure, what is left is luck.
    averages = [
        [losses_at_average(random_gains(10, 6, i), (1,), out)[0].average for out in (False, True)]
        for i in range(40)
    ]
    left_in, left_out = np.mean(averages, axis=0)
    assert left_in < left_out - 0.2


def test_the_average_ranking_is_fair_where_cells_are_missing() -> None:
    # c is the best everywhere, but was only tried on the hard target.
    gains = pd.DataFrame([[5.0, 4.0, -9.0], [4.0, 3.0, -10.0], [np.nan, np.nan, -8.0]])
    gains.index = pd.Index(["a", "b", "c"])
    gains.columns = pd.Index(["easy", "easier", "hard"])
    found = losses_at_average(gains, (1,), leave_target_out=False)[0]
    assert [t.chosen for t in found.targets] == [None, None, "c"]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="at least one"):
        loss_at(GAINS, GAINS["t0"], 0)
    with pytest.raises(ValueError, match="'a' is ranked twice"):
        loss_at(GAINS, pd.Series([1.0, 2.0], ["a", "a"]), 1)
    with pytest.raises(ValueError, match="no draws"):
        rank_table(GAINS["t0"], pd.DataFrame(columns=["a"], dtype=float))
    with pytest.raises(ValueError, match="not a number"):
        rank_table(GAINS["t0"], pd.DataFrame({"a": [np.nan]}))


def normal_draws(scores: pd.Series, std: float, draws: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = scores.to_numpy() + std * rng.normal(size=(draws, len(scores)))
    return pd.DataFrame(values, columns=scores.index)


def test_planted_ranks_without_noise_are_points() -> None:
    scores = pd.Series({"d": 1.0, "a": 4.0, "c": 2.0, "b": 3.0, "unknown": np.nan})
    table = rank_table(scores, normal_draws(scores.dropna(), 1e-9))
    assert [m.base for m in table.models] == ["a", "b", "c", "d"]
    assert [m.rank for m in table.models] == [m.low for m in table.models] == [1, 2, 3, 4]
    assert [m.best for m in table.models] == [1, 0, 0, 0]
    assert [m.top3 for m in table.models] == [1, 1, 1, 0]
    assert [m.groups for m in table.models] == [(1,), (2,), (3,), (4,)]
    assert table.unranked == ("unknown",) and table.groups == 4


def test_what_noise_covers_is_one_group() -> None:
    scores = pd.Series({f"m{i}": -0.01 * i for i in range(6)})
    table = rank_table(scores, normal_draws(scores, 1.0))
    assert {m.groups for m in table.models} == {(1,)}
    assert all(m.low == 1 and m.high == 6 for m in table.models)
    assert sum(m.best for m in table.models) == pytest.approx(1)
    assert sum(m.top3 for m in table.models) == pytest.approx(3)
    assert table.models[0].best == pytest.approx(1 / 6, abs=0.03)


def test_groups_overlap_and_agree_with_the_pairs() -> None:
    scores = pd.Series({f"m{i}": -1.0 * i for i in range(7)})
    draws = normal_draws(scores, 0.75)
    table = rank_table(scores, draws)
    # A step of one is reversed with probability Φ(−1/(0.75·√2)) = 0.17, one of two with 0.03.
    assert [m.groups for m in table.models] == [(1,), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6,)]
    for i, a in enumerate(table.models):
        for b in table.models[i + 1 :]:
            if not set(a.groups) & set(b.groups):
                assert (draws[b.base] >= draws[a.base]).mean() <= 0.05


def test_tied_scores_share_their_rank() -> None:
    scores = pd.Series({"b": 1.0, "a": 1.0, "c": 0.0})
    table = rank_table(scores, pd.DataFrame([scores] * 3))
    assert [(m.base, m.rank, m.best) for m in table.models] == [
        ("a", 1.5, 0.5), ("b", 1.5, 0.5), ("c", 3.0, 0.0),
    ]  # fmt: skip
    assert [m.groups for m in table.models] == [(1,), (1,), (2,)]


@pytest.mark.parametrize("alike", [2, 4, 7, 30])
def test_models_that_are_alike_share_the_places_at_the_top(alike: int) -> None:
    """Whatever is tied in a draw, there are one best and three of the best three."""
    names = [f"m{i:02d}" for i in range(alike)]
    scores = pd.Series(dict.fromkeys(names, 1.0) | {"last": 0.0})
    table = rank_table(scores, pd.DataFrame([scores] * 5))
    tied = [m for m in table.models if m.base != "last"]
    assert [m.best for m in tied] == pytest.approx([1 / alike] * alike)
    assert [m.top3 for m in tied] == pytest.approx([min(1.0, 3 / alike)] * alike)
    assert table.models[-1].top3 == (1.0 if alike == 2 else 0.0)


def test_columns_are_joined_by_name() -> None:
    scores = pd.Series({f"m{i}": float(i) for i in range(9)})
    draws = normal_draws(scores, 1.0, draws=200)
    assert rank_table(scores, draws) == rank_table(scores[::-1], draws[draws.columns[::-1]])
