"""Takes averages, ranks, sizes and spreads out of tables: they are no targets and no base models."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

_AVERAGES = {"average", "averages", "avg", "mean", "means", "median", "overall"}
_RANKS = {"rank", "ranks", "ranking", "position", "place", "#", "no"}
_SIZES = {"params", "parameters", "param", "seed", "seeds", "epochs", "downloads", "likes"}
_SETTINGS = frozenset(
    "batch size runtime seconds minutes hours time steps step id ids index idx lr learning rate layers"
    " layer hidden loss memory cost price mb gb train training eval evaluation samples labels warmup"
    " max min length win wins version year n".split()
)
_DIFFERENCES = {"delta", "improvement", "improvements", "difference", "diff", "change"}
# Columns of these words are averages whatever else they say; others only if they say nothing else.
_SURE_AVERAGES = {"average", "avg", "overall"}
# Rows that spreadsheets and pandas add below.
_SUMMARY_ROWS = frozenset(
    "max min maximum minimum std stdev sd sum count total 25% 50% 75%".split()
)
# What people add to these words, and what then says nothing else.
_FILLERS = frozenset(
    "gain gains score scores accuracy acc performance result results all total macro micro weighted over"
    " of the across tasks targets datasets n num number m b k mio million millions glue".split()
)
_KINDS = ("averages", "ranks", "sizes", "settings", "differences", "spreads")
_SPREAD = re.compile(
    r"(.+?)[\s_.:/-]*\(?(?:std|sd|stdev|stderr|se|sem|ci|\u00b1)\.?\)?", re.IGNORECASE
)
# The mean of rounded numbers is at most this many units of its last digit beside the number given; what
# varies by less than so many units may be anything.
_OFF, _VARIES, _FEWEST_ROWS = 1.5, 10.0, 4
_MOST_DIGITS = 6


def targets_alone(
    values: pd.DataFrame, known: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Returns a table's base models and targets, and what to say of what is left out.

    Averages are told by their names; a column also by its numbers, the means of all others. A column
    without any number is no target.

    Args:
        values: a row per base model, by name, and a column per target; and others.
        known: targets and models, whatever they are called.
    """
    folded = {str(column).strip().casefold(): column for column in values.columns}
    left_out: dict[str, list[object]] = {kind: [] for kind in _KINDS}
    for name, column in folded.items():
        kind = None if column in known else _kind_of(name, folded)
        if kind is not None:
            left_out[kind].append(column)
    rest = values.drop(columns=[c for columns in left_out.values() for c in columns])
    empty = [column for column in rest if rest[column].isna().all() and not rest.empty]
    if len(empty) < rest.shape[1]:
        rest = rest.drop(columns=empty)
    else:
        empty = []
    means = [column for column in rest if column not in known and _is_mean_of_others(rest, column)]
    if len(means) == 1:
        left_out["averages"] += means
        rest = rest.drop(columns=means)
    notes = [_note(kind, "targets: column", columns) for kind, columns in left_out.items()]
    if empty:
        notes.append(
            f"Left out, as there is no number in {'it' if len(empty) == 1 else 'them'}:"
            f" column {', '.join(repr(str(column)) for column in empty)}."
        )
    rows = averages_among(rest.index, known)
    notes.append(_note("averages", "base models: row", rows))
    sums = [n for n in rest.index if n not in known and str(n).strip().casefold() in _SUMMARY_ROWS]
    notes.append(_note("sums over the others", "base models: row", sums))
    return rest.drop(index=[*rows, *sums]), [note for note in notes if note]


def runs_alone(runs: pd.DataFrame, known: Collection[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Returns runs of base models on targets, and what to say of averages that are left out.

    Args:
        runs: with columns base and target.
        known: targets and models, whatever they are called.
    """
    notes = []
    for column, noun in (("target", "targets: target"), ("base", "base models: base")):
        names = averages_among(runs[column].unique(), known)
        runs = runs[~runs[column].isin(names)]
        notes.append(_note("averages", noun, names))
    return runs, [note for note in notes if note]


def averages_among(names: Collection[object], known: Collection[str] = ()) -> list[object]:
    """Returns the names that are those of averages."""
    return [
        name
        for name in names
        if name not in known and _kind_of(str(name).strip().casefold(), ()) == "averages"
    ]


def _note(kind: str, noun: str, names: Collection[object]) -> str:
    listed = ", ".join(repr(str(name)) for name in names)
    return f"Left out, as {kind} are no {noun} {listed}." if names else ""


def _kind_of(name: str, others: Collection[str]) -> str | None:
    """Returns what a column of no target is by its name, in lower case; None for a target."""
    spread = _SPREAD.fullmatch(name)
    if spread and spread[1] in others:
        return "spreads"
    words = set(re.findall(r"[^\W\d_]+|#", name))
    for kind, own, more in (
        ("sizes", _SIZES, {"#"}),
        ("settings", _SETTINGS, {"#"}),
        ("differences", _DIFFERENCES, _AVERAGES),
        ("ranks", _RANKS, _AVERAGES),
        ("averages", _AVERAGES, frozenset[str]()),
    ):
        if words & own and words <= own | more | _FILLERS:
            return kind
    return "averages" if words & _SURE_AVERAGES else None


def _is_mean_of_others(values: pd.DataFrame, column: object) -> bool:
    """Whether a column has the means of all others, as far as it is written out."""
    own, others = values[column].to_numpy(), values.drop(columns=column).to_numpy()
    if others.shape[1] < 2 or len(own) < _FEWEST_ROWS or not np.isfinite(values.to_numpy()).all():
        return False
    digits = next((d for d in range(_MOST_DIGITS) if np.allclose(own, own.round(d))), _MOST_DIGITS)
    unit = 10.0**-digits
    off = np.abs(own - others.mean(axis=1)).max()
    return bool(digits and off <= _OFF * unit and np.ptp(own) > _VARIES * unit)
