"""What the estimators share: checks of their arrays, and one decomposition of centred features."""

from __future__ import annotations

import numpy as np


def checked(
    features_NxD: np.ndarray, labels_N: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns features as float64 and labels as integers, or as float64 where num_classes is 1.

    Raises:
        ValueError: shapes disagree, a value is not finite, a label is no integer in
            [0, num_classes), or there is no example.
    """
    features_NxD = np.asarray(features_NxD, dtype=np.float64)
    given_N = np.asarray(labels_N)
    labels_N = given_N.astype(np.float64)
    if features_NxD.ndim != 2 or labels_N.shape != features_NxD.shape[:1] or not len(labels_N):
        raise ValueError(
            "features must be [N, D] and labels [N] with N ≥ 1, "
            f"got {features_NxD.shape} and {labels_N.shape}"
        )
    if not np.isfinite(features_NxD).all():
        bad = int((~np.isfinite(features_NxD)).any(axis=1).sum())
        raise ValueError(f"features must be finite: {bad} of {len(labels_N)} examples are not")
    if num_classes == 1:
        if not np.isfinite(labels_N).all():
            raise ValueError("targets of a regression must be finite")
        return features_NxD, labels_N
    if not ((labels_N >= 0) & (labels_N < num_classes) & (labels_N % 1 == 0)).all():
        raise ValueError(f"labels must be integers from 0 to {num_classes - 1}")
    return features_NxD, labels_N.astype(np.int64)


def indicators(labels_N: np.ndarray) -> np.ndarray:
    """Returns [N, classes present] zeros and ones, in the order of the classes."""
    return np.asarray(labels_N[:, None] == np.unique(labels_N), dtype=np.float64)


def centred(features_NxD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean [D] and features less the mean, exactly zero where they are constant."""
    mean_D = features_NxD.mean(axis=0)
    centred_NxD = features_NxD - mean_D
    # The mean of equal numbers may differ from them in the last digit.
    centred_NxD[:, np.ptp(features_NxD, axis=0) == 0] = 0.0
    return mean_D, centred_NxD


def decomposed(
    centred_NxD: np.ndarray, targets_NxC: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, of U S V, the nonzero singular values [R], V [R, D], and Uᵀ targets [R, C].

    With many examples from the Gram matrix, four times as fast as by a QR factorisation. What that
    costs is digits where labels depend on weak directions alone: LogME is good to 1e-5 if these
    are at least 1e-4 of the strongest, after centring. Directions below about 1e-7 are left out;
    an encoder that computes in float32 has them only as rounding.
    """
    n, width = centred_NxD.shape
    if n <= width:
        left_NxR, singular_R, right_RxD = np.linalg.svd(centred_NxD, full_matrices=False)
        kept = above_rounding(singular_R)
        return singular_R[kept], right_RxD[kept], left_NxR[:, kept].T @ targets_NxC
    sigma_R, vectors_DxR = np.linalg.eigh(centred_NxD.T @ centred_NxD)
    kept = above_rounding(sigma_R)
    singular_R, right_RxD = np.sqrt(sigma_R[kept]), vectors_DxR[:, kept].T
    projected_RxC = right_RxD @ (centred_NxD.T @ targets_NxC)
    return singular_R, right_RxD, projected_RxC / singular_R[:, None]


def above_rounding(values_R: np.ndarray) -> np.ndarray:
    """Returns [R] which eigenvalues or singular values of a matrix of R are not rounding of 0."""
    return np.asarray(values_R > len(values_R) * np.finfo(float).eps * values_R.max(initial=0.0))
