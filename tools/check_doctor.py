"""Checks the doctor on published tables, by an exact oracle, and on tables with planted errors.

    python tools/check_doctor.py --published DIR --tables 300 --seed 1 --out results/benchmarks
    python tools/check_doctor.py --tables 300 --seed 2 --kinds other

The oracle is written apart from the doctor: in whole numbers, with test sizes taken from the site's list
of runs. On planted tables the truth is known. Sizes, digits, orders, shapes and errors are drawn anew
for each table. Written are `doctor.csv`, with a row per kind of row, and `doctor.json`; of kinds that
the doctor was not tuned by, `doctor-other-kinds.csv` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import repair
from intertrain_jax.diagnosis.known_tables import SITE_ORDER, known_sizes
from intertrain_jax.readers.leaderboard import read_leaderboard

KINDS = (
    "shift at the start",
    "shift inside",
    "shift by two",
    "put in twice",
    "swap",
    "4-cycle",
    "duplicate",
    "weak",
    "collapsed",
)
# Kinds that nothing was ever chosen by, for a second look: --kinds other.
OTHER_KINDS = (
    "shift by three",
    "two gaps",
    "two swaps",
    "3-cycle",
    "weak and shifted",
    "far better",
    "sparse",
    "mean of three runs",
    "rounded",
    "collapsed twins",
)
INTACT = ("sound", "weak", "collapsed", *OTHER_KINDS[5:])
# A planted error can be seen if some cell (both of a swap's, three of a cycle's) is this many spreads
# from the column where it stands.
SEEN = 12.0
# The official size where all of the site's runs happen to be multiples of a smaller one.
OFFICIAL = {"wsc": 104}
# Rows of each kind in a table, and the digits that tables are printed with.
EACH, DIGITS = 2, (12, 12, 4, 3, 2)


@dataclass
class Count:
    """What the doctor said of rows of one kind."""

    rows: int = 0
    errors: int = 0
    written: int = 0
    right: int = 0


@dataclass
class Table:
    """A table with planted errors: the scores, what they should be, and each row's kind."""

    scores: pd.DataFrame
    truth: np.ndarray
    kind: list[str] = field(default_factory=list)


def plant(rng: np.random.Generator, known: bool, planted: tuple[str, ...] = KINDS) -> Table:
    """Makes a table of accuracies, and plants errors in it.

    Args:
        rng: randomness.
        known: whether columns are the site's, in its order; else nameless and in a hidden order.
        planted: kinds of rows.
    """
    columns = 36 if known else int(rng.integers(12, 30))
    rows = int(rng.integers(60, 160))
    names = list(SITE_ORDER) if known else [f"c{c}" for c in range(columns)]
    if known:
        size = np.array([(known_sizes(name) or (10**9,))[0] for name in names])
    else:
        size = np.exp(rng.uniform(np.log(100), np.log(8000), columns)).astype(int)
    centre = np.where(
        rng.random(columns) < 0.6, rng.uniform(78, 97, columns), rng.uniform(40, 78, columns)
    )
    spread = np.maximum(np.exp(rng.normal(-0.3, 0.6, columns)), 30 / np.sqrt(size))
    effect = np.outer(rng.normal(0, 0.7, rows), rng.uniform(0.2, 1.2, columns))
    noise = rng.standard_t(5, (rows, columns)) * 0.8
    truth = centre + spread * (effect + noise)
    kinds = ["sound"] * rows
    for at, kind in enumerate(np.repeat(planted, EACH)):
        kinds[at] = str(kind)
    largest = centre - rng.uniform(5, 35, columns)
    for row, kind in enumerate(kinds):
        if kind in ("weak", "weak and shifted"):
            truth[row] -= spread * rng.uniform(0, 12, columns)
        elif kind == "far better":
            truth[row] += spread * rng.uniform(2, 8, columns)
        elif kind == "collapsed":
            gone = rng.random(columns) < rng.uniform(0.1, 0.8)
            truth[row, gone] = largest[gone]
        elif kind == "collapsed twins":
            truth[row] = largest
    # A mean over three runs is a count out of three times as many.
    runs = np.where(np.array(kinds) == "mean of three runs", 3, 1)[:, None]
    count = np.rint(np.clip(truth, 1, 99.5) / 100 * size * runs)
    digits = int(rng.choice(DIGITS))
    truth = np.round(count / (size * runs) * 100, digits)
    for row in np.flatnonzero(np.array(kinds) == "rounded"):
        truth[row] = np.round(truth[row], 1)
    for row in np.flatnonzero(np.array(kinds) == "sparse"):
        truth[row, rng.random(columns) < 0.6] = np.nan
    order = np.arange(columns) if known else rng.permutation(columns)
    scores = truth.copy()
    wanted = truth.copy()
    for row, kind in enumerate(list(kinds)):
        if kind in INTACT:
            continue
        if kind == "duplicate":
            # The second row of a model is the one too many.
            other = rows - 1 - row
            scores[other] = wanted[other] = scores[row]
            kinds[row], kinds[other] = "sound", kind
            continue
        for _ in range(50):
            shown, target = _misplace(rng, kind, truth[row], order)
            far = np.abs(shown - centre) / spread >= SEEN
            least = {"swap": 2, "4-cycle": 3, "two swaps": 3, "3-cycle": 3}.get(kind, 1)
            if far.sum() >= least:
                scores[row], wanted[row] = shown, target
                break
        else:
            kinds[row] = "not to be seen"
    # Columns stand as a site shows them: by name, or shuffled.
    shown_order = np.argsort(names) if known else rng.permutation(columns)
    frame = pd.DataFrame(scores, columns=names).iloc[:, shown_order]
    return Table(frame, wanted[:, shown_order], kinds)


