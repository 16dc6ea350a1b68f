"""Targets whose gains are known, for replays of `recommend`: published leaderboards, less their noise.

Every target's truth is its line of gain over probe score plus its residuals, less the noise of the one
run that was published. The noise is that of twenty seeds of the pretrained model, as they are: one or
another collapses, and a normal noise of their standard deviation is one that no published gains show.
The distribution of the residuals without it is the most likely one (Kiefer and Wolfowitz 1956, Annals of
Mathematical Statistics 27). Residuals at their expected values would spread less than true ones do, and
the best of many be too near; so each has the quantile of that distribution which is its place among them
(Shen and Louis 1998, "Triple-goal estimates in two-stage hierarchical models", JRSS B 60). Truths with
noise spread as the published gains do: `--check` of `replay_recommend.py` shows how well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from intertrain_jax.readers.leaderboard import read_leaderboard
from intertrain_jax.recommendation.posterior import binomial_error, noise_of
from intertrain_jax.recommendation.prior import (
    LEAST_NOISE,
    Floats,
    PastTargets,
    fit_lines,
    standardised,
)
from intertrain_jax.workflows.doctor import doctor

# Test examples of targets that have no accuracy: STS-B's 1,500.
_GRADED_EXAMPLES = 1500
# Standard deviation over BERT's 20 seeds, in points, as the site's page of its baseline has it
# (github.com/IBM/model-recycling, bert-base-uncased_pretrain_scores_table.md).
_BERT_NOISE = {
    "20_newsgroup": 0.43,
    "ag_news": 0.29,
    "amazon_reviews_multi": 0.31,
    "anli": 0.52,
    "boolq": 1.2,
    "cb": 10.01,
    "cola": 0.49,
    "copa": 5.36,
    "dbpedia": 0.67,
    "esnli": 1.33,
    "financial_phrasebank": 10.67,
    "imdb": 0.14,
    "isear": 0.46,
    "mnli": 0.23,
    "mrpc": 1.61,
    "multirc": 1.4,
    "poem_sentiment": 0.9,
    "qnli": 0.75,
    "qqp": 0.54,
    "rotten_tomatoes": 0.47,
    "rte": 2.04,
    "sst2": 0.42,
    "sst_5bins": 0.56,
    "stsb": 0.45,
    "trec_coarse": 0.63,
    "trec_fine": 2.83,
    "tweet_ev_emoji": 0.6,
    "tweet_ev_emotion": 0.65,
    "tweet_ev_hate": 1.2,
    "tweet_ev_irony": 1.41,
    "tweet_ev_offensive": 0.63,
    "tweet_ev_sentiment": 0.73,
    "wic": 1.63,
    "wnli": 6.41,
    "wsc": 4.55,
    "yahoo_answers": 0.24,
}
# Points of a distribution of true residuals, and rounds of EM from an even one.
_GRID, _EM_ROUNDS = 300, 300
# Runs of each model at most.
SEEDS = 4


@dataclass(frozen=True)
class Noise:
    """What seeds change: a density of kernels about the deviations of some runs, their variance kept.

    Attributes:
        deviations: [S] of runs that differ by their seed, from their mean, in points.
        width: standard deviation of the kernels, in points.
    """

    deviations: Floats
    width: float

    @classmethod
    def of(cls, scores: Floats) -> Noise:
        """Returns the noise of [S] scores, with kernels of Silverman's width (1986, section 3.4.2)."""
        off = scores - scores.mean()
        quarters = np.subtract(*np.quantile(off, [0.75, 0.25])) / 1.34
        width = max(0.9 * min(off.std(), quarters) * len(off) ** -0.2, LEAST_NOISE)
        return cls(off / np.sqrt(1.0 + width**2 / max(off.var(), width**2)), float(width))

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Returns noise of so many runs."""
        return np.asarray(rng.choice(self.deviations, shape) + rng.normal(0.0, self.width, shape))

    def density(self, off: Floats) -> Floats:
        """Returns the density of noise, of the shape of `off`, up to a factor."""
        z = (off[..., None] - self.deviations) / self.width
        return np.asarray(np.exp(-0.5 * z**2).mean(axis=-1))


@dataclass(frozen=True)
class Board:
    """A leaderboard of M models and T targets.

    Attributes:
        targets: their names.
        gains: [M, T] in points.
        probe: [M] scores.
        runs: of each target, how seeds change a score.
        noise: [T] standard deviation of a run, as `recommend` finds it from the same seeds, in points.
        binomial: [T] error of a score on the test set, in points.
        examples: of each test set.
    """

    targets: tuple[str, ...]
    gains: Floats
    probe: Floats
    runs: Sequence[Noise]
    noise: Floats
    binomial: Floats
    examples: Sequence[int]

    def lines(self) -> PastTargets:
        """Returns the line of every target."""
        unit = np.maximum(self.noise, self.binomial)
        return fit_lines(self.targets, self.gains, standardised(self.probe), self.noise, unit)


def read_board(folder: Path, name: str) -> Board:
    """Reads a leaderboard without suspicious rows, and the noise of every target.

    Noise is that of the file of RoBERTa's 20 seeds, for BERT scaled to the spread of its own 20: no more
    of them is published.
    """
    board = read_leaderboard(folder / f"{name}_table.csv")
    bad = doctor(folder / f"{name}_table.csv").found.suspicious
    keep = ~board.scores.index.isin(bad) & board.probe.notna() & board.scores.notna().all(axis=1)
    seeds = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    value = seeds["accuracy"].fillna(seeds["spearmanr"]) * 100.0
    of_seeds = {str(t): part.to_numpy(float) for t, part in value.groupby(seeds["dataset name"])}
    if name.startswith("bert"):
        of_seeds = {t: of_seeds[t] * sd / of_seeds[t].std(ddof=1) for t, sd in _BERT_NOISE.items()}
    columns = [column for column in board.scores.columns if column in of_seeds]
    base = board.scores[columns].iloc[0]
    scores = board.scores.loc[keep & (board.scores.index != board.scores.index[0]), columns]
    exact = seeds.dropna(subset=["accuracy"]).groupby("dataset name")["accuracy"]
    sizes = exact.apply(fewest_examples)
    binomial = np.array([binomial_error(base[c], sizes.get(c, _GRADED_EXAMPLES)) for c in columns])
    noise = noise_of(np.array([of_seeds[c] for c in columns])[:, None], binomial)
    return Board(
        tuple(map(str, columns)),
        (scores - base).to_numpy(float),
        board.probe[scores.index].to_numpy(float),
        [Noise.of(of_seeds[c]) for c in columns],
        np.maximum(noise, LEAST_NOISE),
        binomial,
        [int(sizes.get(c, _GRADED_EXAMPLES)) for c in columns],
    )


def fewest_examples(accuracies: pd.Series) -> int:
    """Returns the fewest examples of which all of some accuracies can be shares."""
    values = accuracies.to_numpy(float)
    counts = np.arange(10, 100_001)[:, None]
    off = np.abs(values * counts - np.round(values * counts)).max(axis=1)
    return int(counts[(off < 1e-6).argmax(), 0])


def without_noise(seen: Floats, noise: Noise, expected: bool = False) -> Floats:
    """Returns [M] values of which some were seen with noise.

    Args:
        seen: [M].
        noise: of each.
        expected: the expected values, rather than ones that spread as true ones do.
    """
    grid = np.linspace(seen.min(), seen.max(), _GRID)
    likelihood = np.maximum(noise.density(seen[:, None] - grid), 1e-300)
    weight = np.full(_GRID, 1.0 / _GRID)
    for _ in range(_EM_ROUNDS):
        posterior = likelihood * weight
        posterior /= posterior.sum(axis=1, keepdims=True)
        weight = posterior.mean(axis=0)
    mean = posterior @ grid
    if expected:
        return np.asarray(mean)
    place = (rankdata(mean, method="ordinal") - 0.5) / len(seen)
    return np.asarray(np.interp(place, np.cumsum(weight) - 0.5 * weight, grid))


def truths(board: Board, expected: bool = False) -> Floats:
    """Returns [M, T] true gains: the line plus residuals without noise.

    Args:
        board: one run of every model and target.
        expected: residuals at their expected values, rather than of their true spread.
    """
    lines = lines_of(board)
    rest = board.gains - lines
    own = [without_noise(rest[:, t], noise, expected) for t, noise in enumerate(board.runs)]
    return np.asarray(lines + np.array(own).T)


def lines_of(board: Board) -> Floats:
    """Returns [M, T] the line of every target at every model, by least squares."""
    x = standardised(board.probe)
    beta, alpha = np.polyfit(x, board.gains, 1)
    return np.asarray(alpha + beta * x[:, None])


def reproduced(board: Board, truth: Floats, seed: int = 0, repetitions: int = 20) -> pd.DataFrame:
    """Returns, per target, how widely truths with noise spread about the line, over what was published.

    Columns: `spread`, the standard deviation; `upper`, the root mean square above the median; `best`,
    the mean of the five best; each as a ratio, 1 where truths are right.
    """
    rng = np.random.default_rng(seed)
    lines, rows = lines_of(board), []
    rest = board.gains - lines
    for t, noise in enumerate(board.runs):
        drawn = truth[:, t] - lines[:, t] + noise.draw((repetitions, len(truth)), rng)
        rows.append(np.mean([_spread(one) for one in drawn], axis=0) / _spread(rest[:, t]))
    return pd.DataFrame(rows, index=list(board.targets), columns=["spread", "upper", "best"])


def published(board: Board, truth: Floats, seed: int = 0) -> Board:
    """Returns the leaderboard that one run of every model and target would give, were truths these."""
    rng = np.random.default_rng(seed)
    noise = np.array([own.draw((len(truth),), rng) for own in board.runs]).T
    return replace(board, gains=truth + noise)


def _spread(rest: Floats) -> Floats:
    above = rest[rest > np.median(rest)] - np.median(rest)
    return np.array([rest.std(), np.sqrt(np.mean(above**2)), np.sort(rest)[-5:].mean()])


def additive(gains: Floats) -> Floats:
    """Returns [M, T] gains that are the model's share plus the target's, and nothing else."""
    return gains.mean(axis=1)[:, None] + gains.mean(axis=0)[None, :] - gains.mean()


def planted(board: Board, repetitions: int, seed: int = 0) -> Floats:
    """Returns [R, M, T] gains drawn anew from the lines: where the model of gains is right."""
    rng = np.random.default_rng(seed)
    x, past = standardised(board.probe), board.lines()
    z = rng.standard_normal((repetitions, len(x), len(past.tau)))
    own = z * np.where(z > 0, past.tau if past.upper is None else past.upper, past.tau)
    return np.asarray((past.alpha + past.beta * x[:, None] + own) * past.noise)


@dataclass(frozen=True)
class Case:
    """Replays of one target: R repetitions, each with M models of its own, in the ranking's order.

    Attributes:
        target: its name.
        truth_RxM: true gains, in points.
        x_RxM: standardised probe scores.
        drawn: [R, 1 + M, S] every score that a run may give, the pretrained model's first.
        noise: of a run.
        binomial: error of the test set.
        examples: of the test set.
        past: lines of all other targets.
    """

    target: str
    truth_RxM: Floats
    x_RxM: Floats
    drawn: Floats
    noise: float
    binomial: float
    examples: int
    past: PastTargets

    @property
    def best(self) -> Floats:
        """[R] the best that could be had: the pretrained model's 0, or the best model's gain."""
        return np.asarray(np.maximum(self.truth_RxM.max(axis=1), 0.0))


def cases(
    board: Board, truth: Floats, repetitions: int, models: int | None, seed: int
) -> list[Case]:
    """Draws the models and the runs of every repetition.

    Args:
        board: with the noise.
        truth: [M, T] gains, or [R, M, T] where every repetition has its own.
        repetitions: R.
        models: in a ranking, drawn anew for every repetition; None takes all.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    past, made = board.lines(), []
    each = np.broadcast_to(truth, (repetitions, *truth.shape[-2:]))
    count = len(board.probe) if models is None else models
    for t, target in enumerate(board.targets):
        picks = [rng.choice(len(board.probe), count, replace=False) for _ in range(repetitions)]
        picks = [pick[np.argsort(-board.probe[pick], kind="stable")] for pick in picks]
        gains = np.array([own[pick, t] for own, pick in zip(each, picks, strict=True)])
        level = 80.0 + np.concatenate([np.zeros((repetitions, 1)), gains], axis=1)[..., None]
        made.append(
            Case(
                target,
                gains,
                np.array([standardised(board.probe[pick]) for pick in picks]),
                level + board.runs[t].draw((repetitions, 1 + count, SEEDS), rng),
                float(board.noise[t]),
                float(board.binomial[t]),
                int(board.examples[t]),
                past.without(target),
            )
        )
    return made
