"""Turns results directories and published tables into the rankings of a site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.experiment import EXPERIMENT_FILE
from intertrain_jax.config.formats import is_file, is_folder
from intertrain_jax.config.origins import other_names
from intertrain_jax.config.ranking import RANK_FILE, load_rank_config
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.diagnosis.findings import said_of
from intertrain_jax.planning.status import counts, read_heartbeat
from intertrain_jax.records.runs import Record
from intertrain_jax.site.board import Board, Model, Progress, Target, times_of
from intertrain_jax.site.build import (
    models_of,
    models_of_ranking,
    targets_of,
    with_probed,
    with_untested,
)
from intertrain_jax.site.methods import protocol_sentences, uncertainty_sentences
from intertrain_jax.workflows.analyze import analyze
from intertrain_jax.workflows.doctor import Diagnosis, doctor
from intertrain_jax.workflows.merging import Merged, merge
from intertrain_jax.workflows.model_cards import facts_of_card
from intertrain_jax.workflows.rank_files import latest_ranking
from intertrain_jax.workflows.reading import results
from intertrain_jax.workflows.results import GridResult, RankResult
from intertrain_jax.workflows.watch import duration

Source = GridResult | RankResult | str | Path
_ONE_SEED = "There is one seed: nothing is known of its noise."


def boards_of(sources: Sequence[Source], live: bool = False) -> tuple[list[Board], list[str]]:
    """Returns the rankings that results and tables make, without `slug`, and what is to be known of all.

    Grids of one experiment are one ranking, whoever ran them, and probes of a grid's models are in its
    ranking.

    Args:
        sources: grids, rankings, their directories, or published tables.
        live: whether to say what is running now.

    Raises:
        IntertrainError: there is no such thing.
    """
    found = [_read(source) for source in sources]
    titles = _titles(_title(one) for one in found)
    named = list(zip(titles, found, strict=True))
    grids, notes = merge([(title, one) for title, one in named if isinstance(one, GridResult)])
    probes = _probes(grids, [(title, one) for title, one in named if isinstance(one, RankResult)])
    placed = {title for title, _ in probes.values()}
    boards = []
    for title, one in named:
        if isinstance(one, GridResult):
            for grid in grids:
                if grid.parts[0][0] == title:
                    boards.append(_grid_board(grid, probes.get(grid.title), live))
        elif isinstance(one, Path):
            boards.append(replace(_table_board(one), title=title))
        elif title not in placed:
            boards.append(replace(_ranking_board(one), title=title))
    return boards, notes


def _read(source: Source) -> GridResult | RankResult | Path:
    if isinstance(source, GridResult | RankResult):
        return source
    path = Path(source)
    if not (is_file(path) or is_folder(path)):
        raise IntertrainError(
            f"RESULTS {str(path)!r} must be a results directory or a CSV file, but there is none."
            " Correct it."
        )
    if not path.is_dir():
        return path
    found = results(path)
    if isinstance(found, GridResult | RankResult):
        return found
    parts = [*found.grids, *found.rankings]
    raise IntertrainError(
        f"RESULTS {str(path)!r} is a study of {counted(len(parts), 'part')}, each with a directory."
        f" Name those that belong together, such as {path / parts[0]}."
    )


def _title(found: GridResult | RankResult | Path) -> str:
    if isinstance(found, GridResult):
        return found.config.name
    return found.out.name if isinstance(found, RankResult) else found.stem


def _titles(names: Iterable[str]) -> list[str]:
    """Returns names, those that came before with a number."""
    found: list[str] = []
    for name in names:
        number, title = 2, name
        while title in found:
            number, title = number + 1, f"{name} ({number})"
        found.append(title)
    return found


def _probes(
    grids: Sequence[Merged], ranks: Sequence[tuple[str, RankResult]]
) -> dict[str, tuple[str, RankResult]]:
    """Returns title of a grid → the first ranking that probes models of it over the same model."""
    found: dict[str, tuple[str, RankResult]] = {}
    for merged in grids:
        if any(is_file(part.out / RANK_FILE) for _, part in merged.parts):
            continue
        for title, rank in ranks:
            pretrained, taken = rank.config.pretrained, {name for name, _ in found.values()}
            if pretrained is None or title in taken or not _shared(merged.grid, rank):
                continue
            if ModelRef.parse(pretrained).key == merged.grid.config.model.ref.key:
                found[merged.title] = title, rank
                break
    return found


def _shared(grid: GridResult, rank: RankResult) -> bool:
    """Whether a ranking has a score of a base model of a grid."""
    bases, named = set(map(str, grid.gains.index)), set(map(str, rank.ranking.ranked["model"]))
    return bool(bases & named or other_names(sorted(named), sorted(bases)))


def _own_ranking(out: Path) -> RankResult | None:
    """Returns the ranking that lies in a grid's directory, if there is one."""
    if not is_file(out / RANK_FILE):
        return None
    config = load_rank_config(out / RANK_FILE)
    ranking, records = latest_ranking(config, out)
    return RankResult(config, ranking, records, None, out)


