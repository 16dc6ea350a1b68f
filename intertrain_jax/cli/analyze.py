"""`analyze`: every statistic of a grid, of a matrix, of scores, or of a published leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.ranking import RANKING_FILE

if TYPE_CHECKING:
    import pandas as pd

    from intertrain_jax.study.inputs import Study


@click.command()
@click.argument("results", metavar="[RESULTS_DIR]", required=False)
@click.option("--matrix", metavar="FILE", help="CSV of gains: rows base models, columns targets.")
@click.option("--scores", metavar="FILE", help="CSV with columns base, target, seed, score.")
@click.option("--leaderboard", metavar="FILE", help="CSV table of the public site.")
@click.option("--pairs", metavar="FILE", help="CSV with a probe score beside an average gain.")
@click.option("--x", metavar="COLUMN", help="Column of --pairs: the probe.")
@click.option("--y", metavar="COLUMN", help="Column of --pairs: the average gain.")
@click.option(
    "--pretrained",
    metavar="NAME",
    help="Row of the pretrained model. [default: PT in --scores; found in --leaderboard; in --matrix"
    " none, as with it the file holds scores]",
)
@click.option(
    "--probe",
    metavar="DIR|FILE",
    help="Linear probes: of `rank`, of a grid with protocol.method=probe, or CSV with base and"
    " score. [default: a ranking in RESULTS_DIR]",
)
@click.option("--with", "other", metavar="DIR|FILE", help="Second architecture: results or gains.")
@click.option(
    "--sizes", metavar="DIR", multiple=True, help="Same grid, other train size. Repeatable."
)
@click.option(
    "--averages",
    type=click.Choice(["additive", "common"]),
    help="Where cells are missing, average by the additive model (default) or over common targets.",
)
@click.option("--representative", metavar="NAME", help="Base model whose gains stand for max-gain.")
@click.option(
    "--keep-suspicious", is_flag=True, help="Analyse a leaderboard's suspicious rows too."
)
@click.option(
    "--out",
    metavar="DIR",
    help="Where the files go; alone, the results directory to analyse."
    " [default: RESULTS_DIR/analysis, or results/FILE-analysis]",
)
def command(
    results: str | None,
    matrix: str | None,
    scores: str | None,
    leaderboard: str | None,
    pairs: str | None,
    x: str | None,
    y: str | None,
    pretrained: str | None,
    probe: str | None,
    other: str | None,
    sizes: tuple[str, ...],
    averages: Literal["additive", "common"] | None,
    representative: str | None,
    keep_suspicious: bool,
    out: str | None,
) -> None:
    """Say what gains show: which base models are best, how sure that is, and what explains it.

    Reads the results directory of a grid, or one file, and writes summary.json, tables/ and figures/.
    """
    files = {
        "--matrix": matrix,
        "--scores": scores,
        "--leaderboard": leaderboard,
        "--pairs": pairs,
    }
    given = {option: file for option, file in files.items() if file is not None}
    if results is None and not given and out is not None:
        results, out = out, None
    chosen = [*(["RESULTS_DIR"] if results is not None else []), *given]
    if len(chosen) != 1:
        raise IntertrainError(
            "analyze needs one of RESULTS_DIR, --matrix, --scores, --leaderboard and --pairs, got"
            f" {' and '.join(chosen) or 'none'}. Name what to analyse."
        )
    if pairs is not None:
        studies = {
            "--pretrained": pretrained,
            "--probe": probe,
            "--with": other,
            "--sizes": sizes,
            "--averages": averages,
            "--representative": representative,
            "--keep-suspicious": keep_suspicious,
        }
        _refuse({option: (value, "inputs other than --pairs") for option, value in studies.items()})
        _analyse_pairs(Path(pairs), x, y, _folder(out, pairs))
        return
    _refuse(
        {
            "--x": (x, "--pairs"),
            "--y": (y, "--pairs"),
            "--sizes": (sizes if results is None else None, "a results directory"),
            "--pretrained": (pretrained if results is not None else None, "a file"),
            "--probe": (
                probe if leaderboard is not None else None,
                "inputs other than --leaderboard",
            ),
            "--keep-suspicious": (keep_suspicious and leaderboard is None, "--leaderboard"),
        }
    )
    from intertrain_jax.cli.studies import read_results
    from intertrain_jax.report.analysis import write_result
    from intertrain_jax.report.closing import closing_lines, leaderboard_lines, print_closing
    from intertrain_jax.report.terminal import make_console, print_matrix
    from intertrain_jax.study.analyse import analyse_study
    from intertrain_jax.study.files import write_analysis
    from intertrain_jax.study.result import Options

    console = make_console()
    experiment = None
    if results is not None:
        experiment = read_results(Path(results))
        study = experiment.study
        folder = Path(out) if out is not None else Path(results) / "analysis"
    else:
        study = _read_file(matrix, scores, leaderboard, pretrained, keep_suspicious)
        folder = _folder(out, next(iter(given.values())))
    if probe is None and results is not None and (Path(results) / RANKING_FILE).is_file():
        probe = results  # a ranking in the same directory
    if probe is not None:
        study = replace(study, probe=_read_probe(Path(probe), study))
    found = analyse_study(
        study,
        Options(
            how=averages,
            representative=representative,
            other=None if other is None else _read_other(Path(other)),
            sizes=[read_results(Path(folder)).records.by_id for folder in sizes],
        ),
    )
    if experiment is not None:
        for problem in experiment.records.problems:
            click.echo(f"warning: {problem.path} is no record: {problem.reason}", err=True)
        write_analysis(folder, experiment.analysis, experiment.records.by_id)
        print_matrix(console, experiment.analysis, study.pretrained)
    write_result(folder, found)
    rows = len({finding.row for finding in study.left_out})
    console.print(
        f"{study.name}: {len(study.gains.mean):,} base models, {len(study.gains.mean.columns):,}"
        f" targets{f', {rows:,} suspicious rows left out' if rows else ''}",
        markup=False,
        soft_wrap=True,
    )
    for note in study.notes:
        console.print(note, markup=False, soft_wrap=True, style="dim")
    lines = closing_lines(found)
    if study.kind == "leaderboard":
        lines += leaderboard_lines(found)
    print_closing(console, lines)
    console.print(f"Summary, tables and figures: {folder}", markup=False, soft_wrap=True)


def _analyse_pairs(path: Path, x: str | None, y: str | None, folder: Path) -> None:
    """Two columns: correlations, line and figure."""
    if x is None or y is None:
        raise IntertrainError("--pairs needs the names of two columns. Name them with --x and --y.")
    from intertrain_jax.report.analysis import write_pairs
    from intertrain_jax.report.closing import pairs_lines, print_closing
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.study.pairs import analyse_pairs, read_pairs

    found = analyse_pairs(read_pairs(path, x, y))
    write_pairs(folder, found)
    console = make_console()
    print_closing(console, pairs_lines(found))
    console.print(f"Summary, tables and figure: {folder}", markup=False, soft_wrap=True)


def _read_file(
    matrix: str | None,
    scores: str | None,
    leaderboard: str | None,
    pretrained: str | None,
    keep_suspicious: bool,
) -> Study:
    from intertrain_jax.cli.studies import published_sizes, task_groups
    from intertrain_jax.planning.plan import PRETRAINED
    from intertrain_jax.readers.leaderboard import read_leaderboard
    from intertrain_jax.study.inputs import read_matrix, read_scores, study_of_leaderboard

    groups, sizes = task_groups(), published_sizes()
    if matrix is not None:
        return read_matrix(Path(matrix), groups, sizes.train, pretrained)
    if scores is not None:
        return read_scores(Path(scores), groups, sizes.train, pretrained or PRETRAINED)
    path = Path(leaderboard or "")
    board = read_leaderboard(path, pretrained)
    return study_of_leaderboard(path.stem, board, groups, sizes.train, sizes.test, keep_suspicious)


def _read_probe(path: Path, study: Study) -> pd.Series[float]:
    """Returns the probes of a study's base models."""
    from intertrain_jax.cli.studies import read_results
    from intertrain_jax.study.inputs import probe_of_results, read_probe

    if (path / RANKING_FILE).is_file():
        path = path / RANKING_FILE
    found = probe_of_results(read_results(path).study) if path.is_dir() else read_probe(path)
    known = found.reindex(study.gains.mean.index).dropna()
    if known.empty:
        raise IntertrainError(
            f"--probe {str(path)!r} must have scores of base models of {study.name!r}, but has none"
            f" of {study.gains.mean.index[0]!r} and the others. Correct the names."
        )
    return known


def _read_other(path: Path) -> Study:
    """Returns the study of a second architecture: a results directory, or a matrix of gains."""
    from intertrain_jax.cli.studies import read_results
    from intertrain_jax.study.inputs import read_matrix

    return read_results(path).study if path.is_dir() else read_matrix(path, {}, {})


def _refuse(options: dict[str, tuple[object, str]]) -> None:
    """Says which options do not belong to what is analysed."""
    for option, (value, needs) in options.items():
        if value:
            raise IntertrainError(f"{option} is for {needs} only. Remove it.")


def _folder(out: str | None, file: str) -> Path:
    """Returns where the files of a file's analysis go."""
    from intertrain_jax.records.store import safe_name

    return (
        Path(out) if out is not None else Path("results") / f"{safe_name(Path(file).stem)}-analysis"
    )
