"""Writes everything that an analysis gives: the summary, the tables and the figures."""

from __future__ import annotations

from pathlib import Path

from intertrain_jax.report.figures import write_figures, write_pairs_figure
from intertrain_jax.report.tables import tables_of, tables_of_pairs, write_tables
from intertrain_jax.study.files import write_summary
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.summary import summarise, summarise_pairs

TABLES_FOLDER, FIGURES_FOLDER = "tables", "figures"


def write_result(folder: Path, result: Result) -> None:
    """Writes summary.json, tables/ and figures/; each file is replaced whole.

    Args:
        folder: made if needed.
        result: of a study.
    """
    write_summary(folder, summarise(result))
    write_tables(folder / TABLES_FOLDER, tables_of(result))
    write_figures(folder / FIGURES_FOLDER, result)


def write_pairs(folder: Path, result: PairsResult) -> None:
    """Writes the same for two measurements of the same models."""
    write_summary(folder, summarise_pairs(result))
    write_tables(folder / TABLES_FOLDER, tables_of_pairs(result))
    write_pairs_figure(folder / FIGURES_FOLDER, result)
