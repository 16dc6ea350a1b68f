"""The tables of the paper from a result, as CSV for programs and as Markdown for people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.records.store import write_atomic
from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.summary import pretrained_scores

_PERCENT = f"{CONFIDENCE:.0%}"
# Columns that are probabilities of a test: small numbers that two decimals would make zero.
_SMALL = re.compile(r"(^|_)[pq](_|$)|p_adjusted|slope")


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


def tables_of(result: Result) -> list[Table]:
    """Returns every table, without rows where a result has none, and one of what it has not."""
    found = [
        *_losses(result),
        *_groups(result),
        _pretrained(result),
        _models(result),
        _max_gain(result),
        _cells(result),
        _noise(result),
        *_regressions(result),
        *_correlations(result),
        *_sizes(result),
        _left_out(result),
    ]
    reasons = [{"statistic": k, "reason": v} for k, v in sorted(result.not_computed.items())]
    missing = Table(
        "not_computed",
        "Statistics that were not computed",
        "What this study does not allow, and why.",
        pd.DataFrame(reasons, columns=["statistic", "reason"]),
    )
    return [*found, missing]


def tables_of_pairs(result: PairsResult) -> list[Table]:
    """Returns the table of two measurements: the models, and what was found."""
    pairs = result.pairs
    rows = pd.DataFrame({"model": pairs.models, pairs.x_name: pairs.x, pairs.y_name: pairs.y})
    found = [_correlation(k, getattr(result, k)) for k in ("pearson", "spearman")]
    line = asdict(result.line)
    return [
        Table("table4_models", "Models", "As given.", rows),
        Table("correlation", f"{pairs.x_name} and {pairs.y_name}", _INTERVALS, pd.DataFrame(found)),
        Table(
            "line",
            f"{pairs.y_name} = slope · {pairs.x_name} + intercept",
            f"Least squares; intervals at {_PERCENT} by Student's t.",
            pd.DataFrame([{k: v for k, v in line.items() if k not in ("x_mean", "x_squares")}]),
        ),
    ]


def write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Writes each table as NAME.csv and NAME.md; one without rows has no files, or none any more."""
    for table in tables:
        if not len(table.rows):
            for suffix in ("csv", "md"):
                (folder / f"{table.name}.{suffix}").unlink(missing_ok=True)
            continue
        text = table.rows.to_csv(index=False, float_format="%.6g", lineterminator="\n")
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


_INTERVALS = f"n pairs, p two-sided, interval at {_PERCENT} by Fisher's transformation."


def _losses(result: Result) -> list[Table]:
    """Tables 1 and 6."""
    titles = {
        "probe": ("table1_loss_by_probe", "Lost gain, models ranked by linear probe (Table 1)"),
        "average": ("table6_loss_by_average", "Lost gain, models ranked by average gain (Table 6)"),
        "average of other targets": (
            "table6_loss_by_average_of_others",
            "Lost gain, models ranked by average gain on the other targets",
        ),
    }
    found = []
    for ranking, (name, title) in titles.items():
        losses = [named.loss for named in result.losses if named.ranking == ranking]
        rows = [
            {
                "top": loss.top,
                "average_loss": loss.average,
                "max_loss": loss.maximum,
                "targets_above_1": loss.above,
                "targets": loss.decided,
                "targets_undecided": loss.undecided,
                "models_ranked": loss.ranked,
            }
            for loss in losses
        ]
        note = "Points lost by trying only the n top-ranked models instead of all, over targets."
        found.append(Table(name, title, note, pd.DataFrame(rows)))
        per_target = [{"top": loss.top, **asdict(t)} for loss in losses for t in loss.targets]
        found.append(
            Table(f"{name}_targets", f"{title}, by target", note, pd.DataFrame(per_target))
        )
    return found


