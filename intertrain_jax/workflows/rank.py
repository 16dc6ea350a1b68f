"""Runs a ranking from its configuration to its table: checks first, then files, then forward passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError, time_now
from intertrain_jax.cluster.address import wanted
from intertrain_jax.config.origins import joined, other_names
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig, RankOptions, load_rank_config, rank_keys
from intertrain_jax.config.refs import ModelRef, is_hub_id, read_model_list
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.tasks import get_task
from intertrain_jax.models.fits import positions_of
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.probe.estimators import check_estimators
from intertrain_jax.records.probes import (
    HeadScore,
    ProbeRecord,
    choose_rate,
    pack_answers,
)
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import BaseRef, DataStamp
from intertrain_jax.study.model_ranking import gain_correlations
from intertrain_jax.workflows.inputs import check_steps
from intertrain_jax.workflows.own import (
    RankingOptions,
    check_needless,
    columns_in,
    is_own,
    look_over,
    ranking_on,
    tokenizer_of,
)
from intertrain_jax.workflows.rank_done import Ids, is_done, matching, read_probes
from intertrain_jax.workflows.rank_files import (
    ranking_of,
    read_gains,
    write_correlations,
    write_table,
    write_top,
)
from intertrain_jax.workflows.results import RankResult
from intertrain_jax.workflows.runner import Runner, runner_of
from intertrain_jax.workflows.watch import Watcher, show_ranking, watcher_of

if TYPE_CHECKING:
    from intertrain_jax.probe.ranker import Outcome

# The table on disk is renewed at most this often while models are probed.
_RENEW_SECONDS = 20.0


def rank(
    models: str | Path | Sequence[str | Path] | RankConfig = (),
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    gains: pd.DataFrame | str | Path | None = None,
    top: int | None = None,
    retry_failed: bool = False,
    progress: bool | Watcher = False,
    workers: int | str = 1,
    runner: Runner | None = None,
    **options: Unpack[RankingOptions],
) -> RankResult:
    """Ranks base models of one architecture by a linear probe on one task.

    Models that are done stay in the results directory: the same call goes on where it was stopped.

    Args:
        models: references; or the name or file of a list of them; or a whole ranking.
        overrides: dotted key → value, or "key.sub=value" each.
        gains: finetuning gains to correlate with, rows base models, columns targets, or their CSV file;
            None takes the grid's of the results directory.
        top: write a list of that many best models.
        retry_failed: probe models again that are recorded as failed.
        progress: whether to print lines and bars; or what takes them.
        workers: as of `grid`.
        runner: what computes, instead.
        options: `task`, `pretrained`, `seeds`, `estimators`, `out`, `data_dir`, `head`, and `config`, a
            YAML file with further keys; or instead of `task` a `target`, which may be a file or a
            DataFrame, of which `test`, `text`, `text2` and `label` say more.

    Raises:
        IntertrainError: something does not fit; nothing was written.
    """
    asked = wanted(workers)
    config, guessed = _ranking(models, overrides, options)
    check_estimators(config.estimators)
    watcher = watcher_of(progress)
    for line in guessed:
        watcher.say(line)
    with runner_of(runner, asked) as computing:
        return _ranked(config, gains, top, retry_failed, watcher, computing)


def _ranked(
    config: RankConfig,
    gains: pd.DataFrame | str | Path | None,
    top: int | None,
    retry_failed: bool,
    watcher: Watcher,
    runner: Runner,
) -> RankResult:
    """Ranks what a configuration names; see `rank`."""
    directory = ResultsDir(config.out_dir)
    out, store = directory.path, directory.probes
    task = get_task(config.task, config.tasks)
    directory.check(config)
    if isinstance(gains, pd.DataFrame):
        gain_table: pd.DataFrame | None = gains
    else:
        file = out / "analysis" / "gains.csv" if gains is None else Path(gains)
        gain_table = read_gains(file, required=gains is not None, say=watcher.say)
    watcher.say(f"reading {config.task}")
    data = load_task(task, config.data)
    check_steps(config.protocol, data)
    for note in data.origin.get("notes", ()):
        watcher.say(f"{task.name}: {note}")
    precision = runner.resolve_precision(config.protocol.precision)
    protocol = _fitting(replace(config.protocol, precision=precision), config.refs[0], watcher)
    stored = read_probes(store, watcher)
    ids = Ids(data, protocol)
    if is_own(task.name, config.tasks):
        for line in look_over(data, tokenizer_of(config.refs[0], False), protocol.max_length):
            watcher.say(line)
    # Of models that have no record yet, files are hashed as they are loaded.
    ids.hash_files([ref for ref in config.refs if ref.label in {label for label, _ in stored}])
    records, earlier = matching(config.refs, stored, ids)
    for ref in config.refs:
        if ref.label in earlier and not is_hub_id(ref.reference):
            watcher.say(f"{ref.label} is not there any more: what was measured of it is kept")
            records[ref.label] = earlier[ref.label]
    kept = directory.resolution()
    pending = [
        kept.pinned(ref)
        for ref in config.refs
        if not is_done(records.get(ref.label), config, retry_failed)
    ]
    known = {r.architecture for r in records.values() if r.status == "done" and r.architecture}
    run = None
    if pending:
        watcher.say(f"loading {pending[0].label}")
        run = runner.ranking(config, protocol, data, out, known)
        if config.pretrained is not None and pending[0] == config.refs[0]:
            run.require(pending[0])
    done = None
    with directory.exclusive() as held:
        directory.write(config)
        environment = runner.environment() if run is not None else {}
        watcher.say(
            f"{len(config.refs):,} models, {len(config.refs) - len(pending):,} done before,"
            f" {len(pending):,} to do" + (f" on {environment['device']}" if environment else "")
        )
        if run is not None:
            probe = Probe(config, protocol, data, environment, runner.head_result)
            renewed = time.monotonic()

            def emit(outcomes: Sequence[Outcome]) -> None:
                nonlocal renewed
                for outcome in outcomes:
                    files = outcome.files or files_hash(outcome.ref.reference)
                    record = record_of(outcome, ids.of(outcome.ref, files), probe, time_now())
                    label = outcome.ref.label
                    before = records.get(label, earlier.get(label))
                    if record.status == "failed" and before and before.status == "done":
                        records[label] = before
                        watcher.warn(
                            f"{label} cannot be probed now, and what was measured before is kept:"
                            f" {record.reason}"
                        )
                        continue
                    held.check()
                    store.write(record)
                    records[label] = record
                directory.note(Resolution(revisions=_revisions(outcomes)))
                if time.monotonic() - renewed > _RENEW_SECONDS:
                    renewed = time.monotonic()
                    write_table(out, ranking_of(config, records))

            with watcher.display("models") as display:
                done = run.run(pending, emit, lambda p: show_ranking(display, p))
        ranking = ranking_of(config, records)
        write_table(out, ranking)
        correlations = None
        if gain_table is not None:
            names = other_names(map(str, gain_table.index), map(str, ranking.ranked["model"]))
            for note in joined(names, by="the gains"):
                watcher.say(note)
            correlations = gain_correlations(ranking, gain_table.rename(index=names))
            write_correlations(out, correlations)
        if top is not None:
            write_top(out, ranking, top)
    return RankResult(config, ranking, records, correlations, out, done)


def _ranking(
    models: str | Path | Sequence[str | Path] | RankConfig,
    overrides: Mapping[str, Any] | Sequence[str],
    options: RankingOptions,
) -> tuple[RankConfig, tuple[str, ...]]:
    """Returns the ranking, and what was guessed of a task that is the user's own."""
    given: dict[str, Any] = dict(options)
    target, columns = given.pop("target", None), columns_in(given)
    if target is not None and given.get("task") is not None:
        raise IntertrainError(
            f"task {given['task']!r} and target {str(target)[:100]!r} are two tasks. Leave out one."
        )
    config = models if isinstance(models, RankConfig) else config_of(models, overrides, **given)
    if target is None:
        check_needless(columns)
        return config, ()
    return ranking_on(config, target, columns)


