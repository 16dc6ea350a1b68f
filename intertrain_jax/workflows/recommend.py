"""Finds the model to start from for one person's data, tells how sure that is, and gives it trained."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.address import wanted
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.origins import origin_of
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.planning.plan import PRETRAINED
from intertrain_jax.recommendation.candidates import Candidates, candidates_of
from intertrain_jax.recommendation.cards import datasets_of, seen_before
from intertrain_jax.recommendation.decide import Rules, smallest_gain
from intertrain_jax.recommendation.search import SEEDS, Search
from intertrain_jax.recommendation.verdict import Verdict, cannot_be_known, verdict_of
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.store import write_atomic
from intertrain_jax.report.card import CARD_FILE
from intertrain_jax.report.decision import Decision, write_decision
from intertrain_jax.workflows.export import export_run, forget_models
from intertrain_jax.workflows.fitting import run_in_words
from intertrain_jax.workflows.grid import analysed
from intertrain_jax.workflows.own import Target, shown_by
from intertrain_jax.workflows.own_grid import OwnOptions, own_experiment
from intertrain_jax.workflows.past import past_of
from intertrain_jax.workflows.repeat import repeat_run
from intertrain_jax.workflows.run_length import fitted
from intertrain_jax.workflows.runner import Runner, runner_of
from intertrain_jax.workflows.searching import SPENT_FILE, Hours, Searching
from intertrain_jax.workflows.watch import Watcher, watcher_of

MODEL_FOLDER = "model"
_UNFINISHED = "model.part"
_PREDICT = (
    " Labels and probabilities for a file of texts: `intertrain-jax predict DIRECTORY FILE.csv`, with"
    " this directory."
)
_STORY = "\n## How it was chosen"


class RecommendOptions(OwnOptions, total=False):
    """What a person may say about a recommendation, beside what `OwnOptions` says of the data.

    Attributes:
        ranking: built-in name, `ranking.csv` or its folder.
        models: further models to choose from.
        pretrained: what gains are over, where the ranking does not say.
        past: results of the candidates on other targets, of which is learnt what gains may be: results
            directories of grids, or tables as `analyze` takes them.
        worthwhile: the gain that would be worth it, in points.
        price: what a further run must be expected to bring, in points.
        budget: runs in all.
        max_hours: of computing, all calls together.
        final_seed: seed of the model that is given; None is the best by validation.
    """

    ranking: str | Path | None
    models: Sequence[str | Path]
    pretrained: str | Path | None
    past: Sequence[str | Path]
    worthwhile: float
    price: float
    budget: int
    max_hours: float | None
    final_seed: int | None


@dataclass(frozen=True, repr=False)
class Recommendation:
    """What was chosen and why.

    Attributes:
        model: label of the chosen model; "PT" where none is better than the pretrained one.
        verdict: gains, intervals and why it stopped.
        decision: what was done and known, run by run.
        said: what was found out about the data and the candidates.
        out: the results directory.
        directory: the trained model.
        in_words: whether it answers in words, as T5 does, rather than by a classifier.
        texts: 1, or 2 where it reads pairs.
    """

    model: str
    verdict: Verdict
    decision: Decision
    said: tuple[str, ...]
    out: Path
    directory: Path
    in_words: bool
    texts: int = 1

    @property
    def explained(self) -> list[str]:
        """One line per run: why it was done, and what came of it."""
        return self.decision.explained

    @property
    def table(self) -> pd.DataFrame:
        """Every candidate: its place in the ranking, its runs, and its gain with a 95 % interval."""
        return self.decision.table

    def __repr__(self) -> str:
        """The closing lines."""
        return "\n".join(self.verdict.lines)


def recommend(
    target: Target,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    progress: bool | Watcher = False,
    workers: int | str = 1,
    runner: Runner | None = None,
    **options: Unpack[RecommendOptions],
) -> Recommendation:
    """Finds the model to start from for one dataset, trains it, and says how sure that is.

    Validation scores choose; the test split is looked at once, at the end. Runs are ordinary records
    of a grid: the same call goes on where it was stopped, with the same decisions.

    Args:
        target: a file, a folder of splits, a dataset of the hub, or rows.
        overrides: keys of the grid's configuration, "key.sub=value" each.
        progress: whether to print lines and bars; or what takes them.
        workers: as of `grid`.
        runner: what computes, instead.
        options: see `RecommendOptions`.

    Raises:
        IntertrainError: something does not fit; nothing was trained. Or the hours were over before
            anything was.
    """
    with runner_of(runner, wanted(workers)) as computing:
        return _recommended(target, overrides, watcher_of(progress), computing, options)


def _recommended(
    target: Target,
    overrides: Mapping[str, Any] | Sequence[str],
    watcher: Watcher,
    runner: Runner,
    options: RecommendOptions,
) -> Recommendation:
    """Does what `recommend` says."""
    rules, final_seed = _rules(options), options.get("final_seed")
    candidates = candidates_of(
        options.get("ranking"), options.get("models", ()), options.get("pretrained")
    )
    config, data, said = own_experiment(target, candidates.pretrained, overrides, options)
    past, learnt = past_of(options.get("past", ()), candidates, data.task.name)
    most = options.get("max_hours")
    device = runner.environment(config.engine).get("device", "")
    config, shortened = fitted(config, data, overrides, most, device)
    said = [
        f"{len(candidates.models)} candidates: {candidates.origin}",
        *candidates.notes,
        *learnt,
        *said,
    ]
    said += [*([shortened] if shortened else []), run_in_words(config.protocol, data)]
    detectable = None
    if not data.task.regression:
        detectable = smallest_gain(len(data.splits["test"]), rules.worthwhile)
        said.append(
            shown_by(data, detectable)
            if detectable.known
            else cannot_be_known(detectable, rules.worthwhile)
        )
    for line in said:
        watcher.say(line)
    search = Search(candidates.x, rules, past, len(data.splits["validation"]), data.task.regression)
    hours = Hours(config.out_dir / SPENT_FILE, None if most is None else 3600.0 * most)
    searching = Searching(config, data, candidates, search, hours, runner, watcher, final_seed)
    with ResultsDir(config.out_dir).exclusive() as held:
        search.why = searching.run(held)
        analysed(searching.prepared, watcher, None)
        seen = {
            int(m): _seen(candidates.models[m], data, config) for m in np.flatnonzero(search.tried)
        }
        found = _judged(searching, search, candidates, data, hours)
        found = replace(found, detectable=detectable, seen=seen.get(search.choice, ()))
        decision = _decision(search, candidates, found, said, seen)
        write_decision(config.out_dir, decision)
    directory = _given(searching, search, found, runner, watcher, final_seed)
    name = searching.label(search.choice)
    in_words = bool(config.protocol.in_words)
    given = (name, found, decision, tuple(said), config.out_dir, directory, in_words)
    return Recommendation(*given, len(data.task.texts))


def _rules(options: RecommendOptions) -> Rules:
    usual = Rules()
    rules = Rules(
        options.get("worthwhile", usual.worthwhile),
        options.get("price", usual.price),
        options.get("budget", usual.budget),
    )
    hours, seed = options.get("max_hours"), options.get("final_seed")
    for name, value, least, most in (
        ("--worthwhile", rules.worthwhile, 1e-3, 100.0),
        ("--price", rules.price, 0.0, 100.0),
        ("--budget", rules.budget, 2, 10_000),
        ("--max-hours", hours, 1e-3, 1e5),
        ("--final-seed", seed, 0, SEEDS - 1),
    ):
        if value is not None and not least <= value <= most:
            raise IntertrainError(
                f"{name} must be from {least:g} to {most:g}, got {value:g}. Correct it."
            )
    return rules


def _judged(
    searching: Searching,
    search: Search,
    candidates: Candidates,
    data: TaskData,
    hours: Hours,
) -> Verdict:
    """Returns the verdict: the one place that looks at test scores."""
    tests: dict[int, list[float]] = {}
    for taken in search.taken:
        result = searching.records[taken.model, taken.seed].result
        assert result is not None and result.test is not None
        tests.setdefault(taken.model, []).append(result.test)
    names = [candidates.pretrained, *candidates.models]
    return verdict_of(search, names, tests, len(data.splits["test"]), hours.spent)


def _seen(model: str, data: TaskData, config: ExperimentConfig) -> tuple[str, ...]:
    """Returns which data sets a model has trained on that look like the target.

    Its card says it, or what `models sources` wrote beside it.
    """
    ref = ResultsDir(config.out_dir).resolution().pinned(ModelRef.parse(model))
    task = data.task
    names = [task.name, task.name.removeprefix("my-")]
    names += [task.hub.path] if task.hub is not None else []
    names += [Path(task.file).name.partition(".")[0]] if task.file is not None else []
    origin = origin_of(ref.reference)
    trained = [] if origin is None else [origin.source]
    with suppress(IntertrainError, OSError, UnicodeError):
        card = resolve_reference(ref.reference, ref.at) / CARD_FILE
        trained += datasets_of(card.read_text("utf-8"))
    return tuple(dict.fromkeys(seen_before(names, trained)))


def _decision(
    search: Search,
    candidates: Candidates,
    found: Verdict,
    said: Sequence[str],
    seen: Mapping[int, Sequence[str]],
) -> Decision:
    """Returns what is written down."""
    post = search.found
    counts = np.isfinite(search.scores[1:]).sum(axis=1)
    table = pd.DataFrame(
        {
            "model": candidates.models,
            "ranking": range(1, len(candidates.models) + 1),
            "ranking_score": candidates.x,
            "runs": counts,
            "validation": [
                float(np.mean(row[np.isfinite(row)])) if np.isfinite(row).any() else np.nan
                for row in search.scores[1:]
            ],
            "gain": post.mean,
            "low": [float(post.quantile(np.asarray(m), 0.025)) for m in range(len(counts))],
            "high": [float(post.quantile(np.asarray(m), 0.975)) for m in range(len(counts))],
            "problem": [search.problems.get(m) for m in range(len(counts))],
            "seen": [", ".join(seen.get(m, ())) or None for m in range(len(counts))],
        }
    )
    table.loc[~search.usable, ["gain", "low", "high"]] = np.nan
    names = (PRETRAINED, *candidates.models)
    return Decision(found, names, tuple(search.taken), table, tuple(said))


def _given(
    searching: Searching,
    search: Search,
    found: Verdict,
    runner: Runner,
    watcher: Watcher,
    final_seed: int | None,
) -> Path:
    """Writes the chosen model as a directory, and deletes what was kept of all others."""
    config = searching.prepared.config
    out = config.out_dir
    chosen = search.choice
    scores = search.scores[chosen + 1]
    seed = int(np.nanargmax(scores)) if final_seed is None else final_seed
    run = searching.run_of(chosen, seed)
    directory, mark = out / MODEL_FOLDER, f"Run {run.id}"
    more = "\n".join(
        [
            _STORY,
            "",
            *(f"- {line}" for line in found.lines),
            "",
            f"By `intertrain-jax recommend`. {mark}.{'' if config.protocol.in_words else _PREDICT}",
            "",
        ]
    )
    card = directory / CARD_FILE
    with suppress(OSError, UnicodeError):
        written = card.read_text("utf-8")
        if mark in written:
            # The same model; more may be known of it.
            write_atomic(card, written.partition(_STORY)[0] + more)
            return directory
    part = out / _UNFINISHED
    shutil.rmtree(part, ignore_errors=True)
    try:
        export_run(out, run.id, part, more)
    except IntertrainError:
        # Its weights were deleted by an earlier call, which chose another one.
        shutil.rmtree(part, ignore_errors=True)
        watcher.say(f"training {run.name} again, whose weights were not kept")
        repeat_run(searching.prepared.config, run.id, progress=watcher, runner=runner)
        export_run(out, run.id, part, more)
    shutil.rmtree(directory, ignore_errors=True)
    part.rename(directory)
    forget_models(out, ())
    return directory
