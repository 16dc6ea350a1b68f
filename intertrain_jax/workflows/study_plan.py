"""What a study will do and cost, before anything is downloaded or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.study import (
    MODELS_FOLDER,
    WORK_FOLDER,
    Selection,
    Setting,
    StudyConfig,
    StudyOptions,
    load_study,
)
from intertrain_jax.data.tasks import expand
from intertrain_jax.planning.estimates import (
    TASK_SIZES,
    Estimate,
    TaskSize,
    encoder_parameters,
    estimate,
)
from intertrain_jax.planning.plan import build_plan
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.planning.study import Member, groups_of, unite
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record, is_better
from intertrain_jax.records.store import Stored
from intertrain_jax.report.plan import describe_cost, plan_line
from intertrain_jax.workflows.inputs import find_tasks, offline_sizes, unseen_data
from intertrain_jax.workflows.results import GridResult


@dataclass(frozen=True, repr=False)
class StudyPlan:
    """The grids and rankings of a study, and what they cost.

    Attributes:
        config: the study.
        members: its grids, in order.
        rankings: its rankings.
        runs: how many, each of all grids counted once.
        cost: of the runs that are not done, and of the rankings.
        lines: all of it in words.
    """

    config: StudyConfig
    members: tuple[Member, ...]
    rankings: tuple[RankConfig, ...]
    runs: int
    cost: Estimate
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        """Says it in words."""
        return "\n".join(self.lines)


def plan_study(
    config: str | Path | Mapping[str, Any] | StudyConfig,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    **options: Unpack[StudyOptions],
) -> StudyPlan:
    """Plans a study without network, data or JAX.

    Sources that an earlier part decides, which has not been done, are stood in for by as many others.

    Args:
        config: a study, a YAML file, or the name of a bundled study.
        overrides: "key.sub=value" for all parts, "PART.key.sub=value" for one; or dotted key → value.
        options: `out`, `data_dir`, `limit` and `lanes`, for all parts.

    Raises:
        IntertrainError: the study is not valid.
    """
    study = config if isinstance(config, StudyConfig) else load_study(config, overrides, **options)
    known = resolution_of(study)
    records = records_of(study)
    members = tuple(offline_member(study, setting, known, records) for setting in study.grids)
    lines: list[str] = []
    costs: list[Estimate] = []
    counts = [0, 0, 0]
    sizes: dict[str, TaskSize] = {}
    for group in groups_of(members):
        parameters = encoder_parameters(group[0].config.model.ref.reference)
        for member in group:
            sizes |= offline_sizes(member.config, sizes)
        for member in group:
            lines += _lines_of(member, sizes, records, parameters)
        whole = unite(study.name, [member.plan for member in group])
        done, failed = done_and_failed(whole, records)
        costs.append(estimate(whole, done, sizes, parameters))
        counts = [a + len(b) for a, b in zip(counts, (whole.runs, done, failed), strict=True)]
    rankings = []
    for setting in study.rankings:
        ranking = setting.ranking(study.out_dir, model_names(study, setting))
        rankings.append(ranking)
        costs.append(_cost_of_ranking(ranking, sizes))
        lines.append(f"{setting.label}: {len(ranking.refs):,} models ranked on {ranking.task!r}")
    total = _sum(costs)
    lines.append(f"{study.name} in all: {counts[0]:,} runs, each done once")
    if counts[1] or counts[2]:
        lines.append(f"of these, {counts[1]:,} are done and {counts[2]:,} failed; what is left:")
    lines += describe_cost(total)
    lines += unseen_data(member.config for member in members)
    return StudyPlan(study, members, tuple(rankings), counts[0], total, tuple(lines))


def _lines_of(
    member: Member,
    sizes: Mapping[str, TaskSize],
    records: Mapping[str, Record],
    parameters: int | None,
) -> list[str]:
    """Says what a grid of a study is, and what it would cost alone."""
    done, _ = done_and_failed(member.plan, records)
    lines = [plan_line(member.plan, estimate(member.plan, done, sizes, parameters))]
    if member.stands_in and member.setting.chosen is not None:
        part, names = member.setting.chosen.part, ", ".join(member.stands_in)
        lines.append(f"  its sources are known when {part!r} is done; placeholders: {names}")
    return lines


def member_of(
    study: StudyConfig,
    setting: Setting,
    known: Resolution,
    sources: Sequence[str] = (),
    stands_in: Sequence[str] = (),
) -> Member:
    """Returns a grid of a study with its plan.

    Args:
        study: the study.
        setting: the grid.
        known: what names are known to be.
        sources: those that were chosen, or stand in for them.
        stands_in: those that stand in.
    """
    config = setting.experiment(study.out_dir, sources)
    tasks = find_tasks(config)
    plan = build_plan(config, tasks.sources, tasks.targets, known)
    return Member(setting, config, plan, tuple(stands_in))


def offline_member(
    study: StudyConfig, setting: Setting, known: Resolution, records: Mapping[str, Record]
) -> Member:
    """Returns a grid of a study; where its sources are not known yet, others stand in for them."""
    if setting.chosen is None:
        return member_of(study, setting, known)
    base = member_of(study, study.of(setting.chosen.part), known)
    if all(run.id in records for run in base.plan.runs):
        gains = GridResult(base.config, base.plan, Stored(dict(records)), base.config.out_dir).gains
        return member_of(study, setting, known, choose(setting, gains))
    names = [task.name for task in expand(base.config.sources, base.config.tasks)]
    count = _count(setting.chosen)
    if count > len(names):
        raise _too_few(setting, len(names))
    return member_of(study, setting, known, names[:count], names[:count])


def choose(setting: Setting, gains: pd.DataFrame) -> tuple[str, ...]:
    """Returns the sources that a grid is to have.

    Args:
        setting: of the grid, whose sources an earlier part decides.
        gains: of that part: rows base models, columns targets.

    Raises:
        IntertrainError: too few of its sources have a gain.
    """
    chosen = setting.chosen
    assert chosen is not None
    means = gains.mean(axis=1).dropna().sort_values(ascending=False, kind="stable")
    if len(means) < _count(chosen):
        raise _too_few(setting, len(means))
    best = means.index[: chosen.best]
    return tuple(map(str, [*best, *means.index[len(means) - chosen.worst :]]))


def resolution_of(study: StudyConfig) -> Resolution:
    """Returns what the directories of a study know names to be."""
    found = (ResultsDir(folder).resolution() for folder in folders_of(study))
    return reduce(Resolution.with_, found, Resolution())


def records_of(study: StudyConfig) -> dict[str, Record]:
    """Returns run id → record of all directories of a study."""
    records: dict[str, Record] = {}
    for folder in folders_of(study):
        merge(records, ResultsDir(folder).runs.read_all().by_key)
    return records


def merge(records: dict[str, Record], more: Mapping[str, Record]) -> None:
    """Takes in further records; of one run, the better one."""
    for key, record in more.items():
        if is_better(record.result, records.get(key)):
            records[key] = record


def folders_of(study: StudyConfig) -> list[Path]:
    """Returns the results directories of a study's grids, and those in which they are trained."""
    own = [study.out_dir / setting.label for setting in study.grids]
    return [*own, *work_folders(study)]


