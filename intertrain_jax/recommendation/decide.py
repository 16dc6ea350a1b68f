"""Which run to do next, and when to stop: a function of the runs there are, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from intertrain_jax.recommendation.posterior import Posterior, noise_of, posterior, unit_of
from intertrain_jax.recommendation.prior import Floats, Prior

PRETRAINED = -1
FIRST = 4  # of the ranking, tried once each
_AHEAD = (1, 2, 4)
# Of the pretrained model in the opening: more cost more than they save, and later they have a price.
MOST_BASE_SEEDS = 1
Reason = Literal["baseline", "top of the ranking", "second seed", "worth its price"]


@dataclass(frozen=True)
class Rules:
    """What a person wants.

    Attributes:
        worthwhile: the gain that would be worth the trouble, in points.
        price: what a run must be expected to bring, in points.
        budget: runs in all, those of the pretrained model too.
    """

    worthwhile: float = 1.0
    price: float = 0.1
    budget: int = 10


@dataclass(frozen=True)
class Detectable:
    """What a test set can show.

    Attributes:
        gain: the smallest gain whose 95 % interval excludes 0, in points.
        known: whether that is at most what is worthwhile.
        examples: how many test examples would show the worthwhile gain.
    """

    gain: float
    known: bool
    examples: int


def smallest_gain(examples: int, worthwhile: float, disagreement: float = 0.1) -> Detectable:
    """Returns the smallest gain that a test set can show, before anything is run.

    Two models that differ on a share d of n examples have a difference in accuracy whose standard
    deviation is at most 100 √(d/n) points (McNemar 1947); 1.96 times that is the smallest gain. Seeds
    make it larger, never smaller: where this says that nothing can be known, nothing can.

    Args:
        examples: n of the test set.
        worthwhile: in points.
        disagreement: d, on how many examples two finetunings usually differ.
    """
    gain = 196.0 * sqrt(disagreement / examples)
    needed = ceil(disagreement * (196.0 / worthwhile) ** 2)
    return Detectable(gain, gain <= worthwhile, needed)


def knowledge_gradient(
    mean: Floats,
    sd: Floats,
    noise: ArrayLike,
    runs: int,
    floor: float = 0.0,
    tried: NDArray[np.bool_] | None = None,
) -> Floats:
    """Returns [..., M] the expected rise of what would be chosen, by some runs of each model.

    KG(m) = E max(o, μ_m + s̃Z) − V = s̃ f((μ_m − o)/s̃) + o − V, f(z) = φ(z) + z Φ(z), with V the gain of
    the present choice, o that of the best other one, and s̃² = v²/(v + σ²/n) what n runs are expected to
    move the mean (Frazier, Powell and Dayanik 2009, with models taken as independent and the mixture as
    the normal of its moments; several runs ahead as in Chick and Frazier 2012). Only what has run can be
    chosen: a model that has not is worth its mean above the choice, too.

    Args:
        mean, sd: [..., M] of the gains, in points.
        noise: [...] of a run, in points.
        runs: n.
        floor: gain of what can be had without any model, the pretrained model's: 0.
        tried: [..., M] which models have run; None for all.
    """
    variance = sd**2
    moves = variance / np.sqrt(variance + (np.asarray(noise)[..., None] ** 2) / runs)
    had = mean if tried is None else np.where(tried, mean, -np.inf)
    top = np.sort(had, axis=-1)
    best = np.maximum(top[..., -1:], floor)
    second = top[..., -2:-1] if mean.shape[-1] > 1 else np.full_like(best, -np.inf)
    other = np.where(had >= best, np.maximum(second, floor), best)
    z = (mean - other) / np.maximum(moves, 1e-12)
    density = np.exp(-0.5 * z**2) / sqrt(2 * pi)
    found: Floats = moves * (density + z * ndtr(z)) + other - best
    return found


def worth_of_runs(found: Posterior, tried: NDArray[np.bool_] | None = None) -> Floats:
    """Returns [..., M] the most of KG_n/n over n in 1, 2, 4: points per run.

    Args:
        found: what is known.
        tried: [..., M] which models have run; None for all.
    """
    each = [
        knowledge_gradient(found.mean, found.sd, found.noise, n, tried=tried) / n for n in _AHEAD
    ]
    best: Floats = np.maximum.reduce(each)
    return best


def worth_of_base(found: Posterior, tried: NDArray[np.bool_]) -> Floats:
    """Returns [...] as `worth_of_runs`, of the pretrained model: whether any other is better than it.

    Its mean is what all gains are measured from: it moves the best one's gain as far as itself.
    """
    best = np.where(tried, found.mean, -np.inf).max(axis=-1, initial=-np.inf)
    best = np.where(np.isfinite(best), best, 0.0)[..., None]
    each = [knowledge_gradient(best, found.base_sd[..., None], found.noise, n) / n for n in _AHEAD]
    worth: Floats = np.maximum.reduce(each)[..., 0]
    return worth


def choice(found: Posterior, tried: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Returns [...] the model of the largest posterior mean among those tried; −1 is the pretrained one.

    The mean, not the best score seen: the maximum of noisy scores gets worse with more of them.
    """
    mean = np.where(tried, found.mean, -np.inf)
    best = mean.argmax(axis=-1)
    top = np.take_along_axis(mean, best[..., None], -1)[..., 0]
    return np.where(top > 0.0, best, PRETRAINED)


