"""Studies with planted gains, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.readers.scores import read_scores
from intertrain_jax.records.runs import Record
from intertrain_jax.stats.gains import Expected
from intertrain_jax.study.files import analyse
from intertrain_jax.study.inputs import (
    KnownTasks,
    Study,
    single_scores,
    study_of_results,
    study_of_scores,
)
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics.statistic import Context, Statistic
from tests.runs import make_config, make_plan, make_record


def planted_scores(
    bases: int = 5, targets: int = 5, seeds: int = 4, noise: float = 0.5, best: float = 6.0
) -> pd.DataFrame:
    """Scores in long form of PT and base models m0, m1, …, each worse than the one before.

    m0 gains `best` points on average, the others one less each; targets t0, t1, … differ in how much
    they respond.
    """
    random = np.random.default_rng(7)
    rows = []
    for base in range(-1, bases):
        for target in range(targets):
            for seed in range(seeds):
                gain = (
                    0.0 if base < 0 else (best - base) * (1.0 + 0.3 * (target - (targets - 1) / 2))
                )
                score = 60.0 + 3.0 * target + gain + noise * random.standard_normal()
                name = "PT" if base < 0 else f"m{base}"
                rows.append({"base": name, "target": f"t{target}", "seed": seed, "score": score})
    return pd.DataFrame(rows)


def study_of(scores: pd.DataFrame, folder: Path) -> Study:
    """The study of scores, through a file."""
    path = folder / "scores.csv"
    scores.to_csv(path, index=False)
    return study_of_scores(read_scores(path), KnownTasks(), "PT")


def matrix_study(gains: pd.DataFrame, **known: Any) -> Study:
    """The study of a matrix of gains, of which nothing more is known than what is given."""
    return replace(
        Study("matrix", "matrix", "PT", single_scores(gains.rename_axis("base"))), **known
    )


def matrix_of(rows: Mapping[str, list[float]], columns: str = "") -> pd.DataFrame:
    """A matrix of gains: base model → its gains on targets a, b, c, … or on those of `columns`."""
    names = list(columns or "abcdefgh"[: len(next(iter(rows.values())))])
    return pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype=float)


def random_gains(models: int, targets: int, seed: int = 0) -> pd.DataFrame:
    """Gains of base models m0, m1, … on targets t0, t1, … that are noise."""
    values = np.random.default_rng(seed).standard_normal((models, targets))
    return pd.DataFrame(
        values, index=[f"m{k}" for k in range(models)], columns=[f"t{k}" for k in range(targets)]
    )


def computed(statistic: Statistic[Any], study: Study, **options: Any) -> Result:
    """The result of a study for which nothing is computed but a statistic and what it asks for."""
    context = Context(study, Options(**options))
    context.value(statistic)
    values = {name: value for name, value in context.values.items() if value is not None}
    return Result(study, values, context.reasons)


def study_of_runs(
    tasks: tuple[str, ...] = ("a", "b", "c", "d", "e"),
    targets: tuple[str, ...] | None = None,
    seeds: int = 3,
    failed: Mapping[str, str] | None = None,
    missing: tuple[str, ...] = (),
    groups: Mapping[str, tuple[str, ...]] | None = None,
) -> Study:
    """The study of made-up records of a grid; `failed` maps names of runs to reasons."""
    plan = make_plan(make_config(sources=tasks, targets=targets or tasks, seeds=seeds))
    records: dict[str, Record] = {
        run.id: make_record(run, reason=(failed or {}).get(run.name))
        for run in plan.runs
        if run.name not in missing
    }
    expected = [Expected(r.id, r.base.label, r.target, r.seed) for r in plan.matrix_runs]
    analysis = analyse(expected, records, "PT", plan.bases, plan.targets, seeds)
    return study_of_results("tiny", analysis, records, "PT", groups or {})


def sized_store(size: int, gain: float, bases: tuple[str, ...] = ()) -> dict[str, Record]:
    """Records of one grid whose every gain is `gain`, with all tasks cut to a size."""
    config = make_config(sources=("a", "b"), targets=("a", "b"), seeds=2)
    config = replace(
        config,
        protocol=replace(config.protocol, train_size=size),
        model=replace(config.model, bases=bases),
    )
    records = {}
    for run in make_plan(config).runs:
        score = 60.0 + run.seed + (0.0 if run.kind == "pretrained" else gain)
        record = make_record(run, score)
        assert record.result is not None
        records[run.id] = replace(record, result=replace(record.result, n_train=size))
    return records
