"""Which scores are possible: counts, means of counts, printed digits, and columns that are free."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from intertrain_jax.diagnosis.grids import Grids, fit_grids

SIZES = {"rte": 277, "mrpc": 408, "wic": 638, "cola": 1043, "boolq": 3270, "qnli": 5463}


def counts(rows: int = 30, runs: int = 1) -> np.ndarray:
    """Accuracies of made-up models: whole numbers of right answers."""
    size = np.array(list(SIZES.values())) * runs
    share = np.random.default_rng(0).uniform(0.5, 0.95, (rows, len(SIZES)))
    return np.rint(share * size) / size * 100


def possible(value: float, size: int, unit: Fraction) -> bool:
    """By its definition, in whole numbers: a count that rounds to the value."""
    low, high = Fraction(value) - unit / 2, Fraction(value) + unit / 2
    return any(low <= Fraction(100 * k, size) <= high for k in range(size + 1))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("decimals", [2, 4, 12])
def test_sizes_are_found_and_scores_of_other_columns_are_impossible(
    named: bool, decimals: int
) -> None:
    scores = np.round(counts(), decimals)
    names = list(SIZES) if named else list("abcdef")
    scores[4, [0, 3]] = scores[4, [3, 0]]
    grids = fit_grids(scores, names)
    found = np.isfinite(grids.size)
    assert found[:3].all() and (grids.size[found] == np.array(list(SIZES.values()))[found]).all()
    sound = np.delete(np.arange(30), 4)
    assert grids.possible(scores)[sound].all() and not grids.possible(scores)[4].all()


def test_possible_is_what_whole_numbers_say() -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.uniform(40, 60, 300), 2)
    one = np.ones(1)
    grids = Grids(np.array([277.0]), np.zeros(1), np.full(300, 0.01), np.ones(300, dtype=int))
    expected = [possible(round(v, 2), 277, Fraction(1, 100)) for v in values]
    assert grids.possible(values[:, None])[:, 0].tolist() == expected
    assert 0 < sum(expected) < 300 and one.all()


def test_few_digits_decide_about_small_sets_only() -> None:
    scores = np.round(counts(), 1)
    grids = fit_grids(scores, list(SIZES))
    assert grids.size[0] == 277 and np.isnan(grids.size[-2:]).all()


def test_means_over_runs_lie_on_finer_grids() -> None:
    grids = fit_grids(counts(runs=3), list(SIZES))
    assert set(grids.runs.tolist()) == {3} and grids.size.tolist() == list(SIZES.values())
    assert grids.possible(counts(runs=3)).all()


def test_one_row_of_means_is_told_from_a_moved_one() -> None:
    scores = counts()
    scores[7] = counts(runs=20)[7]
    scores[9] = np.roll(scores[9], 1)
    grids = fit_grids(scores, list(SIZES))
    assert grids.runs[7] == 20 and grids.possible(scores)[7].all()
    assert grids.runs[9] == 1 and not grids.possible(scores)[9].any()


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_the_pretrained_row_is_possible_with_any_number_of_runs(decimals: int) -> None:
    scores = counts()
    scores[0] = counts(runs=20)[0]
    grids = fit_grids(np.round(scores, decimals), list(SIZES), pretrained=0)
    assert grids.possible(np.round(scores, decimals))[0].all()


def test_a_column_that_holds_something_else_is_free() -> None:
    scores = counts()
    scores[:, 1] = np.random.default_rng(2).uniform(80, 90, 30)  # F1, not accuracy
    grids = fit_grids(scores, list(SIZES))
    assert np.isnan(grids.size[1]) and np.isfinite(np.delete(grids.size, 1)).all()
    assert np.isnan(fit_grids(scores, ["stsb", *list(SIZES)[1:]]).size[0])


def test_a_row_that_is_rounded_is_judged_by_its_own_digits() -> None:
    scores = counts()
    scores[3] = np.round(scores[3], 2)
    assert fit_grids(scores, list(SIZES)).possible(scores)[3].all()


def test_random_numbers_have_no_grid() -> None:
    scores = np.random.default_rng(3).uniform(50, 90, (40, 6))
    for decimals in (1, 2, 3, 12):
        grids = fit_grids(np.round(scores, decimals), list("abcdef"))
        assert grids.possible(np.round(scores, decimals)).all()
        assert decimals < 3 or np.isnan(grids.size).all()


def test_empty_cells_are_possible_anywhere_and_factors_know_nothing_of_them() -> None:
    scores = counts()
    scores[2, 1] = np.nan
    grids = fit_grids(scores, list(SIZES))
    assert grids.possible_anywhere(scores)[2, 1].all()
    assert (grids.log_factors(scores)[2, 1] == 0).all()
    own = np.diagonal(grids.log_factors(scores), axis1=1, axis2=2)
    assert (np.delete(own, 2, axis=0) > 0).all()


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("decimals", [0, 1, 2, 3])
def test_scores_that_are_rounded_beside_a_probe_that_is_not(named: bool, decimals: int) -> None:
    """The digits of one column are not those of the others: 10,000 fits all scores of two decimals."""
    scores = counts(60)
    probe = np.random.default_rng(2).uniform(40, 60, (60, 1))
    table = np.concatenate([np.round(scores, decimals), probe], axis=1)
    names = [*(SIZES if named else "abcdef"), "probe"]
    grids = fit_grids(table, names)
    found, true = grids.size[:6], np.array(list(SIZES.values()))
    assert ((found == true) | np.isnan(found)).all() and np.isnan(grids.size[6])
    assert grids.possible(table).all() and (grids.runs == 1).all()
    # So with one row that comes from a paper, in a table with all digits.
    mixed = np.concatenate([scores, probe], axis=1)
    mixed[7, :6] = np.round(mixed[7, :6], decimals)
    grids = fit_grids(mixed, names)
    assert (grids.size[:6] == true).all() and grids.possible(mixed).all()


def test_a_test_set_whose_scores_have_few_digits_of_themselves_is_found() -> None:
    share = np.random.default_rng(3).uniform(0.5, 0.95, (60, 1))
    five_hundred = np.rint(share * 500) / 5.0
    table = np.concatenate([counts(60), five_hundred], axis=1)
    grids = fit_grids(table, [*"abcdefg"])
    assert grids.size[6] == 500
