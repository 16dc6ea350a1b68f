"""Does a ranking put the best first: Kendall's weighted tau of the probe and the average gain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from intertrain_jax.stats.correlation import CONFIDENCE, paired
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic
from intertrain_jax.study.table import PERCENT, Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result

_DRAWS = 1000
# Below this a bootstrap of the models draws the same few again and again.
_FEWEST = 5

Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class WeightedTau:
    """Kendall's tau in which exchanges among the first ranks weigh more (Vigna 2015).

    An exchange of ranks r and s weighs 1/(r + 1) + 1/(s + 1), ranks from 0, the mean over ranking by
    either side. It says what a user of a ranking asks, whether the best are first, and next to nothing
    of the order below; where several models are about equally good, it rests on their chance order.

    Attributes:
        models: which rows.
        n: models with a probe and an average gain.
        value: from -1 to 1; NaN where one side is constant.
        p: two-sided, of no association, by permutation of one side.
        low, high: percentile interval of a bootstrap over models; NaN below five. With few models it
            is too narrow, as drawing a model twice makes a tie.
    """

    models: str
    n: int
    value: float
    p: float
    low: float
    high: float


def weighted_tau(models: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> WeightedTau:
    """Returns the weighted tau of paired values.

    Args:
        models: which they are of.
        x, y: [n] numbers, NaN where missing.
    """
    a, b = paired(x, y)
    n, nan = len(a), float("nan")
    if n < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return WeightedTau(models, n, nan, nan, nan, nan)
    value = _tau(a, b)
    rng = np.random.default_rng(SEED)

    def draws(pairs: Callable[[], Pairs]) -> NDArray[np.float64]:
        return np.asarray([_tau(*pairs()) for _ in range(_DRAWS)])

    as_far = np.abs(draws(lambda: (a, rng.permutation(b)))) >= abs(value) - 1e-12
    low = high = nan
    if n >= _FEWEST:

        def resampled() -> Pairs:
            chosen = rng.integers(0, n, n)
            return a[chosen], b[chosen]

        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.nanpercentile(draws(resampled), [tail, 100 - tail])
    p = (1 + int(as_far.sum())) / (1 + _DRAWS)
    return WeightedTau(models, n, value, p, float(low), float(high))


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(stats.weightedtau(a, b).statistic)


def _compute(context: Context) -> tuple[WeightedTau, ...]:
    """Of a leaderboard, once more with the rows that are left out."""
    study, everything = context.study, context.study.with_suspicious
    if everything is None or not everything["suspicious"].any():
        average = averages_of(context).series().dropna()
        rows = {"all rows": pd.DataFrame({"probe": study.probe, "average": average})}
    else:
        rows = {
            "without suspicious rows": everything[~everything["suspicious"]],
            "with suspicious rows": everything,
        }
    return tuple(
        weighted_tau(models, table["probe"].to_numpy(float), table["average"].to_numpy(float))
        for models, table in rows.items()
    )


def _tables(result: Result) -> list[Table]:
    rows = [asdict(found) for found in WEIGHTED_TAU.of(result) or ()]
    return [
        Table(
            "weighted_tau",
            "Kendall's weighted tau of probe and average gain",
            "Exchanges among the best weigh more (Vigna 2015). p by permutation, two-sided; interval at"
            f" {PERCENT} by a bootstrap over models.",
            pd.DataFrame(rows),
        )
    ]


WEIGHTED_TAU: Statistic[tuple[WeightedTau, ...]] = Statistic(
    name="weighted_tau",
    definition=(
        "Kendall's weighted tau of the linear probe on MNLI with the average gain: 1 where both rank"
        " alike, exchanges among the best weighing more. The interval is a bootstrap over models, null"
        " below five; all is null where one side is constant."
    ),
    source="Vigna 2015, A weighted correlation index for rankings with ties",
    compute=_compute,
    needs=lambda context: None if len(context.study.probe) else "There are no probe scores.",
    plain=lambda value: {"rows": value},
    tables=_tables,
)
