"""Two columns beside each other: what `analyze --pairs` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError


def print_pairs(table: str, x: str | None, y: str | None, cluster: Any, folder: Path) -> None:
    """Prints how two columns of a table go together, and writes that with a figure.

    Args:
        table: a CSV file with a row per model.
        x, y: columns of the probe and of the average gain.
        cluster: models that are resampled together.
        folder: where the files go.

    Raises:
        IntertrainError: a column is not named, or the table is not what it must be.
    """
    if x is None or y is None:
        raise IntertrainError("--pairs needs the names of two columns. Name them with --x and --y.")
    from intertrain_jax.report.analysis import write_pairs
    from intertrain_jax.report.closing import pairs_lines, print_closing
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.workflows.analyze import compare

    found = compare(table, x, y, cluster)
    write_pairs(folder, found)
    console = make_console()
    for note in found.pairs.notes:
        console.print(note, markup=False, soft_wrap=True, style="dim")
    print_closing(console, pairs_lines(found))
    console.print(f"Summary, tables and figure: {folder}", markup=False, soft_wrap=True)
