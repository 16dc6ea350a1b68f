"""Runs a ranking from its configuration to its table: checks first, then files, then forward passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.cli.progress import LiveDisplay, duration
from intertrain_jax.cli.rank_directory import (
    check_out_dir,
    read_gains,
    top_file,
    write_config,
    write_correlations,
    write_table,
    write_top,
)
from intertrain_jax.config.protocol import Precision, Protocol
from intertrain_jax.config.ranking import RANKING_FILE, RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.tasks import get_task
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.records.probes import (
    HeadScore,
    ProbeRecord,
    ProbeStore,
    choose_rate,
    pack_answers,
    probe_id,
)
from intertrain_jax.records.results_dir import exclusive
from intertrain_jax.records.runs import BaseRef, DataStamp, RunResult
from intertrain_jax.report.ranking import print_correlations, print_ranking
from intertrain_jax.report.terminal import make_console
from intertrain_jax.study.model_ranking import Ranking, gain_correlations, rank_models

if TYPE_CHECKING:
    from intertrain_jax.probe.ranker import Outcome, RankProgress

# The table on disk is renewed at most this often while models are probed.
_RENEW_SECONDS = 20.0


@dataclass(frozen=True)
class RankEngine:
    """What computes, given from outside so that nothing here imports JAX.

    Attributes:
        resolve_precision: what "auto" means here.
        environment: versions and device.
        prepare: (config, protocol, data, out, architecture) → a ranking that can be run.
        result_of: a head's outcome as a record keeps it.
    """

    resolve_precision: Callable[[Precision], Precision]
    environment: Callable[[], dict[str, str]]
    prepare: Callable[[RankConfig, Protocol, TaskData, Path, str | None], Any]
    result_of: Callable[..., RunResult | None]


def execute_rank(
    config: RankConfig,
    engine: RankEngine,
    top: int | None = None,
    gains: Path | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
) -> int:
    """Probes every model that has no record yet, and shows the ranking.

    Args:
        config: the ranking.
        engine: what computes.
        top: write a list of that many best models.
        gains: table of finetuning gains; None takes the grid's of the results directory.
        retry_failed: probe models again that are recorded as failed.
        quiet: print one line at the end only.

    Returns:
        Exit code: 0, or 1 if models of the list failed.
    """
    progress_console = make_console(stderr=True)

    def say(text: str) -> None:
        if not quiet:
            progress_console.print(text, soft_wrap=True, markup=False)

    out = config.out_dir
    task = get_task(config.task, config.tasks)
    check_out_dir(out, config)
    gain_table = read_gains(gains or out / "analysis" / "gains.csv", required=gains is not None)
    say(f"reading {config.task}")
    data = load_task(task, config.data)
    protocol = replace(
        config.protocol, precision=engine.resolve_precision(config.protocol.precision)
    )
    store, ids = ProbeStore(out), _ids(config.refs, data, protocol)
    records = _matching(store, ids, say)
    pending = [
        ref for ref in config.refs if not _is_done(records.get(ref.label), config, retry_failed)
    ]
    known = {r.architecture for r in records.values() if r.status == "done" and r.architecture}
    run = None
    if pending:
        say(f"loading {pending[0].label}")
        run = engine.prepare(config, protocol, data, out, next(iter(known), None))
        if config.pretrained is not None and pending[0] == config.refs[0]:
            run.loader.require(pending[0])
    write_config(out, config)
    progress = None
    with exclusive(out):
        say(
            f"{len(config.refs):,} models, {len(config.refs) - len(pending):,} done before,"
            f" {len(pending):,} to do"
        )
        if run is not None:
            environment, renewed = engine.environment(), time.monotonic()

            def emit(outcomes: Sequence[Outcome]) -> None:
                nonlocal renewed
                for outcome in outcomes:
                    record = record_of(
                        outcome, ids[outcome.ref.label], config, protocol, data, environment, engine
                    )
                    store.write(record)
                    records[outcome.ref.label] = record
                if time.monotonic() - renewed > _RENEW_SECONDS:
                    renewed = time.monotonic()
                    write_table(out, rank(config, records))

            with LiveDisplay("models", quiet) as display:
                progress = run.run(pending, emit, lambda p: _show(display, p))
        ranking = rank(config, records)
        write_table(out, ranking)
        correlations = None if gain_table is None else gain_correlations(ranking, gain_table)
        if correlations is not None:
            write_correlations(out, correlations)
        if top is not None:
            write_top(out, ranking, top)
    console = make_console()
    if not quiet:
        print_ranking(console, ranking)
        if correlations is not None:
            print_correlations(console, correlations)
        if config.data.limit is not None:
            console.print(
                f"test only: every split was cut to {config.data.limit} rows (data.limit)"
            )
    failed = int((ranking.table["status"] == "failed").sum())
    line = f"{len(ranking.ranked):,} of {len(config.refs):,} models ranked"
    if progress is not None:
        line += f" in {duration(progress.seconds)}, {progress.compilations} compiled programs"
    line += f". Results: {out / RANKING_FILE}"
    if failed:
        line += f"\n{failed:,} failed; start again with --retry-failed to try them again."
    if top is not None:
        line += f"\nThe best: {out / top_file(top)}"
    console.print(line, soft_wrap=True, markup=False)
    return 1 if failed else 0


def rank(config: RankConfig, records: Mapping[str, ProbeRecord]) -> Ranking:
    """Returns the ranking of a configuration's models."""
    labels = [ref.label for ref in config.refs]
    pretrained = None if config.pretrained is None else config.refs[0].label
    others = [name for name in config.estimators if name != "lp"]
    return rank_models(labels, records, pretrained, config.seeds, others)