def _groups(result: Result) -> list[Table]:
    """Table 2, and the analysis of variance."""
    means = [asdict(mean) for mean in result.group_means]
    tests = [{**asdict(test), "groups": ", ".join(test.groups)} for test in result.anova]
    return [
        Table(
            "table2_groups",
            "Mean gain of source groups on target groups (Table 2)",
            f"Points, over the cells there are. Interval at {_PERCENT} with sources as the sample.",
            pd.DataFrame(means),
        ),
        Table(
            "anova",
            "Do source groups differ on a target group?",
            "One-way analysis of variance, with cells as observations (as in the paper; they are not"
            " independent) and with sources' means; p_adjusted by Holm over target groups.",
            pd.DataFrame(tests),
        ),
    ]


def _pretrained(result: Result) -> Table:
    """Table 3."""
    return Table(
        "table3_pretrained_scores",
        f"Scores of {result.study.pretrained} without intertraining (Table 3)",
        "Test score in percent: mean and standard deviation over n seeds.",
        pretrained_scores(result),
    )


def _models(result: Result) -> Table:
    """Table 4, with ranks."""
    averages = result.averages
    over = f"over {len(averages.targets)} targets"
    if averages.how == "additive":
        over += ", missing cells by the additive model"
    if averages.left_out:
        over += f"; without {', '.join(averages.left_out)}"
    of = "seeds" if result.draws is not None else "targets"
    note = f"Average gain in points {over}; interval at {_PERCENT} over {of}."
    rows = result.models()
    if result.ranks is None:
        columns = ["rank", "rank_low", "rank_high", "best", "top3", "groups"]
        rows = rows.drop(columns=columns)
        note += f" No ranks: {result.not_computed['ranks']}"
    else:
        note += (
            f" Rank with its interval, probability of being the best and among the three best over"
            f" {result.ranks.basis}; models that share no group are told apart."
        )
    if rows["probe"].isna().all():
        rows = rows.drop(columns="probe")
    return Table("table4_models", "Base models by average gain (Table 4)", note, rows)


def _max_gain(result: Result) -> Table:
    return Table(
        "max_gain",
        "Max-gain of every target",
        "The largest gain of any of n base models, in points.",
        pd.DataFrame([asdict(row) for row in result.max_gain]),
    )


def _cells(result: Result) -> Table:
    """Every gain with what is known of it."""
    rows = pd.DataFrame()
    gains, intervals, unseen = result.study.gains, result.intervals, result.intervals_unseen
    if intervals is not None:
        matrices = {
            "gain": gains.mean,
            "seeds": gains.n,
            "std": gains.std,
            "two_std": gains.significant.astype("Int64"),
            "q": gains.q,
            "low": intervals.low,
            "high": intervals.high,
        }
        if unseen is not None:
            matrices |= {"low_unseen": unseen.low, "high_unseen": unseen.high}
        index = [(base, target) for base in gains.mean.index for target in gains.mean.columns]
        rows = pd.DataFrame(index, columns=["base", "target"])
        for name, matrix in matrices.items():
            rows[name] = matrix.stack(future_stack=True).reindex(index).array
    return Table(
        "gain_intervals",
        "Gains with their uncertainty",
        "Points. std over seeds; two_std: beyond two of them (1 or −1); q of a seed-paired t-test"
        f" after Benjamini and Hochberg; interval at {_PERCENT} by the noise model, from seeds, and"
        " for unseen examples (an upper bound).",
        rows,
    )


def _noise(result: Result) -> Table:
    noise = result.noise
    return Table(
        "noise",
        "Standard deviation of scores over seeds",
        "Points; n scores, df degrees of freedom; raw pooled over base models, std shrunk towards other"
        f" targets'. The average over targets has {noise.average_std if noise else math.nan:.2f}.",
        pd.DataFrame([asdict(target) for target in noise.targets] if noise else []),
    )


