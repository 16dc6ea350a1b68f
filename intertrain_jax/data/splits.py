"""The split policy: which rows validate and test, and which are a smaller training set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import stream

Row = TypeVar("Row")
MOST_HELD_OUT = 1000


def held_out_size(rows: int) -> int:
    """Returns how many of a train split's rows are held out: 10 %, at most 1000, at least one."""
    return max(1, min(MOST_HELD_OUT, rows // 10))


def cut_ends(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Cuts the held-out rows off the two ends of a split, half from each; returns (rest, held out).

    Half from each end, as many sets are ordered by class.
    """
    count = held_out_size(len(rows))
    front = count - count // 2
    back = len(rows) - count // 2
    return list(rows[front:back]), [*rows[:front], *rows[back:]]


def cut_stratified(labels: Sequence[float] | None, rows: int) -> tuple[list[int], list[int]]:
    """Chooses rows to hold out, of every class its share, by one fixed shuffle per number of rows.

    A class of one row stays in train, and of every other at least one row does.

    Args:
        labels: class of each row; None for numbers, which have no classes.
        rows: how many there are.

    Returns:
        Indices of what is left and of what is held out, each in the order of the rows.
    """
    count = held_out_size(rows)
    order = stream(rows, "strata").permutation(rows).tolist()
    classes: dict[float, list[int]] = {}
    for row in order:
        classes.setdefault(0.0 if labels is None else labels[row], []).append(row)
    shares = {label: count * len(members) / rows for label, members in classes.items()}
    quota = {label: min(int(share), len(classes[label]) - 1) for label, share in shares.items()}
    # What rounding down leaves goes to the largest remainders, and to the lowest label of equal ones.
    for label in sorted(shares, key=lambda label: (int(shares[label]) - shares[label], label)):
        if sum(quota.values()) < count and quota[label] < len(classes[label]) - 1:
            quota[label] += 1
    held = sorted(row for label, members in classes.items() for row in members[: quota[label]])
    within = set(held)
    return [row for row in range(rows) if row not in within], held


def shuffled(rows: int) -> NDArray[np.int64]:
    """Returns one fixed permutation per number of rows, the same for every seed of a run."""
    return stream(rows, "sizes").permutation(rows)


def train_subset(rows: int, size: int) -> NDArray[np.int64]:
    """Returns the first `size` of the fixed shuffle of a train split, so that sizes nest.

    The shuffle does not depend on the run's seed: seeds of a cell train on the same examples.
    """
    return shuffled(rows)[:size]
