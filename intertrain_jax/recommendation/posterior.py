"""What runs on a target say of every model's gain: an additive Bayesian model in points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, ndtr, stdtr

from intertrain_jax.recommendation.prior import LEAST_NOISE, Floats, Prior

# Degrees of freedom of the likelihood, and how many runs the prior opinion of the noise is worth.
_TAILS, _OPINION = 4.0, 4.0
# How likely runs that vary as little as they do must be for a unit to be believed.
_DOUBT = 0.05
_ROUNDS = 12
# Degrees of freedom of gains above the line, of models that were not tried.
_FEW_FAR = 8.0
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True)
class Posterior:
    """Gains over the pretrained model, in points; any leading axes, K components, M models.

    Given a component the gains are normal, but for what `any_better` says of models that were not tried.

    Attributes:
        share: [..., K] posterior weight of each component.
        mean_KxM, sd_KxM: [..., K, M] of each gain given a component.
        mean, sd: [..., M] of each gain.
        noise: [...] standard deviation of one run, in points.
        base, base_sd: [...] the pretrained model's mean score, and how well it is known.
        upper_KxM: [..., K, M] as sd_KxM, above the mean: another one for models that were not tried.
        tried: [..., M] whether a model has run.
    """

    share: Floats
    mean_KxM: Floats
    sd_KxM: Floats
    mean: Floats
    sd: Floats
    noise: Floats
    base: Floats
    base_sd: Floats
    upper_KxM: Floats
    tried: NDArray[np.bool_]

    def below(self, model: NDArray[np.int_], gain: ArrayLike) -> Floats:
        """Returns [...] the probability that a model's gain is below some points."""
        mean, sd = (self._of(part, model) for part in (self.mean_KxM, self.sd_KxM))
        z = (np.asarray(gain)[..., None] - mean) / sd
        found: Floats = np.sum(self.share * ndtr(z), axis=-1)
        return found

    def quantile(self, model: NDArray[np.int_], p: float) -> Floats:
        """Returns [...] the gain below which a model's is with probability p, by bisection."""
        mean, sd = self._of(self.mean_KxM, model), self._of(self.sd_KxM, model)
        low, high = (mean - 12 * sd).min(axis=-1), (mean + 12 * sd).max(axis=-1)
        for _ in range(60):
            middle = (low + high) / 2
            under = self.below(model, middle) < p
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return np.asarray((low + high) / 2)

    def any_better(self, model: NDArray[np.int_], by: float, among: NDArray[np.bool_]) -> Floats:
        """Returns [...] the probability that one of some models is better than one by some points.

        Given a component, gains of models that were not tried are independent, with another spread above
        the mean than below it, and more of them far above it than a normal distribution has: Student's,
        with eight degrees of freedom and that spread: a few have learnt what is almost the target.
        The product over all of F((g + by − m)/s) is integrated over the gain g of the model by
        quadrature.

        Args:
            model: [...] index of the model; −1 is the pretrained one, whose gain is 0.
            by: points.
            among: [..., M] the models that it is compared with.
        """
        own, sd = self._of(self.mean_KxM, model), self._of(self.sd_KxM, model)
        none = np.zeros_like(own)
        for node, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True):
            off = (own + node * sd + by)[..., None] - self.mean_KxM
            z = off / np.where(off > 0, self.upper_KxM, self.sd_KxM)
            above = (off > 0) & ~self.tried[..., None, :]
            far = stdtr(_FEW_FAR, z * np.sqrt(_FEW_FAR / (_FEW_FAR - 2.0)))
            below = np.where(above, far, ndtr(z))
            log_below = np.where(among[..., None, :], np.log(np.maximum(below, 1e-300)), 0.0)
            none += weight * np.exp(log_below.sum(axis=-1))
        found: Floats = 1.0 - np.sum(self.share * none, axis=-1)
        return found

    def _of(self, part: Floats, model: NDArray[np.int_]) -> Floats:
        """Returns [..., K] of one model per leading index; the pretrained model's gain is 0."""
        index = np.maximum(model, 0)[..., None, None]
        found = np.take_along_axis(part, index, axis=-1)[..., 0]
        tiny = 1e-9 if part is self.sd_KxM else 0.0
        return np.asarray(np.where((np.asarray(model) < 0)[..., None], tiny, found))


def binomial_error(score: float, examples: int) -> float:
    """Returns the standard deviation of an accuracy over so many examples; both in percent."""
    share = min(max(score / 100.0, 1.0 / (examples + 2)), 1.0 - 1.0 / (examples + 2))
    return float(100.0 * np.sqrt(share * (1.0 - share) / examples))


