"""What commands print at their end: a grid's matrix, a ranking's table, and a line about each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from intertrain_jax.base import counted
from intertrain_jax.config.ranking import RANKING_FILE
from intertrain_jax.planning.plan import PRETRAINED
from intertrain_jax.report.analysis import FIGURES_FOLDER, TABLES_FOLDER
from intertrain_jax.report.closing import closing_lines, print_closing
from intertrain_jax.report.ranking import print_correlations, print_ranking
from intertrain_jax.report.terminal import print_matrix
from intertrain_jax.workflows.grid import ANALYSIS_FOLDER
from intertrain_jax.workflows.rank_files import top_file
from intertrain_jax.workflows.report import default_folder
from intertrain_jax.workflows.results import GridResult, RankResult
from intertrain_jax.workflows.watch import duration

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress


def show_grid(console: Console, result: GridResult) -> None:
    """Prints the gain matrix, what it shows, and how well the engine was used."""
    print_matrix(console, result.analysis, PRETRAINED)
    _show_limit(console, result.config.data.limit)
    console.print()
    print_closing(console, closing_lines(result.result))
    if result.progress:
        console.print(_efficiency(result.progress), soft_wrap=True)
    opening = what_to_open(result)
    if opening is not None:
        console.print(opening, soft_wrap=True, markup=False)
    console.print(pages_of(result.out), soft_wrap=True, markup=False)


def grid_summary(result: GridResult) -> str:
    """Returns how a grid ended and where everything is."""
    done, failed = result.counts
    took = f" in {duration(result.progress.seconds)}" if result.progress else ""
    line = f"{done:,} of {counted(len(result.plan.runs), 'run')} done{took}. Results: {result.out}"
    if failed:
        line += (
            f"\n{failed:,} failed: reasons are in {result.out / ANALYSIS_FOLDER / 'records.csv'};"
            " start again with --retry-failed to repeat them."
        )
    return line


def what_to_open(result: GridResult) -> str | None:
    """Returns where the picture to begin with is, if there is one."""
    figures = result.out / ANALYSIS_FOLDER / FIGURES_FOLDER
    for picture in ("gain_matrix.png", "ranks.png"):
        if (figures / picture).is_file():
            return f"Open {figures / picture}; tables are in {figures.parent / TABLES_FOLDER}."
    return None


def pages_of(out: Path) -> str:
    """Returns the page to open of a results directory, and the command that makes it."""
    made = shlex.join(["intertrain-jax", "report", str(out)])
    return f"As pages: {made}, then open {default_folder(out) / 'index.html'}"


def show_ranking(console: Console, result: RankResult) -> None:
    """Prints the ranked models, and how estimators correlate with gains."""
    print_ranking(console, result.ranking)
    if result.correlations is not None:
        print_correlations(console, result.correlations)
    console.print(pages_of(result.out), soft_wrap=True, markup=False)
    _show_limit(console, result.config.data.limit)


def rank_summary(result: RankResult, top: int | None) -> str:
    """Returns how a ranking ended and where everything is."""
    line = f"{len(result.ranking.ranked):,} of {counted(len(result.config.refs), 'model')} ranked"
    if result.progress is not None:
        line += (
            f" in {duration(result.progress.seconds)},"
            f" {result.progress.compilations} compiled programs"
        )
    line += f". Results: {result.out / RANKING_FILE}"
    if len(result.failed):
        line += (
            f"\n{len(result.failed):,} failed; start again with --retry-failed to try them again."
        )
    alike = int((result.table["status"] == "one class").sum())
    if alike:
        has = "has" if alike == 1 else "have"
        line += f"\n{counted(alike, 'model')} {has} no score: all heads give one class."
    if top is not None:
        line += f"\nThe best: {result.out / top_file(top)}"
    return line


def _show_limit(console: Console, limit: int | None) -> None:
    if limit is not None:
        console.print(f"test only: every split was cut to {limit} rows (data.limit)")


def _efficiency(final: GridProgress) -> str:
    """Says how well the engine was used: what to look at when a grid is slow."""
    return (
        f"{final.examples:,} examples trained on, {final.examples / max(final.seconds, 1e-9):,.0f}"
        f" per second, validation and tests included; lanes busy {final.occupancy:.1%},"
        f" padding {final.padding_share:.1%}, {final.compilations} compiled training programs"
    )