def _misplace(
    rng: np.random.Generator, kind: str, row: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a row with cells under wrong columns, and what a right repair makes of it."""
    length = len(row)
    shown, target = row.copy(), row.copy()
    if kind.startswith("shift") or kind == "weak and shifted":
        by = {"shift by two": 2, "shift by three": 3}.get(kind, 1)
        at = 0 if kind == "shift at the start" else int(rng.integers(1, length - 4))
        shown[order[at : length - by]] = row[order[at + by :]]
        shown[order[length - by :]] = np.nan
        target[order[at : at + by]] = np.nan
    elif kind == "put in twice":
        at = int(rng.integers(0, length - 4))
        shown[order[at + 1 :]] = row[order[at:-1]]
        target[order[-1]] = np.nan
    elif kind == "two gaps":
        first, second = sorted(rng.choice(length - 4, 2, replace=False))
        kept = np.delete(row[order], [first, second])
        shown[order] = np.append(kept, [np.nan, np.nan])
        target[order[[first, second]]] = np.nan
    elif kind == "two swaps":
        for pair in rng.choice(length, (2, 2), replace=False):
            shown[pair] = row[pair[::-1]]
    else:
        chosen = rng.choice(length, {"swap": 2, "3-cycle": 3}.get(kind, 4), replace=False)
        shown[chosen] = row[np.roll(chosen, 1)]
    return shown, target


def check_planted(tables: int, seed: int = 0, planted: tuple[str, ...] = KINDS) -> dict[str, Count]:
    """Examines planted tables; every second one has the site's columns."""
    counts: dict[str, Count] = {}
    for number in range(tables):
        rng = np.random.default_rng([seed, number])
        table = plant(rng, number % 2 == 0, planted)
        names = pd.Series([f"m{row}" for row in range(len(table.kind))])
        found = examine(table.scores, names)
        after = repair(table.scores, found).to_numpy(float)
        written = {f.row for f in found.findings if f.repaired}
        way = "known" if number % 2 == 0 else "unknown"
        for row, kind in enumerate(table.kind):
            count = counts.setdefault(f"{way}: {kind}", Count())
            count.rows += 1
            count.errors += row in found.suspicious
            count.written += row in written
            count.right += row in written and bool(
                np.array_equal(after[row], table.truth[row], equal_nan=True)
            )
    return counts


def sizes_of_runs(runs: pd.DataFrame) -> dict[str, int]:
    """Returns the smallest test size that all of a column's published runs are counts of."""
    sizes = dict(OFFICIAL)
    for name, scores in runs.groupby("dataset name")["accuracy"]:
        if name in sizes:
            continue
        value = scores.dropna().unique()
        if len(value) >= 2:
            size = np.arange(20, 60_001)
            right = value[:, None] * size
            fits = (np.abs(right - np.rint(right)) < 1e-7 * size).all(axis=0)
            if fits.any():
                sizes[str(name)] = int(size[fits.argmax()])
    return sizes


def check_published(table: Path, runs: pd.DataFrame) -> dict[str, object]:
    """Compares the doctor with the oracle on one published table."""
    board = read_leaderboard(table)
    start = time.process_time()
    found = examine(
        board.scores, board.names, board.average, probe=board.probe, pretrained=board.pretrained
    )
    seconds = time.process_time() - start
    sizes = sizes_of_runs(runs)
    impossible = board.scores.apply(lambda column: _impossible(column, sizes, board.pretrained))
    bad = set(impossible.index[impossible.any(axis=1)])
    moved = {f.row for f in found.findings if f.rule in ("shifted", "swapped", "permuted")}
    errors = moved | {f.row for f in found.findings if f.rule == "impossible"}
    after = repair(board.scores, found)
    still = after.apply(lambda column: _impossible(column, sizes, board.pretrained))
    written = [f.row for f in found.findings if f.repaired]
    right = [
        row for row in written if _right(board.scores.loc[row], after.loc[row], still.loc[row])
    ]
    changed = (after != board.scores) & ~(after.isna() & board.scores.isna())
    return {
        "table": table.name,
        "tested rows": int(board.scores.notna().any(axis=1).sum()),
        "misplaced by the oracle": len(bad),
        "found": len(bad & errors),
        "false alarms": len(errors - bad),
        "explained": len(bad & moved),
        "repairs written": len(written),
        "repairs right": len(right),
        "possible rows changed": len(set(changed.index[changed.any(axis=1)]) - bad),
        "seconds": round(seconds, 2),
    }


def _impossible(column: pd.Series, sizes: dict[str, int], pretrained: int) -> pd.Series:
    """Whether cells are no counts; the pretrained model's are means over 20 runs."""
    size = sizes.get(str(column.name))
    if size is None:
        return pd.Series(False, index=column.index)
    runs = pd.Series(1, index=column.index)
    runs[pretrained] = 20
    right = column * size * runs / 100
    return (right - right.round()).abs() > 1e-6 * size


def _right(before: pd.Series, after: pd.Series, still: pd.Series) -> bool:
    """Whether a repair could be right: cells are possible, from the row, and keep their order.

    Each score goes where it was or to a later place in the site's order, and none is made up.
    """
    place = {name: at for at, name in enumerate(SITE_ORDER)}
    columns = sorted(before.index, key=lambda name: place[str(name)])
    last = -1
    for at, name in enumerate(columns):
        if np.isnan(after[name]):
            continue
        origins = [p for p in range(len(columns)) if before[columns[p]] == after[name]]
        later = [p for p in origins if p > last] or [p for p in origins if p == at]
        if not later:
            return False
        last = min(later)
    return not still.any()


def main() -> None:
    """Runs both checks and writes what they gave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, help="folder of the site's tables")
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the planted tables")
    parser.add_argument("--kinds", choices=("usual", "other"), default="usual")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    arguments = parser.parse_args()
    published = []
    if arguments.published is not None:
        runs = pd.read_csv(
            arguments.published / "models_results_roberta_base_pretrain.csv", sep="\t"
        )
        published = [
            check_published(p, runs) for p in sorted(arguments.published.glob("*_table.csv"))
        ]
        for result in published:
            print(json.dumps(result))
    kinds = KINDS if arguments.kinds == "usual" else OTHER_KINDS
    counts = check_planted(arguments.tables, arguments.seed, kinds)
    table = pd.DataFrame({kind: vars(count) for kind, count in sorted(counts.items())}).T
    print(table.to_string())
    sums = summary(counts)
    print(json.dumps(sums))
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = "doctor" if arguments.kinds == "usual" else "doctor-other-kinds"
    table.rename_axis("kind").to_csv(arguments.out / f"{name}.csv")
    made = {"tables": arguments.tables, "seed": arguments.seed, "kinds": arguments.kinds}
    result = {"published": published, "planted": {**made, **sums}}
    (arguments.out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def summary(counts: dict[str, Count]) -> dict[str, float]:
    """Returns the shares that are promised."""
    guilty = [c for kind, c in counts.items() if not kind.endswith((*INTACT, "to be seen"))]
    intact = [c for kind, c in counts.items() if kind.endswith(INTACT)]
    written = sum(c.written for c in counts.values())
    return {
        "found": sum(c.errors for c in guilty) / sum(c.rows for c in guilty),
        "false errors": sum(c.errors for c in intact) / sum(c.rows for c in intact),
        "repairs written": written,
        "written share": written / sum(c.rows for c in guilty),
        "written right": sum(c.right for c in counts.values()) / max(written, 1),
    }


if __name__ == "__main__":
    main()