def _fitting(protocol: Protocol, first: ModelRef, watcher: Watcher) -> Protocol:
    """Returns the protocol with the length that inputs are cut at by default, if a model has no more.

    Args:
        protocol: of the ranking.
        first: the pretrained model, or the first one: all have its positions.
        watcher: is told.
    """
    positions = positions_of(first.reference)
    if protocol.max_length != Protocol().max_length or not positions:
        return protocol
    if positions >= protocol.max_length:
        return protocol
    watcher.say(f"inputs are cut at {positions} tokens, the positions of {first.label}")
    return replace(protocol, max_length=positions)


def config_of(
    models: str | Path | Sequence[str | Path],
    overrides: Mapping[str, Any] | Sequence[str] = (),
    **options: Unpack[RankOptions],
) -> RankConfig:
    """Returns the ranking that models and options describe.

    Args:
        models: references, or the name or file of a list of them; empty where a file names them.
        overrides: as of `rank`.
        options: as of `rank`.

    Raises:
        IntertrainError: a wrong option or list.
    """
    given: dict[str, Any] = {}
    if isinstance(models, str | Path):
        found = read_model_list(str(models))
        given = {"models": list(found.models), "pretrained": found.pretrained}
    elif models or options.get("config") is None:
        given = {"models": [ModelRef.parse(model).label for model in models]}
    path = options.get("config")
    keys = {**{k: v for k, v in given.items() if v is not None}, **rank_keys(options)}
    return load_rank_config(path, keys, overrides)


