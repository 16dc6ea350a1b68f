"""Makes a person's own data the target of a grid or a ranking, and looks it over before it trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ExperimentConfig, ExperimentOptions, load_config
from intertrain_jax.config.formats import expanded
from intertrain_jax.config.ranking import RankConfig, RankOptions
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.check import check_task
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.own import OwnTask, own_task
from intertrain_jax.data.own_checks import check_examples, check_tokens
from intertrain_jax.data.row_files import suffix_of
from intertrain_jax.data.tasks import UserTasks, expand, get_task
from intertrain_jax.data.text import has_tokenizer
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import is_local, resolve_reference
from intertrain_jax.recommendation.decide import Detectable, Rules, smallest_gain
from intertrain_jax.workflows.fitting import fitted_protocol, run_in_words
from intertrain_jax.workflows.inputs import rows_trained_on

QUICKSTART = "quickstart"
Target = str | Path | pd.DataFrame
_COLUMNS = ("test", "text", "text2", "label")


class ColumnOptions(TypedDict, total=False):
    """What a person says of a file beside its name.

    Attributes:
        test: a further file, or rows, that is only tested on.
        text, text2: columns of texts, or templates such as "{subject}: {body}".
        label: column of labels.
    """

    test: Target | None
    text: str | None
    text2: str | None
    label: str | None


class GridOptions(ExperimentOptions, ColumnOptions, total=False):
    """Options of a grid: those of an experiment, and whose data the targets are.

    Attributes:
        targets: names of tasks or groups, files, folders, datasets of the hub or DataFrames; they take
            the place of the configuration's.
    """

    targets: Target | Sequence[Target] | None


class RankingOptions(RankOptions, ColumnOptions, total=False):
    """Options of a ranking, and whose data its task is.

    Attributes:
        target: a name of a task, a file, a folder, a dataset of the hub or a DataFrame.
    """

    target: Target | None


def experiment_of(
    config: str | Path | Mapping[str, Any] | ExperimentConfig,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    **options: Unpack[GridOptions],
) -> tuple[ExperimentConfig, tuple[str, ...]]:
    """Returns an experiment on targets that may be a person's own, and what was guessed of these.

    One whose targets are files has a name of its own, and so a results directory unless one is given.
    Where only a model is named, and no experiment, the protocol is fitted to the data and that model:
    the quickstart's is for its small encoder.

    Raises:
        IntertrainError: the experiment is not valid, or a target is not there or cannot be used.
    """
    given: dict[str, Any] = dict(options)
    targets = given.pop("targets", None)
    columns = columns_in(given)
    named = config != QUICKSTART
    if not isinstance(config, ExperimentConfig) or overrides or given:
        config = load_config(config, overrides, **given)
    if targets is None:
        check_needless(columns)
        return config, ()
    every = [targets] if isinstance(targets, str | Path | pd.DataFrame) else list(targets)
    names, own, said = _resolved(every, config.tasks, columns)
    if not own:
        return replace(config, targets=tuple(names)), ()
    tasks = _with(config.tasks, own)
    if not named and config.model.pretrained != QUICKSTART:
        raw, data = _fitted(config, list(names), tasks)
        config = load_config(raw, overrides, **given)
        said = (*said, f"{data.task.name}: {run_in_words(config.protocol, data)}")
    made = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in names[0])
    name = f"{config.name}-{made}" + (f"-and-{len(names) - 1}" if len(names) > 1 else "")
    return replace(config, name=name, targets=tuple(names), tasks=tasks), said


def _fitted(
    config: ExperimentConfig, names: list[str], tasks: UserTasks
) -> tuple[dict[str, Any], TaskData]:
    """Returns the grid of a model on targets, and the one of middle size, which its protocol fits."""
    data = [load_task(get_task(name, tasks), config.data) for name in names]
    data.sort(key=lambda one: len(one.splits["train"]))
    middle = data[(len(data) - 1) // 2]
    ref = config.model.ref
    # What is not on this machine is not asked for: a plan needs no network.
    local = is_local(ref.reference)
    known = read_hf_config(resolve_reference(ref.reference, ref.at)) if local else {}
    rows = rows_trained_on(config.protocol, middle)
    raw = {
        "name": "grid",
        "model": {"pretrained": config.model.pretrained},
        "sources": [],
        "targets": names,
        "protocol": fitted_protocol(rows, known, ref.label),
    }
    return raw, middle


def ranking_on(
    config: RankConfig, target: Target, columns: Mapping[str, Any]
) -> tuple[RankConfig, tuple[str, ...]]:
    """Returns a ranking whose task may be a person's own, and what was guessed of it.

    Args:
        config: the ranking.
        target: as of `RankingOptions`.
        columns: what was said of it.

    Raises:
        IntertrainError: it is not there, or cannot be used.
    """
    names, own, said = _resolved([target], config.tasks, columns)
    if len(names) > 1:
        raise IntertrainError(
            f"target {target!r} must be one task, but is {len(names)}: {', '.join(names)[:200]}."
            " Name one."
        )
    return replace(config, task=names[0], tasks=_with(config.tasks, own)), said


def columns_in(options: dict[str, Any]) -> dict[str, Any]:
    """Takes what is said of files out of options, and returns it."""
    found = {key: options.pop(key, None) for key in _COLUMNS}
    return {key: value for key, value in found.items() if value is not None}


def check_needless(columns: Mapping[str, Any]) -> None:
    """Checks that nothing is said of a file where there is none."""
    for option in columns:
        raise IntertrainError(
            f"--{option} says what is in a file of your own, and no target is one. Name it: --target"
            " FILE, or leave the option out."
        )


def _resolved(
    targets: Sequence[Target], tasks: UserTasks, columns: Mapping[str, Any]
) -> tuple[list[str], list[OwnTask], tuple[str, ...]]:
    """Returns the names of targets, those that are a person's own, and what was guessed of these."""
    names: dict[str, None] = {}
    own: list[OwnTask] = []
    said: list[str] = []
    for target in targets:
        if isinstance(target, str) and _is_name(target, tasks):
            names.update(dict.fromkeys(task.name for task in expand([target], tasks)))
            continue
        made = own_task(target, **columns)
        name = made.entry["name"]
        if name in names:
            raise IntertrainError(
                f"two targets are named {name!r}. Rename one of the files, or give a DataFrame a name:"
                " frame.attrs['name'] = ..."
            )
        names[name] = None
        own.append(made)
        said += [f"{name}: {line}" for line in made.said]
    if not own:
        check_needless(columns)
    return list(names), own, tuple(said)


