"""Draws of true values behind noisy ones, whose noise is itself uncertain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertrain_jax.stats.shrinkage import Floats, Ints

# How true values may be distributed, equally likely before any is seen: as variances in units of τ²,
# and how many of the values have each. The first is normal; of the other, a few are far from the rest.
_SHAPES = (((1.0, 1.0),), ((1.0, 0.8), (9.0, 0.17), (81.0, 0.03)))
# Values of a variance that stand for its distribution: quantiles in the middle of as many equal parts.
_NODES = 12
# Parts that what all variances share is cut into; fewer where there are more values than this in all.
_PARTS, _VALUES = 4, 1500
# Values of τ, and of μ for each, that are weighed against each other; how often their range is narrowed.
_TAUS, _MEANS, _NARROWED = 20, 21, 3
# μ is looked for within as many of its standard deviations, τ where it is at least exp(−_FAR) as likely.
_WIDE, _FAR = 6.0, 10.0
# Steps to where μ is likely.
_STEPS = 3
# Numbers that are worked on together.
_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class _Part:
    """Pairs of a noise's variance and a true value's, C of them, as likely as they are in one part.

    Attributes:
        noise: V, [C, M].
        between: variance of true values in units of τ², [C].
        weight: how likely, [C].
    """

    noise: Floats
    between: Floats
    weight: Floats

    def log_likelihood(self, squares_HxM: Floats, tau: float) -> Floats:
        """Returns Σ_m log Σ_c N(y; μ, V + τ² between)·weight + constant, [H], of (y − μ)²."""
        total_CxM = self.noise + tau**2 * self.between[:, None]
        widest_M = total_CxM.max(axis=0)
        # Relative to the widest, whose exponential is one, so that not all can vanish.
        narrower_CxM = 0.5 * (1.0 / total_CxM - 1.0 / widest_M)
        height_CxM = self.weight[:, None] / np.sqrt(total_CxM)
        found: Floats = np.empty(len(squares_HxM))
        at_once = max(1, _AT_ONCE // total_CxM.size)
        for first in range(0, len(squares_HxM), at_once):
            some_HxM = squares_HxM[first : first + at_once]
            density = np.exp(-some_HxM[:, None, :] * narrower_CxM)
            density *= height_CxM
            log_HxM = np.log(density.sum(axis=1)) - 0.5 * some_HxM / widest_M
            found[first : first + at_once] = log_HxM.sum(axis=1)
        return found

    def draw(self, squares_SxM: Floats, tau_S: Floats, rng: np.random.Generator) -> Ints:
        """Draws pairs given (y − μ)² and τ, as their numbers [S, M]."""
        found: Ints = np.empty(squares_SxM.shape, np.intp)
        at_once = max(1, _AT_ONCE // self.noise.size)
        for first in range(0, len(tau_S), at_once):
            some = slice(first, first + at_once)
            between_SxCx1 = np.square(tau_S[some])[:, None, None] * self.between[:, None]
            total_SxCxM = self.noise + between_SxCx1
            narrower = 0.5 * (1.0 / total_SxCxM - 1.0 / total_SxCxM.max(axis=1, keepdims=True))
            density = np.exp(-squares_SxM[some, None, :] * narrower) / np.sqrt(total_SxCxM)
            sums = np.cumsum(density * self.weight[:, None], axis=1)
            least = rng.random((len(sums), 1, sums.shape[2])) * sums[:, -1:]
            found[some] = (sums < least).sum(axis=1)
        return found

    def centre(self, estimate_M: Floats, tau: float) -> tuple[float, float]:
        """Returns where μ is likely, with its standard error; far values have little weight."""
        precision_CxM = 1.0 / (self.noise + tau**2 * self.between[:, None])
        log_CxM = np.log(self.weight[:, None]) + 0.5 * np.log(precision_CxM)
        mean = float(np.median(estimate_M))
        for _ in range(_STEPS):
            own_CxM = log_CxM - 0.5 * np.square(estimate_M - mean) * precision_CxM
            own_CxM = np.exp(own_CxM - own_CxM.max(axis=0))
            weight_M = (own_CxM * precision_CxM).sum(axis=0) / own_CxM.sum(axis=0)
            mean = float(weight_M @ estimate_M / weight_M.sum())
        return mean, float(weight_M.sum() ** -0.5)


@dataclass(frozen=True)
class _Between:
    """The posterior of μ and τ: in P parts, H values of μ for each of G values of τ.

    Attributes:
        tau: of the middle of each step, [G].
        centre, width: μ is centre + width·u, [P, G], with u evenly spread over ±`_WIDE`.
        probability: of each, [P, G, H].
    """

    tau: Floats
    centre: Floats
    width: Floats
    probability: Floats

    def draw(self, draws: int, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
        """Draws the number of the part, τ and μ, [S] each."""
        shape, flat = self.probability.shape, self.probability.ravel()
        chosen = rng.choice(len(flat), size=draws, p=flat)
        part, row, column = np.unravel_index(chosen, shape)
        offset = (column + rng.random(draws)) * (2.0 * _WIDE / shape[2]) - _WIDE
        mean = self.centre[part, row] + self.width[part, row] * offset
        return np.asarray(part, np.intp), self.tau[row], mean


def draw_true_values(
    estimate_M: Floats, variance_HxRxM: Floats, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Draws true values, [S, M], from their posterior; returns them and their standard deviation.

    Of the standard deviation it is the median: of few values, its mean is that of a long tail.

    The model is y_m ~ N(θ_m, V_m), with V as uncertain as its draws say, and θ_m ~ N(μ, τ²) or, as
    likely before any is seen, from a distribution in which one in five values is farther from the
    others; flat priors on μ and τ² (Morris and Lysy 2012: with few values, intervals hold as often as
    they say, which a flat prior on τ does not do). What y says of V counts too: a value far from the
    others has a large variance, or it is one of the few, and both are weighed. With V taken as known the
    best value would be drawn back too little, and with normal true values alone one that is far ahead
    would be taken for noise.

    Given what all V_m share, they are independent, and the likelihood of μ and τ is the product of E
    N(y_m; μ, V_m + τ²λ_m) over V_m and λ_m. What they share is cut into parts by how large it makes
    them; each part is as likely as its share of the likelihood's integral. Part, μ and τ are drawn from
    a grid, then each V_m and λ_m given them and y_m, and then θ_m ~ N(y_m − b (y_m − μ), b τ²λ_m) with
    b = V_m/(V_m + τ²λ_m).

    Below three measurements, or where nothing differs, there is no τ to speak of: the standard deviation
    is NaN, and draws are around the measured values.

    Args:
        estimate_M: y.
        variance_HxRxM: draws of V: H of what all have in common, with R of each V_m given that; S = H·R.
        rng: of the draws.
    """
    h, r, m = variance_HxRxM.shape
    spread = 0.0
    if m > 2:
        largest = np.median(variance_HxRxM, axis=(0, 1)).max()
        spread = float(np.ptp(estimate_M) + np.sqrt(largest))
    if spread == 0:
        own_SxM = variance_HxRxM.reshape(h * r, m)
        return estimate_M + np.sqrt(own_SxM) * rng.normal(size=own_SxM.shape), float("nan")
    parts = _parts(variance_HxRxM)
    posterior = _between(estimate_M, parts, 5.0 * spread)
    part_S, tau_S, mean_S = posterior.draw(h * r, rng)
    true_SxM: Floats = np.empty((h * r, m))
    at_once = max(1, _AT_ONCE // m)
    for p, part in enumerate(parts):
        of_part = np.flatnonzero(part_S == p)
        for first in range(0, len(of_part), at_once):
            some = of_part[first : first + at_once]
            off, tau = estimate_M - mean_S[some, None], tau_S[some]
            chosen = part.draw(np.square(off), tau, rng)
            own = np.take_along_axis(part.noise, chosen, axis=0)
            apart = np.square(tau)[:, None] * part.between[chosen]
            shrink = own / (own + apart)
            errors = np.sqrt(shrink * apart) * rng.normal(size=off.shape)
            true_SxM[some] = estimate_M - shrink * off + errors
    typical_P = np.array([part.weight @ part.between for part in parts])
    return true_SxM, float(np.median(tau_S * np.sqrt(typical_P[part_S])))


def _parts(variance_HxRxM: Floats) -> list[_Part]:
    """Returns equally likely parts, of which quantiles stand for each variance's draws."""
    h, m = len(variance_HxRxM), variance_HxRxM.shape[2]
    parts = int(np.clip(_VALUES // m, 1, min(_PARTS, h)))
    common_H = np.log(np.maximum(variance_HxRxM, 1e-300)).mean(axis=(1, 2))
    found = []
    for rows in np.array_split(np.argsort(common_H, kind="stable"), parts):
        draws_MxS = np.sort(variance_HxRxM[rows].reshape(-1, m).T, axis=1)
        at_K = ((np.arange(_NODES) + 0.5) / _NODES * draws_MxS.shape[1]).astype(int)
        nodes_KxM = draws_MxS[:, at_K].T
        for shape in _SHAPES:
            between, weight = np.array(shape).T
            found.append(
                _Part(
                    np.tile(nodes_KxM, (len(shape), 1)),
                    np.repeat(between, _NODES),
                    np.repeat(weight, _NODES) / _NODES,
                )
            )
    return found


def _between(estimate_M: Floats, parts: list[_Part], unit: float) -> _Between:
    """Returns the posterior of μ and τ, on a grid that is narrowed to where it is.

    Args:
        estimate_M: y.
        parts: of `_parts`.
        unit: the largest τ.
    """
    at_H = (np.arange(_MEANS) + 0.5) * (2.0 * _WIDE / _MEANS) - _WIDE
    low, high = 0.0, 1.0
    for _ in range(_NARROWED):
        step = (high - low) / _TAUS
        # Steps grow with τ, so that small values are told apart; the weight of a step is its length.
        root_G = low + step * np.linspace(0.5, _TAUS - 0.5, _TAUS)
        tau_G = unit * np.square(root_G)
        centre, width = np.empty((len(parts), _TAUS)), np.empty((len(parts), _TAUS))
        log = np.empty((len(parts), _TAUS, _MEANS))
        for p, g in np.ndindex(centre.shape):
            tau = float(tau_G[g])
            centre[p, g], width[p, g] = parts[p].centre(estimate_M, tau)
            squares_HxM = np.square(estimate_M - (centre[p, g] + width[p, g] * at_H)[:, None])
            log[p, g] = parts[p].log_likelihood(squares_HxM, tau)
        # dτ is 2 root d root, and the prior another τ = root².
        log += (3.0 * np.log(root_G) + np.log(width))[:, :, None]
        probability = np.exp(log - log.max())
        share_G = probability.sum(axis=(0, 2))
        near = np.flatnonzero(share_G > np.exp(-_FAR) * share_G.max())
        if len(near) > _TAUS // 2:
            break
        low, high = max(0.0, low + step * (near[0] - 1)), low + step * (near[-1] + 2)
    return _Between(tau_G, centre, width, probability / probability.sum())
