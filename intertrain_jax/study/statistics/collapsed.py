"""Collapsed runs: seeds that learned nothing, and how often that happens to each base model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


@dataclass(frozen=True)
class Collapsed:
    """Runs that collapsed and are left out of every mean.

    Attributes:
        runs: base, target, seed, reason, one row each.
        shares: one row per base model with scores, the least stable first: base, runs (with a score or
            collapsed), collapsed, share.
    """

    runs: pd.DataFrame
    shares: pd.DataFrame


def _compute(context: Context) -> Collapsed:
    table = context.study.runs
    assert table is not None
    done = table[table["status"].isin(["done", "collapsed"])]
    collapsed = done["status"] == "collapsed"
    grouped = collapsed.groupby(done["base"], sort=False)
    shares = pd.DataFrame({"runs": grouped.count(), "collapsed": grouped.sum().astype(int)})
    shares["share"] = shares["collapsed"] / shares["runs"]
    shares = shares.rename_axis("base").sort_values("share", ascending=False, kind="stable")
    columns = ["base", "target", "seed", "reason"]
    return Collapsed(done.loc[collapsed, columns].reset_index(drop=True), shares.reset_index())


def _plain(found: Collapsed) -> dict[str, Any]:
    return {"n": len(found.runs), "runs": found.runs, "shares": found.shares}


def _tables(result: Result) -> list[Table]:
    found = COLLAPSED.of(result)
    some = found is not None and len(found.runs)
    return [
        Table(
            "collapsed_runs",
            "Collapsed runs",
            "Runs far below the other seeds of their base model and target, at the level of the worst"
            " there is; they are left out of every mean and of the noise.",
            found.runs if found is not None and some else pd.DataFrame(),
        ),
        Table(
            "collapsed_shares",
            "How often base models collapse",
            "Share of a base model's runs that collapsed.",
            found.shares if found is not None and some else pd.DataFrame(),
        ),
    ]


COLLAPSED: Statistic[Collapsed] = Statistic(
    name="collapsed",
    definition=(
        "Runs that learned nothing where the same base model with other seeds did: significantly below"
        " their siblings, and nearer to the worst score on the target than to them. They are left"
        " out of means and of the noise; how often that happens to a base model is its share."
    ),
    source="one-sided t-test with shrunk variances; Bonferroni; Rosner 1983",
    compute=_compute,
    needs=lambda context: (
        None if context.study.runs is not None else "One number per cell is known, not runs."
    ),
    plain=_plain,
    tables=_tables,
)
