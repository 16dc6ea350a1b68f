"""Runs a ranking from its configuration to its table: checks first, then files, then forward passes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.progress import LiveDisplay, duration
from intertrain_jax.config import EXPERIMENT_FILE, Precision, Protocol
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.tasks import get_task
from intertrain_jax.grid.experiment import exclusive
from intertrain_jax.models.references import files_hash
from intertrain_jax.probe_records import (
    HeadScore,
    ProbeRecord,
    ProbeStore,
    choose_rate,
    pack_answers,
    probe_id,
)
from intertrain_jax.rank_config import (
    RANK_FILE,
    RANKING_FILE,
    ModelRef,
    RankConfig,
    load_rank_config,
    to_yaml,
)
from intertrain_jax.records import BaseRef, DataStamp, RunResult, write_atomic
from intertrain_jax.report.ranking import print_correlations, print_ranking
from intertrain_jax.report.terminal import make_console
from intertrain_jax.stats.model_ranking import Ranking, gain_correlations, rank_models

if TYPE_CHECKING:
    from intertrain_jax.probe.ranker import Outcome, RankProgress

CORRELATIONS_FILE = "gain_correlations.csv"
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
    _write_config(out, config)
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
            _write_csv(out / CORRELATIONS_FILE, correlations)
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
    identity: tuple[str, str | None],
    config: RankConfig,
    protocol: Protocol,
    data: TaskData,
    environment: Mapping[str, str],
    engine: RankEngine,
) -> ProbeRecord:
    """Returns the record of a model that was probed, or could not be.

    Args:
        outcome: what became of it.
        identity: the record's id, and the hash of the model's local files.
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
        "id": identity[0],
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

    def score(seed: int, z: int, history: bool) -> HeadScore:
        result = engine.result_of(outcome.heads[seed][z], task, train, history)
        reason = None if result is not None else "Its loss diverged, or its score is undefined."
        return HeadScore(seed, config.learning_rates[z], result, reason)

    cells = [(s, z) for s in range(config.seeds) for z in range(len(config.learning_rates))]
    rate = choose_rate([score(s, z, False) for s, z in cells])
    if rate is None:
        reason = "None of its heads has a score: all diverged, or all predictions are the same."
        return ProbeRecord(**common, status="failed", reason=reason)
    heads = tuple(score(s, z, config.learning_rates[z] == rate) for s, z in cells)
    chosen = config.learning_rates.index(rate)
    of_rate = [row[chosen] for row in outcome.heads]
    outputs = [
        run.outputs_NxC
        for run, head in zip(of_rate, (h for h in heads if h.learning_rate == rate), strict=True)
        if head.result is not None and run.outputs_NxC is not None
    ]
    labels_N = np.asarray(task.test.labels, np.float32)
    if task.regression:
        answers = pack_answers(np.stack([o[:, 0] for o in outputs]).astype(np.float32))
    else:
        answers = pack_answers(
            np.stack([o[:, : task.num_classes].argmax(axis=1) == labels_N for o in outputs])
        )
    return ProbeRecord(
        **common,
        status="done",
        learning_rate=rate,
        heads=heads,
        answers=answers,
        labels=pack_answers(labels_N[None]) if task.regression else None,
        estimates=dict(outcome.estimates),
        notes=outcome.notes,
        seconds={name: round(value, 3) for name, value in outcome.seconds.items()},
        tokens=loaded.task.num_tokens,
    )