def noise_of(scores: Floats, opinion: ArrayLike, floor: ArrayLike = 0.0) -> Floats:
    """Returns [...] the standard deviation of a run: that within cells, shrunk to an opinion.

    s² = (ν₀ s₀² + Σ (y − median of its cell)²) / (ν₀ + df), with each square bounded at (3 s₀)², so that
    a collapsed run does not hide all differences; never below the floor.

    Args:
        scores: [..., 1 + M, S] by seed, NaN where there is no run.
        opinion: s₀ in points.
        floor: the binomial error of what is measured, in points.
    """
    expected = np.maximum(np.asarray(opinion, float), np.asarray(floor, float))
    known = np.isfinite(scores)
    count = known.sum(axis=-1)
    centre = _median(scores)
    most = (3 * expected)[..., None, None] if expected.ndim else 3 * expected
    off = np.where(known, np.minimum(np.abs(scores - centre[..., None]), most), 0.0)
    squares = np.where(count > 1, np.sum(off**2, axis=-1), 0.0).sum(axis=-1)
    free = np.maximum(count - 1, 0).sum(axis=-1)
    found = np.sqrt((_OPINION * expected**2 + squares) / (_OPINION + free))
    return np.asarray(np.maximum(found, np.asarray(floor, float)))


def unit_of(scores: Floats, noise: ArrayLike, floor: ArrayLike = 0.0) -> Floats:
    """Returns [...] the unit that past targets' gains are taken in here, in points: the noise, or less.

    Models can only add to what runs vary by, so that all n of them, about their mean, have a sum of
    squares SS of at least s² χ²_{n−1}: a unit beyond √(SS/χ²_{0.05,n−1}) is not believed. On a test set
    of which all models get the same rows right, such as one whose largest class they all answer, gains
    are far smaller than its binomial error lets one think. One example of the test set is the least:
    with the floor f it has about f²/25 points.

    Args:
        scores: [..., 1 + M, S] by seed, NaN where there is no run.
        noise: of a run, in points.
        floor: the binomial error of what is measured, in points.
    """
    known = np.isfinite(scores)
    runs = known.sum(axis=(-2, -1))
    mean = np.where(known, scores, 0.0).sum(axis=(-2, -1)) / np.maximum(runs, 1)
    about = np.where(known, scores - mean[..., None, None], 0.0)
    together = np.square(about).sum(axis=(-2, -1))
    bound = np.sqrt(together / chdtri(np.maximum(runs - 1, 1), 1.0 - _DOUBT))
    bound = np.maximum(bound, np.maximum(np.square(np.asarray(floor, float)) / 25.0, LEAST_NOISE))
    found = np.asarray(noise, float)
    return np.asarray(np.where(runs > 2, np.minimum(found, bound), found))


