"""The analysis: every statistic with its definition and values, and what was not computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from intertrain_jax.report.closing import closing_lines, leaderboard_lines
from intertrain_jax.report.numbers import GAP, is_test, known_interval, p_value, tested
from intertrain_jax.report.tables import tables_of
from intertrain_jax.site.board import NAN, Board
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.summary import plain
from intertrain_jax.study.table import Table

# Longer tables are in the CSV files of `analyze`.
_MOST_ROWS = 40
# Statistic → its figures and its tables, where they are called otherwise.
_FIGURES = {
    "average_gain": ("gain_matrix",),
    "noise": ("gain_std",),
    "regression": ("residuals",),
    "size_effects": ("sizes",),
    "size_curves": ("size_curves_of_targets", "size_curves_of_sources", "size_curves_of_both"),
}
_TABLES = {
    "average_gain": ("table4_",),
    "loss": ("table1_", "table6_"),
    "pretrained_scores": ("table3_",),
    "probe_gain": ("probe_line",),
    "group_means": ("table2_",),
}
# Keys of a correlation, which is one line.
_CORRELATION = {"kind", "n", "value", "p", "low", "high", "clusters"}


def page(board: Board, figures: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns what the analysis shows; nothing but the reason where there are no statistics."""
    result = board.result
    if result is None:
        return {"lines": [], "statistics": [], "tables": [], "reasons": {}}
    left = {t.name: t for t in tables_of(result) if len(t.rows) and t.name != "not_computed"}
    statistics = []
    for name, statistic in STATISTICS.items():
        value = result.statistics.get(name)
        if value is None:
            continue
        beginnings = (name, *_TABLES.get(name, ()))
        own = [table for table in left.values() if table.name.startswith(beginnings)]
        left = {key: table for key, table in left.items() if table not in own}
        statistics.append(
            {
                "name": name,
                "definition": statistic.definition,
                "source": statistic.source,
                "values": _values(plain(statistic.plain(value))),
                "figures": [one for one in (*_FIGURES.get(name, ()), name) if one in figures],
                "tables": [_table(table) for table in own],
            }
        )
    return {
        "lines": [
            *closing_lines(result),
            *(leaderboard_lines(result) if result.study.kind == "leaderboard" else ()),
        ],
        "statistics": statistics,
        "tables": [_table(table) for table in left.values()],
        "reasons": dict(sorted(result.not_computed.items())),
    }


def _table(table: Table) -> dict[str, Any]:
    names = [str(column) for column in table.rows.columns]
    rows = table.rows.head(_MOST_ROWS).to_numpy()
    return {
        "title": table.title,
        "note": table.note,
        "columns": [name.replace("_", " ") for name in names],
        "rows": [[_text(x, c) for c, x in zip(names, row, strict=True)] for row in rows],
        "more": max(0, len(table.rows) - _MOST_ROWS),
    }


def _values(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Returns the single values of a statistic with their words; lists are in the tables."""
    if not isinstance(value, dict):
        return []
    if value.keys() >= _CORRELATION:
        return [(prefix or str(value["kind"]), _correlation(value))]
    single = {k: v for k, v in value.items() if not isinstance(v, list | dict)}
    rows = []
    if prefix and single and len(value) <= _MOST_ROWS:
        rows.append((prefix, ", ".join(f"{_words(k)} {_text(v, k)}" for k, v in single.items())))
    elif len(value) <= _MOST_ROWS:
        rows += [(_words(k), _text(v, k)) for k, v in single.items()]
    for key, item in value.items():
        rows += _values(item, f"{prefix} {_words(key)}".strip())
    return rows


def _correlation(value: Mapping[str, Any]) -> str:
    """Returns a correlation in a line: coefficient, interval, p, n."""
    if value["value"] is None:
        return f"undefined, n = {value['n']}"
    low, high = (NAN if value[end] is None else float(value[end]) for end in ("low", "high"))
    text = f"{value['value']:.2f} {known_interval(low, high, '.2f')}"
    if value["p"] is not None:
        text += f", {p_value(value['p'])}"
    groups = f" in {value['clusters']} groups" if value["clusters"] else ""
    return f"{text}, n = {value['n']}{groups}"


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _text(value: Any, name: str) -> str:
    if value is None or (not isinstance(value, str | tuple | list) and pd.isna(value)):
        return GAP
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, bool | int | str):
        return str(value)
    return tested(float(value)) if is_test(name) else f"{float(value):.4g}"
