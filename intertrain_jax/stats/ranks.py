"""What a ranking of base models loses, and which ranks can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.averages import average_gains, max_gains
from intertrain_jax.stats.correlation import TAIL

# A target loses much if it loses more than this, in points (Table 1 of the paper).
LARGE_LOSS = 1.0
# Two models cannot be told apart if their order is reversed with more than this probability.
REVERSED = 0.05
# Models, and draws, looked at together: what a processor's cache holds.
_LOOKED_AT, _DRAWS_AT_ONCE = 64, 64


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
        low, high: interval of the rank at `CONFIDENCE`: quantiles over the draws. As ranks are whole,
            it holds the true one a little more often.
        best: probability of being the best (tied draws share it).
        top3: probability of being among the three best (tied draws share the places).
        groups: numbers, from 1 and consecutive, of the groups that the model is in. A group runs from
            one model down to the last that cannot be told apart from it: that in more than
            `REVERSED` of the draws is at least as good. Runs inside another run are not listed. So
            two models that share no group are told apart.
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
    return _loss(gains, dict.fromkeys(gains.columns, _ranked(gains, ranking)), top)


def losses_at_average(
    gains: pd.DataFrame, tops: Sequence[int], leave_target_out: bool
) -> tuple[Loss, ...]:
    """Returns the losses of the ranking by average gain (App. F), "additive" where cells are missing.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        tops: every n, at least 1.
        leave_target_out: rank for each target by the average over the other targets, as one must
            whose target is new. The paper leaves it in.
    """
    if leave_target_out:
        rankings = {
            target: _ranked(gains, _average(gains.drop(columns=target))) for target in gains.columns
        }
    else:
        rankings = dict.fromkeys(gains.columns, _ranked(gains, _average(gains)))
    return tuple(_loss(gains, rankings, top) for top in tops)


def _average(gains: pd.DataFrame) -> pd.Series:
    """Returns the additive averages, which are plain ones where no cell is missing."""
    if gains.notna().to_numpy().all():
        return gains.mean(axis=1)
    return average_gains(gains, "additive").series()


def _ranked(gains: pd.DataFrame, scores: pd.Series) -> list[str]:
    """Returns the models with a score, from the best to the worst; equal scores by name."""
    if not scores.index.is_unique:
        raise ValueError(f"{scores.index[scores.index.duplicated()][0]!r} is ranked twice")
    rows = set(gains.index)
    known = {base: score for base, score in scores.dropna().items() if base in rows}
    return sorted(map(str, known), key=lambda base: (-known[base], base))


def _loss(gains: pd.DataFrame, rankings: Mapping[str, list[str]], top: int) -> Loss:
    """Returns the loss of the top-ranked models, by one ranking per target."""
    if top < 1:
        raise ValueError(f"at least one model must be tried, got top = {top}")
    targets = []
    values_MxN, row_of = gains.to_numpy(dtype=float), {b: m for m, b in enumerate(gains.index)}
    for best, column_M in zip(max_gains(gains), values_MxN.T, strict=True):
        tried = {base: column_M[row_of[base]] for base in rankings[best.target][:top]}
        tried = {base: gain for base, gain in tried.items() if np.isfinite(gain)}
        chosen = max(tried, key=lambda base: tried[base], default=None)
        loss = float("nan") if chosen is None else float(best.gain - tried[chosen])
        targets.append(TargetLoss(best.target, loss, best.gain, best.base, chosen, len(tried)))
    losses = np.array([target.loss for target in targets if target.chosen is not None])
    return Loss(
        top=top,
        average=float(losses.mean()) if len(losses) else float("nan"),
        maximum=float(losses.max()) if len(losses) else float("nan"),
        above=int((losses > LARGE_LOSS).sum()),
        decided=len(losses),
        undecided=len(targets) - len(losses),
        ranked=min((len(ranked) for ranked in rankings.values()), default=0),
        targets=tuple(targets),
    )


def rank_table(scores: pd.Series, draws: pd.DataFrame) -> RankTable:
    """Returns ranks, their intervals, and the groups that cannot be told apart.

    Args:
        scores: base model → score, higher is better, NaN where unknown.
        draws: [S draws, M models] of the same models' true scores, columns named; a posterior, as
            from `noise.average_draws`, so that a share of draws is a probability.

    Raises:
        ValueError: there are no draws, one is not a number, or a model is named twice.
    """
    if not (scores.index.is_unique and draws.columns.is_unique):
        raise ValueError("a model is named twice")
    if not len(draws):
        raise ValueError("no draws")
    known = scores.dropna()
    names = sorted(
        known.index[known.index.isin(draws.columns)], key=lambda base: (-known[base], base)
    )
    draws_SxM = draws[names].to_numpy(dtype=float)
    if not np.isfinite(draws_SxM).all():
        raise ValueError("a draw is not a number")
    if not names:
        return RankTable(len(draws), 0, (), tuple(scores.index))
    rank_M = stats.rankdata(-known[names].to_numpy(dtype=float))
    # Half of the memory holds ranks to the digit: they are multiples of a half.
    ranks_SxM = np.empty(draws_SxM.shape, np.float32)
    best_M, top3_M = np.zeros((2, len(names)))
    for done in range(0, len(draws_SxM), _DRAWS_AT_ONCE):
        some = slice(done, done + _DRAWS_AT_ONCE)
        ranks_SxM[some] = stats.rankdata(-draws_SxM[some], axis=1)
        best_M += _among_best(draws_SxM[some], 1).sum(axis=0)
        top3_M += _among_best(draws_SxM[some], 3).sum(axis=0)
    low_M = np.quantile(ranks_SxM, TAIL, axis=0, method="inverted_cdf")
    high_M = np.quantile(ranks_SxM, 1.0 - TAIL, axis=0, method="inverted_cdf")
    best_M /= len(draws_SxM)
    top3_M /= len(draws_SxM)
    runs = _runs(draws_SxM)
    return RankTable(
        draws=len(draws),
        groups=len(runs),
        models=tuple(
            RankedModel(
                base=name,
                score=float(known[name]),
                rank=float(rank_M[i]),
                low=float(low_M[i]),
                high=float(high_M[i]),
                best=float(best_M[i]),
                top3=float(top3_M[i]),
                groups=tuple(g for g, (a, b) in enumerate(runs, start=1) if a <= i <= b),
            )
            for i, name in enumerate(names)
        ),
        unranked=tuple(base for base in scores.index if base not in set(names)),
    )


def _among_best(draws_SxM: np.ndarray, places: int) -> np.ndarray:
    """Returns [S, M] the share of a place among the first that each has; ties share what is left."""
    models = draws_SxM.shape[1]
    if models <= places:
        return np.ones(draws_SxM.shape)
    last_S = np.partition(draws_SxM, models - places, axis=1)[:, models - places]
    above, tied = draws_SxM > last_S[:, None], draws_SxM == last_S[:, None]
    left_S = (places - above.sum(axis=1)) / tied.sum(axis=1)
    shares: np.ndarray = above + tied * left_S[:, None]
    return shares


def _runs(draws_SxM: np.ndarray) -> list[tuple[int, int]]:
    """Returns first and last of the runs from a model to the last not told apart from it.

    Only models beyond the last run can end a new one, and of those only such as Cantelli's inequality
    lets be reversed often enough; they are looked at from the worst on.

    Args:
        draws_SxM: models from the best to the worst.
    """
    draws_MxS = np.ascontiguousarray(draws_SxM.T)
    draws, models = draws_SxM.shape
    mean_M = draws_MxS.mean(axis=1)
    centred_MxS = draws_MxS - mean_M[:, None]
    variance_M = np.einsum("ms,ms->m", centred_MxS, centred_MxS) / draws
    runs: list[tuple[int, int]] = []
    for first in range(models):
        begin = max(first, runs[-1][1] + 1 if runs else 0)
        if first % _LOOKED_AT == 0:
            origin = begin
            block_KxL = centred_MxS[begin:] @ centred_MxS[first : first + _LOOKED_AT].T / draws
        ahead_K = mean_M[first] - mean_M[begin:]
        covariance_K = block_KxL[begin - origin :, first % _LOOKED_AT]
        spread_K = variance_M[first] + variance_M[begin:] - 2.0 * covariance_K
        # P(difference <= 0) is at most spread / (spread + ahead²) where the first is ahead.
        most_K = spread_K * (1.0 / REVERSED - 1.0)
        possible = begin + np.flatnonzero((ahead_K <= 0.0) | (np.square(ahead_K) <= 1.01 * most_K))
        for end in range(len(possible), 0, -_LOOKED_AT):
            some = possible[max(0, end - _LOOKED_AT) : end]
            reversed_K = (draws_MxS[some] >= draws_MxS[first]).mean(axis=1)
            often = some[reversed_K > REVERSED]
            if often.size:
                runs.append((first, int(often[-1])))
                break
    return runs
