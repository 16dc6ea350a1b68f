"""Replays `recommend` on targets whose gains are known, and measures what its choices lose.

Truth is semi-synthetic: of the public leaderboard, less the rows in which `doctor` finds errors, every
target's line of gain over probe score plus its residuals, shrunk by the share of them that is noise.
Runs are drawn with the noise of the file of 20 seeds. The target itself is left out of the prior.

    python tools/replay_recommend.py ../shared/published/model-recycling
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.readers.leaderboard import read_leaderboard
from intertrain_jax.recommendation.decide import (
    STOP,
    Rules,
    assess,
    choice,
    next_step,
    smallest_gain,
)
from intertrain_jax.recommendation.posterior import Posterior, binomial_error
from intertrain_jax.recommendation.prior import (
    LEAST_NOISE,
    PRIOR_FILE,
    Floats,
    PastTargets,
    fit_lines,
    prior_of,
    standardised,
)
from intertrain_jax.workflows.doctor import doctor

SEEDS = 4
MODELS = 66  # of a ranking, as in the paper's
REPETITIONS = 6


@dataclass(frozen=True)
class Board:
    """A leaderboard: gains [M, T] in points, probe scores [M]; noise of a run and binomial error [T]."""

    targets: tuple[str, ...]
    gains: Floats
    probe: Floats
    noise: Floats
    binomial: Floats
    examples: Sequence[int]


def read_board(folder: Path, name: str) -> Board:
    """Reads a leaderboard without suspicious rows, and the noise of every target."""
    board = read_leaderboard(folder / f"{name}_table.csv")
    bad = doctor(folder / f"{name}_table.csv").found.suspicious
    keep = ~board.scores.index.isin(bad) & board.probe.notna() & board.scores.notna().all(axis=1)
    base = board.scores.iloc[0]
    scores = board.scores[keep & (board.scores.index != board.scores.index[0])]
    seeds = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    value = seeds["accuracy"].fillna(seeds["spearmanr"]) * 100.0
    noise = value.groupby(seeds["dataset name"]).std().reindex(scores.columns)
    exact = seeds.dropna(subset=["accuracy"]).groupby("dataset name")["accuracy"]
    sizes = exact.apply(test_size)
    return Board(
        tuple(map(str, scores.columns)),
        (scores - base).to_numpy(float),
        board.probe[scores.index].to_numpy(float),
        np.maximum(noise.to_numpy(float), LEAST_NOISE),
        np.array([binomial_error(base[name], sizes.get(name, 1500)) for name in scores.columns]),
        [int(sizes.get(name, 1500)) for name in scores.columns],
    )


def test_size(accuracies: pd.Series) -> int:
    """Returns the fewest examples of which all of some accuracies can be shares."""
    values = accuracies.to_numpy(float)
    counts = np.arange(10, 100_001)[:, None]
    off = np.abs(values * counts - np.round(values * counts)).max(axis=1)
    return int(counts[(off < 1e-6).argmax(), 0])


def truths(board: Board) -> Floats:
    """Returns [M, T] true gains: the line plus shrunk residuals."""
    x = standardised(board.probe)
    found = np.empty_like(board.gains)
    for t, noise in enumerate(board.noise):
        beta, alpha = np.polyfit(x, board.gains[:, t], 1)
        line = alpha + beta * x
        rest = board.gains[:, t] - line
        scatter = rest.var()
        found[:, t] = line + rest * max(1 - noise**2 / scatter, 0.1)
    return found


def additive(board: Board) -> Floats:
    """Returns [M, T] gains that are the model's share plus the target's, and nothing else."""
    mean = board.gains.mean()
    return board.gains.mean(axis=1)[:, None] + board.gains.mean(axis=0)[None, :] - mean


@dataclass(frozen=True)
class Case:
    """Replays of one target: R repetitions, each with M models of its own, in the ranking's order."""

    target: str
    truth_RxM: Floats
    x_RxM: Floats
    noise: float
    binomial: float
    examples: int
    past: PastTargets


