"""What a search came to: the chosen model, its gain, what may have been missed, and why it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from intertrain_jax.recommendation.decide import Detectable
from intertrain_jax.recommendation.search import Search

_DRAWS = 4000
# Of the test examples, the share on which two finetunings usually differ.
_DISAGREEMENT = 0.1


@dataclass(frozen=True)
class Interval:
    """A value in points, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The value and the interval, with signs."""
        return f"{self.value:+.2f} points, 95 % interval {self.low:+.2f} to {self.high:+.2f}"


@dataclass(frozen=True)
class Verdict:
    """What is known at the end.

    Attributes:
        model: index in the ranking; −1 is the pretrained model.
        name: of the chosen model.
        gain: over the pretrained model on validation, which chose it: posterior mean.
        test: the same on test, which chose nothing; None for the pretrained model itself.
        loss: how much better the best of all candidates is expected to be, in points.
        p_untried: probability that one that was not tried is better by more than is worthwhile.
        worthwhile: in points.
        tried, untried: models that were and were not run.
        runs, all_runs: spent, and what running every candidate as often as the chosen one would take.
        seconds: that the runs took.
        why: why it ended.
        detectable: what the test set can show; None for a regression.
        seen: data sets that the chosen model has trained on and that look like the target's.
    """

    model: int
    name: str
    gain: Interval
    test: Interval | None
    loss: float
    p_untried: float
    worthwhile: float
    tried: int
    untried: int
    runs: int
    all_runs: int
    seconds: float
    why: str
    detectable: Detectable | None = None
    seen: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What is said at the end, a sentence or two each."""
        if self.model < 0:
            others = f"none of the {self.tried} tried is better" if self.tried else "none was tried"
            said = [f"Start from the pretrained model, {self.name}: {others}."]
        else:
            said = [
                f"Start from {self.name}.",
                f"Its gain over the pretrained model on test: {self.test}.",
                f"On validation, by which it was chosen: {self.gain}.",
            ]
            if self.test is not None and self.test.low <= 0:
                neither = self.gain.low <= 0
                said.append(
                    f"{'Neither shows' if neither else 'Test does not show'} that it is better than the"
                    " pretrained model."
                )
        if self.seen:
            said.append(
                f"It has trained on {', '.join(self.seen)}, as its card or its origin says:"
                " if that is your data, its gain is in part what it has seen of the test rows."
            )
        said.append(f"Expected loss left: the best of all candidates is better by {self.loss:.2f}.")
        if self.untried:
            said.append(
                f"Probability that one of the {self.untried} not tried is better by more than"
                f" {self.worthwhile:g}: {self.p_untried:.2f}."
            )
        if self.detectable is not None and not self.detectable.known:
            shown = " The gain that was found is larger, and is shown." if self.is_shown else ""
            said.append(cannot_be_known(self.detectable, self.worthwhile) + shown)
        said.append(f"It stopped because {self.why}.")
        each = self.seconds / max(1, self.runs)
        said.append(
            f"Spent: {self.runs} runs, {_time(self.seconds)}. All candidates with as many seeds:"
            f" {self.all_runs} runs, {_time(each * self.all_runs)}."
        )
        return said

    @property
    def is_shown(self) -> bool:
        """Whether test, which chose nothing, shows a gain that is worthwhile."""
        return self.test is not None and self.test.low >= self.worthwhile

    @property
    def content(self) -> dict[str, Any]:
        """What `decision.json` holds of it."""
        return {**asdict(self), "model": "PT" if self.model < 0 else self.name}


def cannot_be_known(detectable: Detectable, worthwhile: float) -> str:
    """Returns what is said where the test set is too small to show what is worthwhile."""
    return (
        f"Whether there is a gain of {worthwhile:g} cannot be known with this test set: the smallest"
        f" that it can show is {detectable.gain:.1f} points. {detectable.examples:,} test examples would"
        f" show it (--test), or ask for more: --worthwhile {detectable.gain:.1f}."
    )


def verdict_of(
    search: Search,
    names: Sequence[str],
    tests: dict[int, list[float]],
    examples: int,
    seconds: float,
) -> Verdict:
    """Returns what is known after the last run.

    The expected loss is the mean of the best gain of all models, the pretrained one's 0 among them, less
    the chosen one's, from 4,000 fixed draws of the posterior.

    Args:
        search: ended.
        names: of the pretrained model and of the M others.
        tests: test scores of the runs that were taken in, of the chosen model and of the pretrained
            one (−1).
        examples: of the test split.
        seconds: that the runs took.
    """
    found, usable, tried, rules = search.found, search.usable, search.tried, search.rules
    chosen = search.choice
    index = np.asarray(chosen)
    rng = np.random.default_rng(0)
    component = rng.choice(len(found.share), size=_DRAWS, p=found.share)
    drawn = found.mean_KxM[component] + found.sd_KxM[component] * rng.standard_normal(
        (_DRAWS, len(usable))
    )
    best = np.maximum(np.where(usable, drawn, -np.inf).max(axis=1, initial=-np.inf), 0.0)
    own = drawn[:, chosen] if chosen >= 0 else np.zeros(_DRAWS)
    gain = Interval(0.0, 0.0, 0.0)
    if chosen >= 0:
        ends = (float(found.quantile(index, p)) for p in (0.025, 0.975))
        gain = Interval(float(found.mean[chosen]), *ends)
    untried = usable & ~tried
    runs = len(search.taken)
    base = search.count(-1)
    return Verdict(
        model=chosen,
        name=names[chosen + 1],
        gain=gain,
        test=None
        if chosen < 0
        else gain_on_test(tests[chosen], tests[-1], examples, float(found.noise)),
        loss=float((best - own).mean()),
        p_untried=float(found.any_better(index, rules.worthwhile, untried))
        if untried.any()
        else 0.0,
        worthwhile=rules.worthwhile,
        tried=int(tried.sum()),
        untried=int(untried.sum()),
        runs=runs,
        all_runs=int(max(base, 1) + usable.sum() * max(1, search.count(chosen))),
        seconds=seconds,
        why=search.why,
    )


def gain_on_test(
    own: Sequence[float], base: Sequence[float], examples: int, noise: float
) -> Interval:
    """Returns the gain on test with its interval.

    Its variance is σ²(1/n + 1/n₀) over seeds, plus 100² d/N over the N examples, with two models taken
    to differ on a share d of 10 % of them (McNemar 1947).

    Args:
        own, base: test scores of the model and of the pretrained one.
        examples: N.
        noise: σ of one run, in points.
    """
    gain = float(np.mean(own) - np.mean(base))
    of_examples = 100.0**2 * _DISAGREEMENT / examples
    half = 1.96 * sqrt(noise**2 * (1 / len(own) + 1 / len(base)) + of_examples)
    return Interval(gain, gain - half, gain + half)


def _time(seconds: float) -> str:
    """Returns a time in words, coarsely."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
