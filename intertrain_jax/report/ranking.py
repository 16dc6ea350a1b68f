"""The ranking of models on a terminal: ranks with intervals, failures with their reasons."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.stats.model_ranking import Ranking

# Rows of the best and of the worst that are shown; the file has all.
_TOP, _BOTTOM = 30, 5
_NAME_WIDTH = 24


def print_ranking(console: Console, ranking: Ranking) -> None:
    """Prints the ranked models, then those without a score, and what the columns are.

    Names come from strangers: they are shown as they are, never read as markup.
    """
    ranked = ranking.ranked
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("rank", "", "model", "score", "", "±seeds", "gain", ""):
        if name == "model":  # a long name is folded, never cut
            table.add_column(name, overflow="fold", min_width=_NAME_WIDTH)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for name in (*ranking.estimators, "s"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = len(ranked) <= _TOP + _BOTTOM
    parts = [ranked] if shown else [ranked.head(_TOP), ranked.tail(_BOTTOM)]
    for n, part in enumerate(parts):
        if n:
            table.add_row("…", "", f"({len(ranked) - _TOP - _BOTTOM} more in the file)")
        for row in part.to_dict("records"):
            table.add_row(*_cells(row, ranking))
    console.print(table)
    for row in ranking.table[ranking.table["rank"].isna()].to_dict("records"):
        console.print(
            Text(f"{row['status']}: {row['model']}: {row['reason']}", style="yellow"),
            soft_wrap=True,
        )
    console.print(_legend(ranking), soft_wrap=True, markup=False)


def print_correlations(console: Console, correlations: pd.DataFrame) -> None:
    """Prints how estimators correlate with finetuning gains."""
    n, targets = int(correlations["n"].max()), int(correlations["targets"].max())
    console.print(
        f"correlation with the average finetuning gain of {n} models on {targets} targets:"
    )
    for name, rows in correlations.groupby("estimator", sort=False):
        parts = [
            f"{row['kind']} {_number(row['value'], '+.2f')}"
            f" [{_number(row['low'], '+.2f')}, {_number(row['high'], '+.2f')}],"
            f" p {_number(row['p'], '.2g')}, n {row['n']}"
            for row in rows.to_dict("records")
        ]
        console.print(f"  {name:<7} {'; '.join(parts)}", soft_wrap=True, markup=False)


def _cells(row: Mapping[Hashable, Any], ranking: Ranking) -> list[Text]:
    of = row.__getitem__
    seeds = _number(of("std"), ".2f")
    if of("n") != ranking.asked:
        seeds += f" n={of('n')}"
    is_pretrained = of("model") == ranking.pretrained
    name = str(of("model")) + (" (PT)" if is_pretrained else "")
    gain = "" if ranking.pretrained is None or is_pretrained else _number(of("gain"), "+.2f")
    spread = f"[{_number(of('gain_low'), '+.1f')}, {_number(of('gain_high'), '+.1f')}]"
    cells = [
        f"{of('rank')}",
        f"[{of('rank_low')}, {of('rank_high')}]",
        name,
        _number(of("score"), ".2f"),
        f"[{_number(of('score_low'), '.1f')}, {_number(of('score_high'), '.1f')}]",
        seeds,
        gain,
        spread if gain else "",
        *(_number(of(e), ".4g") for e in ranking.estimators),
        _number(of("seconds"), ".1f"),
    ]
    return [Text(cell) for cell in cells]


def _number(value: object, form: str) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA
    return "–" if missing else format(value, form)


def _legend(ranking: Ranking) -> str:
    over = "" if ranking.pretrained is None else ", gain over PT in points"
    return (
        f"score: probe's test score in percent, mean over {ranking.asked}"
        f" seed{'s' if ranking.asked != 1 else ''}{over}; in brackets {CONFIDENCE:.0%} intervals, of"
        " test-set sampling and seeds; s: seconds per model."
    )
