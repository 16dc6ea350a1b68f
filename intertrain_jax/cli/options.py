"""The options that commands on an experiment share, and the configuration that they give."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.config import experiment
from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig, load_config
from intertrain_jax.config.refs import read_model_list

DEFAULT_CONFIG = "quickstart"


@dataclass(frozen=True)
class ExperimentOptions:
    """What the user said about the experiment.

    Attributes:
        config: file or bundled name; None if not given.
        overrides: "key.sub=value" each.
        short: what was given by options of its own.
        over: the pretrained models over which the lists of base models give gains, by list.
    """

    config: str | None
    overrides: tuple[str, ...]
    short: experiment.ExperimentOptions
    over: Mapping[str, str] = field(default_factory=dict)

    def load(self, resume: bool = False) -> ExperimentConfig:
        """Returns the configuration.

        Args:
            resume: whether `--out` alone names the experiment that lies there.

        Raises:
            IntertrainError: there is none, the configuration is not valid, or a list of base models is
                over another pretrained model.
        """
        config = self._load(resume)
        for name, pretrained in self.over.items():
            if pretrained != config.model.ref.label:
                raise IntertrainError(
                    f"model list {name!r} must be over the pretrained model of the experiment,"
                    f" {config.model.ref.label!r}, but names {pretrained!r}. Give --set"
                    f" model.pretrained={pretrained}, or take the line 'pretrained:' out of the list."
                )
        return config

    def _load(self, resume: bool) -> ExperimentConfig:
        out = self.short.get("out")
        if not resume or self.config is not None or out is None:
            return load_config(self.config or DEFAULT_CONFIG, self.overrides, **self.short)
        stored = Path(out) / EXPERIMENT_FILE
        if not stored.is_file():
            raise IntertrainError(
                f"results directory {str(out)!r} must hold an {EXPERIMENT_FILE}, but has none."
                " Correct --out, or name the --config of a grid that is still to be started."
            )
        return load_config(stored, self.overrides, **self.short)


def _number_or_text(_: click.Context, __: click.Parameter, given: str | None) -> int | str | None:
    """Returns a number where there is one; what is neither is for the configuration to refuse."""
    return int(given) if given and re.fullmatch(r"-?[0-9]{1,9}", given) else given


lanes_option = click.option(
    "--lanes", metavar="auto|N", help="Runs trained at once.", callback=_number_or_text
)


workers_option = click.option(
    "--workers",
    metavar="N|auto|HOST:PORT",
    default="1",
    help="Processes that compute, each on a device of its own; of a Ray cluster, or this machine's.",
)


def experiment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the common options to a command, which gets them as `options`."""

    @click.option("--config", metavar="FILE|NAME", help="Experiment. [default: quickstart]")
    @click.option("--set", "overrides", metavar="KEY.SUB=VALUE", multiple=True, help="Repeatable.")
    @click.option("--seeds", type=int, metavar="N", help="Seeds 0 to N-1.")
    @click.option("--out", metavar="DIR", help="Results directory. [default: results/NAME]")
    @click.option(
        "--bases",
        "lists",
        metavar="FILE|NAME",
        multiple=True,
        help="List of further base models, such as `rank --top` writes.",
    )
    @click.option("--data-dir", metavar="DIR", help="One folder per task; looked at first.")
    @click.option("--limit", type=int, metavar="N", help="Rows per split; marks a mere test.")
    @lanes_option
    @functools.wraps(command)
    def wrapped(
        config: str | None,
        overrides: tuple[str, ...],
        lists: tuple[str, ...],
        lanes: int | str | None,
        **others: Any,
    ) -> Any:
        found = {name: read_model_list(name) for name in lists}
        short = experiment.ExperimentOptions(
            seeds=others.pop("seeds"),
            out=others.pop("out"),
            bases=[model for one in found.values() for model in one.models] or None,
            data_dir=others.pop("data_dir"),
            limit=others.pop("limit"),
            lanes=lanes,
        )
        over = {name: one.pretrained for name, one in found.items() if one.pretrained is not None}
        return command(options=ExperimentOptions(config, overrides, short, over), **others)

    return wrapped


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options on data of the user's own to a command, which gets those given as `own`."""

    @click.option("--test", metavar="FILE", help="Rows to test on only.")
    @click.option(
        "--text", metavar="COLUMN", help="Texts of a file, or '{a}: {b}'. [default: guessed]"
    )
    @click.option("--text2", metavar="COLUMN", help="Its second texts, of pairs.")
    @click.option("--label", metavar="COLUMN", help="Its labels. [default: guessed]")
    @functools.wraps(command)
    def wrapped(**options: Any) -> Any:
        own = {name: options.pop(name) for name in ("test", "text", "text2", "label")}
        return command(own={k: v for k, v in own.items() if v is not None}, **options)

    return wrapped
