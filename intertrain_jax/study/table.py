"""A table as people and programs read it, and the rows that many tables share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from intertrain_jax.stats.coefficients import COEFFICIENTS
from intertrain_jax.stats.correlation import CONFIDENCE, Correlation
from intertrain_jax.stats.lines import Line

PERCENT = f"{CONFIDENCE:.0%}".replace("%", " %")


@dataclass(frozen=True)
class Table:
    """A table with what a reader needs to understand it.

    Attributes:
        name: of its files.
        title: one line.
        note: what the columns mean, and what the numbers are of.
        rows: the table.
    """

    name: str
    title: str
    note: str
    rows: pd.DataFrame


def rows_of(values: Iterable[Any]) -> pd.DataFrame:
    """Returns a row per dataclass."""
    return pd.DataFrame([asdict(value) for value in values])


def correlation_row(what: str, found: Correlation) -> dict[str, Any]:
    """Returns a correlation as a row of a table of them."""
    return {"of": what, **{k: v for k, v in asdict(found).items() if k != "kind"}}


def correlation_note(found: Iterable[Correlation]) -> str:
    """Returns what a reader must know of a table of correlations."""
    found = list(found)
    kinds = {one.kind for one in found}
    notes = [c.note for name, c in COEFFICIENTS.items() if name in kinds and c.note]
    common = f"n pairs, p two-sided, interval at {PERCENT} by Fisher's transformation."
    if any(one.clusters for one in found):
        common += (
            " Where there are clusters of models, p and interval are the jackknife's over these."
        )
    return " ".join([common, *notes])


def line_row(line: Line) -> dict[str, Any]:
    """Returns a line as a row, without what only its predictions need."""
    return {k: v for k, v in asdict(line).items() if k not in ("df", "centre", "centre_error")}
