"""Draws every figure that a result allows, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from intertrain_jax.base import counted
from intertrain_jax.report import figure_points as points
from intertrain_jax.report.canvas import drawing, save
from intertrain_jax.report.figure_matrix import MatrixPicture, draw_matrix
from intertrain_jax.report.numbers import (
    ERROR,
    FALSE_DISCOVERY_RATE,
    GAIN,
    PERCENT,
    SLOPE,
    SPREAD,
    coefficient,
)
from intertrain_jax.stats.coefficients import COEFFICIENTS
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.stats.lines import Line
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics.probe_gain import PROBE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.regression import REGRESSION
from intertrain_jax.study.statistics.size_curves import SIZE_CURVES
from intertrain_jax.study.statistics.source_scores import SOURCE_SCORES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OTHER = "other"


def write_figures(folder: Path, result: Result) -> None:
    """Writes NAME.png and NAME.svg of every figure; one that cannot be drawn has no files any more."""
    drawn: dict[str, Callable[[Result], Figure | None]] = {
        "gain_matrix": _gain_matrix,
        "gain_std": _gain_std,
        "ranks": _ranks,
        "probe_gain": _probe,
        "residuals": _residuals,
        "sizes": _sizes,
        "size_curves_of_targets": lambda r: _curves(r, "target"),
        "size_curves_of_sources": lambda r: _curves(r, "source"),
        "size_curves_of_both": lambda r: _curves(r, "both"),
        "source_scores": _source_scores,
    }
    with drawing():
        for name, draw in drawn.items():
            figure = draw(result)
            if figure is not None:
                save(figure, folder, name)
                continue
            for suffix in ("png", "svg"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)


def write_pairs_figure(folder: Path, result: PairsResult) -> None:
    """Writes the figure of two measurements."""
    pairs = result.pairs
    with drawing():
        figure = points.draw_probe(
            f"{pairs.y_name} against {pairs.x_name}",
            _correlated(result.coefficients, result.line),
            pairs.models,
            pairs.x,
            pairs.y,
            result.line,
            (pairs.x_name, pairs.y_name),
        )
        save(figure, folder, "probe_gain")


def _gain_matrix(result: Result) -> Figure | None:
    """Fig. 1."""
    gains = result.study.gains
    if gains.mean.empty:
        return None
    rows, columns = _order(result)
    tested = gains.significant.notna().to_numpy().any()
    below = _of(result)
    if tested:
        below += (
            " * more than two standard deviations from zero;"
            f" ** and paired t-test, q < {FALSE_DISCOVERY_RATE:g}."
        )
    if result.study.missing:
        below += (
            f" Hatched: {result.study.missing} of {counted(result.study.cells, 'cell')} missing."
        )
    return draw_matrix(
        _picture(
            result,
            "Gain of every base model on every target",
            below,
            gains.mean.loc[rows, columns],
            _marks(result).loc[rows, columns],
        )
    )


def _gain_std(result: Result) -> Figure | None:
    """Fig. 5."""
    std = result.study.gains.std
    if std.isna().to_numpy().all():
        return None
    rows, columns = _order(result)
    values = std.loc[rows, columns]
    picture = _picture(
        result,
        "Standard deviation of gains over seeds",
        _of(result) + " Sample standard deviation of the seed-paired differences.",
        values,
        pd.DataFrame("", index=rows, columns=columns),
    )
    return draw_matrix(
        MatrixPicture(
            **{
                **picture.__dict__,
                "row_margin": values.mean(axis=1),
                "column_margin": values.mean(),
                "diverging": False,
                "unit": "standard deviation in points",
            }
        )
    )


def _picture(
    result: Result, title: str, below: str, values: pd.DataFrame, marks: pd.DataFrame
) -> MatrixPicture:
    group = _group_of(result)
    rows, columns = list(values.index), list(values.columns)
    return MatrixPicture(
        title=title,
        below=below,
        values=values,
        marks=marks,
        row_groups=[group.get(row, _OTHER) for row in rows]
        if _grouped(result)
        else [""] * len(rows),
        column_groups=[group.get(column, _OTHER) for column in columns],
        row_margin=result.averages.series().reindex(rows),
        margin_name="average",
        column_margin=values.mean(),
        column_margin_name="average",
    )


def _order(result: Result) -> tuple[list[str], list[str]]:
    """Returns rows and columns by group, then by average; names that are both in one order."""
    gains = result.study.gains.mean
    group, average = _group_of(result), result.averages.series()
    places = {name: k for k, name in enumerate(result.study.groups)}

    def place(name: str) -> int:
        return places.get(group.get(name, _OTHER), len(places))

    def by_average(values: pd.Series[float]) -> list[str]:
        return list(values.sort_values(ascending=False, kind="stable", na_position="last").index)

    rows = by_average(average)
    if _grouped(result):
        rows = sorted(rows, key=place)
    ranks = {name: k for k, name in enumerate(rows)}
    columns = by_average(gains.mean())
    # As in the paper, a source and the same target are at the same place in both orders.
    columns = sorted(columns, key=lambda name: (place(name), ranks.get(name, len(ranks))))
    return rows, columns


def _group_of(result: Result) -> dict[str, str]:
    """Returns the group of each task, and of each base model that comes from one."""
    group = {name: g for g, names in result.study.groups.items() for name in names}
    own = {base: group[task] for base, task in result.study.sources.items() if task in group}
    return {**group, **own}


def _grouped(result: Result) -> bool:
    """Whether base models come from tasks of known groups, so that rows have groups."""
    group = _group_of(result)
    return any(base in group for base in result.study.gains.mean.index)


def _marks(result: Result) -> pd.DataFrame:
    gains = result.study.gains
    beyond = gains.significant.abs() == 1
    adjusted = beyond & (gains.q < FALSE_DISCOVERY_RATE)
    marks = pd.DataFrame("", index=beyond.index, columns=beyond.columns)
    return marks.mask(beyond, "*").mask(adjusted, "**")


def _of(result: Result) -> str:
    """Says what the numbers are of, and over what the averages are."""
    study, averages = result.study, result.averages
    seeds = f", mean over {study.gains.asked:,} seeds" if study.gains.asked > 1 else ""
    text = f"{study.name}: points over {study.pretrained}{seeds}."
    if averages.how == "additive":
        text += " Averages of rows by the additive model."
    elif averages.left_out:
        text += f" Averages of rows over {counted(len(averages.targets), 'common target')}."
    return text


def _ranks(result: Result) -> Figure | None:
    ranks = RANKS.of(result)
    if ranks is None:
        return None
    basis = ranks.basis
    over = "seeds" if "average_gain_draws" in result.statistics else "targets"
    below = f"{result.study.name}: {PERCENT} intervals over {basis}."
    return points.draw_ranks("Average gain and rank", below, result.models(), over)


def _probe(result: Result) -> Figure | None:
    """Fig. 2."""
    probes = PROBE_GAIN.of(result)
    if not probes:
        return None
    found = probes[0]
    return points.draw_probe(
        "Linear probe against average gain",
        f"{found.models[0].upper()}{found.models[1:]}. {_correlated(found.coefficients, found.line)}",
        list(found.points.index),
        found.points["probe"].to_numpy(dtype=float),
        found.points["average"].to_numpy(dtype=float),
        found.line,
        ("linear probe (percent)", "average gain (points)"),
    )


def _residuals(result: Result) -> Figure | None:
    found = REGRESSION.of(result)
    if found is None:
        return None
    fit, of = found.fit, found.bilinear
    below = (
        f"(b + t)·t': mean squared error {of.mse:{ERROR}}, of shuffled gains {of.shuffled_mean:{ERROR}}"
        f" ±{of.shuffled_std:{SPREAD}}, of a constant {of.variance:{ERROR}}; on cells held out"
        f" {of.held_out_mse:{ERROR}}, of a constant {of.held_out_variance:{ERROR}}."
    )
    gains = result.study.gains.mean
    return points.draw_residuals(
        "Gains without interaction of base model and target", below, gains, fit.predict()
    )


def _sizes(result: Result) -> Figure | None:
    if "size_effects" not in result.statistics:
        return None
    gains, sizes = result.study.gains.mean, result.study.train_sizes
    panels = {
        "average gain of sources": result.averages.series(),
        "average gain of targets": gains.mean(),
        "range of gains of targets": gains.max() - gains.min(),
    }
    rows = [
        {"panel": panel, "name": str(name), "size": sizes[str(name)], "value": value}
        for panel, values in panels.items()
        for name, value in values.items()
        if str(name) in sizes and np.isfinite(value)
    ]
    below = f"{result.study.name}: a point per task of known size."
    return points.draw_sizes("Train size and gains", below, pd.DataFrame(rows)) if rows else None


def _curves(result: Result, varied: str) -> Figure | None:
    """Fig. 3, 4 and 8 to 10."""
    curves = [curve for curve in SIZE_CURVES.of(result) or () if curve.varied == varied]
    if not curves:
        return None
    titles = {
        "target": "Gain against the target's train size",
        "source": "Gain against the source's train size",
        "both": "Gain against the train size of source and target alike",
    }
    units, lines = ("targets", "source") if varied == "source" else ("base models", "target")
    below = f"Mean over the same {units} at every size; a line per {lines}."
    return points.draw_curves(titles[varied], below, curves)


def _source_scores(result: Result) -> Figure | None:
    """Fig. 11."""
    found = SOURCE_SCORES.of(result)
    if found is None:
        return None
    rows = found.points[found.points["base"].isin(list(found.sources))]
    below = f"A point per source model. Within sources, Pearson {coefficient(found.within)}."
    return points.draw_source_scores("Source score against average score", below, rows)


def _correlated(found: Mapping[str, Correlation], line: Line) -> str:
    said = ", ".join(f"{COEFFICIENTS[name].title} {coefficient(c)}" for name, c in found.items())
    of = found["pearson"]
    groups = f" in {of.clusters} groups that are resampled together" if of.clusters else ""
    return (
        f"{counted(of.n, 'model')}{groups}. {said}."
        f"\nLine: {line.slope:{SLOPE}}·x {line.intercept:{GAIN}}, with the {PERCENT} interval of the"
        " line."
    )
