"""`models`: whether a model can be used here, and writing one out for transformers."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Check models and export them.

    REF is a hub id, a directory, package:MODULE/FOLDER, quickstart, or quickstart-t5.
    """


@command.command()
@click.argument("ref")
@click.option("--revision", metavar="REV", help="Hub revision.")
@click.pass_context
def check(ctx: click.Context, ref: str, revision: str | None) -> None:
    """Print what became of every tensor and, with torch, how far results differ from PyTorch's."""
    from intertrain_jax.models.hf.check import check_model

    report = check_model(ref, revision)
    for line in report.lines():
        click.echo(line)
    ctx.exit(0 if report.ok else 1)


@command.command()
@click.argument("ref")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--revision", metavar="REV", help="Hub revision.")
def export(ref: str, directory: Path, revision: str | None) -> None:
    """Write a model as safetensors to a new DIRECTORY that transformers loads."""
    from intertrain_jax.models.hf.export import export_checkpoint
    from intertrain_jax.models.hf.weights import load_checkpoint

    checkpoint = load_checkpoint(ref, revision)
    names = checkpoint.hf_config.get("id2label") or {}
    labels = [names[key] for key in sorted(names, key=int)] if checkpoint.head else None
    export_checkpoint(
        directory,
        checkpoint.config,
        checkpoint.params,
        checkpoint.head,
        checkpoint.hf_config,
        labels,
        tokenizer_from=checkpoint.directory,
    )
    click.echo(f"{ref} is in {directory}")


@command.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--seed", type=int, default=0, show_default=True, help="Of the source runs.")
def sources(out: Path, directory: Path, seed: int) -> None:
    """Write the source models that the grid in OUT kept, each to a folder of DIRECTORY.

    A grid keeps them with engine.keep_checkpoints. The folders can be base models of another grid,
    can be ranked, and are loaded by transformers.
    """
    from intertrain_jax.cli.inputs import find_tasks, plan_offline
    from intertrain_jax.config.experiment import EXPERIMENT_FILE, load_config
    from intertrain_jax.engine.kept import export_sources
    from intertrain_jax.models.hf.weights import load_checkpoint

    config = load_config(str(out / EXPERIMENT_FILE))
    pretrained = load_checkpoint(config.model.pretrained, config.model.revision)
    plan, tasks = plan_offline(config), find_tasks(config).by_name
    for path in export_sources(plan, pretrained, tasks, out, directory, seed):
        click.echo(path)
