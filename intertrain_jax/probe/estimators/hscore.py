"""The shrinkage-based H-score: how far apart class means are, in units of the features' spread."""

from __future__ import annotations

import numpy as np

from intertrain_jax.probe.estimators.arrays import centred, checked, decomposed, indicators
from intertrain_jax.probe.estimators.estimator import Estimator


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
        raise ValueError("it needs classes, and the task is a regression")
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


ESTIMATOR = Estimator(
    name="hscore",
    title="shrinkage-based H-score",
    definition="Trace of the class means' covariance over the features', shrunk by Ledoit and Wolf.",
    source="Ibrahim et al. 2022, arXiv 2110.06893",
    units="none",
    compute=lambda s: h_score(s.train_NxD, s.train_labels, s.num_classes),
    regression=False,
)
