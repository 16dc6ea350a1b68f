"""`recommend`: from a file with texts and labels to a model to start from, trained."""

from __future__ import annotations

import shlex
from typing import Any

import click

from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import target_options, workers_option


@click.command()
@click.option(
    "--target",
    required=True,
    metavar="FILE|TASK",
    help="CSV, TSV, JSON(L), Parquet, folder, owner/name on the hub, or a task.",
)
@target_options
@click.option(
    "--ranking",
    metavar="FILE|NAME",
    help="ranking.csv of `rank`, its folder, or the paper's: roberta, t5.",
)
@click.option("--model", "models", metavar="REF", multiple=True, help="To choose from; repeatable.")
@click.option("--pretrained", metavar="REF", help="What gains are over. [default: the ranking's]")
@click.option(
    "--past", metavar="DIR|FILE", multiple=True, help="Own results of the candidates; repeatable."
)
@click.option("--worthwhile", type=float, metavar="POINTS", help="Gain that matters. [default: 1]")
@click.option(
    "--price",
    type=float,
    metavar="POINTS",
    help="What a further run must be expected to bring. [default: 0.1]",
)
@click.option("--budget", type=int, metavar="N", help="Runs at most. [default: 10]")
@click.option("--max-hours", type=float, metavar="H", help="Hours at most. [default: no bound]")
@click.option("--data-dir", metavar="DIR", help="One folder per task; looked at first.")
@click.option("--out", metavar="DIR", help="Results directory. [default: results/recommend-NAME]")
@click.option(
    "--final-seed", type=int, metavar="N", help="Seed of the model that is given. [default: best]"
)
@click.option("--limit", type=int, metavar="N", help="Rows per split; marks a mere test.")
@click.option("--set", "overrides", metavar="KEY.SUB=VALUE", multiple=True, help="Repeatable.")
@click.option("--explain", is_flag=True, help="Print why each run was done, and what came of it.")
@workers_option
@click.option("--quiet", is_flag=True, help="Print the decision only.")
def command(
    target: str,
    overrides: tuple[str, ...],
    explain: bool,
    quiet: bool,
    own: dict[str, Any],
    **options: Any,
) -> None:
    """Find the model to start from for your data, and train it.

    A few models of a ranking are tried, each run for what it is expected to bring, until no further
    one is worth its price. Finished runs are kept: the same command goes on where it was stopped.
    """
    from intertrain_jax.cli.show import pages_of
    from intertrain_jax.report.card import call_of
    from intertrain_jax.workflows.recommend import recommend
    from intertrain_jax.workflows.watch import Terminal

    given = {key: value for key, value in options.items() if value is not None}
    result = recommend(target, overrides=overrides, progress=Terminal(quiet), **given, **own)
    for line in result.explained if explain else ():
        say(line)
    for line in result.verdict.lines:
        say(line)
    place = str(result.directory)
    say(f"The trained model, and how to use it: {place}, README.md there")
    if not result.in_words:
        say("  from transformers import pipeline")
        say(f'  pipeline("text-classification", model={place!r})({call_of(result.texts)})')
        say(f"For a file: intertrain-jax predict {shlex.quote(place)} FILE.csv")
    say(f"The whole story: {result.out}/decision.md")
    say(pages_of(result.out))
