"""LogME: the evidence of a linear model of the labels on the features."""

from __future__ import annotations

import numpy as np

from intertrain_jax.probe.estimators.arrays import (
    above_rounding,
    centred,
    checked,
    decomposed,
    indicators,
)
from intertrain_jax.probe.estimators.estimator import Estimator

# Variance of the noise in LogME, relative to the target's mean square, below which it is rounding.
_NOISE_FLOOR = 1e-9
# LogME's search: spacing of the first grid in log(α/β), then rounds that each narrow it fourfold.
_GRID_STEP = 0.5
_ROUNDS = 8


def log_maximum_evidence(features_NxD: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns LogME (You et al. 2021), in nats per example.

    Each class's 0/1 indicator y (or the one regression target) is modelled as
    y ~ Normal(F w, 1/β), w ~ Normal(0, 1/α), without an intercept. The value is the mean over
    classes of max over α, β of log p(y | F, α, β) / N. For a ratio t = α/β the best β is known,

        N/β = Q(t) = Σᵢ xᵢ² / (1 + σᵢ/t) + |y|² − Σᵢ xᵢ²,

    with σᵢ the eigenvalues of F Fᵀ and xᵢ the projections of y on its eigenvectors, so that only

        log p = N/2 log(β/2π) − β/2 Q(t) − 1/2 Σᵢ log(1 + σᵢ/t)

    is left to maximise over log t: on a grid over all t that matter, then ever closer around its
    best point, until log t is known to 1e-5. That is the maximum which the fixed-point iteration
    of You et al. 2022 (arXiv 2110.10545) approaches; implementations that stop it after eleven
    steps end below it where features say little about a class.

    Classes without an example are left out of the mean: a target that is always zero has
    unbounded evidence. So has one that the features fit exactly in less than N dimensions; it is
    bounded by taking the noise's variance to be at least 1e-9 of the target's mean square.

    Args:
        features_NxD: features, as they are (not centred).
        labels_N: integers in [0, num_classes), or numbers where `num_classes` is 1.
        num_classes: classes of the task; 1 is regression.

    Raises:
        ValueError: shapes disagree, a value is not finite or out of range, there is no example, or
            a regression target is zero throughout.
    """
    features_NxD, labels_N = checked(features_NxD, labels_N, num_classes)
    targets_NxC = labels_N[:, None] if num_classes == 1 else indicators(labels_N)
    square_C = (targets_NxC**2).sum(axis=0)
    if not square_C.all():
        raise ValueError("the regression target is zero for every example")
    n = len(features_NxD)
    mean_D, centred_NxD = centred(features_NxD)
    singular_R, right_RxD, x_RxC = decomposed(centred_NxD, targets_NxC)
    # F = [1/√N, U] [√N mean; S V], the left factor with orthonormal columns: the small right one
    # holds the mean, often a thousand times the rest, without squaring the difference.
    small_SxD = np.vstack([np.sqrt(n) * mean_D, singular_R[:, None] * right_RxD])
    left_SxR, singular_R, _ = np.linalg.svd(small_SxD, full_matrices=False)
    kept = above_rounding(singular_R)
    sigma_R = singular_R[kept] ** 2
    x_RxC = left_SxR[:, kept].T @ np.vstack([targets_NxC.sum(axis=0) / np.sqrt(n), x_RxC])
    # Evidence does not depend on the features' scale; this fixes where the grid ends.
    sigma_R = sigma_R / sigma_R.max(initial=np.finfo(float).tiny)
    fitted_CxR = (x_RxC**2).T
    unfitted_C = np.maximum(square_C - fitted_CxR.sum(axis=1), 0.0)
    floor_C = _NOISE_FLOOR * square_C / n

    def evidence(log_t_GxC: np.ndarray) -> np.ndarray:
        """Returns [G, C] log evidences per example at the best noise; C may be 1 for all alike."""
        ratio_GxCxR = sigma_R / np.exp(log_t_GxC)[:, :, None]
        q_GxC = np.einsum("gcr,cr->gc", 1.0 / (1.0 + ratio_GxCxR), fitted_CxR) + unfitted_C
        noise_GxC = np.maximum(q_GxC / n, floor_C)
        volume_GxC = np.log1p(ratio_GxCxR).sum(axis=2) / n
        misfit_GxC = q_GxC / n / noise_GxC
        return np.asarray(-0.5 * (np.log(2 * np.pi * noise_GxC) + misfit_GxC + volume_GxC))

    # Below the lower end the noise is at its floor; at the upper one w is zero to rounding.
    lowest = np.log(sigma_R.min(initial=1.0)) + np.log(_NOISE_FLOOR) - 5.0
    grid_G = np.arange(lowest, 32.0, _GRID_STEP)
    best_C = grid_G[evidence(grid_G[:, None]).argmax(axis=0)]
    width = _GRID_STEP
    for _ in range(_ROUNDS):
        near_GxC = best_C + width * np.linspace(-1.0, 1.0, 9)[:, None]
        best_C = np.take_along_axis(near_GxC, evidence(near_GxC).argmax(axis=0)[None], 0)[0]
        width /= 4.0
    return float(evidence(best_C[None]).mean())


ESTIMATOR = Estimator(
    name="logme",
    title="LogME",
    definition="The largest log evidence of a Bayesian linear model of the labels on the features.",
    source="You et al. 2021, arXiv 2102.11005",
    units="nats per example",
    compute=lambda s: log_maximum_evidence(s.train_NxD, s.train_labels, s.num_classes),
)
