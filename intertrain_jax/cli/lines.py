"""Lines on the terminal: names and reasons come from strangers, and are shown, never acted on."""

from __future__ import annotations

import click

from intertrain_jax.base import printable


def say(text: object = "", err: bool = False) -> None:
    """Prints one line, with what a terminal would act on written out.

    Args:
        text: the line; ends of lines in it are some stranger's.
        err: whether to print to the standard error.
    """
    click.echo(printable(str(text)), err=err)
