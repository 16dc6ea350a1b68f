"""Does a better score on its source task make a better base model (§6.2, Fig. 11 of the paper)?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.runs import Record
from intertrain_jax.stats.correlation import Correlation, correlation, fisher_interval
from intertrain_jax.study.statistics.statistic import NULL_CORRELATIONS, Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


@dataclass(frozen=True)
class SourceScores:
    """Source models beside their average on targets, one point per source model and seed.

    Attributes:
        points: base, seed, source_score, average; both in percent.
        within: Pearson's correlation between source models of one source, pooled: both sides are taken
            from their source's mean, which costs one degree of freedom per source, so that n is
            the number of points less the number of sources, plus one.
        sources: source tasks with at least two source models.
        targets: those averaged over, which every point has; a model's own task is not among its.
        left_out: source models (base, seed) that lack a target.
        untested: sources that are no targets, and whose scores are those of their validation splits.
    """

    points: pd.DataFrame
    within: Correlation
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]
    untested: tuple[str, ...] = ()


def source_scores(
    runs: pd.DataFrame, records: Mapping[str, Record], sources: Mapping[str, str]
) -> SourceScores:
    """Joins every source model's score on its own task with its average score on targets.

    Scores, not gains: a gain takes away the pretrained model's score of the same seed, which on the
    source's own task is the source score itself. That task is left out of the average for the same
    reason.

    Args:
        runs: base, target, seed, status, score, id, of the matrix.
        records: run id → record; the source runs are found among them.
        sources: base model → task it was trained on.

    Raises:
        IntertrainError: no source has two source models that were tested on the same targets.
    """
    done = runs[(runs["status"] == "done") & runs["base"].isin(list(sources))]
    asked = runs[runs["base"].isin(list(sources))]
    points, left_out = [], []
    for _, planned in asked.groupby(["base", "seed"], sort=False):
        base, seed = str(planned["base"].iloc[0]), int(planned["seed"].iloc[0])
        own = sources[base]
        wanted = planned.loc[planned["target"] != own, "target"]
        scores = done[(done["base"] == base) & (done["seed"] == seed) & (done["target"] != own)]
        found = (records[run].base.source_run for run in planned["id"] if run in records)
        source = records.get(next(found, None) or "")
        if source is None or source.result is None or len(scores) < len(wanted) or not len(wanted):
            left_out.append((base, seed))
            continue
        points.append(
            {
                "base": base,
                "seed": seed,
                "source_score": source.score,
                "validation": source.result.validation,
                "average": float(scores["score"].mean()),
            }
        )
    table = pd.DataFrame(points, columns=["base", "seed", "source_score", "validation", "average"])
    # All models of a source are compared on one split.
    untested = table["source_score"].isna().groupby(table["base"]).transform("any").astype(bool)
    table["source_score"] = table["source_score"].astype(float).mask(untested, table["validation"])
    on_validation = tuple(dict.fromkeys(table["base"][untested]))
    table = table.drop(columns="validation")
    several = table[table.duplicated("base", keep=False)]
    if not len(several):
        raise IntertrainError("No source has two source models that were tested on all targets.")
    targets = tuple(dict.fromkeys(asked["target"]))
    names = tuple(dict.fromkeys(several["base"]))
    within = _within(several, len(names))
    return SourceScores(table, within, names, targets, tuple(left_out), on_validation)


def _within(points: pd.DataFrame, sources: int) -> Correlation:
    """Returns the pooled correlation about the sources' means; see `SourceScores`."""
    columns = points[["source_score", "average"]]
    centred = columns - columns.groupby(points["base"]).transform("mean")
    plain = correlation(centred["source_score"], centred["average"], "pearson")
    n, nan = len(points) - sources + 1, float("nan")
    value = plain.value
    if n < 3 or value != value:
        return Correlation("pearson", n, value, nan, nan, nan)
    t = value * sqrt((n - 2) / max(1.0 - value**2, 1e-300))
    low, high = fisher_interval(value, n, "pearson") if n > 3 else (nan, nan)
    return Correlation("pearson", n, value, 2.0 * float(stats.t.sf(abs(t), n - 2)), low, high)


def _needs(context: Context) -> str | None:
    if context.study.runs is None or not context.study.records:
        return "Scores of source runs are known of results directories only."
    if not context.study.sources:
        return "No base model of the study comes from a source run."
    return None


def _compute(context: Context) -> SourceScores:
    study = context.study
    assert study.runs is not None
    return source_scores(study.runs, study.records, study.sources)


def _tables(result: Result) -> list[Table]:
    found = SOURCE_SCORES.of(result)
    untested = ""
    if found is not None and found.untested:
        untested = f" On validation splits, as they are no targets: {', '.join(found.untested)}."
    return [
        Table(
            "source_scores",
            "Source models: score on their own task and on the targets (Fig. 11)",
            "Percent; the average is over the other targets." + untested,
            pd.DataFrame() if found is None else found.points,
        )
    ]


SOURCE_SCORES: Statistic[SourceScores] = Statistic(
    name="source_scores",
    definition=(
        "Correlation of source models' score on their own task with their average score on the other"
        " targets, within sources; n is the number of source models less that of sources, plus one."
        + NULL_CORRELATIONS
    ),
    source="paper, section 6.2, Fig. 11",
    compute=_compute,
    needs=_needs,
    tables=_tables,
    correlations=lambda found: [("source score and average score, within sources", found.within)],
)
