"""Alternating least squares for gains that are bilinear in base model and target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Small matrices have more local optima, and their fits cost less: starts for this many cells in all.
_FEWEST_STARTS, _MOST_STARTS, _CELLS_STARTED = 4, 24, 20_000
_MOST_ITERATIONS = 500
# Iterations between two looks at the error; it has stopped falling if it fell by less than this
# share of itself in between, or if it is rounding beside the gains.
_STRIDE = 5
_TOLERANCE = 1e-6
_ROUNDING = 1e-30
# Errors below this share of the total are not told by a difference.
_CANCELS = 1e-6
# Matrices iterated on at once: as many as a processor's cache holds.
_BLOCK = 8
# Below this share of the largest it could be, a target's spread of bases is rounding.
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Solutions:
    """The best fits `base_m · scale_n + offset_n` of P matrices.

    `base` has mean zero over rows with cells, `scale` a root mean square of one over columns with
    cells and no negative sum; rows and columns without cells are NaN.

    Attributes:
        base_PxM, scale_PxN, offset_PxN: the fits.
        iterations: [P], of the best start.
        converged: [P], whether it stopped improving.
        starts: tried per matrix.
    """

    base_PxM: Floats
    scale_PxN: Floats
    offset_PxN: Floats
    iterations: NDArray[np.int64]
    converged: Bools
    starts: int


def solve(gains_PxMxN: Floats, known_PxMxN: Bools, rng: np.random.Generator) -> Solutions:
    """Fits P matrices at once, each from several starts, over their known cells.

    Given `base`, every column is a straight line through its cells; given the lines, every row's
    base is a weighted mean. One start is the leading singular vector of the matrix centred by column
    with zeros for missing cells. Where no cell is missing that is the optimum, so it is the only one;
    otherwise random ones are tried beside it, more of them on smaller matrices.

    Args:
        gains_PxMxN: in points; unknown cells may hold anything.
        known_PxMxN: which cells to fit; every matrix has at least one.
        rng: of the random starts.
    """
    problems, m, n = gains_PxMxN.shape
    known = np.broadcast_to(known_PxMxN, gains_PxMxN.shape).astype(float)
    count_PxN = known.sum(axis=1)
    gains = np.where(known > 0, gains_PxMxN, 0.0)
    mean_PxN = gains.sum(axis=1) / np.maximum(count_PxN, 1.0)
    centred = (gains - mean_PxN[:, None, :]) * known
    start_PxMxS = _leading(centred)
    if not known.all():
        starts = int(np.clip(_CELLS_STARTED // (m * n), _FEWEST_STARTS, _MOST_STARTS))
        random = rng.normal(size=(problems, m, starts - 1))
        start_PxMxS = np.concatenate([start_PxMxS, random], axis=2)
    blocks = [slice(i, i + _BLOCK) for i in range(0, problems, _BLOCK)]
    base, iterations, converged, error = (
        np.concatenate(parts)
        for parts in zip(
            *(_alternate(centred[block], known[block], start_PxMxS[block]) for block in blocks),
            strict=True,
        )
    )
    # Errors that differ by rounding are one optimum, and the first start that found it is named.
    limit = error.min(axis=1, keepdims=True) * (1 + _TOLERANCE) + np.finfo(float).tiny
    best_P = (error <= limit).argmax(axis=1)
    chosen_P = np.arange(problems)
    base_PxM = base[chosen_P, :, best_P]
    scale, offset = _lines(centred, known, base_PxM[:, :, None])
    scale_PxN, offset_PxN = scale[:, :, 0], offset[:, :, 0]
    sign_Px1 = np.where(scale_PxN.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    base_PxM, scale_PxN = sign_Px1 * base_PxM, sign_Px1 * scale_PxN
    offset_PxN = offset_PxN + mean_PxN
    base_PxM[known.sum(axis=2) == 0] = np.nan
    scale_PxN[count_PxN == 0] = offset_PxN[count_PxN == 0] = np.nan
    return Solutions(
        base_PxM,
        scale_PxN,
        offset_PxN,
        iterations[chosen_P, best_P],
        converged[chosen_P, best_P],
        start_PxMxS.shape[2],
    )


def _leading(centred_PxMxN: Floats) -> Floats:
    """Returns the leading left singular vector times its value, [P, M, 1]."""
    _, m, n = centred_PxMxN.shape
    turned = centred_PxMxN.swapaxes(1, 2)
    if n <= m:
        leading: Floats = centred_PxMxN @ np.linalg.eigh(turned @ centred_PxMxN)[1][:, :, -1:]
        return leading
    squares, vectors = np.linalg.eigh(centred_PxMxN @ turned)
    sizes: Floats = np.sqrt(np.maximum(squares[:, None, -1:], 0.0))
    return vectors[:, :, -1:] * sizes


def _alternate(
    centred_PxMxN: Floats, known_PxMxN: Floats, start_PxMxS: Floats
) -> tuple[Floats, NDArray[np.int64], Bools, Floats]:
    """Returns bases [P, M, S], iterations, convergence and squared errors [P, S] of every start."""
    problems, _, starts = start_PxMxS.shape
    rows_PxMx1: Bools = (known_PxMxN.sum(axis=2) > 0)[:, :, None]
    columns_Px1 = np.maximum(known_PxMxN.any(axis=1).sum(axis=1, keepdims=True), 1)
    total_Px1 = np.square(centred_PxMxN).sum(axis=(1, 2))[:, None]
    base = _gauged(start_PxMxS, rows_PxMx1)
    iterations = np.zeros((problems, starts), np.int64)
    converged = np.zeros((problems, starts), bool)
    error = np.full((problems, starts), np.inf)
    active = np.arange(problems)
    for iteration in range(_STRIDE, _MOST_ITERATIONS + 1, _STRIDE):
        gains, known = centred_PxMxN[active], known_PxMxN[active]
        moved = base[active]
        trail = [moved]
        for _ in range(_STRIDE):
            scale, offset = _lines(gains, known, moved)
            moved = _bases(gains, known, scale, offset)
            size_PxS = np.sqrt(np.square(scale).sum(axis=1) / columns_Px1[active])
            moved = _gauged(moved * size_PxS[:, None, :], rows_PxMx1[active])
            trail = [*trail[-2:], moved]
        now = _squared_errors(gains, known, moved)
        jump = _extrapolated(*trail)
        jumped = _squared_errors(gains, known, jump)
        moved = np.where((jumped < now)[:, None, :], jump, moved)
        now = np.minimum(jumped, now)
        before = error[active]
        # Starts that had converged keep what they had.
        frozen = converged[active]
        base[active] = np.where(frozen[:, None, :], base[active], moved)
        error[active] = np.where(frozen, before, now)
        iterations[active] = np.where(frozen, iterations[active], iteration)
        still = (before - now) > _TOLERANCE * now
        converged[active] = frozen | ~still | (now <= _ROUNDING * total_Px1[active])
        active = np.flatnonzero(~converged.all(axis=1))
        if not active.size:
            break
    return base, iterations, converged, error


def _extrapolated(first: Floats, second: Floats, third: Floats) -> Floats:
    """Returns where three iterates [P, M, S] of linear convergence lead (Varadhan, Roland 2008)."""
    step, bend = second - first, third - 2.0 * second + first
    length = np.linalg.norm(step, axis=1, keepdims=True)
    turn = np.linalg.norm(bend, axis=1, keepdims=True)
    factor = np.where(turn > 0, length, 1.0) / np.where(turn > 0, turn, 1.0)
    jump: Floats = first + 2.0 * factor * step + np.square(factor) * bend
    return jump


def _gauged(base_PxMxS: Floats, rows_PxMx1: Bools) -> Floats:
    """Returns bases with mean zero over the rows that have cells, zero elsewhere."""
    count = np.maximum(rows_PxMx1.sum(axis=1, keepdims=True), 1)
    base = np.where(rows_PxMx1, base_PxMxS, 0.0)
    centred: Floats = np.where(rows_PxMx1, base - base.sum(axis=1, keepdims=True) / count, 0.0)
    return centred


def _lines(centred_PxMxN: Floats, known_PxMxN: Floats, base_PxMxS: Floats) -> tuple[Floats, Floats]:
    """Returns the slopes and intercepts [P, N, S] of each column's gains on the bases.

    Columns are centred over their known cells, so the gains' sums vanish. A column whose bases do
    not differ has no slope.
    """
    known_PxNxM = known_PxMxN.swapaxes(1, 2)
    count_PxNx1 = np.maximum(known_PxNxM.sum(axis=2, keepdims=True), 1.0)
    mean = known_PxNxM @ base_PxMxS / count_PxNx1
    square = known_PxNxM @ np.square(base_PxMxS)
    spread = square - count_PxNx1 * np.square(mean)
    product = centred_PxMxN.swapaxes(1, 2) @ base_PxMxS
    slope = np.where(spread > _NO_SPREAD * square, product, 0.0) / np.where(
        spread > _NO_SPREAD * square, spread, 1.0
    )
    return slope, -slope * mean


def _bases(
    centred_PxMxN: Floats, known_PxMxN: Floats, scale_PxNxS: Floats, offset_PxNxS: Floats
) -> Floats:
    """Returns the best bases [P, M, S] for given lines; zero where no line of a row has a slope."""
    product = centred_PxMxN @ scale_PxNxS - known_PxMxN @ (scale_PxNxS * offset_PxNxS)
    square = known_PxMxN @ np.square(scale_PxNxS)
    base: Floats = np.where(square > 0, product, 0.0) / np.where(square > 0, square, 1.0)
    return base


def _squared_errors(centred_PxMxN: Floats, known_PxMxN: Floats, base_PxMxS: Floats) -> Floats:
    """Returns the sums of squared errors [P, S] of bases with their best lines.

    They are what the lines leave of the total, and where next to nothing is left, so that the
    difference would cancel, they are summed from the residuals.
    """
    scale, offset = _lines(centred_PxMxN, known_PxMxN, base_PxMxS)
    total_Px1 = np.square(centred_PxMxN).sum(axis=(1, 2))[:, None]
    product = centred_PxMxN.swapaxes(1, 2) @ base_PxMxS
    errors: Floats = total_Px1 - (scale * product).sum(axis=1)
    for p, start in np.argwhere(errors <= _CANCELS * total_Px1):
        residual = np.outer(base_PxMxS[p, :, start], scale[p, :, start]) + offset[p, :, start]
        errors[p, start] = np.square((residual - centred_PxMxN[p]) * known_PxMxN[p]).sum()
    return errors
