"""Simulates grids and tables whose truth is known, and counts how often what an analysis says holds.

    python tools/check_coverage.py --grids 500 --out results/benchmarks/coverage.csv

Each scenario is made `--grids` times and analysed as any study is. Counted are how often 95 % intervals
hold the truth, of gains, of average gains, of the best measured model's average gain, and of ranks; and
how often models were the best, in five bins of the probability that was said of them. A row of the table
is a scenario. The exit code is 1 if one is outside its range: 0.93 to 0.98 for gains and averages (the
best model's own: not below 0.93), at least 0.93 for ranks, 0.05 for probabilities, where a bin
has at least `FEWEST` models.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
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

# Models that a bin of P(best) needs for its share to be told to about 0.03.
FEWEST = 200
RANGE, RANKS_AT_LEAST, BEST_WITHIN = (0.93, 0.98), 0.93, 0.05
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
        tails: degrees of freedom of the noise, Student's.
    """

    name: str
    seeds: int = 3
    models: int = MODELS
    targets: int = TARGETS
    spoil: Run = lambda rng, scores: scores
    cell_noise: float = 0.0
    tails: float = np.inf


@dataclass
class Counts:
    """What held, one truth value each."""

    gains: list[bool] = field(default_factory=list)
    averages: list[bool] = field(default_factory=list)
    best: list[bool] = field(default_factory=list)
    ranks: list[bool] = field(default_factory=list)
    said: list[float] = field(default_factory=list)
    was: list[bool] = field(default_factory=list)


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
    Scenario("complete, 5 seeds", seeds=5),
    Scenario("disjoint seeds", seeds=6, spoil=disjoint),
    Scenario("partly common seeds", seeds=5, spoil=partly_common),
    Scenario("30 % of runs failed", seeds=5, spoil=failed(0.3)),
    Scenario("50 % of runs failed", seeds=5, spoil=failed(0.5)),
    Scenario("one collapsed run of PT", spoil=collapsed(0)),
    Scenario("one collapsed run of PT, 5 seeds", seeds=5, spoil=collapsed(0)),
    Scenario("one diverged run of a base", spoil=diverged),
    Scenario("cell noise log-normal 0.7", seeds=5, cell_noise=0.7),
    Scenario("cell noise log-normal 0.7, 3 seeds", cell_noise=0.7),
    Scenario("heavy tails (t, 3 df)", tails=3.0),
    Scenario("heavy tails (t, 3 df), 5 seeds", seeds=5, tails=3.0),
    Scenario("no seeds, 8 x 6", seeds=0),
    Scenario("no seeds, 66 x 14", seeds=0, models=66, targets=14),
    Scenario("no seeds, 170 x 36", seeds=0, models=170, targets=36),
)


def simulated(scenario: Scenario, rng: np.random.Generator) -> tuple[Study, pd.DataFrame]:
    """Returns a study and its true gains [M, N] in points.

    Base models differ by 1 point, targets in how much they gain and in noise, and a base model's gain
    on a target is off by half a point. Where there are no seeds, noise is all that a gain is off by, and
    the true gain is without either.
    """
    m, n = scenario.models, scenario.targets
    names, targets = [f"m{i:03}" for i in range(m)], [f"t{j:02}" for j in range(n)]
    effects = rng.normal(-0.5, 1.0, size=(m, 1)) + rng.normal(size=n)
    noise = 0.8 * np.exp(0.5 * rng.normal(size=n))
    if not scenario.seeds:
        gains = effects + np.sqrt(2.0) * noise * rng.normal(size=(m, n))
        index = pd.Index(names, name="base")
        measured = pd.DataFrame(gains, index, targets)
        study = Study("matrix", "matrix", "PT", single_scores(measured))
        return study, pd.DataFrame(effects, index, targets)
    true = effects + 0.5 * rng.normal(size=(m, n))
    level = np.vstack([np.zeros(n), true]) + rng.uniform(65, 85, size=n)
    std = noise * np.exp(scenario.cell_noise * rng.normal(size=(m + 1, n)))
    shape = (m + 1, n, scenario.seeds)
    if np.isinf(scenario.tails):
        drawn = rng.normal(size=shape)
    else:
        drawn = rng.standard_t(scenario.tails, size=shape)
    scores = scenario.spoil(rng, level[:, :, None] + std[:, :, None] * drawn)
    runs = pd.MultiIndex.from_product(
        [["PT", *names], targets, range(scenario.seeds)], names=["base", "target", "seed"]
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
    counts.was += (ranks == 1).tolist()


def row_of(name: str, grids: int, counts: Counts) -> dict[str, object]:
    """Returns a scenario's row."""
    row: dict[str, object] = {"scenario": name, "grids": grids}
    for of in ("gains", "averages", "best", "ranks"):
        held = getattr(counts, of)
        row[of] = round(float(np.mean(held)), 4) if held else np.nan
    said, was = np.array(counts.said), np.array(counts.was)
    in_bin = np.minimum((said * 5).astype(int), 4)
    for k in range(5):
        chosen = in_bin == k
        row[f"best_{k + 1}_n"] = int(chosen.sum())
        row[f"best_{k + 1}_said"] = round(float(said[chosen].mean()), 4) if chosen.any() else np.nan
        row[f"best_{k + 1}_was"] = round(float(was[chosen].mean()), 4) if chosen.any() else np.nan
    return row


def outside(row: dict[str, object]) -> Iterator[str]:
    """Yields what of a row is outside its range."""
    low, high = RANGE
    for of, least, most in (
        *((of, low, high) for of in ("gains", "averages")),
        *((of, RANKS_AT_LEAST, 1.0) for of in ("best", "ranks")),
    ):
        value = float(str(row[of]))
        if value < least or value > most:
            yield f"{of} {value:.3f}"
    for k in range(1, 6):
        n, said, was = (float(str(row[f"best_{k}_{of}"])) for of in ("n", "said", "was"))
        if n >= FEWEST and abs(said - was) > BEST_WITHIN:
            yield f"P(best) said {said:.2f}, was {was:.2f} (n = {n:.0f})"


def main() -> int:
    """Simulates, prints the table, and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--grids", type=int, default=500, help="of each scenario (default 500)")
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    options = parser.parse_args()
    rows, failures = [], 0
    for scenario in SCENARIOS:
        if options.only not in scenario.name:
            continue
        # A scenario of its own name draws the same whatever else is simulated.
        rng = np.random.default_rng(list(scenario.name.encode()))
        counts = Counts()
        for _ in range(options.grids):
            count(*simulated(scenario, rng), counts)
        row = row_of(scenario.name, options.grids, counts)
        rows.append(row)
        wrong = list(outside(row))
        failures += bool(wrong)
        shown = ", ".join(f"{of} {row[of]}" for of in ("gains", "averages", "best", "ranks"))
        print(f"{scenario.name}: {shown}; {'; '.join(wrong) or 'holds'}", flush=True)
    if options.out:
        pd.DataFrame(rows).to_csv(options.out, index=False, lineterminator="\n")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
