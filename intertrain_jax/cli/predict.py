"""`predict`: labels and probabilities of a trained model for the rows of a file."""

from __future__ import annotations

from pathlib import Path

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import pass_on, say


@click.command()
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Write the CSV to a file instead of the standard output.",
)
@click.option("--text", metavar="COLUMN", help="Column of texts.")
@click.option("--text2", metavar="COLUMN", help="Column of second texts, for a model of pairs.")
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    metavar="N",
    help="Tokens that are read of a text. Default: as in transformers, what tokenizer and model allow.",
)
@click.option("--revision", metavar="REV", help="Hub revision.")
def command(
    model: str,
    file: Path,
    out: Path | None,
    text: str | None,
    text2: str | None,
    max_length: int | None,
    revision: str | None,
) -> None:
    """Write the rows of FILE with a label and the probability of each, as CSV.

    MODEL is a directory that transformers loads, as `models kept` and `models export` write them, or any
    other name of a model. FILE is .csv, .tsv, .json, .jsonl (also .gz), .parquet, or a folder that
    save_to_disk wrote; it needs no labels. Rows keep their order; one without text gets no label. What
    was found out is printed to the standard error.
    """
    from intertrain_jax.workflows.predict import predict

    if out is not None and out.resolve() == file.resolve():
        raise IntertrainError(
            f"--out {str(out)!r} must not be the file that is read. Name another."
        )
    found = predict(model, file, text=text, text2=text2, max_length=max_length, revision=revision)
    for note in found.notes:
        say(note, err=True)
    if out is None:
        pass_on(found.csv)
    else:
        found.write(out)
        say(f"{len(found.table):,} rows with {found.answer!r} are in {out}", err=True)