def _grid_board(merged: Merged, probes: tuple[str, RankResult] | None, live: bool) -> Board:
    grid = merged.grid
    gains = grid.gains
    known = not gains.empty and not gains.isna().all(axis=None)
    own = [_own_ranking(part.out) for _, part in merged.parts]
    ranked = [rank for rank in (*own, probes and probes[1]) if rank is not None]
    probe = next((rank for rank in ranked if _shared(grid, rank)), None)
    result = analyze(grid, probe=probe).result if known else None
    study = grid.study if result is None else result.study
    models = _with_cards(models_of(study, result))
    missing, methods = [], []
    if not known:
        missing.append(
            "No gain is known yet: no model is done on a target where the pretrained is."
        )
    for rank in ranked:
        named = other_names(map(str, rank.table["model"]), [model.name for model in models])
        table = rank.table.replace({"model": named})
        models = with_probed(models, replace(rank.ranking, table=table), rank.config.task)
        methods.append(f"Probes are of {rank.config.task}, by {rank.out.name}.")
    if not ranked:
        missing.append("There is no linear probe of these models.")
    if grid.plan.seeds == 1:
        missing.append(_ONE_SEED)
    if grid.config.data.limit is not None:
        missing.append(f"Test only: {grid.config.data.limit} rows per split.")
    missing += [f"{p.path.name} is no record: {p.reason}" for p in grid.stored.problems]
    examined = [_examined(part.out) for _, part in merged.parts if any(part.counts)]
    # What labs found in a model that both have is one finding.
    findings = {
        (f.model, f.rule, f.evidence): f for one in examined if one for f in one.found.findings
    }
    if not examined or None in examined:
        missing.append("`doctor` could not examine these results: there is too little of them.")
    if len(merged.parts) > 1:
        names = ", ".join(title for title, _ in merged.parts)
        methods.append(f"Merged are the records of {names}.")
    wanted = {run.id for run in grid.plan.runs}
    records = tuple(r for key, r in sorted(grid.stored.by_key.items()) if key in wanted)
    return Board(
        title=merged.title,
        slug="",
        pretrained=str(grid.config.model.pretrained),
        measure="average gain",
        models=models,
        targets=targets_of(study, result, _datasets()),
        result=result,
        findings=tuple(findings.values()),
        methods=(
            f"{counted(len(gains), 'base model')}, {counted(len(gains.columns), 'target')},"
            f" {counted(grid.plan.seeds, 'seed')} each.",
            *methods,
            *protocol_sentences(grid.config.protocol),
            *uncertainty_sentences(study.runs is not None and grid.plan.seeds > 1),
            *study.notes,
        ),
        stamps=_stamps(records),
        missing=tuple(missing),
        conflicts=merged.conflicts,
        records=records,
        command=_add_command("grid", EXPERIMENT_FILE, "bases, under model,"),
        progress=_progress(merged, live),
        examined=None not in examined and bool(examined),
        times=times_of([*records, *(r for rank in ranked for r in rank.stored.values())]),
    )


def _with_cards(models: Iterable[Model]) -> tuple[Model, ...]:
    """Returns models with what their own cards say; a source model has none."""
    found = []
    for model in models:
        facts = dict(model.facts)
        reference = facts.get("reference")
        if reference is not None and "trained on" not in facts:
            facts |= facts_of_card(reference, facts.get("revision"))
        found.append(replace(model, facts=facts))
    return tuple(found)


def _progress(merged: Merged, live: bool) -> Progress | None:
    """Returns how far a grid is; None where all is done.

    Args:
        merged: the grid.
        live: whether to say what is running now.
    """
    grid = merged.grid
    number = counts(grid.plan, grid.stored.by_key)
    total = len(grid.plan.runs)
    if number["done"] == total:
        return None
    said = f"{number['done']:,} of {counted(total, 'run')} are done, {number['failed']:,} failed"
    for state, words in (
        ("ready", "can start"),
        ("waiting", "wait for a source model"),
        ("blocked", "cannot start as their source run failed"),
    ):
        if number[state]:  # type: ignore[index]
            said += f", {number[state]:,} {words}"  # type: ignore[index]
    lines = [said + "."]
    for title, part in merged.parts if live else ():
        beat = read_heartbeat(part.out)
        if beat is None:
            lines.append(f"{title} is not running now.")
            continue
        left = beat.seconds_left
        lines.append(
            f"{title} is running {beat.active:,} now"
            + (f" ({', '.join(beat.running)})" if beat.running else "")
            + f", at {beat.examples_per_second:,.0f} examples/s"
            + ("." if left is None else f", {duration(left)} left.")
        )
    return Progress(number["done"], number["failed"], total, " ".join(lines))


