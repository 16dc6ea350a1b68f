"""The tables that the claims of a study are judged by: its tested runs, and its rankings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from intertrain_jax.config.study import Setting
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.study import Member
from intertrain_jax.records.runs import Record
from intertrain_jax.study.model_ranking import Ranking

RUN_COLUMNS = {
    "part": "str",
    "architecture": "str",
    "base": "str",
    "kind": "str",
    "group": "object",
    "source_size": "Int64",
    "source_seed": "Int64",
    "target": "str",
    "target_size": "Int64",
    "method": "str",
    "weight_decay": "float64",
    "l2_to_base": "float64",
    "seed": "Int64",
    "score": "float64",
}
RANKING_COLUMNS = ("architecture", "base", "estimator", "task", "score")


def runs_table(members: Sequence[Member], records: Mapping[str, Record]) -> pd.DataFrame:
    """Returns one row per part and run that is done and tested.

    A source model of a part that is one group as a whole is a base model of its own, one for every seed,
    as models off the hub are. `method`, `weight_decay` and `l2_to_base` are of the training that made
    the base model where one of the study did, as all targets of a part are trained alike; of other runs,
    their own. A run that several grids of one part share is one row.

    Args:
        members: the grids.
        records: run id → record.
    """
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for member in members:
        for run in member.plan.matrix_runs:
            record, key = records.get(run.id), (member.setting.part, run.id)
            if record is None or record.score is None or key in seen:
                continue
            seen.add(key)
            rows.append(_row(member, run, record, records.get(run.depends_on or "")))
    table = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
    return table.astype(RUN_COLUMNS)


def _row(member: Member, run: Run, record: Record, source: Record | None) -> dict[str, Any]:
    assert record.result is not None
    made = run.protocol if run.depends_on is None else member.plan.by_id[run.depends_on].protocol
    size = source.result.n_train if source is not None and source.result is not None else None
    base, kind, group = run.base.label, run.kind, member.setting.group
    if kind == "pretrained":
        group = None
    elif isinstance(group, Mapping):
        group = group.get(base)
    elif kind == "source" and group is not None:
        base, kind = f"{base} {group} {run.seed}", "base"
    return {
        "part": member.setting.part,
        "architecture": member.setting.architecture or member.config.model.ref.label,
        "base": base,
        "kind": kind,
        "group": group,
        "source_size": size,
        "source_seed": run.seed if run.kind == "source" else None,
        "target": run.target,
        "target_size": record.result.n_train,
        "method": made.method,
        "weight_decay": made.weight_decay,
        "l2_to_base": made.l2_to_base,
        "seed": run.seed,
        "score": record.score,
    }


def rankings_table(
    ranked: Sequence[tuple[Setting, str, str | None, Ranking]], names: Mapping[str, str]
) -> pd.DataFrame:
    """Returns one row per model and estimator.

    Args:
        ranked: of every ranking, its setting, its task, its pretrained model, and what came of it.
        names: directory of a source model → the source.
    """
    rows = []
    for setting, task, pretrained, ranking in ranked:
        done = ranking.ranked
        for column, estimator in (("score", "lp"), *((x, x) for x in ranking.estimators)):
            for model, score in zip(done["model"], done[column], strict=True):
                base = "PT" if model == ranking.pretrained else names.get(str(model), str(model))
                what = setting.architecture or pretrained or ""
                rows.append((what, base, estimator, task, score))
    return pd.DataFrame(rows, columns=list(RANKING_COLUMNS))