def cases(
    board: Board, truth: Floats, past: PastTargets, repetitions: int, seed: int
) -> list[Case]:
    """Draws the models of every repetition."""
    rng = np.random.default_rng(seed)
    made = []
    for t, target in enumerate(board.targets):
        picks = [rng.choice(len(board.probe), MODELS, replace=False) for _ in range(repetitions)]
        picks = [pick[np.argsort(-board.probe[pick], kind="stable")] for pick in picks]
        x = np.array([standardised(board.probe[pick]) for pick in picks])
        gains = np.array([truth[pick, t] for pick in picks])
        made.append(
            Case(
                target,
                gains,
                x,
                float(board.noise[t]),
                float(board.binomial[t]),
                int(board.examples[t]),
                past.without(target),
            )
        )
    return made


def replay(case: Case, rules: Rules, seed: int, at: tuple[int, ...] = ()) -> pd.DataFrame:
    """Plays every repetition until it stops; a row each, and one per number of runs in `at`."""
    R, M = case.truth_RxM.shape
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([np.zeros((R, 1)), case.truth_RxM], axis=1)[..., None]
    drawn = 80.0 + drawn + case.noise * rng.standard_normal((R, 1 + M, SEEDS))
    scores = np.full_like(drawn, np.nan)
    usable = np.ones((R, M), bool)
    prior, opinion = prior_of(case.past), max(case.binomial, case.past.usual_noise)
    kept = []
    stages = np.zeros(R, int)
    for _ in range(rules.budget + 1):
        found = assess(scores, case.x_RxM, prior, opinion, case.binomial)
        step = next_step(scores, case.x_RxM, found, rules, usable)
        spent = np.isfinite(scores).sum(axis=(1, 2))
        for count in at:
            kept.append(_judge(case, scores, found, rules, stages, f"{count}")[spent == count])
        going = step.model != STOP
        if not going.any():
            break
        for r in np.flatnonzero(going):
            row = step.model[r] + 1
            s = int(np.isfinite(scores[r, row]).sum())
            scores[r, row, s] = drawn[r, row, s]
        stages = np.where(going, step.stage, stages)
    kept.append(_judge(case, scores, found, rules, stages, "end"))
    return pd.concat(kept, ignore_index=True)


def _judge(
    case: Case, scores: Floats, found: Posterior, rules: Rules, stages: np.ndarray, when: str
) -> pd.DataFrame:
    R = len(scores)
    tried = np.isfinite(scores[:, 1:]).any(axis=-1)
    chosen = choice(found, tried)
    own = np.where(chosen < 0, 0.0, case.truth_RxM[np.arange(R), np.maximum(chosen, 0)])
    low, high = found.quantile(chosen, 0.025), found.quantile(chosen, 0.975)
    rest = np.where(tried, -np.inf, case.truth_RxM)
    return pd.DataFrame(
        {
            "target": case.target,
            "when": when,
            "runs": np.isfinite(scores).sum(axis=(1, 2)),
            "regret": np.maximum(case.truth_RxM.max(axis=1), 0.0) - own,
            "gain": own,
            "best": case.truth_RxM.max(axis=1),
            "chosen": chosen,
            "covered": (low <= own) & (own <= high),
            "p_better": found.any_better(chosen, rules.worthwhile, ~tried),
            "better": rest.max(axis=1) > own + rules.worthwhile,
            "stage": stages,
        }
    )


def static(case: Case, pick: Callable[[int], np.ndarray], seeds: int, seed: int) -> Floats:
    """Returns [R] the regret of taking the best seen of some models over some seeds each."""
    rng = np.random.default_rng(seed)
    R, M = case.truth_RxM.shape
    lost = []
    for r in range(R):
        models = pick(M)
        seen = case.truth_RxM[r, models] + case.noise * rng.standard_normal(
            (seeds, len(models))
        ).mean(0)
        lost.append(max(case.truth_RxM[r].max(), 0.0) - case.truth_RxM[r, models[seen.argmax()]])
    return np.array(lost)


