"""Makes the ranking site from results directories and published tables."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.experiment import EXPERIMENT_FILE
from intertrain_jax.config.formats import is_file, is_folder
from intertrain_jax.config.origins import other_names
from intertrain_jax.config.ranking import RANK_FILE, load_rank_config
from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.diagnosis.findings import said_of
from intertrain_jax.records.runs import Record
from intertrain_jax.report.figures import write_figures
from intertrain_jax.site.board import Board, Target, conflicts
from intertrain_jax.site.build import (
    models_of,
    models_of_ranking,
    targets_of,
    with_probed,
    with_untested,
)
from intertrain_jax.site.methods import protocol_sentences, uncertainty_sentences
from intertrain_jax.site.names import slugs
from intertrain_jax.site.render import render
from intertrain_jax.site.writing import Written, write_site
from intertrain_jax.workflows.analyze import analyze
from intertrain_jax.workflows.doctor import Diagnosis, doctor
from intertrain_jax.workflows.rank_files import latest_ranking
from intertrain_jax.workflows.results import GridResult, RankResult, results

# Figures of more models than this cannot be read, and take long.
_MOST_DRAWN = 60

Source = GridResult | RankResult | str | Path


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        folder: that it lies in.
        boards: its rankings.
        notes: conflicts between its inputs.
        written: what writing did.
    """

    folder: Path
    boards: tuple[Board, ...]
    notes: tuple[str, ...]
    written: Written

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    def __repr__(self) -> str:
        """Says what to open."""
        return (
            f"{len(self.boards)} rankings, {self.written.files:,} files, {self.written.changed:,} of"
            f" them new or changed. Open {self.index}"
        )


def report(
    *sources: Source, out: str | Path, figures: bool = True, refresh: int | None = None
) -> Site:
    """Writes a static site of rankings: pages that open from a folder, and ask nothing of a network.

    Args:
        sources: grids, rankings, their directories, or published tables; each makes a ranking.
        out: folder of the site: new, empty, or of an earlier report.
        figures: whether to draw the figures of studies of few models.
        refresh: seconds after which pages load themselves anew; None never.

    Raises:
        IntertrainError: there is nothing to show, or the folder holds something else.
    """
    if not sources:
        raise IntertrainError("report needs RESULTS: a results directory, or a table. Name one.")
    made = [_board(source) for source in sources]
    titles = _titles(board.title for board in made)
    made = [replace(board, title=title) for board, title in zip(made, titles, strict=True)]
    named = slugs(titles)
    sets = [(board.title, {r.id: r for r in board.records}) for board in made]
    notes = conflicts(sets)
    boards = tuple(
        replace(
            board,
            slug=slug,
            conflicts=tuple(note for note in notes if f" in {board.title}" in note),
        )
        for board, slug in zip(made, named.values(), strict=True)
    )
    drawn = {board.slug: _figures(board) for board in boards} if figures else {}
    files = render(boards, notes, drawn, refresh)
    return Site(Path(out), boards, tuple(notes), write_site(Path(out), files))


def default_folder(source: str | Path) -> Path:
    """Returns where a report goes that no folder is named for: beside what it is of."""
    path = Path(source)
    return path.with_name(f"{path.stem if is_file(path) else path.name}-report")


def watched(
    sources: Sequence[Source], out: Path, figures: bool, seconds: float | None
) -> Iterator[str]:
    """Yields a line each time that the site has changed, for ever.

    Args:
        sources, out, figures: of `report`.
        seconds: between two looks; None looks never, and only waits.
    """
    while True:
        time.sleep(seconds or 3600)
        if seconds is None:
            continue
        try:
            site = report(*sources, out=out, figures=figures, refresh=round(seconds))
        except IntertrainError as error:
            # Results that are about to be written are there at the next look.
            yield f"not renewed: {error}"
            continue
        if site.written.changed or site.written.removed:
            yield f"{site.written.changed:,} pages renewed"


def _titles(names: Iterable[str]) -> list[str]:
    """Returns names, those that came before with a number."""
    found: list[str] = []
    for name in names:
        number, title = 2, name
        while title in found:
            number, title = number + 1, f"{name} ({number})"
        found.append(title)
    return found


def _board(source: Source) -> Board:
    if isinstance(source, RankResult):
        return _ranking_board(source)
    if isinstance(source, GridResult):
        return _grid_board(source)
    path = Path(source)
    if not (is_file(path) or is_folder(path)):
        raise IntertrainError(
            f"RESULTS {str(path)!r} must be a results directory or a CSV file, but there is none."
            " Correct it."
        )
    if path.is_dir():
        found = results(path)
        return _grid_board(found) if isinstance(found, GridResult) else _ranking_board(found)
    return _table_board(path)


