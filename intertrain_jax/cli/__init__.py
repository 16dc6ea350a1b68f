"""The command line: commands are imported when they are called, JAX only by those that compute."""

from __future__ import annotations

import atexit
import importlib
import shlex
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click

from intertrain_jax import __version__
from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import say
from intertrain_jax.workflows.interrupts import ended_when_told

# Words of commands that go on where they were stopped, and what they keep.
_KEPT = {
    ("recommend",): "runs",
    ("grid",): "runs",
    ("rank",): "models",
    ("study",): "runs",
    ("models", "train"): "runs",
}
# Exit codes of processes that a signal ended, as shells give them.
_SIGNALLED = 128
_COMMANDS = tuple(
    "recommend grid rank study predict analyze report doctor plan status tasks models".split()
)


class CommandGroup(click.Group):
    """Imports commands on demand, and turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the verbs in the order in which people meet them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Imports a verb's module; each has its command under the name `command`."""
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command, and keeps its words for what is said if it is interrupted."""
        ctx.meta[__name__] = args[:2]
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command: exit code 2 for bad input, 130 for an interruption, 143 if told to end."""
        for stream in (sys.stdout, sys.stderr):
            # What a terminal's encoding lacks is written out, and ends nothing.
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        # Once a command has ended, so may its process: without a word, and without handlers that raise.
        atexit.unregister(_leave_signals_alone)
        atexit.register(_leave_signals_alone)
        try:
            with ended_when_told():
                return super().invoke(ctx)
        except IntertrainError as error:
            say(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            # What happens to a file at any moment: its name is too long, its disk is full or gone.
            if error.filename is None:
                raise
            say(
                f"error: {str(error.filename)[:200]!r} cannot be used ({error.strerror}). Correct the"
                " path, or see to it that it can be.",
                err=True,
            )
            ctx.exit(IntertrainError.exit_code)
        except KeyboardInterrupt as error:
            # From here on an impatient user ends the process without a word.
            _leave_signals_alone()
            again = shlex.join(["intertrain-jax", *sys.argv[1:]])
            say(err=True)
            words = tuple(ctx.meta.get(__name__, ()))
            kept = _KEPT.get(words, _KEPT.get(words[:1]))
            rest = "To do it again" if kept is None else f"Finished {kept} are kept; to go on"
            say(f"interrupted. {rest}: {again}", err=True)
            ctx.exit(_SIGNALLED + getattr(error, "number", signal.SIGINT))


def _leave_signals_alone() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not the main thread
            signal.signal(number, signal.SIG_DFL)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="intertrain-jax")
def main() -> None:
    """Measure which finetuned model is worth starting from.

    Exit codes: 0 done, 1 something failed and is recorded, 2 bad input, 130 interrupted,
    143 told to end.
    """
