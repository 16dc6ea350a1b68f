"""Simulates grids and tables whose truth is known, and counts how often what an analysis says holds.

    python tools/check_coverage.py --grids 500 --workers 2 --out results/benchmarks/coverage.csv

Each scenario is made `--grids` times and analysed as any study is, and then on until every bin holds
`--models` models: of 100 models, a share of one half is known by no more than 0.05. Counted are how
often 95 % intervals hold the truth, of gains, of average gains, of the best measured model's average
gain, and of ranks; and how often models were the best, in five bins of the probability that was said of
them, with the binomial standard error that so many models leave. A row of the table is a scenario; the
last one has all of them together. Rows are written one by one, and `--resume` keeps those that are
there. The exit code is 1 if one is outside its range: 0.93 to 0.98 for gains and averages (the best
model's own: not below 0.93), at least 0.93 for ranks, 0.05 for probabilities. What is outside by less
than two errors may be chance, and is marked so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from intertrain_jax.readers.scores import Scores
from intertrain_jax.study.inputs import KnownTasks, Study, single_scores, study_of_scores
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics.gain_intervals import GAIN_INTERVALS
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.statistic import Context

RANGE, RANKS_AT_LEAST, BEST_WITHIN = (0.93, 0.98), 0.93, 0.05
BINS, ALL = 5, "all together"
# At most so many times `--grids`, however few models a bin holds.
MOST = 20
MODELS, TARGETS = 8, 6
Run = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Scenario:
    """How a grid or a table is made.

    Attributes:
        name: of its row.
        seeds: of every cell; none makes a table of gains.
        models, targets: how many.
        spoil: changes scores [M + 1, N, S], the pretrained model first, that are whole; a run that
            failed or was never done is NaN.
        cell_noise: standard deviation of the logarithm of the cells' noise about their target's.
        tails, effect_tails: degrees of freedom of the noise and of the models' effects, Student's.
    """

    name: str
    seeds: int = 3
    models: int = MODELS
    targets: int = TARGETS
    spoil: Run = lambda rng, scores: scores
    cell_noise: float = 0.0
    tails: float = np.inf
    effect_tails: float = np.inf


@dataclass
class Counts:
    """What held, one truth value each."""

    gains: list[bool] = field(default_factory=list)
    averages: list[bool] = field(default_factory=list)
    best: list[bool] = field(default_factory=list)
    ranks: list[bool] = field(default_factory=list)
    said: list[float] = field(default_factory=list)
    was: list[bool] = field(default_factory=list)
    in_bin: np.ndarray = field(default_factory=lambda: np.zeros(BINS, int))


def disjoint(rng: np.random.Generator, scores: np.ndarray) -> np.ndarray:
    """Of twice as many seeds, the first half is the pretrained model's and the other everyone else's."""
    half = scores.shape[2] // 2
    scores[0, :, half:] = scores[1:, :, :half] = np.nan
    return scores


def partly_common(rng: np.random.Generator, scores: np.ndarray) -> np.ndarray:
    """Of five seeds, the pretrained model has the first three and everyone else the last three."""
    scores[0, :, 3:] = scores[1:, :, :2] = np.nan
    return scores


def failed(share: float) -> Run:
    """A share of all runs failed."""

    def spoil(rng: np.random.Generator, scores: np.ndarray) -> np.ndarray:
        scores[rng.random(scores.shape) < share] = np.nan
        return scores

    return spoil


def collapsed(base: int) -> Run:
    """One run of a base model (0: the pretrained one) is at chance."""

    def spoil(rng: np.random.Generator, scores: np.ndarray) -> np.ndarray:
        scores[base, rng.integers(scores.shape[1]), rng.integers(scores.shape[2])] = 35.0
        return scores

    return spoil


def diverged(rng: np.random.Generator, scores: np.ndarray) -> np.ndarray:
    """One run of a base model ended without a score, and so did another that went on at chance."""
    scores[1, rng.integers(scores.shape[1]), rng.integers(scores.shape[2])] = 0.0
    return scores


SCENARIOS = (
    Scenario("complete"),
    Scenario("disjoint seeds", seeds=6, spoil=disjoint),
    Scenario("partly common seeds", seeds=5, spoil=partly_common),
    Scenario("30 % of runs failed", seeds=5, spoil=failed(0.3)),
    Scenario("50 % of runs failed", seeds=5, spoil=failed(0.5)),
    Scenario("one collapsed run of PT", spoil=collapsed(0)),
    Scenario("one diverged run of a base", spoil=diverged),
    Scenario("cell noise log-normal 0.7", seeds=5, cell_noise=0.7),
    Scenario("heavy tails (t, 3 df)", tails=3.0),
    Scenario("no seeds, 8 x 6", seeds=0),
    Scenario("no seeds, 66 x 14", seeds=0, models=66, targets=14),
    Scenario("no seeds, 170 x 36", seeds=0, models=170, targets=36),
    Scenario("complete, 5 seeds", seeds=5),
    Scenario("one collapsed run of PT, 5 seeds", seeds=5, spoil=collapsed(0)),
    Scenario("cell noise log-normal 0.7, 3 seeds", cell_noise=0.7),
    Scenario("heavy tails (t, 3 df), 5 seeds", seeds=5, tails=3.0),
    Scenario("few models of heavy tails, 2 seeds", seeds=2, models=5, targets=9, effect_tails=3.0),
    Scenario("20 x 4, 20 % failed", seeds=4, models=20, targets=4, spoil=failed(0.2)),
    Scenario("no seeds, 30 x 5, heavy tails", seeds=0, models=30, targets=5, effect_tails=3.0),
)


def student(rng: np.random.Generator, df: float, shape: tuple[int, ...]) -> np.ndarray:
    """Returns draws of Student's distribution, normal where it has infinite degrees of freedom."""
    return rng.normal(size=shape) if np.isinf(df) else rng.standard_t(df, size=shape)


