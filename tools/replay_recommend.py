"""Replays `recommend` on targets whose gains are known, and measures what its choices lose.

Truths are those of `replay_truths.py`: of the RoBERTa leaderboard, less the rows in which `doctor` finds
errors, of the T5 and the BERT one, of purely additive gains, and of gains drawn from the model of gains
itself. The prior is learnt from all targets but the replayed one, as they were published, or as one run
of every model would have been where truths are made up. Whatever is tuned is tuned on T5 and on planted
gains (`--scenarios T5 planted`); RoBERTa and BERT confirm it. Every rule plays the same draws.

BERT's scenarios need its table, bert-base-uncased_table.csv, in the folder, and are left out without:
it is in github.com/IBM/model-recycling, folder results (here: commit 01401eb).

    python tools/replay_recommend.py ../shared/published/model-recycling
    python tools/replay_recommend.py ../shared/published/model-recycling --check
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from replay_truths import (
    Board,
    Case,
    additive,
    cases,
    lines_of,
    planted,
    published,
    read_board,
    reproduced,
    truths,
)

from intertrain_jax.recommendation.decide import (
    STOP,
    Rules,
    assess,
    choice,
    next_step,
    smallest_gain,
)
from intertrain_jax.recommendation.posterior import Posterior
from intertrain_jax.recommendation.prior import PRIOR_FILE, Floats, prior_of
from intertrain_jax.recommendation.verdict import gain_on_test

MODELS = 66  # of a ranking, as in the paper's
REPETITIONS = 6
# Budget of a search that only its price ends.
_AMPLE = 40
_COUNTS = (6, 10)
# Of probabilities, as wide as each other, and with as many replays as each other.
_BINS = 5
_BERT = "bert-base-uncased"
# Of whose test sets nobody can learn anything.
_TINY = ("copa", "cb")


def replay(case: Case, rules: Rules, at: tuple[int, ...] = ()) -> pd.DataFrame:
    """Plays every repetition until it stops; a row each, and one per number of runs in `at`."""
    R, M = case.truth_RxM.shape
    scores = np.full_like(case.drawn, np.nan)
    usable = np.ones((R, M), bool)
    kept = []
    stages = np.zeros(R, int)
    for _ in range(rules.budget + 1):
        found = known(case, scores)
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
            scores[r, row, s] = case.drawn[r, row, s]
        stages = np.where(going, step.stage, stages)
    kept.append(_judge(case, scores, found, rules, stages, "end"))
    return pd.concat(kept, ignore_index=True)


def known(case: Case, scores: Floats) -> Posterior:
    """Returns what `recommend` would know after some runs."""
    opinion = max(case.binomial, case.past.usual_noise)
    return assess(scores, case.x_RxM, prior_of(case.past), opinion, case.binomial)


def _judge(
    case: Case, scores: Floats, found: Posterior, rules: Rules, stages: np.ndarray, when: str
) -> pd.DataFrame:
    R = len(scores)
    tried = np.isfinite(scores[:, 1:]).any(axis=-1)
    chosen = choice(found, tried)
    own = np.where(chosen < 0, 0.0, case.truth_RxM[np.arange(R), np.maximum(chosen, 0)])
    low, high = found.quantile(chosen, 0.025), found.quantile(chosen, 0.975)
    rest = np.where(tried, -np.inf, case.truth_RxM)
    test = smallest_gain(case.examples, rules.worthwhile)
    shown = _low_on_test(case, scores, chosen, own)
    expected = np.where(chosen < 0, 0.0, found.mean[np.arange(R), np.maximum(chosen, 0)])
    return pd.DataFrame(
        {
            "target": case.target,
            "when": when,
            "runs": np.isfinite(scores).sum(axis=(1, 2)),
            "regret": case.best - own,
            "gain": own,
            "best": case.best,
            "chosen": chosen,
            "covered": np.where(chosen < 0, np.nan, (low <= own) & (own <= high)),
            "p_better": found.any_better(chosen, rules.worthwhile, ~tried),
            "better": rest.max(axis=1) > own + rules.worthwhile,
            "opening": stages < 3,
            "refused": expected < rules.worthwhile,
            "said": float(not test.known),
            "shown": (not test.known) & (chosen >= 0) & (shown >= rules.worthwhile),
        }
    )


def _low_on_test(case: Case, scores: Floats, chosen: np.ndarray, own: Floats) -> Floats:
    """Returns [R] the lower end of the chosen model's gain on a test set drawn from what is true."""
    runs = np.isfinite(scores).sum(axis=-1)
    rows = np.maximum(chosen, 0) + 1
    half = np.array(
        [
            gain_on_test([0.0] * count[row], [0.0] * count[0], case.examples, case.noise).high
            for row, count in zip(rows, np.maximum(runs, 1), strict=True)
        ]
    )
    rng = np.random.default_rng([case.examples, len(own)])
    return np.asarray(own + half * (rng.standard_normal(len(own)) / 1.96 - 1.0))


def best_seen(case: Case, models: int, seeds: int = 1) -> Floats:
    """Returns [R] the regret of the best mean seen of the first models of the ranking."""
    seen = case.drawn[:, 1 : models + 1, :seeds].mean(axis=-1)
    return _regret(case, seen.argmax(axis=1))


