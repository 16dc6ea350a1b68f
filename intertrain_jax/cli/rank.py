"""`rank`: probes many base models on one task, and ranks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.options import target_options, workers_option
from intertrain_jax.config.ranking import DEFAULT_TASK
from intertrain_jax.config.refs import ModelRef, read_model_list


class _EstimatorNames(click.Option):
    """An option whose help names what is registered, which is imported when help is asked for."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from intertrain_jax.probe.estimators import ESTIMATORS

        self.help = f"{', '.join(ESTIMATORS)}. [default: lp]"
        return super().get_help_record(ctx)


@click.command()
@click.option("--models", "lists", metavar="FILE|NAME", multiple=True, help="List of models.")
@click.option("--model", "refs", metavar="REF[@REV]", multiple=True, help="One more; repeatable.")
@click.option(
    "--from-hub",
    "query",
    metavar="TAG",
    help="Also models of a tag on the hub, such as"
    " base_model:FacebookAI/roberta-base, the most downloaded first.",
)
@click.option("--max-models", type=click.IntRange(1), metavar="N", help="At most N of --from-hub.")
@click.option("--pretrained", metavar="REF", help="The model that gains are over.")
@click.option("--task", metavar="TASK", help=f"Representative task. [default: {DEFAULT_TASK}]")
@click.option(
    "--target", metavar="FILE|TASK", help="The same, of a file of your own: CSV, JSON, ..."
)
@target_options
@click.option("--seeds", type=int, metavar="N", help="Seeds of every head. [default: 5]")
@click.option("--head", type=click.Choice(["fresh", "inherit"]), help="Where heads start.")
@click.option("--estimators", metavar="A,B", cls=_EstimatorNames)
@click.option("--out", metavar="DIR", help="Results directory. [default: results/rank-TASK]")
@click.option("--data-dir", metavar="DIR", help="One folder per task; looked at first.")
@click.option(
    "--gains",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Finetuning gains to correlate with. [default: those of a grid in the results directory]",
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Write a list of the N best.")
@click.option("--config", metavar="FILE", help="YAML with further keys.")
@click.option("--set", "overrides", metavar="KEY.SUB=VALUE", multiple=True, help="Repeatable.")
@click.option("--delete-downloads", is_flag=True, help="Delete models off the hub after use.")
@click.option(
    "--retry-failed", is_flag=True, help="Probe models again that are recorded as failed."
)
@workers_option
@click.option("--quiet", is_flag=True, help="Print one line at the end only.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    overrides: tuple[str, ...],
    gains: Path | None,
    top: int | None,
    retry_failed: bool,
    quiet: bool,
    own: dict[str, Any],
    **options: Any,
) -> None:
    """Rank base models of one architecture by a linear probe on one task.

    Every model's features are computed once, and classification heads are trained on them over seeds
    and learning rates. Finished models are kept in the results directory: the same command goes on
    where it was stopped, and ranking.csv there is renewed as it goes.
    """
    models, found = _models(**{key: options.pop(key) for key in _NAMED})
    if options["pretrained"] is None:
        options["pretrained"] = found
    if options["estimators"] is not None:
        options["estimators"] = options["estimators"].split(",")
    options["delete_downloads"] = options["delete_downloads"] or None
    given = {key: value for key, value in options.items() if value is not None}
    from intertrain_jax.cli.show import rank_summary, show_ranking
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.workflows.rank import rank
    from intertrain_jax.workflows.watch import Terminal

    result = rank(
        models,
        overrides=overrides,
        gains=gains,
        top=top,
        retry_failed=retry_failed,
        progress=Terminal(quiet),
        **given,
        **own,
    )
    console = make_console()
    if not quiet:
        show_ranking(console, result)
    console.print(rank_summary(result, top), soft_wrap=True, markup=False)
    ctx.exit(1 if len(result.failed) else 0)


_NAMED = ("lists", "refs", "query", "max_models")


def _models(
    lists: tuple[str, ...], refs: tuple[str, ...], query: str | None, max_models: int | None
) -> tuple[list[str], str | None]:
    """Returns the models that options name, each once, and the pretrained model that they name."""
    found = [read_model_list(name) for name in lists]
    models = [model for one in found for model in one.models]
    models += [ModelRef.parse(ref).label for ref in refs]
    pretrained = next((one.pretrained for one in found if one.pretrained), None)
    if query is not None:
        from intertrain_jax.models.hf.hub import base_of, hub_api, hub_models

        models += hub_models(query, max_models, hub_api())
        pretrained = pretrained or base_of(query)
    elif max_models is not None:
        raise IntertrainError(
            "--max-models bounds what --from-hub finds, which was not given. Leave it out, or cut rows"
            " with --set data.limit=N."
        )
    return list(dict.fromkeys(models)), pretrained
