"""`models`: whether a model can be used here, and writing one out for transformers."""

from __future__ import annotations

from pathlib import Path

import click

from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import ExperimentOptions, experiment_options


@click.group()
def command() -> None:
    """Check models and export them.

    REF is a hub id, id@revision, an address on the hub, a directory, package:MODULE/FOLDER, quickstart,
    or quickstart-t5.
    """


@command.command()
@click.argument("ref")
@click.option("--revision", metavar="REV", help="Hub revision.")
@click.pass_context
def check(ctx: click.Context, ref: str, revision: str | None) -> None:
    """Print what became of every tensor and, with torch, how far results differ from PyTorch's."""
    from intertrain_jax.workflows.export import check as check_model

    report = check_model(ref, revision)
    for line in report.lines():
        say(line)
    ctx.exit(0 if report.ok else 1)


@command.command()
@click.argument("ref")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--revision", metavar="REV", help="Hub revision.")
def export(ref: str, directory: Path, revision: str | None) -> None:
    """Write a model as safetensors to a new DIRECTORY that transformers loads."""
    from intertrain_jax.workflows.export import export as export_model

    say(f"{ref} is in {export_model(ref, directory, revision)}")


@command.command()
@click.argument("base")
@click.argument("target")
@click.argument("seed", type=int)
@experiment_options
@click.option("--quiet", is_flag=True, help="Print the last line only.")
def train(options: ExperimentOptions, base: str, target: str, seed: int, quiet: bool) -> None:
    """Do one run of a grid, again if it was done, and keep its weights in the results directory.

    BASE is a row of the matrix: PT, a source task, or a further base model. The record of a run that was
    done stays, and whether it came out the same is said. `models kept` writes the weights out.
    """
    from intertrain_jax.workflows.repeat import repeat_run
    from intertrain_jax.workflows.watch import Terminal

    config = options.load(resume=True)
    say(repeat_run(config, f"{base}:{target}:{seed}", progress=Terminal(quiet)))


@command.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("run")
@click.argument("directory", type=click.Path(path_type=Path))
def kept(out: Path, run: str, directory: Path) -> None:
    """Write the model of RUN, an id or BASE:TARGET:SEED, that the grid in OUT kept to a new DIRECTORY.

    A grid keeps models with engine.keep; `models train` repeats a run whose model was not kept.
    """
    from intertrain_jax.workflows.export import export_run

    say(f"{run} is in {export_run(out, run, directory)}")


@command.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--seed", type=int, default=0, show_default=True, help="Of the source runs.")
def sources(out: Path, directory: Path, seed: int) -> None:
    """Write the source models that the grid in OUT kept, each to a folder of DIRECTORY.

    A grid keeps them with engine.keep=sources. The folders can be base models of another grid,
    can be ranked, and are loaded by transformers.
    """
    from intertrain_jax.workflows.export import export_sources

    for path in export_sources(out, directory, seed):
        say(path)
