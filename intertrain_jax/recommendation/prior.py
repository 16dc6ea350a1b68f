"""What past targets say of a new one: how gains follow a ranking, in units of a target's own noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from intertrain_jax.base import IntertrainError

Floats = NDArray[np.float64]
PRIOR_FILE = Path(__file__).parent / "prior.csv"
# No target has less noise than this many points: a share of some thousand test examples.
LEAST_NOISE = 0.1
# Models whose gains tell a line and what is about it.
FEWEST = 4
_WIDEN = (0.7, 1.4)  # a new target is none of the past ones: each stands for some like it


@dataclass(frozen=True)
class PastTargets:
    """Lines of gain over standardised probe score, one per past target; K targets.

    Gains there are g = alpha + beta·x + e with e of standard deviation tau, all in units of the noise of
    the same target: the standard deviation over seeds of the pretrained model's score, and no less than
    the binomial error of its test set.

    Attributes:
        names: of the targets.
        alpha, beta, tau: [K].
        noise: [K] the unit itself, in points.
        upper: [K] as tau, of the models above the line alone: there are more that fell far below it than
            rose far above; None where it is tau.
    """

    names: tuple[str, ...]
    alpha: Floats
    beta: Floats
    tau: Floats
    noise: Floats
    upper: Floats | None = None

    def without(self, name: str) -> PastTargets:
        """Returns all targets but one, as a replay of that one must not know it."""
        keep = np.array([other != name for other in self.names])
        names = tuple(other for other in self.names if other != name)
        lines = (self.alpha[keep], self.beta[keep], self.tau[keep], self.noise[keep])
        return PastTargets(names, *lines, None if self.upper is None else self.upper[keep])

    def and_of(self, other: PastTargets) -> PastTargets:
        """Returns these targets and others, each counting as much as any."""
        upper = [self.tau if past.upper is None else past.upper for past in (self, other)]
        return PastTargets(
            names=(*self.names, *other.names),
            alpha=np.concatenate([self.alpha, other.alpha]),
            beta=np.concatenate([self.beta, other.beta]),
            tau=np.concatenate([self.tau, other.tau]),
            noise=np.concatenate([self.noise, other.noise]),
            upper=np.concatenate(upper),
        )

    @property
    def usual_noise(self) -> float:
        """The median of their noise, in points."""
        return float(np.median(self.noise))


def fit_lines(
    names: Sequence[str],
    gains_MxT: ArrayLike,
    x_M: ArrayLike,
    noise_T: ArrayLike,
    unit_T: ArrayLike,
) -> PastTargets:
    """Fits a line to every target's gains by least squares; M models × T targets.

    tau² is the residual variance less that of one run, at least a tenth of the former: what of the
    scatter about the line is the models' own. `upper` is the same of the residuals above their median,
    as of a normal distribution of two halves (Fechner's; Wallis 2014, Statistical Science 29).

    Args:
        names: of the targets.
        gains_MxT: in points, NaN where missing.
        x_M: standardised scores of the ranking. Where they do not differ, lines are level.
        noise_T: standard deviation of a gain that runs leave, in points.
        unit_T: what a recommendation would take for it: no less than the binomial error.

    Raises:
        IntertrainError: a target has fewer than four gains.
    """
    gains, x = np.asarray(gains_MxT, float), np.asarray(x_M, float)
    noise = np.maximum(np.asarray(noise_T, float), LEAST_NOISE)
    unit = np.maximum(np.asarray(unit_T, float), LEAST_NOISE)
    rows = []
    for t, name in enumerate(names):
        known = np.isfinite(gains[:, t])
        if known.sum() < FEWEST:
            raise IntertrainError(
                f"target {name!r} must have gains of at least {FEWEST} models, has {known.sum()}."
                " Leave it out."
            )
        level = np.ptp(x[known]) == 0
        line = np.polyfit(x[known], gains[known, t], 0 if level else 1)
        beta, alpha = (0.0, line[0]) if level else line
        rest = gains[known, t] - alpha - beta * x[known]
        scatter = float(rest @ rest) / (known.sum() - 2)
        above = rest[rest > np.median(rest)] - np.median(rest)
        half = min(float(np.mean(above**2)), scatter)
        tau, upper = (np.sqrt(max(s - noise[t] ** 2, 0.1 * s)) for s in (scatter, half))
        rows.append(np.array([alpha, beta, tau, upper]) / unit[t])
    alpha_T, beta_T, tau_T, upper_T = np.array(rows).T
    return PastTargets(tuple(names), alpha_T, beta_T, tau_T, unit, upper_T)


def standardised(probe: ArrayLike) -> Floats:
    """Returns probe scores with mean 0 and standard deviation 1; the mean where one is missing."""
    values = np.asarray(probe, float)
    known = values[np.isfinite(values)]
    if not len(known) or known.std() == 0:
        return np.zeros_like(values)
    return np.asarray(np.nan_to_num((values - known.mean()) / known.std()))


@dataclass(frozen=True)
class Prior:
    """A mixture of components of equal weight; K components, in units of noise as `PastTargets`."""

    alpha: Floats
    beta: Floats
    tau: Floats
    upper: Floats | None = None


def prior_of(past: PastTargets) -> Prior:
    """Returns the mixture: every past target, once with less and once with more of everything."""
    upper = past.tau if past.upper is None else past.upper
    lines = (past.alpha, past.beta, past.tau, upper)
    return Prior(*(np.concatenate([f * v for f in _WIDEN]) for v in lines))


def read_past(path: Path = PRIOR_FILE) -> PastTargets:
    """Reads fitted lines: columns target, alpha, beta, tau, noise, and perhaps upper."""
    table = pd.read_csv(path)
    names = [n for n in ("alpha", "beta", "tau", "noise", "upper") if n in table.columns]
    columns = [table[name].to_numpy(float) for name in names]
    return PastTargets(tuple(table["target"].astype(str)), *columns)