def _ranking_board(ranked: RankResult) -> Board:
    config = ranked.config
    missing = ["Models were probed only: nothing was finetuned."]
    if config.pretrained is None:
        missing.append("No pretrained model was named: there are scores, but no gains.")
    if config.seeds == 1:
        missing.append("There is one seed: intervals are over test examples.")
    return Board(
        title=ranked.out.name,
        slug="",
        pretrained=config.pretrained or "no pretrained model",
        measure="probe gain",
        models=models_of_ranking(ranked.ranking, config.task),
        targets=(Target(config.task, dataset=_datasets().get(config.task)),),
        methods=(
            f"A linear probe on {config.task}, {counted(config.seeds, 'seed')}, the best of"
            f" {counted(len(config.learning_rates), 'learning rate')} by validation score.",
            "Gains are those of the probe's score over the pretrained model's, in points. Intervals are"
            " at 95 %; they and the probability of being the best are by a bootstrap over test examples"
            " and the seeds' own spread.",
            "A head that gives one class to every test example has learned nothing and has no score."
            + _largest_class(ranked),
        ),
        missing=tuple(missing),
        examined=False,
        times=times_of(ranked.stored.values()),
        command=_add_command("rank", RANK_FILE, "models"),
    )


def _largest_class(ranked: RankResult) -> str:
    share = ranked.ranking.largest_class
    return "" if share is None else f" The largest class has {share:.2f} % of the test examples."


def _table_board(path: Path) -> Board:
    result = analyze(path).result
    study = result.study
    examined = _examined(path)
    models = models_of(study, result)
    if examined is not None and study.kind == "leaderboard":
        models = with_untested(models, examined.subject, study.pretrained)
    missing = list(study.notes)
    if study.runs is not None and study.gains.asked == 1:
        missing.append(_ONE_SEED)
    if examined is None:
        missing.append("`doctor` could not examine this table: there is too little of it.")
    if not len(study.probe):
        missing.append("There is no linear probe of these models.")
    rows = len({finding.row for finding in study.left_out})
    if rows:
        are = "is" if rows == 1 else "are"
        missing.append(
            f"{counted(rows, 'row')} {are} left out of the ranking: {said_of(study.left_out)}; see"
            " Findings."
        )
    return Board(
        title=study.name,
        slug="",
        pretrained=study.pretrained,
        measure="average gain",
        models=models,
        targets=targets_of(study, result, _datasets()),
        result=result,
        findings=() if examined is None else examined.found.findings,
        methods=(
            f"The numbers are those of a published table, {path.name}: how models were trained is not"
            " in it.",
            *uncertainty_sentences(study.runs is not None),
        ),
        missing=tuple(missing),
        examined=examined is not None,
        command=f"# add a row to {path.name}, then\nintertrain-jax report {path.name} --out DIR",
    )


def _examined(path: Path) -> Diagnosis | None:
    """Returns what doctor finds; None where it cannot examine it."""
    try:
        return doctor(path)
    except IntertrainError:
        return None


def _stamps(records: Iterable[Record]) -> tuple[tuple[str, str], ...]:
    """Returns which data, which versions and which days records name, each with its word."""
    data: dict[str, set[str]] = {}
    versions: set[str] = set()
    for record in records:
        data.setdefault(record.target, set()).add(record.data.fingerprint or "unknown")
        told = record.environment
        if told:
            names = ("intertrain_jax", "jax", "flax", "device")
            versions.add(", ".join(f"{name} {told[name]}" for name in names if name in told))
    stamps = [(f"data of {task}", ", ".join(sorted(found))) for task, found in sorted(data.items())]
    return (*stamps, *(("made with", one) for one in sorted(versions)))


def _add_command(verb: str, file: str, key: str) -> str:
    """Returns how to add a model to results: in their own file, as an option would stand for it."""
    lines = [
        f"# in DIR/{file}, where DIR has these results, add the model to {key} then",
        f"intertrain-jax {verb} --config DIR/{file} --out DIR",
        "intertrain-jax report DIR --out SITE",
    ]
    return "\n".join(lines)


def _datasets() -> dict[str, str]:
    """Returns task, also by the public site's name → hub id of its dataset."""
    found = {}
    for task in list_tasks():
        if task.hub is not None:
            found[task.name] = task.hub.path
            found[task.site_column or task.name] = task.hub.path
    return found
