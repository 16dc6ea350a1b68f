"""Do more source examples make a good source better, and a bad one worse?"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import Claim, Direction, Finding, Number, beyond, plain, said
from intertrain_jax.claims.evidence import Evidence, largest, largest_part, several, usual
from intertrain_jax.claims.probe import probe_scores
from intertrain_jax.claims.slopes import curve, slopes
from intertrain_jax.stats.crossed import crossed_mean

GOOD, BAD = "good", "bad"


def source_groups(
    records: Evidence, rows: pd.DataFrame
) -> tuple[pd.Series, str, set[tuple[str, int]]]:
    """Returns source → "good" or "bad", by what, and sources at sizes that it rests on.

    What the configuration calls them counts; without that, whether the average gain in a part with more
    models is in the upper or the lower half; without that, where the probe puts them. The gains whose
    slopes are judged never say it: what was chosen for high gains at the largest size grows with size
    by chance alone.

    Args:
        records: all there is.
        rows: the runs whose slopes are judged.

    Raises:
        IntertrainError: nothing says it.
    """
    named = rows.groupby("base")["group"].first()
    named = named[named.isin([GOOD, BAD])]
    if len(named):
        return named, "as they were labelled", set()
    sources, used = rows["base"].unique(), set()
    other = records.matrix
    if len(other.averages) > len(sources) and not set(other.runs["part"]) & set(rows["part"]):
        measured, by = other.averages, f"by their average gains in {other.runs['part'].iloc[0]}"
        used = set(zip(other.runs["base"], other.runs["source_size"], strict=True))
    else:
        try:
            measured, task = probe_scores(records)
        except IntertrainError as error:
            raise IntertrainError(
                f"nothing says which sources are {GOOD} or {BAD}: neither groups, nor gains in a part"
                " with more models, nor a probe"
            ) from error
        by = f"by the probe on {task}"
    known = measured.reindex(sources).dropna()
    return (known > measured.median()).map({True: GOOD, False: BAD}), by, used


def _judge(records: Evidence, group: str, direction: Direction) -> Finding:
    rows = records.finetuned
    rows = several(rows[rows["source_size"] > 0], ["base"], "source_size")
    if not len(rows):
        raise IntertrainError("no source was trained at several sizes")
    rows = usual(largest_part(rows, ["base", "source_size"]))
    groups, by, used = source_groups(records, rows)
    names = list(groups.index[groups == group])
    # Models that said which sources are good are not asked again.
    asked = [pair in used for pair in zip(rows["base"], rows["source_size"], strict=True)]
    rows = rows[rows["base"].isin(names) & ~np.array(asked, bool)]
    if not len(rows):
        raise IntertrainError(f"no {group} source was trained at several sizes")
    rows = largest(rows, "target", "target_size")
    seeds = rows["source_seed"].where(rows["source_seed"] >= 0, rows["seed"])
    rows = rows.assign(model=rows["base"] + " " + seeds.astype(str))
    found = slopes(rows, ("model", "target"), "source_size")
    if found.empty:
        raise IntertrainError("no base model has gains on a target at half of the source's sizes")
    mean = crossed_mean(found)
    sizes = sorted(rows["source_size"].unique())
    numbers: dict[str, Number] = {
        "sources": len(names),
        "models": mean.units[0],
        "targets": mean.units[1],
        **plain(mean, "points_per_doubling"),
    }
    own = rows.groupby("base")
    source = found.index.to_series().map(rows.groupby("model")["base"].first())
    for base, slope in found.mean(axis=1).groupby(source).mean().items():
        numbers[f"points_per_doubling of {base}"] = float(slope)
    return Finding(
        f"Each doubling of a {group} source's examples, from {sizes[0]:,} to {sizes[-1]:,}, changes the"
        f" gain by {said(mean)} (95 %, over {counted(mean.units[0], 'source model')} of"
        f" {counted(len(names), 'source')}, {by}, and {counted(mean.units[1], 'target')}; n ="
        f" {len(rows)} runs).",
        beyond(mean.low, mean.high, direction),
        numbers,
        drawing.Later(
            lambda: drawing.Curves(
                {str(base): curve(of, "source_size", "target") for base, of in own},
                "training examples of the source",
            )
        ),
    )


SOURCE_SIZE_GOOD = Claim(
    name="source-size-good",
    title="More source examples make a good source better",
    paper="For good sources (ANLI, MNLI), more training data yields greater gains (§6.1, Fig. 3).",
    judge=partial(_judge, group=GOOD, direction="above"),
)
SOURCE_SIZE_BAD = Claim(
    name="source-size-bad",
    title="More source examples make a bad source worse",
    paper="For bad sources (MultiRC, QQP), additional data decreases performance (§6.1, Fig. 3).",
    judge=partial(_judge, group=BAD, direction="below"),
)