def posterior(
    scores: Floats, x: Floats, prior: Prior, noise: ArrayLike, unit: ArrayLike | None = None
) -> Posterior:
    """Returns what is known of every gain after some runs.

    y = b + g_m + ε; b is flat; g_m = α + β x_m + e_m, e_m ~ N(0, τ²), with (α, β, τ) one of the prior's
    components times the unit; ε has a t-distribution with 4 degrees of freedom. It is a normal whose
    precision is multiplied by a weight w per run (Lange, Little and Taylor 1989):
    w = (ν + 1) / (ν + (r² + v)/σ²). Where a model has one run, r is the residual from its posterior
    mean and v that mean's variance, found by iteration from the prior; where it has several, r is the
    distance from their median. So one collapsed run says nothing, and two that agree are believed.
    Runs collapse, they do not soar: a model's only run counts whole where it is above what is expected
    (w = 1). Discounted as collapsed ones are, the best models would be those that are passed over.
    Given weights everything is closed: with p_m = Σw/σ², q_m = 1/(τ² + 1/p_m) and P = p_0 + Σ q_m,
    b̂ = (p_0 ȳ_0 + Σ q_m (ȳ_m − α − βx_m))/P, and
    g_m = μ_m + τ² q_m (ȳ_m − b − μ_m) + N(0, 1/(1/τ² + p_m)).
    Components are weighed by their marginal likelihood.

    Args:
        scores: [..., 1 + M, S] in points by seed, the pretrained model's first, NaN where none is.
        x: [M] or [..., M] standardised ranking scores.
        prior: K components.
        noise: [...] standard deviation of one run, in points.
        unit: [...] of the prior, in points; None is the noise.
    """
    known = np.isfinite(scores)
    sigma = np.broadcast_to(np.asarray(noise, float), scores.shape[:-2])
    own = sigma if unit is None else np.broadcast_to(np.asarray(unit, float), sigma.shape)
    parts = (prior.alpha, prior.beta, prior.tau, prior.tau if prior.upper is None else prior.upper)
    alpha, beta, tau, upper = (own[..., None] * part for part in parts)
    mu = alpha[..., None] + beta[..., None] * np.asarray(x)[..., None, :]  # [..., K, M]
    tau2 = (tau**2)[..., None]
    count = known.sum(axis=-1)
    y = np.where(known, scores, 0.0)
    base0 = np.nan_to_num(_median(scores)[..., 0])
    # The centre about which a run is odd: the prior's, or that of the runs where they are several.
    centre = base0[..., None] + np.concatenate(
        [np.zeros((*sigma.shape, 1)), mu.mean(axis=-2)], axis=-1
    )
    centre = np.where(count > 1, np.nan_to_num(_median(scores)), centre)
    width = np.concatenate(
        [
            np.zeros((*sigma.shape, 1)),
            np.broadcast_to(mu.var(axis=-2) + tau2.mean(axis=-2), mu.shape[:-2] + mu.shape[-1:]),
        ],
        axis=-1,
    )
    several = count > 1
    variance = np.where(several, 0.0, width)
    fixed = centre
    s2 = (sigma**2)[..., None]
    for _ in range(_ROUNDS):
        off = y - centre[..., None]
        weight = (_TAILS + 1) / (_TAILS + (off**2 + variance[..., None]) / s2[..., None])
        weight = np.where(~several[..., None] & (off > 0), 1.0, weight)
        weight = np.where(known, weight, 0.0)
        result = _given_weights(y, weight, mu, tau2, sigma, upper)
        means = np.concatenate([np.zeros((*sigma.shape, 1)), result.mean], axis=-1)
        centre = np.where(several, fixed, result.base[..., None] + means)
        own = s2 / np.maximum(weight.sum(axis=-1), 1e-12)
        variance = np.where(several, 0.0, np.minimum(own, width + 1e-12))
    return result


def _given_weights(
    y: Floats, weight: Floats, mu: Floats, tau2: Floats, sigma: Floats, upper: Floats
) -> Posterior:
    total = weight.sum(axis=-1)
    mean_y = (weight * y).sum(axis=-1) / np.maximum(total, 1e-12)
    p = total / (sigma**2)[..., None]
    p0, y0 = p[..., 0], mean_y[..., 0]
    pm = p[..., None, 1:]
    q = pm / (1.0 + tau2 * pm)  # 0 where there is no run
    off = mean_y[..., None, 1:] - mu
    P = np.maximum(p0[..., None] + q.sum(axis=-1), 1e-12)
    base = ((p0 * y0)[..., None] + (q * off).sum(axis=-1)) / P
    chi = p0[..., None] * (y0[..., None] - base) ** 2 + (q * (off - base[..., None]) ** 2).sum(-1)
    log = -0.5 * (np.log1p(tau2 * pm).sum(axis=-1) + np.log(P) + chi)
    share = np.exp(log - log.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    slope = tau2 * q
    mean_k = mu + slope * (off - base[..., None])
    var_k = tau2 / (1.0 + tau2 * pm) + slope**2 / P[..., None]
    weights = share[..., None]
    mean = (weights * mean_k).sum(axis=-2)
    var = (weights * (var_k + mean_k**2)).sum(axis=-2) - mean**2
    sd_k = np.sqrt(var_k)
    b = (share * base).sum(axis=-1)
    b_var = (share * (1.0 / P + base**2)).sum(axis=-1) - b**2
    return Posterior(
        share,
        mean_k,
        sd_k,
        mean,
        np.sqrt(np.maximum(var, 1e-12)),
        np.asarray(sigma),
        b,
        np.sqrt(np.maximum(b_var, 0.0)),
        np.where(pm > 0, sd_k, upper[..., None]),
        np.asarray(total[..., 1:] > 0),
    )


def _median(scores: Floats) -> Floats:
    """Returns [...] the median over seeds, NaN where there is no run, without warnings."""
    count = np.isfinite(scores).sum(axis=-1)
    ordered = np.sort(scores, axis=-1)  # NaN come last
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[..., None], -1)[..., 0]
    high = np.take_along_axis(ordered, (count // 2).clip(0, scores.shape[-1] - 1)[..., None], -1)[
        ..., 0
    ]
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan))
