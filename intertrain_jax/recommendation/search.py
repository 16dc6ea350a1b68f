"""A search for a model: takes in runs in the order of its own decisions, whenever they were done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.recommendation import decide
from intertrain_jax.recommendation.decide import FIRST, PRETRAINED, STOP, Rules
from intertrain_jax.recommendation.posterior import Posterior, binomial_error
from intertrain_jax.recommendation.prior import Floats, PastTargets, prior_of

# Most runs of one model.
SEEDS = 4
# Of the pretrained model before any of its runs is done: the noise hardly depends on it.
_USUAL_SCORE = 80.0
_BASELINE, _TOP, _SECOND = range(3)

# A validation score in percent; why there will be none; None while that is not known.
Outcome = float | str | None


@dataclass(frozen=True)
class Taken:
    """A run that was taken in, and what was known after it.

    Attributes:
        model: index in the ranking; −1 is the pretrained model.
        seed: of the run.
        why: it was done.
        score: its validation score in percent.
        best: the model that would be chosen then; −1 is the pretrained one.
        gain, sd: of that model, posterior mean and standard deviation in points.
        known: model → (mean, standard deviation) of the gain of every model that can be chosen.
    """

    model: int
    seed: int
    why: str
    score: float
    best: int
    gain: float
    sd: float
    known: dict[int, tuple[float, float]]


class Search:
    """What was taken in so far, and what comes next.

    It begins at nothing and takes runs one by one as its own decisions ask for them. When, by whom and
    in which order they were done is nothing to it: the same outcomes give the same decisions.

    Args:
        x: [M] standardised scores of the ranking, the best first.
        rules: price, budget and what is worthwhile.
        past: targets that the prior is made of.
        rows: examples of the validation split.
        regression: whether scores are rank correlations rather than accuracies.

    Attributes:
        scores: [1 + M, S] validation scores that were taken in, the pretrained model's first.
        usable: [M] whether a model can be chosen.
        problems: model → why it cannot.
        taken: the runs, in order.
        why: why it ended; "" while it has not.
    """

    def __init__(
        self, x: Floats, rules: Rules, past: PastTargets, rows: int, regression: bool = False
    ) -> None:
        self._x, self.rules, self._past = x, rules, past
        self._prior = prior_of(past)
        self._rows, self._regression = rows, regression
        self.scores = np.full((1 + len(x), SEEDS), np.nan)
        self.usable: NDArray[np.bool_] = np.ones(len(x), bool)
        self.problems: dict[int, str] = {}
        self.taken: list[Taken] = []
        self.why = ""
        self.found = self._assess()

    def advance(self, outcome: Callable[[int, int], Outcome]) -> list[tuple[int, int]]:
        """Takes in every run whose turn it is, as far as outcomes are known.

        Args:
            outcome: gives that of a model and a seed.

        Returns:
            The runs, (model, seed) each, that are not done and will be needed whatever each of them
            gives, the next one first; none where the search is over.

        Raises:
            IntertrainError: the pretrained model fails.
        """
        while True:
            step = decide.next_step(self.scores, self._x, self.found, self.rules, self.usable)
            model, stage, worth = int(step.model), int(step.stage), float(step.worth)
            if model == STOP:
                self.why = self._end(worth)
                return []
            seed = self.count(model)
            result = outcome(model, seed)
            if result is None:
                certain = self._certain(model, seed, stage)
                return [key for key in certain if outcome(*key) is None]
            why = self._reason(model, stage, worth)
            if isinstance(result, str):
                if model == PRETRAINED:
                    raise IntertrainError(
                        f"the pretrained model must train on the target, but: {result} Mend that, or"
                        " name another one: --pretrained."
                    )
                # One run of it failed: nobody should start from it.
                self.usable[model] = False
                self.scores[model + 1] = np.nan
                self.problems[model] = result
                self.found = self._assess()
                continue
            self.scores[model + 1, seed] = result
            self.found = self._assess()
            self.taken.append(self._taken(model, seed, why, result))

    def count(self, model: int) -> int:
        """Returns how many runs of a model were taken in."""
        return int(np.isfinite(self.scores[model + 1]).sum())

    @property
    def tried(self) -> NDArray[np.bool_]:
        """[M] whether a run of a model was taken in."""
        known: NDArray[np.bool_] = np.isfinite(self.scores[1:]).any(axis=-1)
        return known

    @property
    def choice(self) -> int:
        """The model to choose as things stand; −1 is the pretrained one."""
        return int(decide.choice(self.found, self.tried))

    def _assess(self) -> Posterior:
        known = self.scores[0][np.isfinite(self.scores[0])]
        score = float(known.mean()) if len(known) else _USUAL_SCORE
        # A rank correlation's standard error is at most that of no correlation.
        floor = (
            100.0 / np.sqrt(self._rows) if self._regression else binomial_error(score, self._rows)
        )
        opinion = max(floor, self._past.usual_noise)
        return decide.assess(self.scores, self._x, self._prior, opinion, floor)

    def _certain(self, model: int, seed: int, stage: int) -> list[tuple[int, int]]:
        """Returns runs that the decisions will ask for in any case: they may be done side by side."""
        rules = self.rules
        if stage == _BASELINE and seed == 0:
            spent = decide.MOST_BASE_SEEDS
        elif stage == _TOP:
            spent = int(np.isfinite(self.scores).sum())
        else:
            return [(model, seed)]
        first = [int(m) for m in np.flatnonzero(self.usable)[:FIRST] if not self.count(int(m))]
        ahead = [(m, 0) for m in first[: max(0, rules.budget - spent)]]
        return ahead if stage == _TOP else [(PRETRAINED, 0), *ahead]

    def _taken(self, model: int, seed: int, why: str, score: float) -> Taken:
        found, best = self.found, self.choice
        known = {
            int(m): (round(float(found.mean[m]), 4), round(float(found.sd[m]), 4))
            for m in np.flatnonzero(self.usable)
        }
        gain, sd = known.get(best, (0.0, 0.0))
        return Taken(model, seed, why, score, best, gain, sd, known)

    def _reason(self, model: int, stage: int, worth: float) -> str:
        """Returns why a run is done, from what is known before it."""
        if stage == _BASELINE:
            return "gains are over it"
        if stage == _TOP:
            return f"number {model + 1} of the ranking"
        mean = float(self.found.mean[model])
        if stage == _SECOND:
            return f"of the better half of the first, by its posterior mean of {mean:+.2f} points"
        return (
            f"expected to raise the best posterior mean by {worth:.2f} points a run, and the price is"
            f" {self.rules.price:g}"
        )

    def _end(self, worth: float) -> str:
        spent = int(np.isfinite(self.scores).sum())
        if spent >= self.rules.budget:
            return f"the budget of {self.rules.budget} runs is spent"
        if not self.usable.any():
            return "no model of the ranking can be used"
        if not np.isfinite(worth):
            return f"every model has had its {SEEDS} runs"
        return (
            f"a further run is expected to bring {worth:.2f} points at most, and its price is"
            f" {self.rules.price:g}"
        )