def work_folders(study: StudyConfig) -> list[Path]:
    """Returns the results directories in which a study's grids are trained."""
    return sorted(study.out_dir.glob(f"{WORK_FOLDER}*"))


def model_names(study: StudyConfig, setting: Setting) -> list[str]:
    """Returns the directories of the source models that a ranking is of."""
    if setting.of is None:
        return []
    config = study.of(setting.of).experiment(study.out_dir)
    folder = study.out_dir / MODELS_FOLDER / setting.of
    return [str(folder / task.name) for task in expand(config.sources, config.tasks)]


def recorded_names(study: StudyConfig, setting: Setting) -> list[str]:
    """Returns these directories as a ranking's records name them, maybe from before a study moved."""
    known = ResultsDir(study.out_dir / setting.label).probes.read_all().by_key.values()
    labels = [record.model.label for record in known]
    moved = {source_model(label): label for label in labels}
    return [
        folder if folder in labels else moved.get(source_model(folder), folder)
        for folder in model_names(study, setting)
    ]


def source_model(folder: str) -> tuple[str, ...]:
    """Returns what the directory of a source model is called in its study: folder, part, source."""
    return Path(folder).parts[-3:]


def _count(chosen: Selection) -> int:
    return chosen.best + chosen.worst


def _too_few(setting: Setting, found: int) -> IntertrainError:
    chosen = setting.chosen
    assert chosen is not None
    return IntertrainError(
        f"study part {setting.part!r} must choose {_count(chosen)} sources of {chosen.part!r}, of which"
        f" only {found} can be chosen. Lower 'best' or 'worst'."
    )


def _cost_of_ranking(config: RankConfig, sizes: Mapping[str, TaskSize]) -> Estimate:
    """Returns what the forward passes of a ranking cost; its heads are next to nothing."""
    parameters = encoder_parameters(config.pretrained) if config.pretrained else None
    known = TASK_SIZES.get(config.task)
    size = sizes.get(config.task, None if known is None else known.limited(config.data.limit))
    if size is None:
        return Estimate(0.0, 0.0, None if parameters is None else 0.0, (config.task,))
    train = config.protocol.rows_of(size.train)
    examples = (train + size.validation + size.test) * len(config.refs)
    tokens = examples * min(size.tokens, config.protocol.max_length)
    return Estimate(0.0, tokens, None if parameters is None else 2.0 * parameters * tokens)


def _sum(costs: Sequence[Estimate]) -> Estimate:
    flops = [cost.flops for cost in costs]
    return Estimate(
        sum(cost.train_tokens for cost in costs),
        sum(cost.evaluation_tokens for cost in costs),
        None if None in flops else sum(x for x in flops if x is not None),
        tuple(dict.fromkeys(name for cost in costs for name in cost.unknown)),
    )
