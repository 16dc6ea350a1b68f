"""The options that commands on an experiment share, and the configuration that they give."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig, load_config

DEFAULT_CONFIG = "quickstart"


@dataclass(frozen=True)
class ExperimentOptions:
    """What the user said about the experiment.

    Attributes:
        config: file or bundled name; None if not given.
        overrides: "key.sub=value" each.
        out: results directory, if given.
    """

    config: str | None
    overrides: tuple[str, ...]
    out: str | None

    def load(self, resume: bool = False) -> ExperimentConfig:
        """Returns the configuration.

        Args:
            resume: whether `--out` alone names the experiment that lies there.

        Raises:
            IntertrainError: there is none, or the configuration is not valid.
        """
        if not resume or self.config is not None or self.out is None:
            return load_config(self.config or DEFAULT_CONFIG, self.overrides)
        stored = Path(self.out) / EXPERIMENT_FILE
        if not stored.is_file():
            raise IntertrainError(
                f"results directory {self.out!r} must hold an {EXPERIMENT_FILE}, but has none."
                " Correct --out, or name the --config of a grid that is still to be started."
            )
        return load_config(str(stored), self.overrides)


def experiment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the common options to a command, which gets them as `options`."""

    @click.option("--config", metavar="FILE|NAME", help="Experiment. [default: quickstart]")
    @click.option("--set", "overrides", metavar="KEY.SUB=VALUE", multiple=True, help="Repeatable.")
    @click.option("--seeds", type=int, metavar="N", help="Seeds 0 to N-1.")
    @click.option("--out", metavar="DIR", help="Results directory. [default: results/NAME]")
    @click.option("--data-dir", metavar="DIR", help="One folder per task; looked at first.")
    @click.option("--limit", type=int, metavar="N", help="Rows per split; marks a mere test.")
    @click.option("--lanes", metavar="auto|N", help="Runs trained at once.")
    @functools.wraps(command)
    def wrapped(
        config: str | None,
        overrides: tuple[str, ...],
        seeds: int | None,
        out: str | None,
        data_dir: str | None,
        limit: int | None,
        lanes: str | None,
        **others: Any,
    ) -> Any:
        short = {
            "seeds": seeds,
            "out": out,
            "data.data_dir": data_dir,
            "data.limit": limit,
            "engine.lanes": int(lanes) if lanes and lanes.lstrip("-").isdigit() else lanes,
        }
        # JSON is YAML: paths with blanks or colons stay what they are.
        given = [f"{key}={json.dumps(value)}" for key, value in short.items() if value is not None]
        options = ExperimentOptions(config, (*overrides, *given), out)
        return command(options=options, **others)

    return wrapped
