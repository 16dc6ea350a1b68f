"""`doctor`: what is wrong with a table of scores, or with a results directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.records.csv_text import csv_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from intertrain_jax.diagnosis.findings import Findings

FOUND = 1
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


@click.command()
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--pretrained", metavar="NAME", help="The pretrained model of a leaderboard.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the findings as CSV too."
)
@click.option(
    "--repair",
    "repaired_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a repaired copy of a leaderboard or matrix; FILE must not exist yet.",
)
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    pretrained: str | None,
    out: Path | None,
    repaired_path: Path | None,
) -> None:
    """Examine a CSV table or a results directory, and list what cannot be right.

    PATH is a public leaderboard, a matrix of scores or gains (a row per model), scores in long form
    (base, target, seed, score), or a results directory. It is never written to.

    Looks for models that occur twice, scores outside their range or that no number of right answers
    gives, averages that are not those of their cells, and rows whose cells stand under wrong columns.
    Cells far from their column are noted, and no error. A repair is written where it is 99 % sure, some
    score of the row is impossible where it stands, and none is after it.

    Exit codes: 0 nothing found, 1 something found, 2 bad input.
    """
    from intertrain_jax.records.store import write_atomic
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.workflows.doctor import doctor

    if out is not None and out.resolve() == path.resolve():
        raise IntertrainError(f"--out {str(out)!r} must not be the examined file. Name another.")
    if repaired_path is not None and (repaired_path.exists() or repaired_path == out):
        raise IntertrainError(
            f"--repair {str(repaired_path)!r} must name a new file, but that one is taken."
            " Name another: nothing is repaired in place."
        )
    diagnosis = doctor(path, pretrained=pretrained)
    subject, findings = diagnosis.subject, diagnosis.found
    if repaired_path is not None and subject.file is None:
        raise IntertrainError(
            f"--repair mends tables with a row per model, but {str(path)!r} is none."
            " Leave --repair out."
        )
    console = make_console()
    for line in (subject.what, *subject.notes):
        console.print(_plain(line), markup=False)
    _print(console, findings)
    if out is not None:
        write_atomic(out, csv_text(findings.table, None))
        console.print(f"Findings written to {out}.", markup=False)
    if repaired_path is not None and subject.file is not None:
        write_atomic(repaired_path, csv_text(diagnosis.repaired, None))
        rows = sum(bool(finding.repaired) for finding in findings.findings)
        console.print(
            f"A copy with {counted(rows, 'row')} repaired is {repaired_path}.", markup=False
        )
    if findings.findings:
        ctx.exit(FOUND)


def _print(console: Console, findings: Findings) -> None:
    """Prints the findings, what they count to, the inferred order, and what was not examined."""
    from collections import Counter

    if findings.findings:
        console.print(_table(findings))
        counts = Counter((finding.rule, finding.severity) for finding in findings.findings)
        parts = [f"{count} {rule} ({severity})" for (rule, severity), count in counts.items()]
        console.print(
            f"{counted(len(findings.findings), 'finding')}: {', '.join(parts)}."
            f" {counted(len(findings.suspicious), 'row')}"
            f" {'has' if len(findings.suspicious) == 1 else 'have'} an error.",
            markup=False,
        )
    else:
        console.print("Nothing found.")
    if findings.order_rows:
        console.print(
            f"Cells moved along this order of columns, by {counted(findings.order_rows, 'row')}: "
            + _plain(", ".join(findings.order)),
            markup=False,
        )
    for finding in findings.findings:
        if finding.not_repaired:
            console.print(f"Not repaired: row {finding.row}: {finding.not_repaired}", markup=False)
    for note in findings.notes:
        console.print(_plain(note), markup=False)


def _table(findings: Findings) -> Table:
    """Returns the findings as a table; whatever comes from the file is text, never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from intertrain_jax.diagnosis.findings import sureness

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("row", "model", "rule", "severity", "evidence", "likely missing"):
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for finding in findings.findings:
        likely = ", ".join(finding.missing)
        if finding.confidence > 0:  # not where there is none
            likely += f" (repair {sureness(finding.confidence)} sure)"
        table.add_row(
            "" if finding.row < 0 else str(finding.row),
            Text(_plain(finding.model)),
            finding.rule,
            Text(finding.severity, style=_STYLES[finding.severity]),
            Text(_plain(finding.evidence)),
            Text(_plain(likely.strip())),
        )
    return table


def _plain(text: str) -> str:
    """Returns text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
