"""The ranking of models on a terminal: ranks with intervals, failures with their reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intertrain_jax.report import numbers
from intertrain_jax.report.numbers import interval, number
from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.study.model_ranking import Ranking

# Rows of the best and of the worst that are shown; the file has all.
_TOP, _BOTTOM = 30, 5
_NAME_WIDTH = 24


def print_ranking(console: Console, ranking: Ranking) -> None:
    """Prints the ranked models, then those without a score, and what the columns are.

    Names come from strangers: they are shown as they are, never read as markup.
    """
    columns = ("rank", "model", "score", "±seeds", "gain", "seconds")
    console.print(_table(ranking, columns, lambda row: _cells(row, ranking)))
    if ranking.estimators:
        others = ("rank", "model", *ranking.estimators)
        console.print(_table(ranking, others, lambda row: _estimates(row, ranking)))
    for row in ranking.table[ranking.table["rank"].isna()].to_dict("records"):
        console.print(
            Text(f"{row['status']}: {row['model']}: {row['reason']}", style="yellow"),
            soft_wrap=True,
        )
    noted: dict[str, list[str]] = {}
    for row in ranking.ranked.dropna(subset="notes").to_dict("records"):
        noted.setdefault(str(row["notes"]), []).append(str(row["model"]))
    for note, models in noted.items():
        more = f" and {len(models) - 1} more" if len(models) > 1 else ""
        console.print(Text(f"note: {models[0]}{more}: {note}"), soft_wrap=True)
    console.print(_legend(ranking), soft_wrap=True, markup=False)


def print_correlations(console: Console, correlations: pd.DataFrame) -> None:
    """Prints how estimators correlate with finetuning gains."""
    n, targets = int(correlations["n"].max()), int(correlations["targets"].max())
    console.print(
        f"correlation with the average finetuning gain of {n} models on {targets} targets:"
    )
    for name, rows in correlations.groupby("estimator", sort=False):
        parts = [
            f"{row['kind'].replace('_', ' ')} {number(row['value'], numbers.GAIN)}"
            f"{_bounds(row)}, p {number(row['p'], numbers.P)}, n {row['n']}"
            for row in rows.to_dict("records")
        ]
        console.print(f"  {name:<7} {'; '.join(parts)}", soft_wrap=True, markup=False)


def _table(
    ranking: Ranking, columns: Sequence[str], cells: Callable[[Mapping[Hashable, Any]], list[str]]
) -> Table:
    """Returns the ranked models' cells, of a long ranking the best and the worst."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        if name == "model":  # a long name is folded, never cut
            table.add_column(name, overflow="fold", min_width=_NAME_WIDTH)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    ranked = ranking.ranked
    whole = len(ranked) <= _TOP + _BOTTOM
    for n, part in enumerate([ranked] if whole else [ranked.head(_TOP), ranked.tail(_BOTTOM)]):
        if n:
            table.add_row("…", f"({len(ranked) - _TOP - _BOTTOM} more in the file)")
        for row in part.to_dict("records"):
            table.add_row(*map(Text, cells(row)))
    return table


def _cells(row: Mapping[Hashable, Any], ranking: Ranking) -> list[str]:
    seeds = number(row["std"], numbers.SCORE)
    if row["n"] != ranking.asked:
        seeds += f" n={row['n']}"
    gain = ""
    if ranking.pretrained not in (None, row["model"]):
        gain = f"{number(row['gain'], numbers.GAIN)} {_bounds_of(row, 'gain', numbers.SHORT_GAIN)}"
    score = f"{number(row['score'], numbers.SCORE)} {_bounds_of(row, 'score', numbers.SHORT_SCORE)}"
    return [*_names(row, ranking), score, seeds, gain, number(row["seconds"], ".1f")]


def _estimates(row: Mapping[Hashable, Any], ranking: Ranking) -> list[str]:
    return [*_names(row, ranking), *(number(row[name], ".4g") for name in ranking.estimators)]


def _names(row: Mapping[Hashable, Any], ranking: Ranking) -> tuple[str, str]:
    name = f"{row['model']} (PT)" if row["model"] == ranking.pretrained else str(row["model"])
    return f"{row['rank']} [{row['rank_low']}, {row['rank_high']}]", name


def _bounds_of(row: Mapping[Hashable, Any], name: str, form: str) -> str:
    return interval(row[f"{name}_low"], row[f"{name}_high"], form)


def _bounds(row: Mapping[Hashable, Any]) -> str:
    """Returns a coefficient's interval, if it has one."""
    if math.isnan(row["low"]):
        return ""
    return f" {interval(row['low'], row['high'], numbers.GAIN)}"


def _legend(ranking: Ranking) -> str:
    over = "" if ranking.pretrained is None else ", gain over PT in points"
    return (
        f"score: probe's test score in percent, mean over {ranking.asked}"
        f" seed{'s' if ranking.asked != 1 else ''}{over}; in brackets {CONFIDENCE:.0%} intervals, of"
        " test-set sampling and seeds."
    )