def simulated(scenario: Scenario, rng: np.random.Generator) -> tuple[Study, pd.DataFrame]:
    """Returns a study and its true gains [M, N] in points.

    Base models differ by 1 point, targets in how much they gain and in noise, and a base model's gain
    on a target is off by half a point. Where there are no seeds, noise is all that a gain is off by, and
    the true gain is without either.
    """
    m, n = scenario.models, scenario.targets
    names, targets = [f"m{i:03}" for i in range(m)], [f"t{j:02}" for j in range(n)]
    effects = student(rng, scenario.effect_tails, (m, 1)) - 0.5 + rng.normal(size=n)
    noise = 0.8 * np.exp(0.5 * rng.normal(size=n))
    if not scenario.seeds:
        gains = effects + np.sqrt(2.0) * noise * rng.normal(size=(m, n))
        index = pd.Index(names, name="base")
        measured = pd.DataFrame(gains, index, targets)
        study = Study("matrix", "matrix", "PT", single_scores(measured))
        return study, pd.DataFrame(effects, index, targets)
    true = effects + 0.5 * rng.normal(size=(m, n))
    level = np.vstack([np.zeros(n), true]) + rng.uniform(55, 75, size=n)
    std = noise * np.exp(scenario.cell_noise * rng.normal(size=(m + 1, n)))
    drawn = student(rng, scenario.tails, (m + 1, n, scenario.seeds))
    # Of heavy tails there are runs that no score could show.
    whole = np.clip(level[:, :, None] + std[:, :, None] * drawn, 0.0, 100.0)
    scores = scenario.spoil(rng, whole)
    runs = pd.MultiIndex.from_product(
        [["PT", *names], targets, [str(k) for k in range(scenario.seeds)]],
        names=["base", "target", "seed"],
    )
    table = pd.DataFrame({"score": scores.ravel()}, index=runs).reset_index().dropna()
    return (
        study_of_scores(Scores(Path("simulated.csv"), table), KnownTasks(), "PT"),
        pd.DataFrame(true, names, targets),
    )


def count(study: Study, true: pd.DataFrame, counts: Counts) -> None:
    """Adds what one study says, and whether it holds."""
    context = Context(study, Options())
    for statistic in (GAIN_INTERVALS, RANKS):
        context.value(statistic)
    result = Result(study, {k: v for k, v in context.values.items() if v is not None})
    found = GAIN_INTERVALS.of(result)
    if found is not None and found.seeds is not None:
        true_gains = true.reindex(index=found.seeds.low.index, columns=found.seeds.low.columns)
        known = found.seeds.low.notna().to_numpy()
        held = (found.seeds.low <= true_gains) & (true_gains <= found.seeds.high)
        counts.gains += held.to_numpy()[known].tolist()
    rows = result.models()
    rows = rows[rows["rank"].notna()].set_index("base")
    averages = true.loc[rows.index, list(result.averages.targets)].mean(axis=1)
    held = (rows["low"] <= averages) & (averages <= rows["high"])
    counts.averages += held.tolist()
    counts.best.append(bool(held.iloc[0]))
    ranks = pd.Series(rankdata(-averages), rows.index)
    counts.ranks += ((rows["rank_low"] <= ranks) & (ranks <= rows["rank_high"])).tolist()
    counts.said += rows["best"].tolist()
    counts.in_bin += np.bincount(bins(rows["best"].to_numpy()), minlength=BINS)
    counts.was += (ranks == 1).tolist()


HELD = ("gains", "averages", "best", "ranks")


def simulate(index: int, grids: int, models: int) -> dict[str, object]:
    """Returns the row of a scenario: of some grids, and more until every bin holds so many models."""
    scenario = SCENARIOS[index]
    # Twice as fast for small tables as Arrow's strings.
    pd.set_option("mode.string_storage", "python")
    # A scenario of its own name draws the same whatever else is simulated.
    rng = np.random.default_rng(list(scenario.name.encode()))
    counts, made = Counts(), 0
    while made < grids or (made < MOST * grids and counts.in_bin.min() < models):
        count(*simulated(scenario, rng), counts)
        made += 1
    return row_of(scenario.name, made, counts)