def best_mean(case: Case, models: int, seeds: int) -> Floats:
    """Returns [R] the regret of the largest posterior mean of the first models, all run as often."""
    scores = np.full_like(case.drawn, np.nan)
    scores[:, 1 : models + 1, :seeds] = case.drawn[:, 1 : models + 1, :seeds]
    return _regret(case, known(case, scores).mean[:, :models].argmax(axis=1))


def halving(case: Case, rounds: tuple[int, ...] = (5, 3, 2)) -> Floats:
    """Returns [R] the regret of successive halving: every round one run of the best so far."""
    scores = np.full_like(case.drawn[:, 1:], np.nan)
    left = np.tile(np.arange(rounds[0]), (len(scores), 1))
    each = np.arange(len(scores))[:, None]
    for s, count in enumerate(rounds):
        if s:
            mean = np.nanmean(scores[each, left], axis=-1)
            left = np.take_along_axis(left, np.argsort(-mean, axis=1)[:, :count], axis=1)
        scores[each, left, s] = case.drawn[each, left + 1, s]
    mean = np.nanmean(scores[each, left], axis=-1)
    return _regret(case, np.take_along_axis(left, mean.argmax(axis=1)[:, None], axis=1)[:, 0])


def random_models(case: Case, models: int = 3) -> Floats:
    """Returns [R] the regret of the best seen of some models that a die chose."""
    rng = np.random.default_rng(5)
    R, M = case.truth_RxM.shape
    picks = np.array([rng.choice(M, models, replace=False) for _ in range(R)])
    seen = case.drawn[np.arange(R)[:, None], picks + 1, 0]
    return _regret(case, np.take_along_axis(picks, seen.argmax(axis=1)[:, None], axis=1)[:, 0])


def nearest(case: Case, models: int) -> Floats:
    """Returns [R] the regret of the truly best of the first models, or of none: the least they allow."""
    return np.asarray(case.best - np.maximum(case.truth_RxM[:, :models].max(axis=1), 0.0))


def _regret(case: Case, chosen: np.ndarray) -> Floats:
    return np.asarray(case.best - case.truth_RxM[np.arange(len(chosen)), chosen])


# Rules of ten runs or fewer, beside which `recommend` is seen: name and regrets of a case.
BASELINES: tuple[tuple[str, Callable[[Case], Floats]], ...] = (
    ("the best seen of the top 3", lambda case: best_seen(case, 3)),
    ("the best seen of the top 10", lambda case: best_seen(case, 10)),
    ("the top 5, 2 seeds, posterior mean", lambda case: best_mean(case, 5, 2)),
    ("halving 5, 3, 2", halving),
    ("the best seen of 3 at random", random_models),
    ("the truly best of the top 5", lambda case: nearest(case, 5)),
    ("the truly best of the top 9", lambda case: nearest(case, 9)),
)


