"""Doctor on tables with planted shifts, swaps and duplicates: what it finds, and its false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import Findings, repair

TABLES, ROWS, COLUMNS = 12, 60, 20
SHIFTS, SWAPS, DUPLICATES = 8, 3, 3
# What is planted can be seen: swapped values differ by this many spreads of both columns, a missing
# column's score from its neighbours' in the order by the second number, and so do the centres of
# columns that follow each other in the order; else nobody could tell which of them moved.
SWAP_APART, SHIFT_APART = 10.0, 5.0


@dataclass(frozen=True)
class Planted:
    """A table, and the truth about it; rows that are in no mapping are sound.

    Attributes:
        scores, truth: as a reader has it, and as it should be.
        shifted: row → column that is missing.
        swapped: rows.
        copied: row → the row whose scores it has.
        order: of the columns, hidden.
    """

    scores: np.ndarray
    truth: np.ndarray
    shifted: dict[int, int]
    swapped: set[int]
    copied: dict[int, int]
    order: np.ndarray

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.scores, columns=[f"task {c}" for c in range(COLUMNS)])

    @property
    def names(self) -> pd.Series:
        return pd.Series([f"model/{row}" for row in range(len(self.scores))])


def plant(rng: np.random.Generator, shifts: int = SHIFTS) -> Planted:
    """Plants errors in a made-up leaderboard.

    Two columns in three have centres of 78 to 97 percent as on the real one, the others of 45 to 78;
    spreads are log-normal around one point; models differ by an effect of 0.7 spreads that columns
    load on unequally; noise is Student t with 5 degrees of freedom; one cell in a hundred is empty.
    """
    high = rng.random(COLUMNS) < 0.65
    centre = np.where(high, rng.uniform(78, 97, COLUMNS), rng.uniform(45, 78, COLUMNS))
    spread = np.exp(rng.normal(0, 0.7, COLUMNS))
    effect = np.outer(rng.normal(0, 0.7, ROWS), rng.uniform(0.2, 1.2, COLUMNS))
    noise = rng.standard_t(5, (ROWS, COLUMNS)) * np.sqrt(3 / 5)
    size = rng.integers(200, 3000, COLUMNS)
    truth = np.clip(centre + spread * (effect + noise), 1, 99.8)
    # Scores are numbers of right answers, of test sets whose sizes nobody is told.
    truth = np.rint(truth / 100 * size) / size * 100
    truth[rng.random(truth.shape) < 0.01] = np.nan
    scores, order = truth.copy(), visible_order(rng, centre, spread)
    rows = rng.permutation(ROWS).tolist()

    def next_row() -> int:
        """Rows take turns, as some have no cell that an error would show at."""
        rows.insert(0, rows.pop())
        return rows[0]

    shifted, swapped, copied = {}, set(), {}
    while len(shifted) < shifts:
        row, at = next_row(), int(rng.integers(COLUMNS - 2))
        missing, near = order[at], order[[at - 1, at + 1] if at else [at + 1]]
        row_in_order = truth[row, order]
        row_in_order[at:-1] = row_in_order[at + 1 :]
        # The last cell keeps its score in most shifted rows of the real table.
        if rng.random() < 0.3:
            row_in_order[-1] = np.nan
        moved = np.empty(COLUMNS)
        moved[order] = row_in_order
        apart = np.abs(truth[row, near] - centre[missing])
        apart = apart / np.maximum(spread[near], spread[missing])
        seen = np.abs(moved - truth[row]) / spread > 8
        if (apart >= SHIFT_APART).all() and seen.sum() >= 3:
            scores[rows.pop(0)] = moved
            shifted[row] = int(missing)
    while len(swapped) < SWAPS:
        row, pair = next_row(), rng.choice(COLUMNS, 2, replace=False)
        if abs(truth[row, pair[0]] - truth[row, pair[1]]) > SWAP_APART * spread[pair].max():
            scores[row, pair] = scores[row, pair[::-1]]
            swapped.add(rows.pop(0))
    for _ in range(DUPLICATES):
        first, second = sorted((rows.pop(), rows.pop()))
        scores[second] = truth[second] = scores[first]
        copied[second] = first
    return Planted(scores, truth, shifted, swapped, copied, order)


def visible_order(rng: np.random.Generator, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Returns a random order in which as few neighbours as a search gets are too much alike."""

    def alike(order: np.ndarray) -> int:
        wide = np.maximum(spread[order[1:]], spread[order[:-1]])
        return int((np.abs(np.diff(centre[order])) < SHIFT_APART * wide).sum())

    order = rng.permutation(COLUMNS)
    for _ in range(400):
        other = order.copy()
        pair = rng.choice(COLUMNS, 2, replace=False)
        other[pair] = order[pair[::-1]]
        if alike(other) <= alike(order):
            order = other
    return order