def record_of(
    outcome: Outcome,
    identity: str,
    config: RankConfig,
    protocol: Protocol,
    data: TaskData,
    environment: Mapping[str, str],
    engine: RankEngine,
) -> ProbeRecord:
    """Returns the record of a model that was probed, or could not be.

    Args:
        outcome: what became of it.
        identity: the record's id.
        config: seeds, rates and estimators that were asked for.
        protocol: of the probe.
        data: of the task.
        environment: versions and device.
        engine: turns heads into results.
    """
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
        "data": DataStamp(data.fingerprint, {**data.source, "limit": config.data.limit}),
        "protocol": protocol,
        "seeds": config.seeds,
        "learning_rates": config.learning_rates,
        "estimators": config.estimators,
        "architecture": outcome.architecture,
        "tokenizer": None if loaded is None else loaded.tokenizer,
        "environment": dict(environment),
    }
    if outcome.reason is not None or loaded is None:
        return ProbeRecord(**common, status="failed", reason=outcome.reason)
    task, train = loaded.task.encoded, loaded.task.sizes["train"]

    heads = []
    for seed, row in enumerate(outcome.heads):
        for z, run in enumerate(row):
            result = engine.result_of(run, task, train)
            reason = None if result else "Its loss diverged, or its score is undefined."
            heads.append(HeadScore(seed, config.learning_rates[z], result, reason))
    rate = choose_rate(heads)
    if rate is None:
        reason = "None of its heads has a score: all diverged, or all predictions are the same."
        return ProbeRecord(**common, status="failed", reason=reason)
    z = config.learning_rates.index(rate)
    answers, kept = [], []
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
    return ProbeRecord(
        **common,
        status="done",
        learning_rate=rate,
        heads=tuple(kept),
        answers=pack_answers(np.stack(answers)),
        labels=pack_answers(_labels(task)[None]) if task.regression else None,
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
    right: NDArray[np.bool_] = outputs_NxC[:, : task.num_classes].argmax(axis=1) == _labels(task)
    return right


def _ids(refs: Sequence[ModelRef], data: TaskData, protocol: Protocol) -> dict[str, str]:
    """Returns label → id of its record."""
    return {
        ref.label: probe_id(
            ref, files_hash(ref.reference), data.task.name, data.fingerprint, protocol
        )
        for ref in refs
    }


def _matching(
    store: ProbeStore, ids: Mapping[str, str], say: Callable[[str], None]
) -> dict[str, ProbeRecord]:
    """Returns label → record of this ranking's models."""
    found = store.read_all()
    for problem in found.problems:
        say(f"warning: {problem.path} is no record and does not count: {problem.reason}")
    return {key[0]: found.by_key[key] for key in ids.items() if key in found.by_key}


def _is_done(record: ProbeRecord | None, config: RankConfig, retry_failed: bool) -> bool:
    if record is None or (retry_failed and record.status == "failed"):
        return False
    return record.covers(config.seeds, config.learning_rates, config.estimators)


def _show(display: LiveDisplay, progress: RankProgress) -> None:
    def text() -> str:
        rate = progress.examples / progress.seconds if progress.seconds else 0.0
        parts = [f"{progress.passed:,}/{progress.total:,}"]
        if progress.failed:
            parts.append(f"{progress.failed:,} failed")
        parts.append(f"{progress.done:,} ranked, {rate:,.0f} examples/s")
        if progress.passed:
            left = progress.seconds / progress.passed * (progress.total - progress.passed)
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    display.show(time.monotonic(), progress.passed, progress.total, text)
