"""Do gains shrink where the target has more training examples?"""

from __future__ import annotations

import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import Claim, Finding, beyond, plain, said
from intertrain_jax.claims.evidence import Evidence, largest, largest_part, several, usual
from intertrain_jax.claims.slopes import curve, slopes
from intertrain_jax.stats.crossed import crossed_mean


def sized_targets(records: Evidence, fewest: int = 2) -> pd.DataFrame:
    """Returns runs of targets that were trained at several sizes, of base models that have several.

    Raises:
        IntertrainError: there are none.
    """
    rows = several(records.finetuned, ["base", "target"], "target_size")
    rows = several(rows, ["target"], "target_size", fewest)
    if not len(rows):
        raise IntertrainError(f"no target was trained at {fewest} sizes or more")
    rows = usual(largest_part(rows, ["target", "target_size"]))
    return largest(rows, "base", "source_size")


def _target_size(records: Evidence) -> Finding:
    rows = sized_targets(records)
    found = slopes(rows, ("base", "target"), "target_size")
    if found.empty:
        raise IntertrainError("no base model has gains on a target at half of the target's sizes")
    mean = crossed_mean(found)
    sizes = sorted(rows["target_size"].unique())
    curves = {"mean over targets": curve(rows, "target_size", "target")}
    ends = curves["mean over targets"]["mean"]
    first, last = (float(ends.iloc[0]), float(ends.iloc[-1])) if len(ends) else (0.0, 0.0)
    return Finding(
        f"Each doubling of a target's examples, from {sizes[0]:,} to {sizes[-1]:,}, changes the gain by"
        f" {said(mean)} (95 %, over {counted(mean.units[0], 'base model')} and"
        f" {counted(mean.units[1], 'target')}; n = {len(rows)} runs).",
        beyond(mean.low, mean.high, "below"),
        {
            "base_models": mean.units[0],
            "targets": mean.units[1],
            **plain(mean, "points_per_doubling"),
            "gain_at_smallest": first,
            "gain_at_largest": last,
        },
        drawing.Later(
            lambda: drawing.Curves(
                {**curves, **_of_targets(rows)}, "training examples of the target"
            )
        ),
    )


def _of_targets(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns the curve of each target, without intervals, as they are in one figure."""
    curves = {}
    for target, own in rows.groupby("target", sort=True):
        curves[str(target)] = curve(own, "target_size", "base").assign(
            low=float("nan"), high=float("nan")
        )
    return curves if len(curves) <= drawing.MOST_CURVES else {}


TARGET_SIZE = Claim(
    name="target-size",
    title="Gains shrink where the target has more training examples",
    paper="The gain decreases as the target's training size increases (§6.1, Fig. 4).",
    judge=_target_size,
)
