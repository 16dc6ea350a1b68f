"""Gains at several train sizes, from the records of one grid done at each of them (Fig. 3, 4, 8-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.runs import Record, is_better
from intertrain_jax.stats.sizes import SizeCurve, size_curve
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import PERCENT, Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result

Varied = Literal["target", "source", "both"]
# Who has a curve, whose size is the same along it, and whose size it runs over.
_SIDES: tuple[tuple[str, str, Varied], ...] = (
    ("target", "source", "target"),
    ("base", "target", "source"),
)


@dataclass(frozen=True)
class NamedCurve:
    """A size curve and what it is of.

    Attributes:
        varied: whose train size it runs over; "both" where source and target are cut together.
        name: of the target, of the source, or again of the target.
        fixed: the train size of the other side; None where there is no one size.
        curve: over sources for a target, over targets for a source.
    """

    varied: Varied
    name: str
    fixed: int | None
    curve: SizeCurve


def sized_gains(stores: Iterable[Mapping[str, Record]]) -> pd.DataFrame:
    """Returns one row per run with a gain: base, target, seed, source_size, target_size, gain.

    Gains are over the pretrained model's run of the same task, seed and train size. `source_size` is
    0 for base models that are not of these records.

    Args:
        stores: run id → record, of each results directory; equal ids are one run.
    """
    records: dict[str, Record] = {}
    for store in stores:
        for key, record in store.items():
            if record.result is not None and is_better(record.result, records.get(key)):
                records[key] = record
    baseline = {
        (r.target, r.seed, r.result.n_train, r.base.reference): r.score
        for r in records.values()
        if r.kind == "pretrained" and r.result and r.score is not None
    }
    # A further base model has a reference of its own; the pretrained one is what is left.
    references = {key[3] for key in baseline}
    rows = []
    for record in records.values():
        if record.kind == "pretrained" or record.result is None or record.score is None:
            continue
        source = records.get(record.base.source_run or "")
        if record.base.source_run and (source is None or source.result is None):
            continue
        candidates = {record.base.reference} if source is not None else references
        found = [
            baseline[same]
            for reference in sorted(candidates)
            if (same := (record.target, record.seed, record.result.n_train, reference)) in baseline
        ]
        if len(found) == 1:
            rows.append(
                {
                    "base": record.base.label,
                    "target": record.target,
                    "seed": record.seed,
                    "source_size": source.result.n_train if source and source.result else 0,
                    "target_size": record.result.n_train,
                    "gain": record.score - found[0],
                }
            )
    columns = ["base", "target", "seed", "source_size", "target_size", "gain"]
    return pd.DataFrame(rows, columns=columns)


def size_curves(gains: pd.DataFrame) -> tuple[NamedCurve, ...]:
    """Returns a curve for every target and every source that was done at two sizes at least.

    Args:
        gains: of `sized_gains`.
    """
    curves: list[NamedCurve] = []
    for name, other, varied in _SIDES:
        for _, rows in gains.groupby([name, f"{other}_size"], sort=True):
            if rows[f"{varied}_size"].nunique() > 1:
                fixed = int(rows[f"{other}_size"].iloc[0]) or None
                curves.append(_curve(rows, varied, name, fixed))
    if not curves:
        for _, rows in gains.groupby("target", sort=True):
            if rows["target_size"].nunique() > 1:
                curves.append(_curve(rows, "both", "target", None))
    return tuple(curve for curve in curves if curve.curve.points)


def _curve(rows: pd.DataFrame, varied: Varied, name: str, fixed: int | None) -> NamedCurve:
    size = "source_size" if varied == "source" else "target_size"
    unit = "target" if name == "base" else "base"
    named = rows.rename(columns={size: "size", unit: "unit"})
    curve = size_curve(named[["size", "unit", "gain"]])
    return NamedCurve(varied, str(rows[name].iloc[0]), fixed, curve)


def _needs(context: Context) -> str | None:
    if context.study.records:
        return None
    return "Train sizes of runs are known of results directories only."


def _compute(context: Context) -> tuple[NamedCurve, ...]:
    curves = size_curves(sized_gains([context.study.records, *context.options.sizes]))
    if not curves:
        raise IntertrainError(
            "The runs have one train size only. Give results at other sizes with --sizes."
        )
    return curves


def _tables(result: Result) -> list[Table]:
    rows = [
        {"varied": c.varied, "name": c.name, "fixed_size": c.fixed, **asdict(point)}
        for c in SIZE_CURVES.of(result) or ()
        for point in c.curve.points
    ]
    return [
        Table(
            "size_curves",
            "Gain at several train sizes (Fig. 3, 4, 8 to 10)",
            f"Mean gain in points over n units, interval at {PERCENT} by Student's t.",
            pd.DataFrame(rows),
        )
    ]


SIZE_CURVES: Statistic[tuple[NamedCurve, ...]] = Statistic(
    name="size_curves",
    definition="Mean gain at several train sizes, over the same units at every size.",
    source="paper, Fig. 3, 4, 8 to 10",
    compute=_compute,
    needs=_needs,
    plain=lambda value: {"curves": value},
    tables=_tables,
)