@dataclass(frozen=True)
class Step:
    """The next runs, for any leading axes at once.

    Attributes:
        model: [...] index in the ranking; −1 the pretrained model, −2 nothing more.
        worth: [...] points that the best next run is expected to bring; infinite in the opening.
        stage: [...] 0 baseline, 1 the first of the ranking, 2 second seeds, 3 by worth, 4 stopped.
    """

    model: NDArray[np.int_]
    worth: Floats
    stage: NDArray[np.int_]


STOP = -2
REASONS: tuple[Reason, ...] = (
    "baseline",
    "top of the ranking",
    "second seed",
    "worth its price",
)


def next_step(
    scores: Floats, x: Floats, found: Posterior, rules: Rules, usable: NDArray[np.bool_]
) -> Step:
    """Returns what to run next; models are in the order of the ranking, the best first.

    The pretrained model; the four best of the ranking; second seeds for the better half of them by
    posterior mean; then whatever is worth most, the pretrained model too, while that is more than the
    price.

    Args:
        scores: [..., 1 + M, S] as `posterior` takes them.
        x: [M] or [..., M] standardised ranking scores.
        found: the posterior of these scores.
        rules: price and budget.
        usable: [..., M] whether a model can be run.
    """
    counts = np.isfinite(scores).sum(axis=-1)
    base, runs = counts[..., 0], counts[..., 1:]
    most = scores.shape[-1]
    spent = counts.sum(axis=-1)
    models = runs.shape[-1]
    baseline = base < min(MOST_BASE_SEEDS, most)
    place = np.cumsum(usable, axis=-1)
    first = usable & (place <= FIRST)
    untried = first & (runs == 0)
    top = np.where(untried.any(axis=-1), untried.argmax(axis=-1), STOP)
    # Of the first ones, the better half; only once all of them have run.
    mean = np.where(first, found.mean, -np.inf)
    order = np.argsort(np.argsort(-mean, axis=-1, kind="stable"), axis=-1, kind="stable")
    half = (
        first
        & (order < (first.sum(axis=-1, keepdims=True) + 1) // 2)
        & (found.mean > -rules.worthwhile)
    )
    # Halving is over once as many models as the half have two runs: it is not begun anew.
    twice = (first & (runs > 1)).sum(axis=-1)
    again = half & (runs == 1) & (twice < (first.sum(axis=-1) + 1) // 2)[..., None]
    again &= most > 1
    second = np.where(
        again.any(axis=-1), np.where(again, found.mean, -np.inf).argmax(axis=-1), STOP
    )
    tried = runs > 0
    worth = np.where(usable & (runs < most), worth_of_runs(found, tried), -np.inf)
    best = worth.argmax(axis=-1) if models else np.full(base.shape, STOP)
    top_worth = worth.max(axis=-1) if models else np.full(base.shape, -np.inf)
    of_base = np.where(base < most, worth_of_base(found, tried), -np.inf)
    best = np.where(of_base > top_worth, PRETRAINED, best)
    top_worth = np.maximum(of_base, top_worth)
    stage = np.select(
        [spent >= rules.budget, baseline, top != STOP, second != STOP, top_worth > rules.price],
        [4, 0, 1, 2, 3],
        4,
    )
    model = np.choose(
        stage, [np.full(base.shape, PRETRAINED), top, second, best, np.full(base.shape, STOP)]
    )
    return Step(model, np.where(stage < 3, np.inf, top_worth), stage)


def assess(
    scores: Floats, x: Floats, prior: Prior, opinion: ArrayLike, floor: ArrayLike = 0.0
) -> Posterior:
    """Returns the posterior with the noise that the runs themselves show."""
    noise = noise_of(scores, opinion, floor)
    return posterior(scores, x, prior, noise, unit_of(scores, noise, floor))
