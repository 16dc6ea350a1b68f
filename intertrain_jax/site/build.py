"""Builds boards from studies and from rankings by probe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.diagnosis.inputs import Subject
from intertrain_jax.report import numbers
from intertrain_jax.site.board import NAN, Cell, Model, Target
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics.gain_intervals import GAIN_INTERVALS
from intertrain_jax.study.statistics.noise import NOISE

# Reasons of a model's failed runs that its row shows; the others are counted.
_MOST_REASONS = 2


def models_of(study: Study, result: Result | None) -> tuple[Model, ...]:
    """Returns a study's base models: ranked, partial, failed, and left out, each with the reason.

    Args:
        study: any.
        result: its statistics; None where no gain is known.
    """
    cells = _cells(study, result)
    table = None if result is None else result.models().set_index("base")
    names = [str(base) for base in study.gains.mean.index]
    reasons, facts = _reasons(study), _facts(study)
    models = []
    for name in names:
        row: dict[Any, Any] = {} if table is None else table.loc[name].to_dict()
        status, reason = _status(cells[name], len(study.gains.mean.columns), reasons.get(name, []))
        numbers = {key: _number(row.get(key)) for key in _NUMBERS}
        models.append(
            Model(
                name,
                **numbers,
                groups=tuple(int(group) for group in str(row.get("groups", "")).split()),
                status=status,
                reason=reason,
                cells=cells[name],
                facts=facts.get(name, {}),
            )
        )
    left_out: dict[str, list[str]] = {}
    for finding in study.left_out:
        left_out.setdefault(finding.model, []).append(f"{finding.rule}: {finding.evidence}")
    models += [
        Model(name, status="left out", reason="; ".join(why))
        for name, why in left_out.items()
        if name not in cells
    ]
    return tuple(models)


_NUMBERS = ("average", "low", "high", "rank", "rank_low", "rank_high", "best", "probe")


def models_of_ranking(ranking: Ranking, task: str) -> tuple[Model, ...]:
    """Returns the models of a ranking by linear probe on one task."""
    models = []
    for row in ranking.table.to_dict("records"):
        gain, low, high = (_number(row[key]) for key in ("gain", "gain_low", "gain_high"))
        done = row["status"] == "done"
        known = math.isfinite(gain)
        seeds = 0 if pd.isna(row["n"]) else int(row["n"])
        facts = {key: str(row[key]) for key in _FACTS if not pd.isna(row.get(key))}
        models.append(
            Model(
                str(row["model"]),
                average=gain,
                low=low,
                high=high,
                rank=_number(row["rank"]),
                rank_low=_number(row["rank_low"]),
                rank_high=_number(row["rank_high"]),
                best=_number(row["best"]),
                probe=_number(row["score"]),
                status=_STATUS.get(str(row["status"]), str(row["status"])),
                reason="" if done else str(row["reason"] or "No reason was recorded."),
                cells={task: Cell(gain, low, high, seeds)} if known else {},
                facts=facts,
            )
        )
    return tuple(models)


# Status of a row of a ranking → of a model of the site; others are called the same.
_STATUS = {"done": "complete", "missing": "failed"}
_FACTS = ("revision", "fingerprint", "tokenizer", "same_weights_as", "notes")


def with_probed(models: Iterable[Model], ranking: Ranking, task: str) -> tuple[Model, ...]:
    """Returns models with what their probes say, and with those that were probed only.

    Args:
        models: of a grid.
        ranking: by probe, with the names of the grid.
        task: that was probed.
    """
    rows = {str(row["model"]): row for row in ranking.table.to_dict("records")}
    probed = [
        replace(model, facts={**model.facts, "probe": _probe_text(rows[model.name], task)})
        if model.name in rows
        else model
        for model in models
    ]
    known = {model.name for model in probed}
    for name, row in rows.items():
        if name in known or name == ranking.pretrained:
            continue
        done = row["status"] == "done"
        status = "not tested" if done else str(row["status"])
        probed.append(
            Model(
                name,
                probe=_number(row["score"]),
                status=_STATUS.get(status, status),
                reason="It was probed, but not finetuned on the targets."
                if done
                else str(row["reason"]),
                facts={"probe": _probe_text(row, task)},
            )
        )
    return tuple(probed)


def _probe_text(row: Mapping[Any, Any], task: str) -> str:
    """Returns a row of a ranking in words."""
    if row["status"] != "done":
        return f"{row['status']}: {row['reason']}"
    text = f"{numbers.number(row['score'], numbers.SCORE)} % on {task}"
    if math.isfinite(_number(row["gain"])):
        ends = numbers.interval(_number(row["gain_low"]), _number(row["gain_high"]), numbers.GAIN)
        text += f", gain {numbers.number(_number(row['gain']), numbers.GAIN)} {ends}"
    if math.isfinite(_number(row["rank"])):
        text += f", rank {_number(row['rank']):g} of the probes"
    return text


def with_untested(models: Iterable[Model], subject: Subject, pretrained: str) -> tuple[Model, ...]:
    """Returns models with the rows of a leaderboard that have no score, which a study leaves out."""
    models = tuple(models)
    known = {model.name for model in models} | {pretrained}
    empty = subject.scores.isna().all(axis=1)
    names = dict.fromkeys(str(name) for name in subject.names[empty])
    reason = "It has no score on any target."
    more = (Model(n, status="not tested", reason=reason) for n in names if n not in known)
    return (*models, *more)


def targets_of(
    study: Study, result: Result | None, datasets: Mapping[str, str]
) -> tuple[Target, ...]:
    """Returns a study's targets with what is known of them.

    Args:
        study: any.
        result: its statistics, if there are any.
        datasets: target → hub id of its dataset, where it has one.
    """
    noise = None if result is None else NOISE.of(result)
    by_name = {} if noise is None else {found.target: found for found in noise.targets}
    targets = []
    for column in study.gains.mean.columns:
        name = str(column)
        found = by_name.get(name)
        targets.append(
            Target(
                name,
                score=_number(study.pretrained_scores.get(column, NAN)),
                # Of a target on which some models never vary and others do, what holds for any of them.
                std=NAN if found is None else max(found.std, found.raw),
                df=NAN if found is None else found.df if found.raw > found.std else found.std_df,
                train=study.train_sizes.get(name),
                test=study.test_sizes.get(name),
                dataset=datasets.get(name),
            )
        )
    return tuple(targets)


def _cells(study: Study, result: Result | None) -> dict[str, dict[str, Cell]]:
    """Returns base model → target → cell, those with a gain only."""
    gains = study.gains
    found = None if result is None else GAIN_INTERVALS.of(result)
    intervals = None if found is None else found.seeds
    values, counts = gains.mean.to_numpy(float), gains.n.to_numpy()
    shape = (gains.mean.index, gains.mean.columns)
    if intervals is None:
        low = high = np.full(values.shape, NAN)
    else:
        low, high = (
            end.reindex(index=shape[0], columns=shape[1]).to_numpy(float)
            for end in (intervals.low, intervals.high)
        )
    cells: dict[str, dict[str, Cell]] = {}
    for m, base in enumerate(shape[0]):
        source = study.sources.get(str(base))
        cells[str(base)] = {
            str(target): Cell(
                float(values[m, t]),
                float(low[m, t]),
                float(high[m, t]),
                int(counts[m, t]),
                source == str(target),
            )
            for t, target in enumerate(shape[1])
            if math.isfinite(values[m, t])
        }
    return cells


def _status(cells: Mapping[str, Cell], targets: int, reasons: list[str]) -> tuple[str, str]:
    said = list(dict.fromkeys(reasons))
    more = len(said) - _MOST_REASONS
    why = "; ".join(said[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")
    if not cells:
        return ("failed", why) if said else ("not tested", "It has no gain on any target.")
    if len(cells) < targets:
        text = f"{targets - len(cells)} of {targets} targets have no gain"
        return "partial", f"{text}: {why}" if why else f"{text}."
    return ("partial", why) if said else ("complete", "")


def _reasons(study: Study) -> dict[str, list[str]]:
    """Returns base model → reasons of its failed runs."""
    found: dict[str, list[str]] = {}
    if study.runs is None:
        return found
    failed = study.runs[study.runs["status"] == "failed"]
    for base, target, reason in failed[["base", "target", "reason"]].itertuples(index=False):
        found.setdefault(str(base), []).append(f"{target}: {reason}")
        if base == study.pretrained:
            for name in study.gains.mean.index:
                text = f"{target}: the pretrained model failed there: {reason}"
                found.setdefault(str(name), []).append(text)
    return found


def _facts(study: Study) -> dict[str, dict[str, str]]:
    """Returns base model → what its records say of where it comes from."""
    found: dict[str, dict[str, str]] = {}
    for record in study.records.values():
        base, facts = record.base, found.setdefault(record.base.label, {})
        facts.setdefault("reference", base.reference)
        for word, value in (
            ("revision", base.revision),
            ("fingerprint of weights", base.fingerprint),
            ("trained on", base.source_task),
        ):
            if value:
                facts.setdefault(word, value)
        for word in ("intertrain_jax", "jax", "flax", "transformers", "device", "platform"):
            if word in record.environment:
                facts.setdefault(word, record.environment[word])
        facts.setdefault("precision", record.protocol.precision)
    return found


def _number(value: Any) -> float:
    return NAN if value is None or pd.isna(value) else float(value)
