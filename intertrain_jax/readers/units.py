"""Checks that scores are in percent and gains in points, before anything is computed from them.

What looks like another unit is refused with its row or column and the cure; the user may vouch for small
scores. What cannot be decided either way is let through and said.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.readers.csv import Source

_VOUCH = "or, if they are in percent and that small, say so with --percent"
# Fractions of accuracy are seldom below this, and weak scores in percent seldom all above it.
_TYPICAL = 0.2
# A column of correlations has negative scores of weak models; gains have them everywhere.
_NEGATIVE_CELLS, _NEGATIVE_COLUMNS = 0.1, 0.5
# Half of the gains above this and none negative: no table of gains, and any table of scores.
_LIKE_SCORES = 25.0
# A single score is taken for a fraction only beside so many that it is among once multiplied.
_SIBLINGS, _AROUND = 3, 5.0
_CORRELATED = ("cola", "sts", "mcc", "matthews", "corr", "spearman", "pearson")
_PRETRAINED = {"pt", "pretrained"}


def check_scores(path: Source, scores: pd.DataFrame, sure: bool = False) -> tuple[str, ...]:
    """Checks that scores [base models, targets] are possible, no gains, and in percent.

    Args, returns and further errors are those of `check_percent`.

    Raises:
        IntertrainError: a score is outside of its metric's range, or the table looks like gains.
    """
    table = scores.to_numpy(dtype=float)
    _check_range(path, scores, table, "scores", "scores are in percent, 0 to 100")
    _check_signs(path, scores, table)
    return check_percent(path, scores, sure)


def check_percent(path: Source, scores: pd.DataFrame, sure: bool = False) -> tuple[str, ...]:
    """Checks that scores [base models, targets] are in percent: gains are in points of it.

    Args:
        path: where they are from.
        scores: rows may bear equal names.
        sure: whether the user vouches that small scores are in percent.

    Returns:
        What is let through but looks odd, a sentence each.

    Raises:
        IntertrainError: all scores, those of a row or a column, or a single one look like fractions.
    """
    table = scores.to_numpy(dtype=float)
    if sure:
        return ()
    if _fractions(table.ravel(), 1, 0.0):
        raise IntertrainError(
            f"file {str(path)!r}: scores must be in percent, but all are between 0 and 1."
            f" Multiply them by 100, {_VOUCH}."
        )
    notes = []
    for noun, names, lines in (
        ("target", scores.columns, table.T),
        ("base model", scores.index, table),
    ):
        for name, line in zip(names, lines, strict=True):
            if not _small(line):
                continue
            if _fractions(line, 2, _TYPICAL) and not is_correlation(name):
                raise IntertrainError(
                    f"file {str(path)!r}: scores must be in percent, but those of {noun} {str(name)!r}"
                    f" are between 0 and 1, and others are not. Multiply them by 100, {_VOUCH}."
                )
            if noun == "target":
                notes.append(
                    f"All scores of target {str(name)!r} lie between -1 and 1 and are read as percent:"
                    " if they are fractions or correlations, multiply them by 100."
                )
    _check_single(path, scores, table)
    return tuple(notes)


def check_gains(path: Source, gains: pd.DataFrame) -> tuple[str, ...]:
    """Checks that gains [base models, targets] are differences, in points, and no scores.

    Returns:
        What is let through but looks odd, a sentence each.

    Raises:
        IntertrainError: one is beyond 100 points, or they look like scores.
    """
    table = gains.to_numpy(dtype=float)
    _check_range(path, gains, table, "gains", "gains are differences of scores in percent")
    known = table[np.isfinite(table)]
    if not known.size:
        return ()
    own = [
        str(name)
        for name, row in zip(gains.index, table, strict=True)
        if str(name).casefold() in _PRETRAINED and np.nansum(np.abs(row)) > 0
    ]
    likely = known.size > 1 and known.min() >= 0.0 and np.median(known) > _LIKE_SCORES
    if own or likely:
        why = (
            f"row {own[0]!r} is not 0"
            if own
            else f"none is negative and half are above {np.median(known):.1f}"
        )
        raise IntertrainError(
            f"file {str(path)!r}: gains over the pretrained model must be given, but these look like"
            f" scores, as {why}. Name the pretrained model's row with --pretrained"
            f" {own[0] if own else 'NAME'}, or give gains."
        )
    if known.size > 1 and 0.0 < np.abs(known).max() <= 1.0:
        return (
            "All gains lie between -1 and 1 and are read as points of percent: if they are"
            " differences of fractions, multiply them by 100.",
        )
    return ()


def _check_range(
    path: Source, values: pd.DataFrame, table: np.ndarray, what: str, rule: str
) -> None:
    beyond = np.argwhere(np.abs(table) > 100.0 + 1e-6).tolist()
    if len(beyond):
        row, column = beyond[0]
        more = f" So do {len(beyond) - 1:,} other cells." if len(beyond) > 1 else ""
        raise IntertrainError(
            f"file {str(path)!r}: {rule}, but row {str(values.index[row])!r}, column"
            f" {str(values.columns[column])!r} has {table[row, column]:g}.{more} Correct the {what},"
            " or leave the column out."
        )


def _check_signs(path: Source, scores: pd.DataFrame, table: np.ndarray) -> None:
    """Checks that no accuracy is negative, and that the table is not one of gains."""
    negative = table < 0.0
    if not negative.any():
        return
    known = np.isfinite(table)
    counted = known.any(axis=0) & [not is_correlation(name) for name in scores.columns]
    columns, cells = int(counted.sum()), int(known[:, counted].sum())
    below = int(negative[:, counted].sum())
    spread = int(negative[:, counted].any(axis=0).sum())
    share = _NEGATIVE_CELLS if columns > 1 else 3 * _NEGATIVE_CELLS
    if spread >= max(min(2, columns), _NEGATIVE_COLUMNS * columns, 1) and below >= share * cells:
        row, column = (int(k) for k in np.argwhere(negative & counted)[0])
        raise IntertrainError(
            f"file {str(path)!r}: scores must be given, but these look like gains, as {below:,} of"
            f" {cells:,} are negative (row {str(scores.index[row])!r}, column"
            f" {str(scores.columns[column])!r} has {table[row, column]:g}). Give scores, or a matrix of"
            " gains without --pretrained."
        )
    accuracies = {
        name
        for task in list_tasks()
        if task.metric == "accuracy"
        for name in (task.name, task.site_column)
    }
    for row, column in np.argwhere(negative).tolist():
        name = str(scores.columns[column])
        if name in accuracies and not is_correlation(name):
            raise IntertrainError(
                f"file {str(path)!r}: an accuracy is between 0 and 100, but row"
                f" {str(scores.index[row])!r}, column {name!r} has {table[row, column]:g}. Correct it,"
                " or leave it empty."
            )


def _check_single(path: Source, scores: pd.DataFrame, table: np.ndarray) -> None:
    """Checks that no single score is a fraction among percent."""
    for column, values in enumerate(table.T):
        known = values[np.isfinite(values)]
        for row in np.flatnonzero((values > 0.0) & (values <= 1.0)).tolist():
            others = known[known > 1.0]
            if len(others) != len(known) - 1 or len(others) < _SIBLINGS:
                break
            moved = 100.0 * values[row]
            if others.min() >= 10.0 and others.min() - _AROUND <= moved <= others.max() + _AROUND:
                raise IntertrainError(
                    f"file {str(path)!r}: scores must be in percent, but row"
                    f" {str(scores.index[row])!r}, column {str(scores.columns[column])!r} has"
                    f" {values[row]:g}, where all others have {others.min():g} to {others.max():g}."
                    f" Multiply it by 100, {_VOUCH}."
                )


def is_correlation(name: object) -> bool:
    """Returns whether a target's scores are correlations, which may be negative, by its name."""
    return any(word in str(name).casefold() for word in _CORRELATED)


def _small(scores: np.ndarray) -> bool:
    """Whether at least two scores are known, and all are between -1 and 1, not all of them 0."""
    known = scores[np.isfinite(scores)]
    return bool(len(known) >= 2 and 0.0 < np.abs(known).max() <= 1.0)


def _fractions(scores: np.ndarray, least: int, typical: float) -> bool:
    """Whether at least so many scores are known, and all are between 0 and 1 as fractions are."""
    known = scores[np.isfinite(scores)]
    return bool(
        len(known) >= least
        and known.min() >= 0.0
        and 0.0 < known.max() <= 1.0
        and np.median(known) >= typical
    )