def _regressions(result: Result) -> list[Table]:
    names = {"bilinear": "(b + t)·t'", "base": "b", "target": "t"}
    rows = [{"gain": names[r.kind], **asdict(r)} for r in result.regressions]
    found = [
        Table(
            "regression",
            "Gain from base model and target without interaction",
            "Mean squared error in points squared, of the fit, of fits to shuffled gains (mean and"
            " standard deviation; p: share that does as well), and of cells held out, each beside the"
            " variance that a constant leaves.",
            pd.DataFrame(rows),
        )
    ]
    targets, bases = pd.DataFrame(), pd.DataFrame()
    if (fit := result.bilinear) is not None:
        targets = pd.DataFrame({"scale": fit.scale, "offset": fit.offset})
        targets = targets.reset_index(names="target")
        bases = pd.DataFrame({"base": fit.base}).reset_index(names="model")
    return [
        *found,
        Table(
            "regression_targets",
            "Targets in the bilinear regressor",
            "Gain = base · scale + offset: scale is the sensitivity, its root mean square is one.",
            targets,
        ),
        Table(
            "regression_bases",
            "Base models in the bilinear regressor",
            "Gain = base · scale + offset: base is in points, with mean zero over models.",
            bases,
        ),
    ]


def _correlations(result: Result) -> list[Table]:
    """Everything that is a correlation, in one table."""
    rows: list[dict[str, Any]] = []

    def add(what: str, of: Any, names: Sequence[str]) -> None:
        rows.extend(
            _correlation(f"{what}: {name}".replace("_", " "), getattr(of, name)) for name in names
        )

    if result.sensitivity is not None:
        kinds = ("pearson", "spearman", "pearson_others", "spearman_others")
        add(f"gain of {result.sensitivity.representative} and max-gain", result.sensitivity, kinds)
    for probe in result.probe:
        add(f"probe and average gain, {probe.models}", probe, ("pearson", "spearman"))
    if result.source_scores is not None:
        rows.append(
            _correlation(
                "source score and average score, within sources", result.source_scores.within
            )
        )
    for effect in result.size_effects:
        what = f"train size and {effect.measure} gain of {effect.of}s"
        add(what, effect, ("pearson", "pearson_log", "spearman"))
    if result.architectures is not None:
        names = list(type(result.architectures).__dataclass_fields__)
        add("architectures", result.architectures, names)
    lines = [{"rows": p.models, **asdict(p.line)} for p in result.probe]
    lines = [{k: v for k, v in row.items() if k not in ("x_mean", "x_squares")} for row in lines]
    return [
        Table(
            "correlations", "Correlations", _INTERVALS, pd.DataFrame([r for r in rows if r["n"]])
        ),
        Table(
            "probe_line",
            "Average gain = slope · probe + intercept",
            f"Least squares; intervals at {_PERCENT} by Student's t.",
            pd.DataFrame(lines),
        ),
    ]


def _sizes(result: Result) -> list[Table]:
    rows = [
        {"varied": c.varied, "name": c.name, "fixed_size": c.fixed, **asdict(point)}
        for c in result.curves
        for point in c.curve.points
    ]
    scores = pd.DataFrame() if result.source_scores is None else result.source_scores.points
    return [
        Table(
            "size_curves",
            "Gain at several train sizes (Fig. 3, 4, 8 to 10)",
            f"Mean gain in points over n units, interval at {_PERCENT} by Student's t.",
            pd.DataFrame(rows),
        ),
        Table(
            "source_scores",
            "Source models: score on their own task and on the targets (Fig. 11)",
            "Percent; the average is over the other targets.",
            scores,
        ),
    ]


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


def _correlation(what: str, found: Any) -> dict[str, Any]:
    return {"of": what, **{k: v for k, v in asdict(found).items() if k != "kind"}}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: str, value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.2g}" if _SMALL.search(column) else f"{value:.2f}"
    return _escape(str(value))


def _escape(text: str) -> str:
    """Returns text that is neither markup nor the end of a cell."""
    one_line = " ".join(text.split())
    escaped = re.sub(r"([\\`*_\[\]|<>#~$])", r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("://", ":\u200b//")
