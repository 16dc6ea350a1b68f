"""Intervals of gains by the noise model: from seeds, and for unseen examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from intertrain_jax.stats.gain_intervals import GainIntervals, gain_intervals, sampling_errors
from intertrain_jax.stats.noise import NoiseModel
from intertrain_jax.study.statistics.noise import NOISE
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import PERCENT, Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


@dataclass(frozen=True)
class Intervals:
    """Intervals of gains.

    Attributes:
        seeds: from seeds.
        unseen: on unseen examples: seeds and sampling of the test set; None where sizes of test sets are
            not known.
    """

    seeds: GainIntervals | None
    unseen: GainIntervals | None


def counted(
    context: Context, noise: NoiseModel
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, NoiseModel, str]:
    """Returns gains, the seeds of both models that each is taken over, noise, and the pretrained one."""
    study = context.study
    assert study.runs is not None
    n_base, n_pretrained = study.gains.seeds(study.runs, study.pretrained)
    return context.gains, n_base, n_pretrained, noise, study.pretrained


def _sampling(context: Context) -> pd.DataFrame:
    """Returns what the test set's size adds to the error of a gain."""
    study, gains = context.study, context.gains
    assert study.runs is not None
    scores = study.runs.groupby(["base", "target"])["score"].mean().unstack()
    scores = scores.reindex(index=gains.index, columns=gains.columns)
    return sampling_errors(scores, study.pretrained_scores, study.test_sizes)


def _needs(context: Context) -> str | None:
    return context.reasons["noise"] if context.value(NOISE) is None else None


def _compute(context: Context) -> Intervals | None:
    noise = context.value(NOISE)
    assert noise is not None
    common = counted(context, noise)
    seeds = context.attempt(("gain_intervals",), None, lambda: gain_intervals(*common))
    unseen = context.attempt(
        ("gain_intervals_unseen",),
        None if context.study.test_sizes else "Sizes of test sets are not known.",
        lambda: gain_intervals(*common, _sampling(context)),
    )
    return None if seeds is None and unseen is None else Intervals(seeds, unseen)


def _plain(found: Intervals) -> dict[str, Any]:
    """Returns how many gains have an interval, and how many of them do not hold zero."""
    counts = {}
    for name, intervals in (("seeds", found.seeds), ("unseen", found.unseen)):
        if intervals is not None:
            low, high = intervals.low.to_numpy(), intervals.high.to_numpy()
            counts[name] = {
                "n": int(np.isfinite(low).sum()),
                "above_zero": int((low > 0).sum()),
                "below_zero": int((high < 0).sum()),
            }
    return counts


def _tables(result: Result) -> list[Table]:
    """Every gain with what is known of it."""
    rows = pd.DataFrame()
    gains, intervals = result.study.gains, GAIN_INTERVALS.of(result)
    if intervals is not None and intervals.seeds is not None:
        matrices = {
            "gain": gains.mean,
            "seeds": gains.n,
            "std": gains.std,
            "two_std": gains.significant.astype("Int64"),
            "q": gains.q,
            "low": intervals.seeds.low,
            "high": intervals.seeds.high,
        }
        if intervals.unseen is not None:
            matrices |= {"low_unseen": intervals.unseen.low, "high_unseen": intervals.unseen.high}
        index = [(base, target) for base in gains.mean.index for target in gains.mean.columns]
        rows = pd.DataFrame(index, columns=["base", "target"])
        for name, matrix in matrices.items():
            rows[name] = matrix.stack(future_stack=True).reindex(index).array
    return [
        Table(
            "gain_intervals",
            "Gains with their uncertainty",
            "Points. std over seeds; two_std: beyond two of them (1 or −1); q of a seed-paired t-test"
            f" after Benjamini and Hochberg; interval at {PERCENT} by the noise model, from seeds, and"
            " for unseen examples (an upper bound).",
            rows,
        )
    ]


GAIN_INTERVALS: Statistic[Intervals] = Statistic(
    name="gain_intervals",
    definition=(
        "Intervals of gains by the noise model, from seeds; and, as an upper bound for unseen examples,"
        " from seeds and the sampling of test examples. The cells are in tables/gain_intervals.csv."
    ),
    source="noise model: s_base²/n_base + s_pretrained²/n_pretrained",
    compute=_compute,
    needs=_needs,
    parts=("gain_intervals", "gain_intervals_unseen"),
    plain=_plain,
    tables=_tables,
)
