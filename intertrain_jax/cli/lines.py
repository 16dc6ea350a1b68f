"""Lines on the terminal: names and reasons come from strangers, and are shown, never acted on."""

from __future__ import annotations

import sys

import click

from intertrain_jax.base import printable


def say(text: object = "", err: bool = False) -> None:
    """Prints one line, with what a terminal would act on written out.

    Args:
        text: the line; ends of lines in it are some stranger's.
        err: whether to print to the standard error.
    """
    click.echo(printable(str(text)), err=err)


def pass_on(document: str) -> None:
    """Writes a document of whole lines to the standard output: as it is to a pipe or a file.

    A terminal is shown what it would act on, line by line.
    """
    if not sys.stdout.isatty():
        sys.stdout.write(document)  # click would take colours out
        return
    for line in document.splitlines():
        say(line)
