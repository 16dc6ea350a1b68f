"""Targets whose gains are known, for replays of `recommend`: published leaderboards, less their noise.

Every target's truth is its line of gain over probe score plus its residuals, shrunk by the share of them
that is noise. Shrunk to their expected values they would spread less than true ones do, and the best of
many be too near. So they are shrunk to the spread that true ones have (Louis 1984, "Estimating a
population of parameter values using Bayes and empirical Bayes methods", JASA 79).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.readers.leaderboard import read_leaderboard
from intertrain_jax.recommendation.posterior import binomial_error
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
# Runs of each model at most.
SEEDS = 4


@dataclass(frozen=True)
class Board:
    """A leaderboard: gains [M, T] in points, probe scores [M]; noise of a run and binomial error [T]."""

    targets: tuple[str, ...]
    gains: Floats
    probe: Floats
    noise: Floats
    binomial: Floats
    examples: Sequence[int]

    def lines(self) -> PastTargets:
        """Returns the line of every target."""
        unit = np.maximum(self.noise, self.binomial)
        return fit_lines(self.targets, self.gains, standardised(self.probe), self.noise, unit)


def read_board(folder: Path, name: str) -> Board:
    """Reads a leaderboard without suspicious rows, and the noise of every target.

    Noise is that of BERT's 20 seeds for BERT, and of the file of RoBERTa's 20 for all others.
    """
    board = read_leaderboard(folder / f"{name}_table.csv")
    bad = doctor(folder / f"{name}_table.csv").found.suspicious
    keep = ~board.scores.index.isin(bad) & board.probe.notna() & board.scores.notna().all(axis=1)
    seeds = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    value = seeds["accuracy"].fillna(seeds["spearmanr"]) * 100.0
    of_roberta = value.groupby(seeds["dataset name"]).std()
    noise = pd.Series(_BERT_NOISE) if name.startswith("bert") else of_roberta
    columns = [column for column in board.scores.columns if column in noise.index]
    base = board.scores[columns].iloc[0]
    scores = board.scores.loc[keep & (board.scores.index != board.scores.index[0]), columns]
    exact = seeds.dropna(subset=["accuracy"]).groupby("dataset name")["accuracy"]
    sizes = exact.apply(fewest_examples)
    return Board(
        tuple(map(str, columns)),
        (scores - base).to_numpy(float),
        board.probe[scores.index].to_numpy(float),
        np.maximum(noise[columns].to_numpy(float), LEAST_NOISE),
        np.array([binomial_error(base[c], sizes.get(c, _GRADED_EXAMPLES)) for c in columns]),
        [int(sizes.get(c, _GRADED_EXAMPLES)) for c in columns],
    )


def fewest_examples(accuracies: pd.Series) -> int:
    """Returns the fewest examples of which all of some accuracies can be shares."""
    values = accuracies.to_numpy(float)
    counts = np.arange(10, 100_001)[:, None]
    off = np.abs(values * counts - np.round(values * counts)).max(axis=1)
    return int(counts[(off < 1e-6).argmax(), 0])


def truths(board: Board, expected: bool = False) -> Floats:
    """Returns [M, T] true gains: the line plus shrunk residuals.

    Args:
        board: one run of every model and target.
        expected: shrink residuals to their expected values, rather than to their true spread.
    """
    x = standardised(board.probe)
    found = np.empty_like(board.gains)
    for t, noise in enumerate(board.noise):
        beta, alpha = np.polyfit(x, board.gains[:, t], 1)
        line = alpha + beta * x
        rest = board.gains[:, t] - line
        share = max(1 - noise**2 / rest.var(), 0.1)
        found[:, t] = line + rest * (share if expected else np.sqrt(share))
    return found


def additive(board: Board) -> Floats:
    """Returns [M, T] gains that are the model's share plus the target's, and nothing else."""
    gains = truths(board)
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
        noise = float(board.noise[t])
        made.append(
            Case(
                target,
                gains,
                np.array([standardised(board.probe[pick]) for pick in picks]),
                level + noise * rng.standard_normal((repetitions, 1 + count, SEEDS)),
                noise,
                float(board.binomial[t]),
                int(board.examples[t]),
                past.without(target),
            )
        )
    return made
