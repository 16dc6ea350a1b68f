"""The bilinear fit: against planted structure, a brute-force optimiser, and the singular value bound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from intertrain_jax.stats.bilinear import Bools, Floats, solve

# A complete matrix, missing cells, an empty row and column, a column and a row of one cell.
MASKS = ["complete", "tenth", "third", "empty", "single"]


def mask(name: str, m: int, n: int, rng: np.random.Generator) -> Bools:
    known = np.ones((m, n), bool)
    if name != "complete":
        known = rng.random((m, n)) > (0.1 if name == "tenth" else 0.33)
    if name == "empty":
        known[2] = known[:, 3] = False
    if name == "single":
        known[2] = known[:, 3] = False
        known[2, 0] = known[1, 3] = True
    return known


def errors(gains: Floats, known: Bools) -> float:
    fit = solve(gains[None], known[None], np.random.default_rng(0))
    predicted = fit.base_PxM[0][:, None] * fit.scale_PxN[0] + fit.offset_PxN[0]
    return float(np.square((gains - predicted)[known]).sum())


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("seed", range(3))
def test_planted_structure_is_found_to_machine_precision(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, scale, offset = rng.normal(size=20), rng.normal(1, 1, 12), 5 * rng.normal(size=12)
    gains, known = base[:, None] * scale + offset, mask(name, 20, 12, rng)
    fit = solve(gains[None], known[None], np.random.default_rng(seed))
    rows, columns = known.any(axis=1), known.any(axis=0)
    predicted = fit.base_PxM[0][:, None] * fit.scale_PxN[0] + fit.offset_PxN[0]
    assert fit.converged[0]
    assert np.abs((predicted - gains)[known]).max() < 1e-12
    # Missing cells as well, where a column's line is determined.
    determined = rows[:, None] & (known.sum(axis=0) > 1)
    assert np.abs((predicted - gains)[determined]).max() < 1e-11
    # The gauge: the planted coefficients in the same one, over the columns that have a slope.
    determined_N = known.sum(axis=0) > 1
    assert np.nanmean(fit.base_PxM[0]) == pytest.approx(0, abs=1e-12)
    assert np.nanmean(fit.scale_PxN[0] ** 2) == pytest.approx(1)
    assert np.nansum(fit.scale_PxN[0]) > 0
    ratio = fit.scale_PxN[0][determined_N] / scale[determined_N]
    assert np.ptp(ratio) < 1e-10
    theirs = base - base[rows].mean()
    assert fit.base_PxM[0][rows] * ratio[0] == pytest.approx(theirs[rows], abs=1e-10)
    assert np.isnan(fit.base_PxM[0]).tolist() == (~rows).tolist()
    assert np.isnan(fit.scale_PxN[0]).tolist() == (~columns).tolist()


@pytest.mark.parametrize("name", MASKS)
def test_no_worse_than_a_brute_force_optimiser(name: str) -> None:
    rng = np.random.default_rng(5)
    m, n = 7, 5
    gains = rng.normal(size=(m, 1)) * rng.normal(1, 1, n) + rng.normal(size=(m, n))
    known = mask(name, m, n, rng)

    def residuals(parameters: Floats) -> Floats:
        base, target, scale = np.split(parameters, [m, m + n])
        # The paper's own parameters: (b + t)·t'.
        result: Floats = ((base[:, None] + target) * scale - gains)[known]
        return result

    found = [
        optimize.least_squares(residuals, rng.normal(size=m + 2 * n), max_nfev=300).cost * 2
        for _ in range(8)
    ]
    assert errors(gains, known) <= min(found) * (1 + 1e-4) + 1e-12
    assert errors(gains, known) >= min(found) * (1 - 1e-3) - 1e-12


@pytest.mark.parametrize(("seed", "least"), [(14, 1.195486), (27, 7.989960), (40, 3.246006)])
def test_starts_leave_local_optima(seed: int, least: float) -> None:
    # The least error that sixty-four starts find; from the singular vector alone it is more.
    rng = np.random.default_rng(seed)
    gains, known = rng.normal(size=(7, 5)), rng.random((7, 5)) < 0.67
    assert errors(gains, known) == pytest.approx(least, rel=1e-3)


def test_a_complete_matrix_reaches_the_singular_value_bound() -> None:
    gains = np.random.default_rng(6).normal(size=(30, 11))
    singular = np.linalg.svd(gains - gains.mean(axis=0), compute_uv=False)
    known = np.ones_like(gains, bool)
    assert errors(gains, known) == pytest.approx(np.square(singular[1:]).sum(), rel=1e-6)


def test_the_fit_does_not_depend_on_the_order_of_rows_and_columns() -> None:
    rng = np.random.default_rng(7)
    gains, known = rng.normal(size=(12, 9)), rng.random((12, 9)) < 0.8
    rows, columns = rng.permutation(12), rng.permutation(9)
    moved = errors(gains[rows][:, columns], known[rows][:, columns])
    assert moved == pytest.approx(errors(gains, known), rel=1e-3)


def test_many_matrices_at_once_equal_each_alone() -> None:
    rng = np.random.default_rng(8)
    gains, known = rng.normal(size=(5, 10, 6)), rng.random((5, 10, 6)) < 0.9
    together = solve(gains, known, np.random.default_rng(0))
    for i in range(5):
        alone = solve(gains[i : i + 1], known[i : i + 1], np.random.default_rng(1))
        ours = together.base_PxM[i][:, None] * together.scale_PxN[i] + together.offset_PxN[i]
        theirs = alone.base_PxM[0][:, None] * alone.scale_PxN[0] + alone.offset_PxN[0]
        squares = [np.square((x - gains[i])[known[i]]).sum() for x in (ours, theirs)]
        assert squares[0] == pytest.approx(squares[1], rel=1e-3)


def test_gains_without_structure_in_rows_have_no_slope() -> None:
    offset = np.arange(6.0)
    gains = np.tile(offset, (1, 4, 1))
    fit = solve(gains, np.ones((1, 4, 6), bool), np.random.default_rng(0))
    assert fit.base_PxM[0] == pytest.approx(np.zeros(4), abs=1e-12)
    assert fit.scale_PxN[0] == pytest.approx(np.zeros(6), abs=1e-12)
    assert fit.offset_PxN[0] == pytest.approx(offset)
