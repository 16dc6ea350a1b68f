"""The analysis: every statistic with its definition and values, and what was not computed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from intertrain_jax.report.closing import closing_lines, leaderboard_lines
from intertrain_jax.report.numbers import is_test, tested
from intertrain_jax.report.tables import tables_of
from intertrain_jax.site.board import Board
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.summary import plain

# Longer tables are in the CSV files of `analyze`.
_MOST_ROWS = 40


def page(board: Board, figures: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns what the analysis shows; nothing but the reason where there are no statistics."""
    result = board.result
    if result is None:
        return {"lines": [], "statistics": [], "tables": [], "reasons": {}, "figures": ()}
    statistics = []
    for name, statistic in STATISTICS.items():
        value = result.statistics.get(name)
        if value is None:
            continue
        shown = plain(statistic.plain(value))
        statistics.append(
            {
                "name": name,
                "definition": statistic.definition,
                "source": statistic.source,
                "values": _scalars(shown),
            }
        )
    tables = [
        table for table in tables_of(result) if len(table.rows) and table.name != "not_computed"
    ]
    return {
        "lines": [
            *closing_lines(result),
            *(leaderboard_lines(result) if result.study.kind == "leaderboard" else ()),
        ],
        "statistics": statistics,
        "tables": [
            {
                "title": table.title,
                "note": table.note,
                "columns": list(table.rows.columns),
                "rows": [
                    [_text(x, str(c)) for c, x in zip(table.rows.columns, row, strict=True)]
                    for row in table.rows.head(_MOST_ROWS).to_numpy()
                ],
                "more": max(0, len(table.rows) - _MOST_ROWS),
            }
            for table in tables
        ],
        "reasons": dict(sorted(result.not_computed.items())),
        "figures": figures,
    }


def _scalars(value: Any, prefix: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Returns the single values of a statistic by their dotted names; lists are in the tables."""
    if isinstance(value, dict) and len(value) <= _MOST_ROWS and depth < 4:
        rows = []
        for key, item in value.items():
            rows += _scalars(item, f"{prefix} {key}".strip().replace("_", " "), depth + 1)
        return rows
    if isinstance(value, list | dict) or not prefix:
        return []
    return [(prefix, _text(value, prefix))]


def _text(value: Any, name: str) -> str:
    if value is None or (not isinstance(value, str | tuple | list) and pd.isna(value)):
        return "–"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, bool | int | str):
        return str(value)
    return tested(float(value)) if is_test(name) else f"{float(value):.4g}"