def examined(planted: Planted) -> Findings:
    return examine(planted.frame, planted.names)


def test_planted_errors_are_found_and_repaired_with_few_false_alarms() -> None:
    rng = np.random.default_rng(0)
    counts = dict.fromkeys(
        ("sound", "alarm", "shift", "swap", "copy", "named", "exact", "near", "unswapped", "wrong"),
        0,
    )
    for _ in range(TABLES):
        planted = plant(rng)
        found = examined(planted)
        by_rule: dict[int, dict[str, tuple[str, ...]]] = {}
        for finding in found.findings:
            if finding.severity == "error":
                by_rule.setdefault(finding.row, {})[finding.rule] = finding.missing
        repaired = repair(planted.frame, found).to_numpy()
        written = {f.row for f in found.findings if f.repaired}
        guilty = {*planted.shifted, *planted.swapped, *planted.copied}
        counts["sound"] += ROWS - len(guilty)
        counts["alarm"] += len(by_rule.keys() - guilty)
        for row, missing in planted.shifted.items():
            truth = planted.truth[row].copy()
            truth[missing] = np.nan
            rules = by_rule.get(row, {})
            same = (repaired[row] == truth) | (np.isnan(repaired[row]) & np.isnan(truth))
            counts["wrong"] += row in written and not same.all()
            counts["shift"] += bool(rules.keys() & {"shifted", "permuted", "swapped"})
            counts["named"] += rules.get("shifted") == (f"task {missing}",)
            counts["exact"] += bool(same.all())
            counts["near"] += bool(same.sum() >= COLUMNS - 2)
        for row in planted.swapped:
            counts["swap"] += row in by_rule
            counts["unswapped"] += np.array_equal(repaired[row], planted.truth[row], equal_nan=True)
        counts["copy"] += sum("same scores" in by_rule.get(row, {}) for row in planted.copied)
    planted_shifts = TABLES * SHIFTS
    assert counts["shift"] >= 0.98 * planted_shifts
    assert counts["swap"] >= 0.97 * TABLES * SWAPS
    assert counts["copy"] == TABLES * DUPLICATES
    assert counts["alarm"] <= 0.005 * counts["sound"]
    assert counts["wrong"] == 0
    assert counts["named"] >= 0.95 * planted_shifts
    assert counts["exact"] >= 0.90 * planted_shifts
    assert counts["unswapped"] >= 0.90 * TABLES * SWAPS


def test_the_hidden_order_is_inferred_and_does_not_depend_on_the_table_s() -> None:
    rng = np.random.default_rng(3)
    for _ in range(3):
        planted = plant(rng, shifts=16)
        found = examined(planted)
        assert found.order_rows >= 14
        hidden = [f"task {c}" for c in planted.order]
        followers = set(pairwise(hidden))
        agreed = sum(pair in followers for pair in pairwise(found.order))
        assert agreed >= COLUMNS - 5
        turned = examine(planted.frame[planted.frame.columns[::-1]], planted.names)
        assert turned.suspicious == found.suspicious


def test_one_shifted_row_is_repaired_in_the_table_s_own_order() -> None:
    rng = np.random.default_rng(1)
    right = 0
    for _ in range(6):
        planted = plant(rng, shifts=1)
        in_order = planted.frame.iloc[:, planted.order]
        found = examine(in_order, planted.names)
        assert found.order_rows == 0 and found.order == tuple(in_order.columns)
        (row, missing), *_ = planted.shifted.items()
        assert row in found.suspicious
        (finding,) = [f for f in found.findings if f.row == row]
        right += finding.missing == (f"task {missing}",)
    assert right >= 5


def test_one_shifted_row_along_an_unknown_order_is_suspicious() -> None:
    rng = np.random.default_rng(2)
    for _ in range(4):
        planted = plant(rng, shifts=1)
        assert set(planted.shifted) <= examined(planted).suspicious


def test_confidence_is_what_it_says() -> None:
    rng = np.random.default_rng(4)
    sure, right = [], []
    for _ in range(4):
        planted = plant(rng)
        found = examined(planted)
        repaired = repair(planted.frame, found).to_numpy()
        for finding in found.findings:
            if finding.row in planted.shifted and finding.repaired:
                truth = planted.truth[finding.row].copy()
                truth[planted.shifted[finding.row]] = np.nan
                sure.append(finding.confidence)
                right.append(np.array_equal(repaired[finding.row], truth, equal_nan=True))
    assert len(sure) > 20 and min(sure) >= 0.99 and np.mean(right) >= 0.99


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_table_has_no_suspicious_row(seed: int) -> None:
    planted = plant(np.random.default_rng(seed), shifts=0)
    found = examine(pd.DataFrame(planted.truth), planted.names)
    assert found.suspicious == set(planted.copied)
    assert not any(f.repaired for f in found.findings)