def _is_name(target: str, tasks: UserTasks) -> bool:
    """Whether a target is a name of tasks rather than a place of data.

    Raises:
        IntertrainError: it is neither.
    """
    if suffix_of(target) is not None or "/" in target or "\\" in target:
        return False
    try:
        return bool(expand([target], tasks))
    except IntertrainError:
        try:
            there = expanded(target).exists()
        except (OSError, ValueError):
            there = False
        if there or "." in target:
            return False
        raise


def _with(tasks: UserTasks, own: Sequence[OwnTask]) -> tuple[dict[str, Any], ...]:
    """Returns tasks with a person's own, which take the place of those of their names."""
    names = {made.entry["name"] for made in own}
    kept = [dict(task) for task in tasks if task.get("name") not in names]
    return (*kept, *(made.entry for made in own))


def look_over(data: TaskData, tokenizer: Path | None, max_length: int) -> list[str]:
    """Returns what would mislead, and the smallest gain that the test split can show, in sentences.

    Args:
        data: the examples.
        tokenizer: directory of the model that reads them; None if it is not at hand.
        max_length: tokens of an input.

    Raises:
        IntertrainError: the tokenizer cannot be loaded.
    """
    said = misleading(data, tokenizer, max_length)
    if not data.task.regression:
        wanted = Rules().worthwhile
        found = smallest_gain(len(data.splits["test"]), wanted)
        more = "" if found.known else f"; {found.examples:,} would show one of {wanted:g}"
        said.append(shown_by(data, found) + more)
    return [f"{data.task.name}: {line}" for line in said]


def misleading(data: TaskData, tokenizer: Path | None, max_length: int) -> list[str]:
    """Returns whatever of a person's data would mislead, a sentence each with its count and remedy.

    For arguments and errors see `look_over`.
    """
    said = check_examples(data)
    return said if tokenizer is None else [*said, *check_tokens(data, tokenizer, max_length)]


def shown_by(data: TaskData, found: Detectable) -> str:
    """Returns what gains the test split can show."""
    count = len(data.splits["test"])
    return f"{count:,} test examples can show gains of {found.gain:.1f} points or more"


def check_targets(
    targets: Sequence[Target], config: ExperimentConfig | RankConfig, columns: Mapping[str, Any]
) -> Iterator[tuple[list[str], bool]]:
    """Yields what is read of each target and what would mislead, in lines, and whether it can be used.

    Args:
        targets: as of `GridOptions`.
        config: has tasks of the user's own, and says where data comes from.
        columns: what was said of files.

    Raises:
        IntertrainError: a target is not there, or rows of a file lack what they must have.
    """
    names, own, said = _resolved(targets, config.tasks, columns)
    yield list(said), True
    for task in expand(names, _with(config.tasks, own)):
        report = check_task(task, config.data)
        lines = report.lines
        if any(made.entry["name"] == task.name for made in own) and not report.problems:
            lines += look_over(load_task(task, config.data), None, 0)
        yield lines, not report.problems


def tokenizer_of(ref: ModelRef, had: bool) -> Path | None:
    """Returns the directory of a model's tokenizer; None where the model would have to be loaded first.

    Args:
        ref: the model.
        had: whether it was loaded before, and lies in a cache.
    """
    if not had and not is_local(ref.reference):
        return None
    directory = resolve_reference(ref.reference, ref.at)
    return directory if has_tokenizer(directory) else None


def is_own(name: str, tasks: UserTasks) -> bool:
    """Whether a task is a person's own."""
    return any(task.get("name") == name for task in tasks)