def figures(scenario: str, made: list[Case]) -> list[dict[str, object]]:
    """Returns a row per figure: mean over targets with an interval over targets by bootstrap."""
    free = [replay(c, Rules(price=0.0), 3 + k, (6, 10)) for k, c in enumerate(made)]
    open_ended = pd.concat(free, ignore_index=True)
    ended = pd.concat([replay(c, Rules(), 3 + k) for k, c in enumerate(made)], ignore_index=True)
    rows: list[dict[str, object]] = []

    def add(figure: str, table: pd.DataFrame, column: str) -> None:
        by_target = table.groupby("target")[column].mean().to_numpy(float)
        rng = np.random.default_rng(7)
        picks = rng.integers(len(by_target), size=(2000, len(by_target)))
        low, high = np.quantile(by_target[picks].mean(axis=1), [0.025, 0.975])
        value = table[column].mean()
        rows.append(
            {
                "scenario": scenario,
                "figure": figure,
                "value": round(float(value), 3),
                "low": round(float(low), 3),
                "high": round(float(high), 3),
                "replays": len(table),
            }
        )

    for count in ("6", "10"):
        at = open_ended[open_ended["when"] == count]
        add(f"true regret at {count} runs, points", at, "regret")
    add("true regret where it stops, points", ended, "regret")
    add("runs where it stops", ended, "runs")
    add("coverage of the chosen model's 95 % interval", ended, "covered")
    # Price 0 spends the budget: both ends of a search are judged.
    both = pd.concat([ended, open_ended[open_ended["when"] == "6"]], ignore_index=True)
    both["bin"] = np.minimum((both["p_better"] * 5).astype(int), 4)
    for k, part in both.groupby("bin"):
        part = part.assign(off=part["better"].astype(float) - part["p_better"])
        add(f"frequency less P(untried better by > 1), bin {int(k) + 1} of 5", part, "off")
    worth = ended[ended["best"] > 2 * Rules().worthwhile]
    add("false 'not worth it'", worth.assign(wrong=worth["stage"] == 0), "wrong")
    small = ended[ended["target"].isin(["copa", "cb"])]
    if len(small):
        sizes = {c.target: smallest_gain(c.examples, Rules().worthwhile).known for c in made}
        add(
            "copa and cb: 'cannot be known'", small.assign(said=~small["target"].map(sizes)), "said"
        )
    for name, count, seeds in (("top 3", 3, 1), ("top 10", 10, 1), ("top 5, 2 seeds", 5, 2)):
        lost = [static(c, lambda M, n=count: np.arange(n), seeds, 2) for c in made]
        table = pd.DataFrame({"target": [c.target for c in made], "regret": lost}).explode("regret")
        add(f"true regret of the best seen of the {name}, points", table, "regret")
    return rows


def main() -> None:
    """Writes every figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="published/model-recycling")
    parser.add_argument("--fit", action="store_true", help="write the prior that is shipped")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/recommend.csv"))
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    args = parser.parse_args()
    board = read_board(args.folder, "roberta-base")
    unit = np.maximum(board.noise, board.binomial)
    past = fit_lines(board.targets, board.gains, board.probe, board.noise, unit)
    if args.fit:
        table = pd.DataFrame(
            {"target": past.names, "alpha": past.alpha, "beta": past.beta, "tau": past.tau}
        ).assign(noise=past.noise)
        table.round(4).to_csv(PRIOR_FILE, index=False)
        return
    rows: list[dict[str, object]] = []
    for scenario, truth in (
        ("RoBERTa leaderboard", truths(board)),
        ("purely additive gains", additive(board)),
    ):
        rows += figures(scenario, cases(board, truth, past, args.repetitions, 1))
        pd.DataFrame(rows).to_csv(args.out, index=False, lineterminator="\n")
    print(pd.DataFrame(rows).to_string())


if __name__ == "__main__":
    main()
