"""What a statistic is: a value with its name, definition, source, needs, computation and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.clusters import Clusters, clusters_of
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.inputs import Study
    from intertrain_jax.study.result import Options, Result

# Of everything random in an analysis: the same study gives the same numbers.
SEED = 0
# What the definition of a correlation ends with.
NULL_CORRELATIONS = " An interval is null below four pairs; all is null where one side is constant."
# And of one over base models.
CLUSTERED = (
    " Models of one owner or series, or with nearly equal rows, are resampled together: 'clusters' says"
    " how many groups p and interval rest on, 0 where every model is on its own."
)
T = TypeVar("T")
Named = Iterable[tuple[str, Correlation]]


@dataclass(frozen=True)
class Statistic(Generic[T]):
    """One statistic of a study.

    Attributes:
        name: in `Result.statistics`, in summary.json, and of what was not computed.
        definition: one or two sentences, for summary.json.
        source: where the definition is from.
        compute: returns its value from a study; an `IntertrainError` that it raises is the reason why it
            was not computed. It asks the context for the values of other statistics.
        needs: returns what of its needs a study lacks, one sentence, or None.
        parts: names under which it gives reasons, where its parts are computed or not one by one.
        plain: turns its value into the mapping, table or dataclass that summary.json has of it; None
            leaves it out.
        tables: of a result, without rows where there is nothing.
        correlations: those that its value has, with what they are of, for the table of correlations.
    """

    name: str
    definition: str
    source: str
    compute: Callable[[Context], T | None]
    needs: Callable[[Context], str | None] = lambda context: None
    parts: tuple[str, ...] = ()
    plain: Callable[[T], Any] = lambda value: value
    tables: Callable[[Result], Sequence[Table]] = lambda result: ()
    correlations: Callable[[T], Named] = lambda value: ()

    def of(self, result: Result) -> T | None:
        """Returns its value in a result, None where it was not computed."""
        value: T | None = result.statistics.get(self.name)
        return value


class Context:
    """A study on its way to a result: what statistics may look at, and what is known already.

    Args:
        study: any number of base models and targets, any cells missing.
        options: the user's choices.
    """

    def __init__(self, study: Study, options: Options) -> None:
        self.study, self.options = study, options
        self.values: dict[str, Any] = {}
        self.reasons: dict[str, str] = {}

    @property
    def gains(self) -> pd.DataFrame:
        """Mean gains in points, base models × targets."""
        return self.study.gains.mean

    @cached_property
    def clusters(self) -> Clusters:
        """Which base models are resampled together: of all rows, those that are left out included."""
        study = self.study if self.study.everything is None else self.study.everything
        return clusters_of(study.gains.mean, self.options.cluster)

    def value(self, statistic: Statistic[T]) -> T | None:
        """Returns the value of a statistic, computed once, or None where there is a reason."""
        if statistic.name not in self.values:
            found = self.attempt(
                statistic.parts or (statistic.name,),
                statistic.needs(self),
                lambda: statistic.compute(self),
            )
            # A statistic of nothing is none.
            empty = isinstance(found, tuple | Mapping) and not found
            self.values[statistic.name] = None if empty else found
        value: T | None = self.values[statistic.name]
        return value

    def attempt(
        self, names: Sequence[str], obstacle: str | None, compute: Callable[[], T]
    ) -> T | None:
        """Returns what `compute` gives; None, and keeps the reason, where there is an obstacle or error.

        Args:
            names: under which the reason is kept.
            obstacle: one sentence.
            compute: called where there is none.
        """
        if obstacle is None:
            try:
                return compute()
            except IntertrainError as error:
                obstacle = str(error)
        self.reasons.update(dict.fromkeys(names, obstacle))
        return None