def _grid_board(grid: GridResult) -> Board:
    gains = grid.gains
    known = not gains.empty and not gains.isna().all(axis=None)
    result = analyze(grid).result if known else None
    study = grid.study if result is None else result.study
    models = models_of(study, result)
    missing = []
    done, failed = grid.counts
    if done + failed < len(grid.plan.runs) or failed:
        missing.append(
            f"{done:,} of {counted(len(grid.plan.runs), 'run')} are done, {failed:,} failed."
        )
    if not known:
        missing.append(
            "No gain is known yet: no model is done on a target where the pretrained is."
        )
    rank_file = grid.out / RANK_FILE
    if rank_file.is_file():
        ranking, _ = latest_ranking(load_rank_config(rank_file), grid.out)
        names = other_names(map(str, ranking.table["model"]), [model.name for model in models])
        table = ranking.table.replace({"model": names})
        models = with_probed(models, replace(ranking, table=table))
    else:
        missing.append("There is no linear probe of these models.")
    if grid.plan.seeds == 1:
        missing.append("There is one seed: nothing is known of its noise.")
    if grid.config.data.limit is not None:
        missing.append(f"Test only: {grid.config.data.limit} rows per split.")
    missing += [f"{p.path.name} is no record: {p.reason}" for p in grid.stored.problems]
    examined = _examined(grid.out) if done else None
    if examined is None:
        missing.append("`doctor` could not examine these results: there is too little of them.")
    model = grid.config.model.pretrained
    methods = [
        f"{counted(len(gains), 'base model')}, {counted(len(gains.columns), 'target')},"
        f" {counted(grid.plan.seeds, 'seed')} each.",
        *protocol_sentences(grid.config.protocol),
        *uncertainty_sentences(study.runs is not None and grid.plan.seeds > 1),
        *_stamps(grid),
        *study.notes,
    ]
    wanted = {run.id for run in grid.plan.runs}
    return Board(
        title=grid.config.name,
        slug="",
        pretrained=str(model),
        measure="average gain",
        models=models,
        targets=targets_of(study, result, _datasets()),
        result=result,
        findings=() if examined is None else examined.found.findings,
        methods=tuple(methods),
        missing=tuple(missing),
        records=tuple(r for key, r in sorted(grid.stored.by_key.items()) if key in wanted),
        command=_grid_command(grid),
    )


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
        command="intertrain-jax rank --model NAME --pretrained "
        f"{config.pretrained or 'PRETRAINED'} --task {config.task} --out DIR",
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
            *study.notes,
        ),
        missing=tuple(missing),
        command=f"# add a row to {path.name}, then\nintertrain-jax report {path.name} --out DIR",
    )


def _examined(path: Path) -> Diagnosis | None:
    """Returns what doctor finds; None where it cannot examine it."""
    try:
        return doctor(path)
    except IntertrainError:
        return None


def _stamps(grid: GridResult) -> list[str]:
    """Returns which data and which versions the records name."""
    data: dict[str, set[str]] = {}
    versions: set[str] = set()
    for record in _records(grid.stored.by_key):
        data.setdefault(record.target, set()).add(record.data.fingerprint or "unknown")
        told = record.environment
        if told:
            names = ("intertrain_jax", "jax", "flax", "device")
            versions.add(", ".join(f"{name} {told[name]}" for name in names if name in told))
    lines = [f"Data of {task}: {', '.join(sorted(found))}." for task, found in sorted(data.items())]
    return lines + [f"Made with {one}." for one in sorted(versions)]


def _records(stored: Mapping[str, Record]) -> list[Record]:
    return [record for _, record in sorted(stored.items())]


def _grid_command(grid: GridResult) -> str:
    lines = [
        "# experiment.yaml of these results has everything; add the model and start it again",
        f"intertrain-jax grid --config {EXPERIMENT_FILE} --set model.bases='[org/name]' --out DIR",
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


def _figures(board: Board) -> dict[str, bytes]:
    """Returns the paper's figures of a board of few models as SVG."""
    if board.result is None or board.tested > _MOST_DRAWN:
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        write_figures(Path(scratch), board.result)
        return {file.stem: file.read_bytes() for file in sorted(Path(scratch).glob("*.svg"))}