@dataclass(frozen=True)
class Probe:
    """What all records of a ranking have in common.

    Attributes:
        config: seeds, rates and estimators that were asked for.
        protocol: of the probe.
        data: of the task.
        environment: versions and device.
        head_result: turns a head's outcome into what a record keeps.
    """

    config: RankConfig
    protocol: Protocol
    data: TaskData
    environment: Mapping[str, str]
    head_result: Callable[[Any, EncodedTask, int], RunResult | None]


def record_of(
    outcome: Outcome, identity: str, probe: Probe, finished: str | None = None
) -> ProbeRecord:
    """Returns the record of a model that was probed, or could not be.

    Args:
        outcome: what became of it.
        identity: the record's id.
        probe: what it has in common with the others.
        finished: when it ended.
    """
    config, protocol, data = probe.config, probe.protocol, probe.data
    loaded, ref = outcome.loaded, outcome.ref
    model = BaseRef(
        ref.label,
        ref.reference,
        ref.revision if loaded is None else loaded.revision,
        None if loaded is None else loaded.checkpoint.fingerprint,
    )
    common: dict[str, Any] = {
        "id": identity,
        "model": model,
        "target": config.task,
        "data": DataStamp(data.fingerprint, {**data.origin, "limit": config.data.limit}),
        "protocol": protocol,
        "seeds": config.seeds,
        "learning_rates": config.learning_rates,
        "estimators": config.estimators,
        "architecture": outcome.architecture,
        "tokenizer": None if loaded is None else loaded.tokenizer,
        "environment": dict(probe.environment),
        "finished": finished,
    }
    if outcome.reason is not None or loaded is None:
        return ProbeRecord(**common, status="failed", reason=outcome.reason)
    task, train = loaded.task.encoded, loaded.task.sizes["train"]

    heads = []
    for seed, row in enumerate(outcome.heads):
        for z, run in enumerate(row):
            result = probe.head_result(run, task, train)
            reason = None if result else "Its loss diverged, or its score is undefined."
            heads.append(HeadScore(seed, config.learning_rates[z], result, reason))
    rate = choose_rate(heads)
    if rate is None:
        reason = "None of its heads has a score: all diverged, or all predictions are the same."
        return ProbeRecord(**common, status="failed", reason=reason)
    z = config.learning_rates.index(rate)
    answers, kept, one_class = [], [], []
    largest = None if task.regression else _largest_class(task)
    for head in heads:
        if head.result is None:
            kept.append(head)
        elif head.learning_rate != rate:
            # Of the rates that were not chosen, curves are not kept.
            kept.append(replace(head, result=replace(head.result, history=())))
        else:
            kept.append(head)
            outputs_NxC = outcome.heads[head.seed][z].outputs_NxC
            assert outputs_NxC is not None
            answers.append(_answers(outputs_NxC, task))
            if largest is not None and largest < 100.0 and np.ptp(_classes(outputs_NxC, task)) == 0:
                one_class.append(head.seed)
    return ProbeRecord(
        **common,
        status="done",
        learning_rate=rate,
        heads=tuple(kept),
        answers=pack_answers(np.stack(answers)),
        labels=pack_answers(_labels(task)[None]) if task.regression else None,
        one_class=tuple(one_class),
        largest_class=largest,
        estimates=dict(outcome.estimates),
        notes=outcome.notes,
        seconds={name: round(value, 3) for name, value in outcome.seconds.items()},
        tokens=loaded.task.num_tokens,
    )


def _labels(task: EncodedTask) -> NDArray[np.float32]:
    return np.asarray(task.test.labels, np.float32)


def _answers(outputs_NxC: NDArray[np.float32], task: EncodedTask) -> NDArray[Any]:
    """Returns [N] whether a head was right on the test split, or for a regression its outputs."""
    if task.regression:
        return outputs_NxC[:, 0]
    right: NDArray[np.bool_] = _classes(outputs_NxC, task) == _labels(task)
    return right


def _classes(outputs_NxC: NDArray[np.float32], task: EncodedTask) -> NDArray[np.intp]:
    return np.asarray(outputs_NxC[:, : task.num_classes].argmax(axis=1))


def _largest_class(task: EncodedTask) -> float:
    counts = np.unique(_labels(task), return_counts=True)[1]
    return float(100.0 * counts.max() / counts.sum())


def _revisions(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Returns label → commit of the models off the hub."""
    found = {one.ref.label: one.loaded.revision for one in outcomes if one.loaded is not None}
    return {label: revision for label, revision in found.items() if revision is not None}
