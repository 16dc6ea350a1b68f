"""`rank`: probes many base models on one task, and ranks them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from intertrain_jax.cli.execute_rank import RankEngine

DEFAULT_TASK = "mnli"


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
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N models off the hub.")
@click.option("--pretrained", metavar="REF", help="The model that gains are over.")
@click.option("--task", metavar="TASK", help=f"Representative task. [default: {DEFAULT_TASK}]")
@click.option("--seeds", type=int, metavar="N", help="Seeds of every head. [default: 5]")
@click.option("--head", type=click.Choice(["fresh", "inherit"]), help="Where heads start.")
@click.option(
    "--estimators", metavar="A,B", help="lp, logme, hscore, knn, leep, nce. [default: lp]"
)
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
@click.option("--quiet", is_flag=True, help="Print one line at the end only.")
def command(
    lists: tuple[str, ...],
    refs: tuple[str, ...],
    query: str | None,
    limit: int | None,
    config: str | None,
    overrides: tuple[str, ...],
    gains: Path | None,
    top: int | None,
    retry_failed: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Rank base models of one architecture by a linear probe on one task.

    Every model's features are computed once, and classification heads are trained on them over seeds
    and learning rates. Finished models are kept in the results directory: the same command goes on
    where it was stopped, and ranking.csv there is renewed as it goes.
    """
    from intertrain_jax.config.ranking import load_rank_config

    given = _given(lists, refs, query, limit, from_file=config is not None, **options)
    ranking = load_rank_config(config, given, overrides)
    from intertrain_jax.cli.execute_rank import execute_rank

    code = execute_rank(ranking, _engine(), top, gains, retry_failed, quiet)
    click.get_current_context().exit(code)


def _given(
    lists: tuple[str, ...],
    refs: tuple[str, ...],
    query: str | None,
    limit: int | None,
    from_file: bool,
    **options: Any,
) -> dict[str, Any]:
    """Returns the keys of a configuration that options give."""
    from intertrain_jax.base import IntertrainError
    from intertrain_jax.config.refs import read_model_list

    found = [read_model_list(name) for name in lists]
    models = [model for one in found for model in one.models] + list(refs)
    pretrained = options["pretrained"]
    if pretrained is None:
        pretrained = next((one.pretrained for one in found if one.pretrained), None)
    if query is not None:
        from intertrain_jax.models.hf.hub import base_of, hub_api, hub_models

        models += hub_models(query, limit, hub_api())
        pretrained = pretrained or base_of(query)
    elif limit is not None:
        raise IntertrainError(
            "--limit bounds what --from-hub finds, which was not given. Leave it out, or cut rows with"
            " --set data.limit=N."
        )
    estimators = options["estimators"]
    keys = {
        "task": options["task"] or (None if from_file else DEFAULT_TASK),
        "models": list(dict.fromkeys(models)) or (None if from_file else []),
        "pretrained": pretrained,
        "seeds": options["seeds"],
        "estimators": None if estimators is None else estimators.split(","),
        "out": options["out"],
        "delete_downloads": options["delete_downloads"] or None,
        "data.data_dir": options["data_dir"],
        "protocol.head": options["head"],
    }
    return {key: value for key, value in keys.items() if value is not None}


def _engine() -> RankEngine:
    """Imports what computes, and with it JAX."""
    from intertrain_jax.cli.execute_rank import RankEngine
    from intertrain_jax.engine.environment import environment, prepare_process, resolve_precision
    from intertrain_jax.engine.sharding import lane_mesh
    from intertrain_jax.probe.ranker import prepare, result_of

    prepare_process()

    def on_devices(config: Any, protocol: Any, data: Any, out: Path, architecture: Any) -> Any:
        downloads = out / "downloads" if config.delete_downloads else None
        mesh = lane_mesh(config.devices)
        return prepare(config, protocol, data, mesh, downloads, architecture)

    return RankEngine(resolve_precision, environment, on_devices, result_of)