def bins(said: np.ndarray) -> np.ndarray:
    """Returns the bins of probabilities."""
    return np.minimum((said * BINS).astype(int), BINS - 1)


def row_of(name: str, grids: int, counts: Counts) -> dict[str, object]:
    """Returns a scenario's row."""
    row: dict[str, object] = {"scenario": name, "grids": grids}
    for of in HELD:
        held = getattr(counts, of)
        row |= {of: np.mean(held) if held else np.nan, f"{of}_n": len(held)}
    said, was = np.array(counts.said), np.array(counts.was)
    in_bin = bins(said)
    for k in range(BINS):
        chosen = in_bin == k
        mean = [x[chosen].mean() if chosen.any() else np.nan for x in (said, was)]
        row |= bin_of(k + 1, int(chosen.sum()), *mean)
    return row


def bin_of(k: int, n: int, said: float, was: float) -> dict[str, object]:
    """Returns a bin's part of a row: n, what was said and what was, and the error that n leaves."""
    error = np.sqrt(said * (1.0 - said) / n) if n else np.nan
    parts = {"n": n, "said": said, "was": was, "error": error}
    return {f"best_{k}_{name}": value for name, value in parts.items()}


def pooled(rows: pd.DataFrame) -> dict[str, object]:
    """Returns the row of all scenarios together."""

    def mean(of: str, n: str) -> float:
        counted = rows[rows[n] > 0]
        return float(np.average(counted[of], weights=counted[n])) if len(counted) else np.nan

    row: dict[str, object] = {"scenario": ALL, "grids": int(rows["grids"].sum())}
    for of in HELD:
        row |= {of: mean(of, f"{of}_n"), f"{of}_n": int(rows[f"{of}_n"].sum())}
    for k in range(1, BINS + 1):
        n = f"best_{k}_n"
        row |= bin_of(k, int(rows[n].sum()), *(mean(f"best_{k}_{x}", n) for x in ("said", "was")))
    return row


def outside(row: pd.Series) -> Iterator[str]:
    """Yields what of a row is outside its range."""
    low, high = RANGE
    for of, least, most in (
        *((of, low, high) for of in ("gains", "averages")),
        *((of, RANKS_AT_LEAST, 1.0) for of in ("best", "ranks")),
    ):
        if row[of] < least or row[of] > most:
            yield f"{of} {row[of]:.3f}"
    for k in range(1, BINS + 1):
        n, said, was, error = (row[f"best_{k}_{x}"] for x in ("n", "said", "was", "error"))
        if n and (off := abs(said - was)) > BEST_WITHIN:
            chance = ", may be chance" if off - BEST_WITHIN < 2.0 * error else ""
            yield f"P(best) said {said:.2f}, was {was:.2f} (n = {n:.0f} ±{error:.2f}{chance})"


def print_row(row: pd.Series) -> bool:
    """Prints a row in one line, and returns whether it holds."""
    wrong = list(outside(row))
    shown = ", ".join(f"{of} {row[of]:.3f}" for of in HELD)
    print(f"{row['scenario']}: {shown}; {'; '.join(wrong) or 'holds'}", flush=True)
    return not wrong


def main() -> int:
    """Simulates, prints the table, and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--grids", type=int, default=500, help="of each scenario (default 500)")
    parser.add_argument("--models", type=int, default=1000, help="in each bin (default 1000)")
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--resume", action="store_true", help="keep scenarios that it has")
    options = parser.parse_args()
    names = [scenario.name for scenario in SCENARIOS]
    table = pd.DataFrame({"scenario": []})
    if options.resume and options.out and options.out.exists():
        table = pd.read_csv(options.out)
        table = table[(table["scenario"] != ALL) & (table["grids"] >= options.grids)]
    with ProcessPoolExecutor(options.workers) as pool:
        rows = [
            pool.submit(simulate, index, options.grids, options.models)
            for index, scenario in enumerate(SCENARIOS)
            if options.only in scenario.name and scenario.name not in set(table["scenario"])
        ]
        for done in as_completed(rows):
            row = pd.DataFrame([done.result()])
            print_row(row.iloc[0])
            table = pd.concat([table, row], ignore_index=True)
            table = table.sort_values("scenario", key=lambda s: s.map(names.index))
            if options.out:
                table.to_csv(options.out, index=False, lineterminator="\n", float_format="%.4f")
    table = pd.concat([table, pd.DataFrame([pooled(table)])], ignore_index=True)
    if options.out:
        table.to_csv(options.out, index=False, lineterminator="\n", float_format="%.4f")
    print()
    held = [print_row(row) for _, row in table.iterrows()]
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