class Figures:
    """Rows of figures, each the mean over targets with an interval by bootstrap over targets."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.rows: list[dict[str, object]] = []

    def add(self, figure: str, table: pd.DataFrame, column: str) -> None:
        """Adds the mean of a column; a table without rows gives no row."""
        table = table.dropna(subset=[column])
        if not len(table):
            return
        of_target = table.groupby("target")[column].agg(["sum", "count"]).to_numpy(float)
        rng = np.random.default_rng(7)
        picks = rng.integers(len(of_target), size=(2000, len(of_target)))
        sums = of_target[picks].sum(axis=1)
        low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
        value = float(table[column].mean())
        numbers = {"value": value, "low": float(low), "high": float(high)}
        self.rows.append(
            {"scenario": self.scenario, "figure": figure}
            | {name: round(number, 3) for name, number in numbers.items()}
            | {"replays": len(table)}
        )


def figures(scenario: str, made: Sequence[Case]) -> list[dict[str, object]]:
    """Returns every figure of a scenario."""
    found = Figures(scenario)
    free = pd.concat([replay(c, Rules(price=0.0), _COUNTS) for c in made], ignore_index=True)
    ended = pd.concat([replay(c, Rules()) for c in made], ignore_index=True)
    ample = pd.concat([replay(c, Rules(budget=_AMPLE)) for c in made], ignore_index=True)
    for count in _COUNTS:
        at = free[free["when"] == str(count)]
        found.add(f"true regret at {count} runs, points", at, "regret")
    for name, rule in BASELINES:
        lost = pd.DataFrame({"target": [c.target for c in made], "regret": [rule(c) for c in made]})
        lost = lost.explode("regret").astype({"regret": float})
        found.add(f"true regret of {name}, points", lost, "regret")
    for table, budget in ((ended, Rules().budget), (ample, _AMPLE)):
        found.add(f"true regret where it stops, budget {budget}, points", table, "regret")
        found.add(f"runs where it stops, budget {budget}", table, "runs")
    found.add("coverage of the chosen model's 95 % interval", ended, "covered")
    both = pd.concat([free[free["when"] == "6"], ended, ample], ignore_index=True)
    both["off"] = both["better"].astype(float) - both["p_better"]
    width = np.minimum((both["p_better"] * _BINS).astype(int), _BINS - 1)
    fifth = both["p_better"].rank(method="first").sub(1).mul(_BINS).floordiv(len(both)).astype(int)
    for kind, of in (("bin", width), ("fifth", fifth)):
        for k, part in both.groupby(of):
            name = f"frequency less P(untried better by > 1), {kind} {int(k) + 1} of {_BINS}"
            found.add(name, part, "off")
    _refusals(found, ended, ample)
    return found.rows


def _refusals(found: Figures, ended: pd.DataFrame, ample: pd.DataFrame) -> None:
    """Adds how often it wrongly says that nothing is worth it, and that nothing can be known."""
    for table, budget in ((ended, Rules().budget), (ample, _AMPLE)):
        worth = table[table["best"] > 2 * Rules().worthwhile]
        wrong = worth["refused"] & worth["opening"]
        found.add(
            f"false 'not worth it' after the opening, budget {budget}",
            worth.assign(wrong=wrong.astype(float)),
            "wrong",
        )
        found.add(
            f"false 'not worth it' at any time, budget {budget}",
            worth.assign(wrong=worth["refused"].astype(float)),
            "wrong",
        )
    tiny = ended["target"].isin(_TINY)
    ended = ended.assign(shown=ended["shown"].astype(float))
    for table, name in ((ended[tiny], "copa and cb"), (ended[~tiny], "others")):
        found.add(f"{name}: a worthwhile gain 'cannot be known' with the test set", table, "said")
        found.add(
            f"{name}: said, and yet the test set shows the one that was found", table, "shown"
        )


def worlds(
    boards: dict[str, Board], repetitions: int
) -> dict[str, tuple[Board, Floats, int | None]]:
    """Returns, by name, the published board, the true gains and the number of models of a ranking."""
    made: dict[str, tuple[Board, Floats, int | None]] = {}
    for name, board in boards.items():
        count, truth = len(board.probe), truths(board)
        if count > MODELS:
            made[f"{name} leaderboard, {MODELS} models"] = (board, truth, MODELS)
            shrunk, alone = truths(board, expected=True), additive(truth)
            made[f"{name} leaderboard, residuals shrunk to expectations, {MODELS} models"] = (
                *(published(board, shrunk), shrunk),
                MODELS,
            )
            made[f"purely additive gains of {name}, {MODELS} models"] = (
                *(published(board, alone), alone),
                MODELS,
            )
        else:
            made[f"{name} leaderboard, all {count} models"] = (board, truth, None)
    roberta = boards["RoBERTa"]
    lines = planted(roberta, repetitions)
    made[f"planted lines, {MODELS} models"] = (roberta, lines, MODELS)
    _, truth, _ = made[f"RoBERTa leaderboard, {MODELS} models"]
    made[f"RoBERTa leaderboard, all {len(roberta.probe)} models"] = (roberta, truth, None)
    return made


def check(boards: dict[str, Board]) -> pd.DataFrame:
    """Returns how widely truths with noise spread, over what is published; 1 is right."""
    rows = {}
    for name, board in boards.items():
        kinds = {"truths": truths(board), "expected": truths(board, True), "lines": lines_of(board)}
        for kind, truth in kinds.items():
            found = reproduced(board, truth)
            rows[f"{name}, {kind}"] = found.median().add_prefix("median ")
    return pd.DataFrame(rows).T.round(2)


def main() -> None:
    """Writes every figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="published/model-recycling")
    parser.add_argument("--fit", action="store_true", help="write the prior that is shipped")
    parser.add_argument(
        "--check", action="store_true", help="compare truths with what is published"
    )
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/recommend.csv"))
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--seed", type=int, default=1, help="of the models and runs that are drawn")
    parser.add_argument("--scenarios", nargs="*", default=[], help="words of their names")
    args = parser.parse_args()
    roberta = read_board(args.folder, "roberta-base")
    if args.fit:
        past = roberta.lines()
        names = ("alpha", "beta", "tau", "upper", "noise")
        table = pd.DataFrame({"target": past.names} | {n: getattr(past, n) for n in names})
        table.round(4).to_csv(PRIOR_FILE, index=False, lineterminator="\n")
        return
    boards = {"T5": read_board(args.folder, "t5-base"), "RoBERTa": roberta}
    if (args.folder / f"{_BERT}_table.csv").is_file():
        boards["BERT"] = read_board(args.folder, _BERT)
    else:
        print(f"{_BERT}_table.csv is not in {args.folder}: its scenarios are left out")
    if args.check:
        print(check(boards).to_string())
        return
    rows: list[dict[str, object]] = []
    for scenario, (board, truth, models) in worlds(boards, args.repetitions).items():
        if args.scenarios and not any(word in scenario for word in args.scenarios):
            continue
        rows += figures(scenario, cases(board, truth, args.repetitions, models, args.seed))
        pd.DataFrame(rows).to_csv(args.out, index=False, lineterminator="\n")
    print(pd.DataFrame(rows).to_string())


if __name__ == "__main__":
    main()
