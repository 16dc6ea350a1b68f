"""`report`: the ranking site, pages that people read."""

from __future__ import annotations

from pathlib import Path

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import say

_WATCH_SECONDS = 20


@click.command()
@click.argument("sources", metavar="RESULTS", nargs=-1, required=True)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the site: new, empty, or of an earlier report. [default: RESULTS-report beside"
    " the first RESULTS]",
)
@click.option("--no-figures", is_flag=True, help="Leave the paper's figures out.")
@click.option("--serve", is_flag=True, help="Show it at an address of this machine, until Ctrl-C.")
@click.option("--port", default=0, show_default="a free one", help="Port of --serve.")
@click.option(
    "--date", metavar="TEXT", help="As of which the home page is. [default: of the last run]"
)
@click.option("--watch", is_flag=True, help="Renew it while a grid runs, until Ctrl-C.")
def command(
    sources: tuple[str, ...],
    out: Path | None,
    no_figures: bool,
    serve: bool,
    port: int,
    watch: bool,
    date: str | None,
) -> None:
    """Make a static site of rankings: pages that open from a folder and ask nothing of a network.

    RESULTS are results directories of `grid`, `rank` and `recommend`, or published tables (CSV). Each
    makes a ranking; results of one experiment make one together, and probes of its models join it.
    Pages that did not change are not written again.
    """
    from intertrain_jax.workflows.report import default_folder, report, watched
    from intertrain_jax.workflows.serving import serving

    folder = out or default_folder(sources[0])
    if port and not serve:
        raise IntertrainError("--port is for --serve only. Remove it.")
    refresh = _WATCH_SECONDS if watch else None
    site = report(*sources, out=folder, figures=not no_figures, refresh=refresh, date=date)
    say(repr(site))
    if not (serve or watch):
        return
    with serving(site.folder, port if serve else None) as address:
        if address:
            say(f"Shown at {address}; Ctrl-C ends it.")
        for line in watched(sources, folder, not no_figures, refresh, date):
            say(line)
