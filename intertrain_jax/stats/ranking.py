"""What a ranking of base models loses, and which ranks can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

# A target loses much if it loses more than this, in points (Table 1 of the paper).
LARGE_LOSS = 1.0
# Two models cannot be told apart if their order is reversed with more than this probability.
REVERSED = 0.05


@dataclass(frozen=True)
class TargetLoss:
    """What one target loses.

    Attributes:
        target: its name.
        loss: max-gain less the best gain of the chosen, in points; NaN where it is not decided.
        max_gain: over all models; NaN where there is none.
        best: the model that has it.
        chosen: the best of the top-ranked models on this target; None where none has a cell.
        candidates: top-ranked models that have a cell.
    """

    target: str
    loss: float
    max_gain: float
    best: str | None
    chosen: str | None
    candidates: int


@dataclass(frozen=True)
class Loss:
    """What is lost by trying only the top-ranked models (Tables 1 and 6 of the paper).

    Attributes:
        top: how many top-ranked models are tried.
        average, maximum: over the decided targets, in points; NaN where there are none.
        above: targets that lose more than `LARGE_LOSS`.
        decided: targets that the numbers above are of.
        undecided: targets where none of the top-ranked models has a cell.
        ranked: models with a score to be ranked by, least over targets if it differs.
        targets: one loss per column, in the order of the matrix.
    """

    top: int
    average: float
    maximum: float
    above: int
    decided: int
    undecided: int
    ranked: int
    targets: tuple[TargetLoss, ...]


@dataclass(frozen=True)
class RankedModel:
    """A model's rank and how sure it is.

    Attributes:
        base: the model.
        score: what it is ranked by.
        rank: 1 is best; equal scores share their average rank.
        low, high: interval of the rank at `CONFIDENCE`: quantiles over the draws, rounded outwards.
        best: probability of being the best (tied draws share it).
        top3: probability of being among the three best.
        groups: numbers, from 1 and consecutive, of the groups that the model is in. A group is a
            run of models of consecutive ranks of which none can be told apart from the group's
            first: in more than `REVERSED` of the draws it is at least as good. Runs inside another
            run are not listed. Two models that share no group are told apart.
    """

    base: str
    score: float
    rank: float
    low: float
    high: float
    best: float
    top3: float
    groups: tuple[int, ...]


@dataclass(frozen=True)
class RankTable:
    """Ranks with their uncertainty.

    Attributes:
        draws: how many draws the uncertainty rests on.
        groups: how many groups there are.
        models: from the best to the worst; equal scores by name.
        unranked: models without a score or without draws.
    """

    draws: int
    groups: int
    models: tuple[RankedModel, ...]
    unranked: tuple[str, ...]


def loss_at(gains: pd.DataFrame, ranking: pd.Series, top: int) -> Loss:
    """Returns `loss_n(t) = max_m G[m, t] − max over the n top-ranked models of G[m, t]`.

    The n top-ranked models are the same for every target: higher scores first, equal scores by
    name. A model without a score is never among them. One whose cell is missing cannot be chosen for
    that target, and no other takes its place; if none of the n has a cell, the target is not
    decided. The max-gain is over all models, ranked or not.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        ranking: base model → score; models that are not in `gains` do not count.
        top: n, at least 1.

    Raises:
        ValueError: `top` is below 1, or a model is ranked twice.
    """
    raise NotImplementedError


def loss_at_average(gains: pd.DataFrame, top: int, leave_target_out: bool) -> Loss:
    """Returns the loss of the ranking by average gain (App. F), "additive" where cells are missing.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        top: n, at least 1.
        leave_target_out: rank for each target by the average over the other targets, as one must
            whose target is new. The paper leaves it in.
    """
    raise NotImplementedError


def rank_table(scores: pd.Series, draws: pd.DataFrame) -> RankTable:
    """Returns ranks, their intervals, and the groups that cannot be told apart.

    Args:
        scores: base model → score, higher is better, NaN where unknown.
        draws: [S draws, M models] of the same models' true scores, columns named; a posterior, as
            from `noise.average_draws`, so that a share of draws is a probability.

    Raises:
        ValueError: there are no draws, or a model is named twice.
    """
    raise NotImplementedError
