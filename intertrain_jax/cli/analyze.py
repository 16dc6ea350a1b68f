"""`analyze`: every statistic of a grid, of a matrix, of scores, or of a published leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import say
from intertrain_jax.cli.pairs import print_pairs
from intertrain_jax.cli.study import print_study
from intertrain_jax.config.study import STUDY_FILE


@click.command()
@click.argument("results", metavar="[RESULTS_DIR|FILE]", required=False)
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
@click.option("--keep-suspicious", is_flag=True, help="Keep a leaderboard's rows with errors.")
@click.option("--percent", is_flag=True, help="Scores are in percent, however small.")
@click.option(
    "--cluster",
    type=click.Choice(["auto", "owner", "none"]),
    default="auto",
    help="Models resampled together: of one owner (org/name); auto: or one series, or with equal rows.",
)
@click.option("--published-sizes", is_flag=True, help="A table's train sizes are as published.")
@click.option(
    "--out",
    metavar="DIR",
    help="Where the files go; alone, the results directory to analyse."
    " [default: RESULTS_DIR/analysis, or results/FILE-analysis]",
)
def command(out: str | None, x: str | None, y: str | None, **options: Any) -> None:
    """Say what gains show: which base models are best, how sure that is, and what explains it.

    Reads the results directory of a grid, or one file, and writes summary.json, tables/ and figures/.
    Of a file that is named alone, its columns tell what it is. Of a study's directory, the page is
    written again from what is done: what the paper claims, and what these records show.
    """
    shapes = ("matrix", "scores", "leaderboard", "pairs")
    given = {name: options.pop(name) for name in ("results", *shapes)}
    if out is not None and not any(given.values()):
        given["results"], out = out, None
    named = {name: value for name, value in given.items() if value is not None}
    words = {"results": "RESULTS_DIR", **{name: f"--{name}" for name in shapes}}
    if len(named) != 1:
        raise IntertrainError(
            "analyze needs one of RESULTS_DIR, --matrix, --scores, --leaderboard and --pairs, got"
            f" {' and '.join(words[name] for name in named) or 'none'}. Name what to analyse."
        )
    ((shape, table),) = named.items()
    directory = shape == "results" and not Path(table).is_file()
    if directory and (Path(table) / STUDY_FILE).is_file():
        print_study(Path(table), {"out": out, "x": x, "y": y, **options})
        return
    _refuse(shape, directory, {"x": x, "y": y, **options})
    if shape == "pairs":
        print_pairs(table, x, y, options["cluster"], _folder(out, table))
        return
    from intertrain_jax.report.closing import print_closing
    from intertrain_jax.report.terminal import make_console, print_matrix
    from intertrain_jax.workflows.analyze import analyze, describe
    from intertrain_jax.workflows.results import read_finished

    found = analyze(
        read_finished(Path(table)) if directory else table,
        shape=None if shape == "results" else cast(Any, shape),
        say=lambda line: say(line, err=True),
        **options,
    )
    console, study = make_console(), found.result.study
    folder = Path(out or Path(table) / "analysis") if directory else _folder(out, table)
    if found.grid is not None:
        for problem in found.grid.stored.problems:
            say(f"warning: {problem.path} is no record: {problem.reason}", err=True)
        print_matrix(console, found.grid.analysis, study.pretrained)
    found.write(folder)
    console.print(describe(study), markup=False, soft_wrap=True)
    for note in study.notes:
        console.print(note, markup=False, soft_wrap=True, style="dim")
    print_closing(console, found.lines)
    console.print(f"Summary, tables and figures: {folder}", markup=False, soft_wrap=True)


def _refuse(shape: str, directory: bool, options: dict[str, Any]) -> None:
    """Says which options do not belong to what is analysed."""
    pairs, board = shape == "pairs", shape == "leaderboard"
    others = [name for name in options if pairs and name not in ("x", "y", "cluster")]
    needs = dict.fromkeys(others, "inputs other than --pairs")
    if not pairs:
        needs |= {"x": "--pairs", "y": "--pairs"}
        needs |= (
            {"pretrained": "a file", "percent": "a file", "published_sizes": "a file"}
            if directory
            else {"sizes": "a results directory"}
        )
        needs |= {"probe": "inputs other than --leaderboard"} if board else {}
        if not board and (directory or shape != "results"):
            needs["keep_suspicious"] = "--leaderboard"
    for name, need in needs.items():
        if options[name]:
            word = {"other": "with"}.get(name, name).replace("_", "-")
            raise IntertrainError(f"--{word} is for {need} only. Remove it.")


def _folder(out: str | None, file: str) -> Path:
    """Returns where the files of a file's analysis go."""
    from intertrain_jax.records.store import safe_name

    return Path(out or Path("results") / f"{safe_name(Path(file).stem)}-analysis")
