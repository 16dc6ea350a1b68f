"""A ranking: which models are probed on which task, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import MOST_SEEDS, DataConfig
from intertrain_jax.config.files import Given, keys_of, load
from intertrain_jax.config.protocol import Auto, Head, Protocol
from intertrain_jax.config.refs import ModelRef, check_models
from intertrain_jax.config.strict import check_most, check_no_repeats, check_ranges, check_types

RANK_FILE = "rank.yaml"  # the resolved configuration, in a results directory
RANKING_FILE = "ranking.csv"
DEFAULT_TASK = "mnli"


@dataclass(frozen=True)
class RankConfig:
    """A ranking of base models of one architecture by their probe on one task.

    Attributes:
        task: the representative task; the paper's is mnli.
        models: as `ModelRef.parse` reads them.
        pretrained: the pretrained model (PT), over which gains are; None leaves gains out.
        seeds: of every head, 0 … seeds − 1.
        learning_rates: tried for every model; the best by mean validation score is chosen.
        estimators: what is computed from the features, by names that `probe.estimators` knows; "lp",
            the first one, ranks.
        protocol: of the probe. Its learning rate is not used, and its method is always "probe".
        data: where data comes from.
        tasks: tasks of the user's own.
        devices: how many devices to use; "auto" is all of them.
        group: models whose heads are trained together; "auto" chooses by the features' size.
        delete_downloads: delete every model off the hub once it is probed.
        out: results directory.
    """

    task: str
    models: tuple[str, ...]
    pretrained: str | None = None
    seeds: int = 5
    learning_rates: tuple[float, ...] = (5e-5, 5e-4, 5e-3)
    estimators: tuple[str, ...] = ("lp",)
    protocol: Protocol = field(default_factory=lambda: Protocol(method="probe"))
    data: DataConfig = field(default_factory=DataConfig)
    tasks: tuple[dict[str, Any], ...] = ()
    devices: int | Auto = "auto"
    group: int | Auto = "auto"
    delete_downloads: bool = False
    out: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "")
        at_least_one = (lambda x: x == "auto" or x >= 1, ">= 1")
        check_ranges(
            self, "", {"seeds": at_least_one, "devices": at_least_one, "group": at_least_one}
        )
        check_most(self, "", {"seeds": MOST_SEEDS, "devices": 4_096, "group": 4_096})
        if not self.models and self.pretrained is None:
            raise IntertrainError(
                "config key 'models' must name at least one model, got []. Give --models FILE."
            )
        check_models("config key 'models'", self.models)
        if self.pretrained is not None:
            ModelRef.parse(self.pretrained)  # an address that is none is an error now
        check_no_repeats("estimators", self.estimators)
        check_no_repeats("learning_rates", [str(rate) for rate in self.learning_rates])
        if self.estimators[:1] != ("lp",):
            raise IntertrainError(
                "config key 'estimators' must begin with 'lp', which ranks, got"
                f" {list(self.estimators)}. Put it first."
            )
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise IntertrainError(
                "config key 'learning_rates' must not be empty, and rates be > 0, got"
                f" {list(self.learning_rates)}. Correct it."
            )
        object.__setattr__(self, "protocol", replace(self.protocol, method="probe"))

    @property
    def out_dir(self) -> Path:
        """The results directory."""
        return Path(self.out) if self.out is not None else Path("results") / f"rank-{self.task}"

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """The models to probe, the pretrained one first, each once."""
        names = [self.pretrained] if self.pretrained is not None else []
        found: dict[tuple[str, str | None], ModelRef] = {}
        for ref in (ModelRef.parse(name) for name in (*names, *self.models)):
            found.setdefault(ref.key, ref)
        return tuple(found.values())


class RankOptions(TypedDict, total=False):
    """What of a ranking is most often given apart, on the command line and in Python.

    Attributes:
        config: YAML file with further keys.
        task: the representative task.
        pretrained: the model that gains are over.
        seeds: of every head.
        estimators: names of what is computed.
        out: results directory.
        data_dir: folder with one folder per task.
        head: where heads start.
        delete_downloads: delete every model off the hub once it is probed.
    """

    config: str | Path | None
    task: str | None
    pretrained: str | None
    seeds: int | None
    estimators: Sequence[str] | None
    out: str | Path | None
    data_dir: str | Path | None
    head: Head | None
    delete_downloads: bool | None


_OPTION_KEYS = {
    **{name: name for name in ("task", "pretrained", "seeds", "estimators", "out")},
    "delete_downloads": "delete_downloads",
    "data_dir": "data.data_dir",
    "head": "protocol.head",
}


def rank_keys(options: RankOptions) -> dict[str, Any]:
    """Returns dotted key → value of the options that are given; without a file the task is mnli."""
    given = {name: value for name, value in options.items() if name != "config"}
    keys = keys_of(given, _OPTION_KEYS, "a ranking")
    return keys if options.get("config") is not None else {"task": DEFAULT_TASK, **keys}


def load_rank_config(
    source: Given | RankConfig | None, *layers: Mapping[str, Any] | Sequence[str]
) -> RankConfig:
    """Makes the configuration of a ranking.

    Args:
        source: the path of a `.yaml` file, plain values, a ranking to change, or None for nothing.
        layers: what overrides it, as `config.files.load` has them.

    Raises:
        IntertrainError: no such file, not YAML, an unknown key, a wrong type or range.
    """
    return load(RankConfig, source, *layers)
