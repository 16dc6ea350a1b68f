"""Transferability estimators: how well features or source predictions suit a task's labels.

All are functions of plain arrays in float64 NumPy on the host. Features of the sizes met here (at
most about 50,000 × 1,024) are reduced to one D×D matrix in about a second, while float32, which an
accelerator would use, cannot hold the squared condition number of that matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from intertrain_jax.probe.arrays import above_rounding, centred, checked, decomposed, indicators

# Variance of the noise in LogME, relative to the target's mean square, below which it is rounding.
_NOISE_FLOOR = 1e-9
# LogME's search: spacing of the first grid in log(α/β), then rounds that each narrow it fourfold.
_GRID_STEP = 0.5
_ROUNDS = 8


@dataclass(frozen=True)
class Estimator:
    """What a column of estimates is.

    Attributes:
        title: for people.
        citation: authors, year and where the definition is.
        higher_is_better: whether a larger value promises a better base model.
        units: of the value.
        needs_source_head: whether it needs the classification head that the checkpoint came with.
    """

    title: str
    citation: str
    higher_is_better: bool
    units: str
    needs_source_head: bool


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "lp": Estimator(
            "linear probe",
            "Choshen et al. 2023, arXiv 2211.00107, §4.2",
            True,
            "percent",
            False,
        ),
        "logme": Estimator(
            "LogME",
            "You et al. 2021, arXiv 2102.11005",
            True,
            "nats per example",
            False,
        ),
        "hscore": Estimator(
            "shrinkage-based H-score",
            "Ibrahim et al. 2022, arXiv 2110.06893",
            True,
            "none",
            False,
        ),
        "knn": Estimator(
            "k nearest neighbours",
            "Cover and Hart 1967, doi 10.1109/TIT.1967.1053964",
            True,
            "percent",
            False,
        ),
        "leep": Estimator(
            "LEEP",
            "Nguyen et al. 2020, arXiv 2002.12462",
            True,
            "nats per example",
            True,
        ),
        "nce": Estimator(
            "NCE",
            "Tran et al. 2019, arXiv 1908.08142",
            True,
            "nats per example",
            True,
        ),
    }
)


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
        raise ValueError("LogME: the regression target is zero for every example")
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


def h_score(features_NxD: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns the shrinkage-based H-score (Ibrahim et al. 2022); about 0 to classes − 1.

    tr(Σ_α⁻¹ (1 − α) Σ_z), with Σ_α = (1 − α) Σ + α tr(Σ)/D I the features' covariance shrunk by
    Ledoit and Wolf's α (2004), and Σ_z the covariance of the class means over the examples. As in
    the implementations in use, Σ is divided by N and Σ_z by N − 1. A singular Σ_α is inverted on
    its range only. Classes without an example do not count; constant features, one class or one
    example give 0. Where Σ is a multiple of the identity already (one feature), α is 0.

    Args:
        features_NxD: features.
        labels_N: integers in [0, num_classes).
        num_classes: classes of the task.

    Raises:
        ValueError: the task is a regression, shapes disagree, a value is not finite or out of
            range, or there is no example.
    """
    if num_classes == 1:
        raise ValueError("H-score: it needs classes, and the task is a regression")
    features_NxD, labels_N = checked(features_NxD, labels_N, num_classes)
    n, width = features_NxD.shape
    _, centred_NxD = centred(features_NxD)
    targets_NxC = indicators(labels_N)
    singular_R, _, x_RxC = decomposed(centred_NxD, targets_NxC)
    if not len(singular_R):
        return 0.0
    sigma_R = singular_R**2
    # Ledoit and Wolf's moments, all over D: the sum of squares of Σ, its distance from a multiple
    # of the identity, and the mean error of one example's outer product as an estimate of Σ.
    variance = sigma_R.sum() / n / width
    squares = (sigma_R**2).sum() / n**2 / width
    distance = squares - variance**2
    fourth = ((centred_NxD**2).sum(axis=1) ** 2).mean() / width
    error = max((fourth - squares) / n, 0.0)
    shrinkage = min(error / distance, 1.0) if distance > 1e-12 * squares else 0.0
    shrunk_R = (1.0 - shrinkage) * sigma_R / n + shrinkage * variance
    # σᵢ xᵢ² / n_c² is the square of a class mean along an eigenvector of Σ.
    between_R = sigma_R * (x_RxC**2 / targets_NxC.sum(axis=0)).sum(axis=1) / (n - 1)
    return float((1.0 - shrinkage) * (between_R / shrunk_R).sum())


def leep(source_probs_NxZ: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns LEEP (Nguyen et al. 2020), in nats per example; at most 0.

    mean over n of log Σ_z P(y_n | z) θ(x_n)_z, with θ the probabilities that the checkpoint's own
    head gives its source classes, and P(y | z) = P(y, z) / P(z) their empirical joint
    distribution with the labels, P(y, z) = mean over n of θ(x_n)_z [y_n = y].

    Args:
        source_probs_NxZ: θ, each row summing to 1.
        labels_N: integers in [0, num_classes).
        num_classes: classes of the task.

    Raises:
        ValueError: the task is a regression, shapes disagree, labels are out of range, there is no
            example, or a row holds no probabilities.
    """
    if num_classes == 1:
        raise ValueError("LEEP: it needs classes, and the task is a regression")
    probs_NxZ, labels_N = checked(source_probs_NxZ, labels_N, num_classes)
    # Probabilities in half precision sum to one only so far.
    if (probs_NxZ < 0).any() or (abs(probs_NxZ.sum(axis=1) - 1.0) > 1e-2).any():
        raise ValueError("LEEP: every row of source probabilities must be ≥ 0 and sum to 1")
    probs_NxZ = probs_NxZ / probs_NxZ.sum(axis=1, keepdims=True)
    used_NxZ = probs_NxZ[:, probs_NxZ.any(axis=0)]
    joint_CxZ = indicators(labels_N).T @ used_NxZ
    given_CxZ = joint_CxZ / joint_CxZ.sum(axis=0)
    row_N = np.unique(labels_N, return_inverse=True)[1]
    return float(np.log((given_CxZ[row_N] * used_NxZ).sum(axis=1)).mean())


def nce(source_labels_N: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns the negative conditional entropy (Tran et al. 2019), in nats per example; at most 0.

    Σ_{y,z} P(y, z) log P(y | z) = −H(Y | Z), with Z the source class that the checkpoint's own
    head predicts and P the empirical joint distribution.

    Args:
        source_labels_N: integers that name the predicted source classes.
        labels_N: integers in [0, num_classes).
        num_classes: classes of the task.

    Raises:
        ValueError: the task is a regression, shapes disagree, labels are out of range, or there is
            no example.
    """
    if num_classes == 1:
        raise ValueError("NCE: it needs classes, and the task is a regression")
    sources_Nx1, labels_N = checked(np.asarray(source_labels_N)[..., None], labels_N, num_classes)
    joint_CxZ = indicators(labels_N).T @ indicators(sources_Nx1[:, 0])
    given_CxZ = joint_CxZ / joint_CxZ.sum(axis=0)
    seen = joint_CxZ > 0
    return float((joint_CxZ[seen] * np.log(given_CxZ[seen])).sum() / len(labels_N))
