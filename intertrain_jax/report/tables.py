"""The tables of a result, from its statistics: as CSV for programs and as Markdown for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.records.store import write_atomic
from intertrain_jax.report.numbers import GAP, SCORE, P, is_missing, is_test, tested
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.table import PERCENT, Table, correlation_note, correlation_row, line_row

# Columns of small numbers that two decimals would make zero.
_SLOPES = "slope"


def tables_of(result: Result) -> list[Table]:
    """Returns every table, without rows where a result has none, and one of what it has not."""
    found = [table for statistic in STATISTICS.values() for table in statistic.tables(result)]
    reasons = [{"statistic": k, "reason": v} for k, v in sorted(result.not_computed.items())]
    missing = Table(
        "not_computed",
        "Statistics that were not computed",
        "What this study does not allow, and why.",
        pd.DataFrame(reasons, columns=["statistic", "reason"]),
    )
    return [*found, _correlations(result), _left_out(result), missing]


def tables_of_pairs(result: PairsResult) -> list[Table]:
    """Returns the table of two measurements: the models, and what was found."""
    pairs = result.pairs
    rows = pd.DataFrame({"model": pairs.models, pairs.x_name: pairs.x, pairs.y_name: pairs.y})
    found = [correlation_row(k.replace("_", " "), c) for k, c in result.coefficients.items()]
    return [
        Table("table4_models", "Models", "As given.", rows),
        Table(
            "correlation",
            f"{pairs.x_name} and {pairs.y_name}",
            correlation_note(result.coefficients.values()),
            pd.DataFrame(found),
        ),
        Table(
            "line",
            f"{pairs.y_name} = slope · {pairs.x_name} + intercept",
            f"Least squares; intervals at {PERCENT} by Student's t.",
            pd.DataFrame([line_row(result.line)]),
        ),
    ]


def write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Writes each table as NAME.csv and NAME.md; one without rows has no files, or none any more."""
    for table in tables:
        if not len(table.rows):
            for suffix in ("csv", "md"):
                (folder / f"{table.name}.{suffix}").unlink(missing_ok=True)
            continue
        text = csv_text(table.rows)
        write_atomic(folder / f"{table.name}.csv", text)
        write_atomic(folder / f"{table.name}.md", markdown(table))


def markdown(table: Table) -> str:
    """Returns a table as Markdown; names cannot break out of their cell."""
    columns = [str(column) for column in table.rows.columns]
    numeric = [pd.api.types.is_numeric_dtype(table.rows[c]) for c in table.rows.columns]
    lines = [
        f"## {_escape(table.title)}",
        "",
        _escape(table.note),
        "",
        _line(_escape(column.replace("_", " ")) for column in columns),
        _line("---:" if right else "---" for right in numeric),
    ]
    for row in table.rows.itertuples(index=False):
        lines.append(_line(_cell(c, v) for c, v in zip(columns, row, strict=True)))
    return "\n".join(lines) + "\n"


def _correlations(result: Result) -> Table:
    """Everything that is a correlation, in one table."""
    found = [
        (what.replace("_", " "), correlation)
        for name, statistic in STATISTICS.items()
        if name in result.statistics
        for what, correlation in statistic.correlations(result.statistics[name])
        if correlation.n
    ]
    note = correlation_note(correlation for _, correlation in found)
    rows = pd.DataFrame([correlation_row(what, correlation) for what, correlation in found])
    return Table("correlations", "Correlations", note, rows)


def _left_out(result: Result) -> Table:
    rows = [
        {
            "row": f.row,
            "model": f.model,
            "rule": f.rule,
            "severity": f.severity,
            "evidence": f.evidence,
            "missing": ", ".join(f.missing),
            "confidence": f.confidence,
        }
        for f in result.study.left_out
    ]
    note = "Rows left out as suspicious, with everything that was found in them."
    return Table("left_out", "Rows left out", note, pd.DataFrame(rows))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: str, value: Any) -> str:
    if is_missing(value):
        return GAP
    if isinstance(value, float | np.floating):
        if is_test(column):
            return tested(float(value))
        return format(value, P if _SLOPES in column else SCORE)
    return _escape(str(value))


def _escape(text: str) -> str:
    """Returns text that is neither markup nor the end of a cell."""
    one_line = " ".join(text.split())
    escaped = re.sub(r"([\\`*_\[\]|<>#~$])", r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("://", ":\u200b//")
