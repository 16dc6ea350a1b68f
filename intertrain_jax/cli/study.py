"""`study`: does the grids and rankings of a study, each run once, and judges what they show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import lanes_option
from intertrain_jax.config.files import bundled_configs
from intertrain_jax.config.study import StudyOptions


@click.command()
@click.argument("name", metavar="FILE|NAME")
@click.option(
    "--set",
    "overrides",
    metavar="KEY.SUB=VALUE",
    multiple=True,
    help="For all parts, or PART.KEY.SUB=VALUE for one; repeatable.",
)
@click.option("--out", metavar="DIR", help="Results directory. [default: results/NAME]")
@click.option("--data-dir", metavar="DIR", help="One folder per task; looked at first.")
@click.option("--limit", type=int, metavar="N", help="Rows per split; marks a mere test.")
@lanes_option
@click.option("--dry-run", is_flag=True, help="Print the plan and its cost; no network, no files.")
@click.option("--retry-failed", is_flag=True, help="Do runs again that are recorded as failed.")
@click.option("--quiet", is_flag=True, help="Print one line at the end only.")
def command(
    name: str,
    overrides: tuple[str, ...],
    dry_run: bool,
    retry_failed: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Run several grids and rankings that belong together, and judge what they show.

    Runs that several parts have in common are done once. Finished ones are kept in the results
    directory: the same command goes on where it was stopped.
    """
    options = StudyOptions(
        out=given["out"],
        data_dir=given["data_dir"],
        limit=given["limit"],
        lanes=given["lanes"],
    )
    if dry_run:
        from intertrain_jax.workflows.study_plan import plan_study

        for line in plan_study(name, overrides=overrides, **options).lines:
            say(line)
        return
    if Path(name).is_dir() and name not in bundled_configs():
        raise IntertrainError(
            f"study {name!r} must be a file or the name of a bundled study, but is a directory. Name the"
            f" configuration to go on, or read what is there: intertrain-jax analyze {name}"
        )
    from intertrain_jax.workflows.study import study
    from intertrain_jax.workflows.watch import Terminal

    shown = Terminal(quiet)
    result = study(name, overrides=overrides, retry_failed=retry_failed, progress=shown, **options)
    say(repr(result))
    runs, done, _ = result.counts
    click.get_current_context().exit(1 if done < runs else 0)


def print_study(directory: Path, options: Mapping[str, Any]) -> None:
    """Prints what the paper claims and what a study's records show of it, and writes its page again.

    Args:
        directory: of the study.
        options: of `analyze`, which say nothing here.

    Raises:
        IntertrainError: an option was given, or a file is not what it must be.
    """
    given = [name for name, value in options.items() if value and value != "auto"]
    if given:
        word = {"other": "with"}.get(given[0], given[0]).replace("_", "-")
        raise IntertrainError(
            f"directory {str(directory)!r} holds a study, of which --{word} says nothing. Remove it,"
            " or name the directory of one of its parts."
        )
    from intertrain_jax.report.closing import print_closing
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.workflows.study import read_study

    found = read_study(directory)
    console = make_console()
    console.print(repr(found), markup=False, soft_wrap=True)
    print_closing(console, found.lines)
    console.print(f"With figures: {found.out / 'README.md'}", markup=False, soft_wrap=True)
