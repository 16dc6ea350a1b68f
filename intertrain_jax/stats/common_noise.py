"""The noise that all targets of a seed share: its variance, as uncertain as few seeds leave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from intertrain_jax.stats.shrinkage import Floats

# How likely it is, before any score is seen, that targets of a seed share nothing.
_NOTHING = 0.9
# Degrees of freedom of the prior: with few, nothing that is seen is too much.
_TAILS = 4.0
# Standard deviations that stand for all others, in units of that of an average of independent targets.
_LEAST, _MOST, _STEPS = 1e-2, 1e3, 200


@dataclass(frozen=True)
class CommonNoise:
    """What is known of a variance: G values of it, and how likely each is.

    Attributes:
        variance: in points squared, [G].
        probability: of each, [G].
    """

    variance: Floats
    probability: Floats

    @property
    def std(self) -> float:
        """The square root of the expected variance, in points."""
        return float(np.sqrt(self.variance @ self.probability))

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """Draws variances, [S]."""
        return np.asarray(rng.choice(self.variance, size=draws, p=self.probability))


NO_COMMON_NOISE = CommonNoise(np.zeros(1), np.ones(1))


def common_noise(average: float, df: int, independent: float) -> CommonNoise:
    """Returns the posterior of the variance c that all targets of a seed have in common.

    The variance over seeds of a base model's average over targets is I + c, with I what it would be if
    targets varied independently; an estimate A of it with d degrees of freedom has A·d/(I + c) ~ χ²_d.
    Targets are trained one by one and share nothing but what may have made the base model of that seed,
    and neither the 20 seeds of RoBERTa nor a grid of ours shows any c: before scores are seen it is 0
    with probability 0.9, and otherwise √c/√I has half of Student's distribution with four degrees of
    freedom (Gelman 2006). The estimate max(A − I, 0) would be above zero in half of all grids
    without any c: with six degrees of freedom it is I/4 on average.

    Args:
        average: A, in points squared.
        df: d; without any there is nothing to tell c by, and it is taken as 0.
        independent: I, in points squared.
    """
    if df < 1 or not independent > 0 or not np.isfinite(average):
        return NO_COMMON_NOISE
    ratio_G = np.append(0.0, np.geomspace(_LEAST, _MOST, _STEPS))
    # Of the density of √c on a logarithmic scale, times the length of a step.
    step = np.log(ratio_G[2] / ratio_G[1])
    prior_G = 2.0 * stats.t.pdf(ratio_G, _TAILS) * ratio_G * step
    prior_G = np.append(_NOTHING, (1.0 - _NOTHING) * prior_G[1:])
    total_G = independent * (1.0 + np.square(ratio_G))
    with np.errstate(divide="ignore"):
        log_G = np.log(prior_G) - 0.5 * df * (np.log(total_G) + average / total_G)
    probability_G = np.exp(log_G - log_G.max())
    return CommonNoise(total_G - independent, probability_G / probability_G.sum())