def check_out_dir(out: Path, config: RankConfig) -> None:
    """Checks that a ranking may write to a directory, and changes nothing.

    Raises:
        IntertrainError: the directory holds another ranking or something else, or is not writable.
    """
    file = out / RANK_FILE
    if file.is_file():
        before = load_rank_config(str(file), {}, ())
        pairs = {
            "task": (before.task, config.task),
            "protocol": (
                {**before.protocol.identity, "learning_rate": None},
                {**config.protocol.identity, "learning_rate": None},
            ),
            "data.limit": (before.data.limit, config.data.limit),
        }
        for key, (old, new) in pairs.items():
            if old != new:
                if isinstance(old, dict) and isinstance(new, dict):
                    name = next(k for k in new if old.get(k) != new[k])
                    key, old, new = f"{key}.{name}", old.get(name), new[name]
                raise IntertrainError(
                    f"output directory {str(out)!r} belongs to another ranking: its {key!r} is"
                    f" {old!r}, now it is {new!r}. Choose another --out."
                )
    elif out.exists() and not out.is_dir():
        raise IntertrainError(
            f"output directory {str(out)!r} must be a directory, but is a file."
            " Choose another --out."
        )
    elif (
        out.is_dir()
        and not (out / EXPERIMENT_FILE).is_file()
        and any(not entry.name.endswith(".tmp") for entry in out.iterdir())
    ):
        raise IntertrainError(
            f"output directory {str(out)!r} must be empty, or hold a ranking or a grid, but it has"
            f" neither {RANK_FILE} nor {EXPERIMENT_FILE}. Choose another --out."
        )
    place = out
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise IntertrainError(
            f"output directory {str(out)!r} cannot be written to. Choose another --out."
        )


def read_gains(path: Path, required: bool) -> pd.DataFrame | None:
    """Returns a table of gains: rows base models, columns targets; None where there is none.

    Raises:
        IntertrainError: it is required and not there, or not such a table.
    """
    if not required and not path.is_file():
        return None
    try:
        table = pd.read_csv(path, index_col=0)
        gains = table.astype(float)
    except (OSError, ValueError) as error:
        raise IntertrainError(
            f"gains {str(path)!r} must be a CSV table with a base model in the first column and a"
            f" number per target in the others ({str(error).splitlines()[0]}). Correct --gains."
        ) from error
    if not len(gains.columns) or gains.index.duplicated().any():
        raise IntertrainError(
            f"gains {str(path)!r} must have targets as columns and every base model once."
            " Correct --gains."
        )
    gains.index = gains.index.map(str)
    return gains


def write_table(out: Path, ranking: Ranking) -> None:
    """Writes ranking.csv, whole."""
    _write_csv(out / RANKING_FILE, ranking.table)


def write_top(out: Path, ranking: Ranking, top: int) -> None:
    """Writes a list of the best models, for `grid --bases`, and for another ranking."""
    best = ranking.ranked[ranking.ranked["model"] != ranking.pretrained].head(top)
    lines = [f"# The {len(best)} best of {len(ranking.ranked)} models by their probe."]
    if ranking.pretrained is not None:
        lines.append(f"pretrained: {ranking.pretrained}")
    lines += [str(model) for model in best["model"]]
    write_atomic(out / top_file(top), "\n".join(lines) + "\n")


def top_file(top: int) -> str:
    """Returns the name of the list of the best models."""
    return f"top-{top}.txt"


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_atomic(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _write_config(out: Path, config: RankConfig) -> None:
    header = "# The ranking of this directory, defaults included. Written by intertrain-jax rank.\n"
    try:
        write_atomic(out / RANK_FILE, header + to_yaml(config))
    except OSError as error:
        raise IntertrainError(
            f"output directory {str(out)!r} cannot be written to ({error}). Choose another --out."
        ) from error


def _ids(
    refs: Sequence[ModelRef], data: TaskData, protocol: Protocol
) -> dict[str, tuple[str, str | None]]:
    """Returns label → (id of its record, hash of its local files)."""
    found = {}
    for ref in refs:
        files = files_hash(ref.reference)
        identity = probe_id(ref, files, data.task.name, data.fingerprint, protocol)
        found[ref.label] = (identity, files)
    return found


def _matching(
    store: ProbeStore, ids: Mapping[str, tuple[str, str | None]], say: Callable[[str], None]
) -> dict[str, ProbeRecord]:
    """Returns label → record of this ranking's models."""
    found = store.read_all()
    for problem in found.problems:
        say(f"warning: {problem.path} is no record and does not count: {problem.reason}")
    wanted = {(label, identity): label for label, (identity, _) in ids.items()}
    return {label: found.by_key[key] for key, label in wanted.items() if key in found.by_key}


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
