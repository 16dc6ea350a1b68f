"""The ranking of models on a terminal: ranks with intervals, failures with their reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intertrain_jax.base import counted
from intertrain_jax.report import numbers
from intertrain_jax.report.numbers import interval, number
from intertrain_jax.stats.coefficients import COEFFICIENTS
from intertrain_jax.study.model_ranking import Ranking

# Rows of the best and of the worst that are shown; the file has all.
_TOP, _BOTTOM = 30, 5
_NAME_WIDTH = 24
_EDGES = 3  # blanks around a cell, and between it and the next


def print_ranking(console: Console, ranking: Ranking) -> None:
    """Prints the ranked models, then those without a score, and what the columns are.

    Names come from strangers: they are shown as they are, never read as markup.
    """
    columns = ("rank", "model", "score", "±seeds", "gain", "P(best)", "seconds")
    for table in _tables(console.width, ranking, columns, lambda row: _cells(row, ranking)):
        console.print(table)
    if ranking.estimators:
        others = ("rank", "model", *ranking.estimators)
        for table in _tables(console.width, ranking, others, lambda row: _estimates(row, ranking)):
            console.print(table)
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
        f"correlation with the average finetuning gain of {counted(n, 'model')} on"
        f" {counted(targets, 'target')}:"
    )
    for name, rows in correlations.groupby("estimator", sort=False):
        parts = [
            f"{row['kind'].replace('_', ' ')} {number(row['value'], numbers.GAIN)}"
            f"{_bounds(row)}{_p(row)}, n {row['n']}"
            for row in rows.to_dict("records")
        ]
        console.print(f"  {name:<7} {'; '.join(parts)}", soft_wrap=True, markup=False)


def _tables(
    width: int,
    ranking: Ranking,
    columns: Sequence[str],
    cells: Callable[[Mapping[Hashable, Any]], list[str]],
) -> Iterator[Table]:
    """Yields the ranked models' cells, of a long ranking the best and the worst.

    Columns for which there is no room are in a further table, with the first two; names are folded,
    and nothing is cut.
    """
    ranked = ranking.ranked
    whole = len(ranked) <= _TOP + _BOTTOM
    parts = [ranked] if whole else [ranked.head(_TOP), ranked.tail(_BOTTOM)]
    shown = [[cells(row) for row in part.to_dict("records")] for part in parts]
    rows = [row for part in shown for row in part]
    widths = [max(map(len, (name, *(row[k] for row in rows)))) for k, name in enumerate(columns)]
    widths[1] = min(widths[1], _NAME_WIDTH)
    for chosen in _fitting(width, widths):
        table = Table(box=box.SIMPLE_HEAD)
        for k in chosen:
            if k == 1:
                table.add_column(columns[k], overflow="fold", min_width=min(widths[k], 8))
            else:
                table.add_column(columns[k], justify="right", no_wrap=True)
        for n, part in enumerate(shown):
            if n:
                table.add_row("…", f"({len(ranked) - _TOP - _BOTTOM} more in the file)")
            for row in part:
                table.add_row(*(Text(row[k]) for k in chosen))
        yield table


def _fitting(width: int, widths: Sequence[int]) -> Iterator[list[int]]:
    """Yields the columns of each table: the first two, and as many others as there is room for."""
    first = [0, 1]
    chosen = list(first)
    for k in range(len(first), len(widths)):
        if len(chosen) > len(first) and _room(widths, [*chosen, k]) > width:
            yield chosen
            chosen = list(first)
        chosen.append(k)
    yield chosen


def _room(widths: Sequence[int], chosen: Sequence[int]) -> int:
    """Returns how wide a table of some columns is: a blank on both sides of each, and one beside all."""
    return sum(widths[k] + _EDGES for k in chosen) + 1


def _cells(row: Mapping[Hashable, Any], ranking: Ranking) -> list[str]:
    seeds = number(row["std"], numbers.SCORE)
    if row["n"] != ranking.asked:
        seeds += f" n={row['n']}"
    gain = ""
    if ranking.pretrained not in (None, row["model"]):
        gain = f"{number(row['gain'], numbers.GAIN)} {_bounds_of(row, 'gain', numbers.SHORT_GAIN)}"
    score = f"{number(row['score'], numbers.SCORE)} {_bounds_of(row, 'score', numbers.SHORT_SCORE)}"
    best = numbers.probability(row["best"])
    return [*_names(row, ranking), score, seeds, gain, best, number(row["seconds"], ".1f")]


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


def _p(row: Mapping[Hashable, Any]) -> str:
    """Returns a coefficient's p, if it has one."""
    floor = COEFFICIENTS[row["kind"]].least_p
    return "" if math.isnan(row["p"]) else f", {numbers.p_value(row['p'], floor)}"


def _legend(ranking: Ranking) -> str:
    over = "" if ranking.pretrained is None else ", gain over PT in points"
    legend = (
        "score: probe's test score in percent, mean over"
        f" {counted(ranking.asked, 'seed')}{over}; in brackets {numbers.PERCENT} intervals, which"
        f" allow for another test set of {counted(ranking.n_test, 'example')} and for other seeds, as"
        " does P(best), the probability of being the best."
    )
    if ranking.largest_class is not None:
        share = f"{ranking.largest_class:{numbers.SCORE}} %"
        legend += f" The largest class alone has {share} of the test set"
        above = int((ranking.ranked["score_low"] > ranking.largest_class).sum())
        legend += f", and {above:,} of {counted(len(ranking.ranked), 'model')} surely more."
    return legend
